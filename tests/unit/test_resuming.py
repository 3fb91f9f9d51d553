"""Which parts of an unfinished upload are kept, parts as request bodies, and the record of what was begun."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.files import local_files
from creative_s3.core.files.checksums import crc64nvme_of_file
from creative_s3.core.transfers import resuming
from creative_s3.core.transfers.part_body import BLOCK_BYTES, PartBody, ShortenedError
from creative_s3.core.transfers.resuming import Part, StoredPart
from creative_s3.core.transfers.unfinished import Begun, Unfinished

if TYPE_CHECKING:
    from pathlib import Path

BEGUN = Begun("k", "an-id", part_bytes=8, size_bytes=20, created_with="digest", asked_at=5.0)


# -- parts


@given(size_bytes=st.integers(1, 100), part_bytes=st.integers(1, 40))
def test_parts_cover_the_file_without_gap_or_overlap(size_bytes: int, part_bytes: int) -> None:
    count = -(-size_bytes // part_bytes)

    parts = resuming.parts_of(size_bytes, part_bytes, [f"c{n}" for n in range(count)])

    covered = [byte for part in parts for byte in range(part.start, part.start + part.size_bytes)]
    assert covered == list(range(size_bytes))
    assert [part.number for part in parts] == list(range(1, count + 1))


@pytest.mark.parametrize("size_bytes", [1, 7, 8, 9, 24, 3 << 20])
def test_the_checksum_of_the_whole_is_that_of_its_parts_together(tmp_path: Path, size_bytes: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(secrets.token_bytes(size_bytes))
    part_bytes = 8 if size_bytes < 100 else (1 << 20) + 1

    _, whole, parts = local_files.read_in_parts(path, part_bytes)

    assert whole == crc64nvme_of_file(path)
    assert len(parts) == -(-size_bytes // part_bytes)
    (tmp_path / "first").write_bytes(path.read_bytes()[:part_bytes])
    assert parts[0] == crc64nvme_of_file(tmp_path / "first")


CONTENT = {number: secrets.token_bytes(8) for number in (1, 2, 3)}
PARTS = [Part(number, 8 * (number - 1), 8, f"crc-{number}") for number in CONTENT]


def md5_of(part: Part) -> str:
    return hashlib.md5(CONTENT[part.number], usedforsecurity=False).hexdigest()


def kept(*stored: StoredPart) -> list[int]:
    found = resuming.kept(PARTS, {part.number: part for part in stored}, md5_of)
    return [part.number for part in found]


def test_a_part_with_the_same_checksum_is_kept_and_its_etag_is_not_asked() -> None:
    assert kept(StoredPart(2, 8, "whatever", "crc-2")) == [2]


def test_a_part_without_a_listed_checksum_is_kept_when_its_etag_is_the_md5_of_the_files_bytes() -> None:
    assert kept(StoredPart(3, 8, md5_of(PARTS[2]), None)) == [3]


@pytest.mark.parametrize(
    "other",
    [
        StoredPart(1, 8, "whatever", "crc-2"),
        StoredPart(1, 7, "whatever", "crc-1"),
        StoredPart(1, 8, "0" * 32, None),
        StoredPart(1, 8, "", None),
        StoredPart(4, 8, "whatever", "crc-4"),
        StoredPart(1, 8, hashlib.md5(CONTENT[1], usedforsecurity=False).hexdigest(), "crc-9"),
    ],
    ids=["checksum", "size", "no md5 of it", "no etag", "no such part", "md5 against checksum"],
)
def test_a_part_that_is_not_proved_is_sent_again(other: StoredPart) -> None:
    assert kept(other) == []


# -- bodies


def test_a_body_reads_exactly_its_range_and_counts_what_is_sent_again_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(secrets.token_bytes(3 * BLOCK_BYTES))
    moved: list[int] = []
    start, size_bytes = 100, BLOCK_BYTES + 50

    with PartBody(path, start, size_bytes, progress=moved.append, pass_on=lambda _: None) as body:
        first = b"".join(iter(lambda: body.read(16), b""))
        body.seek(0, os.SEEK_END)
        body.seek(0)
        again = b"".join(iter(lambda: body.read(1), b""))

        assert len(body) == body.tell() == size_bytes
    assert first == again == path.read_bytes()[start : start + size_bytes]
    assert sum(moved) == size_bytes
    assert moved.count(-size_bytes) == 1


def test_a_file_that_has_become_shorter_ends_the_part_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"12345")

    with PartBody(path, 3, 10, progress=lambda _: None, pass_on=lambda _: None) as body:
        assert body.read(10) == b"45"
        with pytest.raises(ShortenedError):
            body.read(10)


def test_a_read_never_gives_more_than_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(secrets.token_bytes(2 * BLOCK_BYTES))
    passed_on: list[int] = []
    start, size_bytes = 7, BLOCK_BYTES + 50

    with PartBody(path, start, size_bytes, progress=lambda _: None, pass_on=passed_on.append) as body:
        pieces = [body.read(count) for count in (0, 1, BLOCK_BYTES - 2, 7, 30)]
        rest = body.read()
        after = body.read(1) + body.read()

    assert [len(piece) for piece in pieces] == [0, 1, BLOCK_BYTES - 2, 1, 30]
    assert b"".join((*pieces, rest)) == path.read_bytes()[start : start + size_bytes]
    assert after == b""
    assert passed_on == [BLOCK_BYTES, 50]


# -- the record


def test_what_was_recorded_is_found_again_under_the_same_endpoint_bucket_and_key_only(tmp_path: Path) -> None:
    records = Unfinished(tmp_path / "records")
    record = records.take("http://here", "bucket", "k")
    assert record is not None
    record.write(BEGUN)
    record.release()

    again = Unfinished(tmp_path / "records").take("http://here", "bucket", "k")

    assert again is not None
    assert again.read() == BEGUN
    for place in ((None, "bucket", "k"), ("http://here", "other", "k"), ("http://here", "bucket", "k2")):
        other = records.take(*place)
        assert other is not None
        assert other.read() is None


def test_a_record_that_another_process_holds_cannot_be_taken(tmp_path: Path) -> None:
    records = Unfinished(tmp_path)
    held = records.take(None, "bucket", "k")

    assert held is not None
    assert records.take(None, "bucket", "k") is None
    held.release()
    assert records.take(None, "bucket", "k") is not None


def test_a_forgotten_record_leaves_no_file(tmp_path: Path) -> None:
    record = Unfinished(tmp_path).take(None, "bucket", "k")
    assert record is not None
    record.write(BEGUN)
    record.forget()
    record.release()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": "k"}', '{"other": 1}', "\xff"])
def test_a_record_that_cannot_be_understood_is_none(tmp_path: Path, text: str) -> None:
    records = Unfinished(tmp_path)
    record = records.take(None, "bucket", "k")
    assert record is not None
    record.write(BEGUN)
    record.release()
    (path,) = tmp_path.iterdir()
    path.write_bytes(text.encode("latin-1"))

    again = records.take(None, "bucket", "k")

    assert again is not None
    assert again.read() is None


def test_a_shorter_record_replaces_a_longer_one_whole(tmp_path: Path) -> None:
    record = Unfinished(tmp_path).take(None, "bucket", "k")
    assert record is not None
    record.write(Begun("k" * 500, None, 1, 1, "d", 1.0))
    record.write(BEGUN)

    assert record.read() == BEGUN


def test_no_record_is_kept_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert Unfinished(tmp_path / "file" / "records").take(None, "bucket", "k") is None


def test_old_records_are_swept_unless_somebody_holds_them(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("old.json", "held.json", "new.json")]
    for path in paths:
        path.touch()
    for path in paths[:2]:
        os.utime(path, (0, 0))
    with paths[1].open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        Unfinished(tmp_path).take(None, "bucket", "k")

    assert [path.exists() for path in paths] == [False, True, True]


def test_a_record_removed_while_it_was_waited_for_is_made_anew(tmp_path: Path) -> None:
    records = Unfinished(tmp_path)
    first = records.take(None, "bucket", "k")
    assert first is not None
    (path,) = tmp_path.iterdir()
    path.unlink()

    second = records.take(None, "bucket", "k")

    assert second is not None
    assert path.exists()
