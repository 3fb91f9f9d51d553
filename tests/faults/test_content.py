"""Fault 23: a bit flips on the way up, on the way down, or at rest: refused, tried again, reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from creative_s3.core.transfers import Download, Proof
from creative_s3.errors import ChecksumMismatchError
from tests.faults.programme import Flip, Rule, Way
from tests.faults.workshop import GET, KIB, PART, PUT, stored, unfinished
from tests.s3.moving import MIB, MULTIPART, EngineName, a_file, an_upload, get, leftovers, only, put

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from creative_s3.core.aws import Connection
    from tests.cli.program import Program
    from tests.faults.proxy import FaultProxy
    from tests.faults.workshop import Cache

SIZES = {"one request": 60 * KIB, "parts": MULTIPART}
sizes = pytest.mark.parametrize("size_bytes", SIZES.values(), ids=SIZES)


@sizes
def test_an_upload_in_which_a_bit_flipped_is_refused_and_sent_again(  # noqa: PLR0913 - what it needs
    connection: Connection,
    proxy: FaultProxy,
    engine: EngineName,
    s3: S3Client,
    tmp_path: Path,
    size_bytes: int,
) -> None:
    upload = an_upload(a_file(tmp_path, size_bytes))
    proxy.follow(Rule(Flip(Way.UP, 50 * KIB), PUT | PART, times=1))

    outcome = only(put(connection, engine, upload))

    assert outcome.error is None
    assert outcome.attempts == 2
    assert outcome.proof is Proof.CHECKSUM
    assert proxy.struck == 1
    assert stored(s3, connection.bucket) == {upload.key: upload.path.read_bytes()}
    assert unfinished(s3, connection.bucket) == []


@sizes
def test_an_upload_in_which_bits_flip_every_time_fails_and_stores_nothing(  # noqa: PLR0913 - what it needs
    connection: Connection,
    proxy: FaultProxy,
    engine: EngineName,
    s3: S3Client,
    tmp_path: Path,
    size_bytes: int,
) -> None:
    upload = an_upload(a_file(tmp_path, size_bytes))
    proxy.follow(Rule(Flip(Way.UP, 50 * KIB), PUT | PART))

    outcome = only(put(connection, engine, upload))

    assert isinstance(outcome.error, ChecksumMismatchError)
    assert outcome.attempts == 4
    assert stored(s3, connection.bucket) == {}
    assert unfinished(s3, connection.bucket) == []


@sizes
def test_a_download_in_which_a_bit_flipped_is_fetched_again(  # noqa: PLR0913 - what it needs
    connection: Connection,
    direct: Connection,
    proxy: FaultProxy,
    engine: EngineName,
    tmp_path: Path,
    size_bytes: int,
) -> None:
    source, target = a_file(tmp_path / "from", size_bytes), tmp_path / "to" / "f"
    put(direct, engine, an_upload(source, "k/f"))
    proxy.follow(Rule(Flip(Way.DOWN, 50 * KIB), GET, times=1))

    outcome = only(get(connection, engine, Download("k/f", target)))

    assert outcome.error is None
    assert outcome.attempts == 2
    assert proxy.struck == 1
    assert target.read_bytes() == source.read_bytes()


@sizes
def test_a_download_in_which_bits_flip_every_time_leaves_the_old_file(  # noqa: PLR0913 - what it needs
    connection: Connection,
    direct: Connection,
    proxy: FaultProxy,
    engine: EngineName,
    tmp_path: Path,
    size_bytes: int,
) -> None:
    target = tmp_path / "to" / "f"
    target.parent.mkdir()
    target.write_bytes(b"old")
    put(direct, engine, an_upload(a_file(tmp_path / "from", size_bytes), "k/f"))
    proxy.follow(Rule(Flip(Way.DOWN, 50 * KIB), GET))

    outcome = only(get(connection, engine, Download("k/f", target, replace=True)))

    assert isinstance(outcome.error, ChecksumMismatchError)
    assert outcome.attempts == 4
    assert target.read_bytes() == b"old"
    assert leftovers(target.parent) == []


def test_an_upload_that_arrives_wrong_every_time_ends_the_program_with_3_and_is_named(
    program: Program, cache: Cache, proxy: FaultProxy, s3: S3Client, bucket: str
) -> None:
    key = cache.key_of("05.png")
    proxy.follow(Rule(Flip(Way.UP, 9), PUT, key=key))

    result = program("migrate", "upload", "--json")

    assert result.code == 3
    assert [failure["key"] for failure in result.data["failures"]] == [key]
    assert cache.content.items() - stored(s3, bucket).items() == {(key, cache.plan[key].read_bytes())}
    proxy.follow()
    assert program("migrate", "upload").code == 0
    assert stored(s3, bucket) == cache.content


def test_an_object_that_decayed_at_rest_is_a_difference(
    program: Program, cache: Cache, s3: S3Client, bucket: str
) -> None:
    assert program("migrate", "upload").code == 0
    key = cache.key_of("07.png")
    content = bytearray(cache.plan[key].read_bytes())
    content[100] ^= 1
    before = s3.head_object(Bucket=bucket, Key=key)
    s3.put_object(Bucket=bucket, Key=key, Body=bytes(content), Metadata=before["Metadata"])

    for options in ((), ("--deep",)):
        result = program("migrate", "validate", "--json", *options)
        assert result.code == 7
        assert [finding["key"] for finding in result.data["findings"]] == [key]
