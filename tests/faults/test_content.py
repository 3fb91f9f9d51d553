"""Fault 23: a bit flips on the way up, on the way down, or at rest: refused, tried again, reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from creative_s3.core.transfers.engine import Download, Proof
from creative_s3.errors import ChecksumMismatchError
from tests.faults.programme import Flip, Rule, Way
from tests.faults.workshop import GET, KIB, PART, PUT
from tests.s3.moving import MULTIPART, a_file, an_upload, leftovers, only

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.workshop import Bench, Site


SIZES = {"one request": 60 * KIB, "parts": MULTIPART}
sizes = pytest.mark.parametrize("size_bytes", SIZES.values(), ids=SIZES)


@sizes
def test_an_upload_in_which_a_bit_flipped_is_refused_and_sent_again(
    bench: Bench, tmp_path: Path, size_bytes: int
) -> None:
    upload = an_upload(a_file(tmp_path, size_bytes))
    bench.proxy.follow(Rule(Flip(Way.UP, 50 * KIB), PUT | PART, times=1))

    outcome = only(bench.put(upload))

    assert outcome.error is None
    assert outcome.attempts == 2
    assert outcome.proof is Proof.CHECKSUM
    assert bench.proxy.struck == 1
    assert bench.stored() == {upload.key: upload.path.read_bytes()}
    assert bench.unfinished() == []


@sizes
def test_an_upload_in_which_bits_flip_every_time_fails_and_stores_nothing(
    bench: Bench, tmp_path: Path, size_bytes: int
) -> None:
    upload = an_upload(a_file(tmp_path, size_bytes))
    bench.proxy.follow(Rule(Flip(Way.UP, 50 * KIB), PUT | PART))

    outcome = only(bench.put(upload))

    assert isinstance(outcome.error, ChecksumMismatchError)
    assert outcome.attempts == 4
    assert bench.stored() == {}
    assert bench.unfinished() == []


@sizes
def test_a_download_in_which_a_bit_flipped_is_fetched_again(
    bench: Bench, tmp_path: Path, size_bytes: int
) -> None:
    source, target = a_file(tmp_path / "from", size_bytes), tmp_path / "to" / "f"
    bench.put_unseen(an_upload(source, "k/f"))
    bench.proxy.follow(Rule(Flip(Way.DOWN, 50 * KIB), GET, times=1))

    outcome = only(bench.get(Download("k/f", target)))

    assert outcome.error is None
    assert outcome.attempts == 2
    assert bench.proxy.struck == 1
    assert target.read_bytes() == source.read_bytes()


@sizes
def test_a_download_in_which_bits_flip_every_time_leaves_the_old_file(
    bench: Bench, tmp_path: Path, size_bytes: int
) -> None:
    target = tmp_path / "to" / "f"
    target.parent.mkdir()
    target.write_bytes(b"old")
    bench.put_unseen(an_upload(a_file(tmp_path / "from", size_bytes), "k/f"))
    bench.proxy.follow(Rule(Flip(Way.DOWN, 50 * KIB), GET))

    outcome = only(bench.get(Download("k/f", target, replace=True)))

    assert isinstance(outcome.error, ChecksumMismatchError)
    assert outcome.attempts == 4
    assert target.read_bytes() == b"old"
    assert leftovers(target.parent) == []


def test_an_upload_that_arrives_wrong_every_time_ends_the_program_with_3_and_is_named(site: Site) -> None:
    key = site.cache.key_of("05.png")
    site.proxy.follow(Rule(Flip(Way.UP, 9), PUT, key=key))

    result = site.program("migrate", "upload", "--json")

    assert result.code == 3
    assert [failure["key"] for failure in result.data["failures"]] == [key]
    assert site.cache.content.items() - site.stored().items() == {(key, site.cache.plan[key].read_bytes())}
    site.proxy.follow()
    assert site.program("migrate", "upload").code == 0
    assert site.stored() == site.cache.content


def test_an_object_that_decayed_at_rest_is_a_difference(site: Site) -> None:
    assert site.program("migrate", "upload").code == 0
    key = site.cache.key_of("07.png")
    content = bytearray(site.cache.plan[key].read_bytes())
    content[100] ^= 1
    before = site.s3.head_object(Bucket=site.bucket, Key=key)
    site.s3.put_object(Bucket=site.bucket, Key=key, Body=bytes(content), Metadata=before["Metadata"])

    for options in ((), ("--deep",)):
        result = site.program("migrate", "validate", "--json", *options)
        assert result.code == 7
        assert [finding["key"] for finding in result.data["findings"]] == [key]
