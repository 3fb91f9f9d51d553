"""Fault 50: few open files, little memory: fewer at a time and a sentence, or one that names the limit."""

from __future__ import annotations

import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.program import TIMEOUT_S, Program, Result
from tests.faults.workshop import Site, a_cache
from tests.s3.moving import MIB

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AT_ONCE = {"S3_MAX_PARALLEL_UPLOADS": "128"}
SIZES = (*[4_000] * 150, 18 * MIB)


def limited(program: Program, limit: Callable[[], None], *arguments: str) -> Result:
    done = subprocess.run(
        [sys.executable, "-m", "creative_s3", *arguments],
        env={**program.env, **AT_ONCE, "COLUMNS": "200"},
        cwd=program.cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        preexec_fn=limit,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Result(done.returncode, done.stdout, done.stderr)


def to(kind: int, value: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(kind, (value, value))


@pytest.fixture
def crowded(site: Site, tmp_path: Path) -> Site:
    return site.with_cache(a_cache(tmp_path / "crowded", *SIZES))


LIMITS = {
    "128 open files": (resource.RLIMIT_NOFILE, 128, "ulimit -n"),
    "64 open files": (resource.RLIMIT_NOFILE, 64, "ulimit -n"),
    "32 open files": (resource.RLIMIT_NOFILE, 32, "ulimit -n"),
    "500 MB of memory": (resource.RLIMIT_AS, 500 * 1_000_000, "ulimit -v"),
}


@pytest.mark.parametrize("name", LIMITS)
def test_fewer_at_a_time_and_one_sentence(crowded: Site, name: str) -> None:
    kind, value, said = LIMITS[name]

    up = limited(crowded.program, to(kind, value), "migrate", "upload")
    target = crowded.cache.directory / "to"
    down = limited(
        crowded.program, to(kind, value), "assets", "download", *crowded.cache.plan, "--output", str(target)
    )

    assert (up.code, down.code) == (0, 0), up.err + down.err
    assert crowded.stored() == crowded.cache.content
    assert len(list(target.rglob("*.png"))) == len(SIZES)
    for result in (up, down):
        assert result.err.count("requests at once, not 128") == 1
        assert said in result.err


@pytest.mark.parametrize(
    ("kind", "value", "said"), [(resource.RLIMIT_NOFILE, 9, "ulimit -n")], ids=["open files"]
)
def test_a_limit_that_allows_nothing_is_named(crowded: Site, kind: int, value: int, said: str) -> None:
    result = limited(crowded.program, to(kind, value), "migrate", "upload")

    assert result.code in {4, 9}
    assert said in result.err


@pytest.mark.parametrize("files", [64, 48])
def test_every_command_does_with_few_open_files(site: Site, tmp_path: Path, files: int) -> None:
    """Each file has a folder of its own, which is held open, too."""
    site = site.with_cache(a_cache(tmp_path / "many", *[4_000] * 70, has_folders=True))
    content = site.cache.content
    names = [f"asset-{number:02}" for number in range(70)]
    target = site.cache.directory / "to"

    for command in (
        ("migrate", "upload", "--yes"),
        ("migrate", "validate", "--deep"),
        ("tiers", "demote", *names, "--yes"),
        ("tiers", "promote", *names),
        ("assets", "download", *content, "--output", str(target)),
        ("tiers", "manage", "--yes", "--limit", "200KB", "--max-evict", "100%"),
        ("tiers", "promote", *names),
        ("assets", "discover", "--sync"),
        ("migrate", "upload", "--yes"),
    ):
        result = limited(site.program, to(resource.RLIMIT_NOFILE, files), *command)
        assert result.code == 0, (command[:2], result.out[-500:], result.err[-500:])
    assert site.cache.content == content
    assert len(list(target.rglob("*.png"))) == len(content)
