"""Downloads by both engines on a real server: proved, atomic, never over other content."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.s3.objects import head
from creative_s3.core.transfers.engine import Download, Proof, TransferEngine, sweep_partials
from creative_s3.errors import (
    ChecksumMismatchError,
    ObjectNotFoundError,
    PreconditionFailedError,
    WouldOverwriteError,
)
from tests.s3.moving import MIB, SIZES, EngineName, a_file, an_upload, get, leftovers, only, put

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from creative_s3.core.s3.connection import Connection


# -- downloads


@pytest.mark.parametrize("size_bytes", SIZES)
@pytest.mark.parametrize("known", [True, False])
def test_a_download_brings_the_bytes_back(
    connection: Connection, engine: EngineName, tmp_path: Path, size_bytes: int, known: object
) -> None:
    path = a_file(tmp_path, size_bytes)
    put(connection, engine, an_upload(path))
    target = tmp_path / "new" / "directory" / "back.png"

    outcome = only(
        get(
            connection,
            engine,
            Download(
                key="k/asset.png", path=target, stored=head(connection, "k/asset.png") if known else None
            ),
        )
    )

    assert outcome.error is None
    assert outcome.proof is Proof.CHECKSUM
    assert target.read_bytes() == path.read_bytes()
    assert leftovers(target.parent) == []


def test_a_download_of_nothing_is_an_object_not_found(
    connection: Connection, engine: EngineName, tmp_path: Path
) -> None:
    outcome = only(get(connection, engine, Download(key="k/none", path=tmp_path / "none")))

    assert isinstance(outcome.error, ObjectNotFoundError)
    assert not (tmp_path / "none").exists()


def test_a_file_with_other_content_is_not_overwritten(
    connection: Connection, engine: EngineName, tmp_path: Path
) -> None:
    put(connection, engine, an_upload(a_file(tmp_path, 1000)))
    mine = tmp_path / "mine.png"
    mine.write_bytes(b"my own work")

    outcome = only(get(connection, engine, Download(key="k/asset.png", path=mine)))

    assert isinstance(outcome.error, WouldOverwriteError)
    assert mine.read_bytes() == b"my own work"


def test_a_file_with_other_content_is_replaced_when_that_is_asked_for(
    connection: Connection, engine: EngineName, tmp_path: Path
) -> None:
    path = a_file(tmp_path, 1000)
    put(connection, engine, an_upload(path))
    target = tmp_path / "target.png"
    target.write_bytes(b"old")

    outcome = only(get(connection, engine, Download(key="k/asset.png", path=target, replace=True)))

    assert outcome.error is None
    assert target.read_bytes() == path.read_bytes()


def test_the_same_file_that_is_there_already_is_not_fetched(
    connection: Connection, engine: EngineName, tmp_path: Path
) -> None:
    path = a_file(tmp_path, 1000)
    put(connection, engine, an_upload(path))

    with TransferEngine(connection, engine=engine) as transfers:
        outcome = only(list(transfers.download([Download(key="k/asset.png", path=path)])))
        counts = transfers.requests

    assert outcome.error is None
    assert outcome.already_there
    assert "GetObject" not in counts


def test_a_link_at_the_destination_is_not_followed(
    connection: Connection, engine: EngineName, tmp_path: Path
) -> None:
    put(connection, engine, an_upload(a_file(tmp_path, 1000)))
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")

    outcome = only(get(connection, engine, Download(key="k/asset.png", path=tmp_path / "link")))

    assert isinstance(outcome.error, WouldOverwriteError)
    assert not (tmp_path / "elsewhere").exists()


def test_an_object_replaced_since_the_caller_saw_it_is_not_accepted(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path
) -> None:
    s3.put_object(Bucket=connection.bucket, Key="k/asset.png", Body=b"first")
    seen = head(connection, "k/asset.png")
    s3.put_object(Bucket=connection.bucket, Key="k/asset.png", Body=b"other")

    outcome = only(get(connection, engine, Download(key="k/asset.png", path=tmp_path / "f", stored=seen)))

    assert isinstance(outcome.error, PreconditionFailedError)
    assert leftovers(tmp_path) == []


def test_an_object_that_is_not_what_its_checksum_says_is_refused(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path
) -> None:
    s3.put_object(Bucket=connection.bucket, Key="k/asset.png", Body=b"what lies in the bucket")
    seen = head(connection, "k/asset.png")
    assert seen is not None
    promised = dataclasses.replace(seen, crc64nvme="AAAAAAAAAAE=")

    outcome = only(get(connection, engine, Download(key="k/asset.png", path=tmp_path / "f", stored=promised)))

    assert isinstance(outcome.error, ChecksumMismatchError)
    assert not (tmp_path / "f").exists()
    assert leftovers(tmp_path) == []


def test_an_object_without_a_checksum_is_proved_by_its_md5(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path
) -> None:
    s3.put_object(
        Bucket=connection.bucket, Key="k/asset.png", Body=b"from elsewhere", ChecksumAlgorithm="SHA256"
    )

    outcome = only(get(connection, engine, Download(key="k/asset.png", path=tmp_path / "f")))

    assert outcome.error is None
    assert outcome.proof is Proof.MD5


def test_leftovers_of_killed_downloads_are_swept_and_nothing_else(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    ours, theirs = f"{os.getpid():06x}00", f"{dead.pid:06x}ab"
    left = [f".a.png.creative-s3-{theirs}.part", f".a.png.creative-s3-{theirs}.part.3fA91bC0"]
    kept = ["a.png", ".hidden", ".a.png.creative-s3-young000.part", f"a.png.creative-s3-{theirs}.part"]
    kept.append(f".b.png.creative-s3-{ours}.part")
    for name in [*left, *kept]:
        (tmp_path / name).write_bytes(b"x")

    swept = sweep_partials(tmp_path)

    assert sorted(path.name for path in swept) == sorted(left)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_a_download_that_is_interrupted_leaves_no_partial_file(
    connection: Connection, engine: EngineName, tmp_path: Path
) -> None:
    path = a_file(tmp_path / "from", 100 * MIB)
    put(connection, engine, an_upload(path))
    transfers = TransferEngine(connection, engine=engine)
    downloads = transfers.download([Download(key="k/asset.png", path=tmp_path / "to" / "f")])
    threading.Timer(0.05, transfers.cancel).start()
    list(downloads)
    transfers.close()

    assert leftovers(tmp_path / "to") == []
