"""Runs of the tiers that find an object gone or replaced: the next run lets other files go instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from creative_s3.core.tiers.tiers import Hold, Policy
from tests.s3.a_cache import ACache

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.tiers.report import TierReport

SIZE_BYTES = 100_000
OLDEST = ("a", "b")


@pytest.fixture
def cache(connection: Connection, tmp_path: Path) -> ACache:
    """Six files of one size, the first ones unused for longest."""
    made = ACache(tmp_path / "work", connection)
    for days, name in enumerate("fedcba", start=3):
        made.add(name, name.encode() * SIZE_BYTES, days=days)
    made.upload()
    return made


def gone(s3: S3Client, cache: ACache, name: str) -> None:
    s3.delete_object(Bucket=cache.connection.bucket, Key=cache.key(name))


def replaced(content: bytes, owner: str | None) -> Callable[[S3Client, ACache, str], None]:
    def harm(s3: S3Client, cache: ACache, name: str) -> None:
        metadata = {} if owner is None else {"cache-key": owner or name}
        s3.put_object(
            Bucket=cache.connection.bucket,
            Key=cache.key(name),
            Body=content,
            Metadata=metadata,
            ChecksumAlgorithm="CRC64NVME",
        )

    return harm


def kept_to_limit(cache: ACache) -> TierReport:
    """Do what an unattended run does: keep room for four of the six files."""
    with cache.tiers() as tiers:
        return tiers.apply(
            tiers.plan(Policy(cold_days=1000, limit_bytes=SIZE_BYTES * 9 // 2, promotes=False))
        )


@pytest.mark.parametrize(
    "harm",
    [
        gone,
        replaced(b"x" * SIZE_BYTES, ""),
        replaced(b"shorter", ""),
        replaced(b"a" * SIZE_BYTES, "another-asset"),
        replaced(b"a" * SIZE_BYTES, None),
    ],
    ids=["gone", "other content", "other size", "another asset's", "nobody's"],
)
def test_the_next_run_lets_others_go(
    cache: ACache, s3: S3Client, harm: Callable[[S3Client, ACache, str], None]
) -> None:
    for name in OLDEST:
        harm(s3, cache, name)
    first = kept_to_limit(cache)
    assert {item.file.cache_keys[0] for item in first.settled} == {*OLDEST}
    assert first.demoted == 0
    second = kept_to_limit(cache)
    assert {item.file.cache_keys[0] for item in second.settled if item.done} == {"c", "d"}
    assert second.exit_code == 0
    assert kept_to_limit(cache).settled == ()
    for name in OLDEST:
        assert cache.path(name).read_bytes() == cache.contents[name]
        assert cache.file(name).hold is Hold.UNPROVED


def test_what_is_uploaded_again_may_go_again(cache: ACache, s3: S3Client) -> None:
    gone(s3, cache, "a")
    kept_to_limit(cache)
    cache.upload()
    assert cache.file("a").hold is None
    assert cache.demote("a").demoted == 1
    cache.check_nothing_is_lost()


def test_a_file_that_was_edited_here_says_nothing_against_its_object(cache: ACache) -> None:
    cache.path("a").write_bytes(b"A" * SIZE_BYTES)
    cache.age(cache.path("a"), 500)
    cache.demote("a")
    with cache.opened() as catalog:
        assert catalog.object(cache.key("a")) is not None
