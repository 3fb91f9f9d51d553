"""A file that somebody may have open unseen, on this machine or another, stays unless a flag says so."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from creative_s3 import S3CacheManager, S3StorageManager
from creative_s3.core.files.workspace import Workspace
from creative_s3.core.tiers.library import manage
from creative_s3.core.tiers.survey import find_files
from creative_s3.core.tiers.tiers import Hold, Policy
from creative_s3.core.tiers.visibility import Visibility, sees_everyone, shared_disk
from creative_s3.errors import ExitCode, RefusedError
from tests.cli.program import Program
from tests.conftest import CHECKOUT
from tests.s3.a_cache import ACache

if TYPE_CHECKING:
    from collections.abc import Iterator

    from creative_s3.core.s3.connection import Connection

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody can tell")
USER, WRITER = 12345, 12346
SETPRIV = shutil.which("setpriv")
HOLDING = "import sys; f = open(sys.argv[1], 'ab'); print(1, flush=True); sys.stdin.read(); f.write(b'more')"


def as_user(user: int, *command: str) -> list[str]:
    return [SETPRIV or "setpriv", f"--reuid={user}", f"--regid={USER}", "--clear-groups", *command]


@cache
def why_not() -> str:
    """Say why no program can be run as another user here; empty when one can."""
    if SETPRIV is None or os.geteuid() != 0:
        return "only root may become another user"
    tried = subprocess.run(as_user(USER, sys.executable, "-c", ""), capture_output=True, check=False)
    return "this Python, or a library of it, is out of another user's reach" if tried.returncode else ""


as_root = pytest.mark.skipif(bool(why_not()), reason=why_not())


class Shared(NamedTuple):
    """A cache that two users write into."""

    cache: ACache
    program: Program


@pytest.fixture
def shared(connection: Connection, server_env: dict[str, str]) -> Iterator[Shared]:
    """A cache of one user with files of another one, in a folder that both may use."""
    folder = Path("/tmp") / f"cs3-{secrets.token_hex(6)}"  # noqa: S108 - every user has a way there
    cache = ACache(folder / "work", connection)
    try:
        for name in ("a", "b", "own"):
            cache.add(name)
        cache.upload()
        home = folder / "home"
        home.mkdir()
        for path in [folder, *folder.rglob("*")]:
            os.chown(path, USER, USER)
            path.chmod(0o2775 if path.is_dir() else 0o664)
        for name in ("a", "b"):
            os.chown(cache.path(name), WRITER, USER)
        cache.wait_until_settled()
        env = {**server_env, "PYTHONPATH": str(CHECKOUT), "HOME": str(home), "TMPDIR": str(folder)}
        env = {name: value for name, value in env.items() if not name.startswith(("XDG_", "AWS_"))}
        env |= {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        yield Shared(cache, Program(env, cache.root, tuple(as_user(USER, sys.executable))))
    finally:
        shutil.rmtree(folder)


@as_root
def test_a_file_that_another_user_may_have_open_stays_and_keeps_what_he_writes(shared: Shared) -> None:
    path = shared.cache.path("a")
    with subprocess.Popen(
        as_user(WRITER, sys.executable, "-c", HOLDING, str(path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout
        writer.stdout.readline()
        named = shared.program("tiers", "demote", "a", "own", "--yes", "--json")
        chosen = shared.program("tiers", "manage", "--yes", "--max-evict", "100%", "--json")
        writer.communicate()

    assert named.code == 3, named.out
    assert [item["code"] for item in named.data["files"] if not item["done"]] == ["unseen"]
    assert "--assume-closed" in named.out
    assert chosen.code == 0
    assert {item["cache_key"]: item["code"] for item in chosen.data["held"]} == {"a": "unseen", "b": "unseen"}
    assert path.read_bytes() == shared.cache.contents["a"] + b"more"
    assert not shared.cache.path("own").exists()


@as_root
def test_a_flag_says_that_nobody_has_files_open(shared: Shared) -> None:
    done = shared.program("tiers", "demote", "a", "b", "--assume-closed", "--yes", "--json")
    assert (done.code, done.data["demoted"]) == (0, 2), done.out
    shared.cache.check_nothing_is_lost()


@as_root
def test_root_takes_leases_of_the_files_of_others_and_sees_everybody(shared: Shared) -> None:
    assert shared.cache.demote("a", "b").demoted == 2


def test_an_ordinary_disk_is_one_machines_and_its_owner_sees_everybody(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"")
    visibility = Visibility.of(tmp_path)
    assert visibility.disk == ""
    assert not visibility.hides((tmp_path / "mine").stat())


def test_another_kind_of_file_system_may_be_another_machines() -> None:
    with open("/proc/version", "rb") as file:  # noqa: PTH123 - any file of another kind
        assert "proc" in shared_disk(file.fileno())


@as_root
def test_another_user_does_not_see_everybody() -> None:
    code = "from creative_s3.core.tiers.visibility import *; print(sees_everyone())"
    env = {"PYTHONPATH": str(CHECKOUT)}
    command = as_user(USER, sys.executable, "-c", code)
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"


@as_root
def test_in_a_container_the_processes_outside_are_not_seen() -> None:
    unshare = shutil.which("unshare") or "false"
    code = "from creative_s3.core.tiers.visibility import *; print(sees_everyone())"
    command = [unshare, "--pid", "--fork", "--mount-proc", sys.executable, "-c", code]
    done = subprocess.run(
        command, env={"PYTHONPATH": str(CHECKOUT)}, check=False, capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no namespaces here: {done.stderr.strip()}")
    assert done.stdout.strip() == "False"
    assert sees_everyone() or Path("/proc/self/ns/pid").stat().st_ino != 0xEFFFFFFC


@pytest.fixture
def elsewhere(connection: Connection) -> Iterator[ACache]:
    """A cache on a file system that is none of the known disks."""
    folder = Path("/dev") / f"cs3-{secrets.token_hex(6)}"
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("nothing can be made in /dev")
    try:
        if not Visibility.of(folder).disk:
            pytest.skip("/dev is an ordinary disk here")
        cache = ACache(folder, connection)
        for name in ("a", "b"):
            cache.add(name)
        cache.upload()
        yield cache
    finally:
        shutil.rmtree(folder)


def test_on_a_disk_that_others_may_have_mounted_nothing_goes_unless_a_flag_says_so(elsewhere: ACache) -> None:
    cache = elsewhere
    with cache.tiers() as tiers:
        files = find_files(["a"], tiers.survey().files)
        with pytest.raises(RefusedError, match="may use this file system") as caught:
            tiers.demote(files)
        assert "--assume-closed" in (caught.value.hint or "")
        with pytest.raises(RefusedError, match="may use this file system"):
            tiers.apply(tiers.plan(Policy()))
        unattended = manage(tiers, Policy(), max_evict=1.0)
    assert unattended.demoted == 0
    assert "nothing is demoted: nobody can tell" in unattended.warnings[0]
    assert all(cache.path(name).exists() for name in ("a", "b"))
    report = cache.demote("a", assume_closed=True)
    assert (report.demoted, report.exit_code) == (1, ExitCode.OK)
    assert report.reasons["a"]
    assert Workspace(cache.cache_dir).cache_dir.exists()
    assert Hold.UNSEEN not in {item.hold for item in report.settled}
    cache.check_nothing_is_lost()


def test_a_pipeline_says_so_when_it_opens_its_cache(elsewhere: ACache) -> None:
    storage = S3StorageManager(connection=elsewhere.connection)
    for assume_closed, goes in ((False, 0), (True, 1)):
        with S3CacheManager(elsewhere.cache_dir, s3_manager=storage, assume_closed=assume_closed) as cache:
            report = cache.manage_cache_tiers(cold_threshold_days=0)  # half of the bytes at most
        assert report.demoted == goes
    elsewhere.check_nothing_is_lost()
