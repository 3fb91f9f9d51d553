"""Faults 3, 7, 10, 22, 27, 32 and 33 where local files are removed: the real program, and nothing is lost."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.cli.program import Program, Result
from tests.faults.programme import Answer, LoseAnswer, Reset, Rule, Way, on
from tests.faults.workshop import HEAD
from tests.s3.a_cache import ACache

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from creative_s3.core.s3.connection import Connection
    from tests.faults.proxy import FaultProxy

STRACE = shutil.which("strace")
EVERYTHING = ("tiers", "manage", "--max-evict", "100%", "--yes", "--json")
NAMES = tuple("abcdef")


@pytest.fixture
def cache(tmp_path: Path, direct: Connection) -> ACache:
    """Six cold files, proved."""
    made = ACache(tmp_path / "studio", direct)
    for name in NAMES:
        made.add(name)
    made.upload()
    return made


@pytest.fixture
def program(cache: ACache, server_env: dict[str, str], proxy: FaultProxy) -> Program:
    """The real program in that cache, through the proxy."""
    return Program({**server_env, "S3_ENDPOINT_URL": proxy.url}, cache.root)


@pytest.fixture
def straight(cache: ACache, server_env: dict[str, str]) -> Program:
    """The same, straight to the server: what is proved is known by the server's own address."""
    return Program(server_env, cache.root)


def here(cache: ACache) -> list[str]:
    return [name for name in cache.contents if cache.path(name).exists()]


def reasons(result: Result) -> dict[str, str]:
    return {item["cache_key"]: item["reason"] for item in result.data["files"] if not item["done"]}


def known(cache: ACache, proxy: FaultProxy) -> None:
    """Let the catalog know of the bucket by the proxy's address, too, as a first upload that way would."""
    config = cache.connection.config.model_copy(update={"endpoint_url": proxy.url})
    through = replace(cache.connection, config=config, endpoint_url=proxy.url)
    with cache.opened() as catalog:
        keys = catalog.assignments()
        objects = [found for key in keys.values() if (found := catalog.object(key))]
    with replace(cache, connection=through).opened() as catalog:
        catalog.remember(assignments=keys, objects=objects)


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
def test_a_file_that_cannot_be_read_is_named_and_never_demoted(cache: ACache, straight: Program) -> None:
    done = subprocess.run(
        [
            *(str(STRACE), "-f", "-qq", "-o", "/dev/null", "-P", str(cache.path("b"))),
            *("-e", "inject=read,pread64:error=EIO", sys.executable, "-m", "creative_s3", *EVERYTHING),
        ],
        env=dict(straight.env),
        cwd=straight.cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    result = Result(done.returncode, done.stdout, done.stderr)
    assert result.code == 3, result
    assert here(cache) == ["b"]
    assert result.data["demoted"] == 5
    assert "error" in reasons(result)["b"].lower()
    cache.check_nothing_is_lost()


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
@pytest.mark.parametrize(("call", "nth"), [("/^rename", 1), ("/^unlink", 1), ("/^f(data)?sync$", 4)])
def test_a_run_that_is_killed_in_a_system_call_is_mended_by_the_next(
    cache: ACache, straight: Program, call: str, nth: int
) -> None:
    """Around the proof, the catalog's commit and the removal."""
    killed = subprocess.run(
        [
            *(str(STRACE), "-f", "-qq", "-o", "/dev/null"),
            *(
                "-e",
                f"inject={call}:signal=KILL:when={nth}",
                sys.executable,
                "-m",
                "creative_s3",
                *EVERYTHING,
            ),
        ],
        env=dict(straight.env),
        cwd=straight.cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=90,
    )
    assert killed.returncode == -signal.SIGKILL
    cache.wait_until_settled()
    assert straight("tiers", "manage", "--no-demote", "--json").code == 0
    cache.check_nothing_is_lost()
    assert straight(*EVERYTHING).code == 0
    assert here(cache) == []
    cache.check_nothing_is_lost()


def test_a_key_that_may_not_be_asked_for_keeps_its_file_and_the_others_go(
    cache: ACache, program: Program, proxy: FaultProxy
) -> None:
    known(cache, proxy)
    proxy.follow(Rule(Answer(403, "AccessDenied"), HEAD, "*/b.png"))
    result = program(*EVERYTHING)
    assert result.code == 3
    assert here(cache) == ["b"]
    assert list(reasons(result)) == ["b"]
    cache.check_nothing_is_lost()


def test_answers_that_are_lost_or_cut_are_asked_for_again_and_prove_nothing(
    cache: ACache, program: Program, proxy: FaultProxy
) -> None:
    known(cache, proxy)
    proxy.follow(
        Rule(LoseAnswer(), HEAD, "*/a.png", times=2),
        Rule(Answer(503), HEAD, "*/b.png", times=2),
        Rule(Reset(Way.DOWN), HEAD, "*/c.png", times=1),
    )
    result = program(*EVERYTHING)
    assert result.code == 0, reasons(result)
    assert here(cache) == []
    cache.check_nothing_is_lost()


def test_rules_that_may_not_be_read_stop_the_run_before_anything_goes(
    cache: ACache, program: Program, proxy: FaultProxy
) -> None:
    known(cache, proxy)
    proxy.follow(Rule(Answer(403, "AccessDenied"), on("GetBucketLifecycleConfiguration")))
    result = program(*EVERYTHING)
    assert result.code == 8
    assert "--accept-expiry unreadable" in json.loads(result.out)["error"]["hint"]
    assert here(cache) == list(NAMES)


@pytest.mark.parametrize("what", ["the cache", "the index", "all files"])
def test_a_cache_that_looks_wrong_is_never_read_as_deleted(
    cache: ACache, straight: Program, what: str
) -> None:
    index = cache.cache_dir / "index.json"
    if what == "the cache":
        cache.cache_dir.rename(cache.root / "elsewhere")
    elif what == "the index":
        index.rename(cache.root / "elsewhere")
    else:
        shutil.rmtree(cache.cache_dir / "backgrounds")
    result = straight(*EVERYTHING)
    if what == "all files":
        assert result.data["demoted"] == 0
        assert not any(cache.is_cold(name) for name in NAMES)  # missing is not cold
    else:
        assert result.code == 8
    assert len(list(cache.store.objects(f"{cache.prefix}/backgrounds/"))) == len(NAMES)


def test_runs_that_evict_from_one_cache_at_once_do_not_meet(cache: ACache, straight: Program) -> None:
    runs = [straight.start(*EVERYTHING) for _ in range(3)]
    codes = sorted(run.wait(timeout=90) for run in runs)
    assert codes[0] == 0
    assert set(codes) <= {0, 6}
    assert here(cache) == []
    cache.check_nothing_is_lost()
    assert straight("tiers", "undo", "--json").data["promoted"] == len(NAMES)
    assert here(cache) == list(NAMES)


def test_machines_that_evict_what_one_bucket_has_do_not_take_it_from_each_other(
    cache: ACache, server_env: dict[str, str], tmp_path: Path, s3: S3Client
) -> None:
    """Both rely on the same objects. Nobody removes an object, so both can."""
    shutil.copytree(cache.root, tmp_path / "second" / "studio")
    second = replace(cache, root=tmp_path / "second" / "studio")
    second.wait_until_settled()
    runs = [Program(server_env, one.root).start(*EVERYTHING) for one in (cache, second)]
    assert [run.wait(timeout=90) for run in runs] == [0, 0]
    for one in (cache, second):
        assert here(one) == []
        one.check_nothing_is_lost()
    # What one of them changes from now on takes nothing from the other but by its owner's hand.
    bucket = cache.connection.bucket
    before = {item["Key"]: item["ETag"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert Program(server_env, second.root)("tiers", "undo").code == 0
    after = {item["Key"]: item["ETag"] for item in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert before == after
    assert here(second) == list(NAMES)
