"""Uploads by both engines on a real server: every size, conflicts, files that do not hold still."""

from __future__ import annotations

import os
from queue import SimpleQueue
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError

from creative_s3.core.events import Event, Progressed, Retried
from creative_s3.core.files.checksums import crc64nvme_of_file
from creative_s3.core.s3.objects import head
from creative_s3.core.transfers.classic import ClassicEngine
from creative_s3.core.transfers.engine import Download, Proof, TransferEngine, Upload
from creative_s3.core.transfers.flights import MULTIPART_FROM_BYTES, Flight, Reply
from creative_s3.errors import (
    FileChangedError,
    FileUnreadableError,
    FileVanishedError,
    PreconditionFailedError,
)
from tests.s3.moving import (
    KIB,
    METADATA,
    MULTIPART,
    SIZES,
    TAGS,
    EngineName,
    a_file,
    an_upload,
    get,
    only,
    put,
)

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef

    from creative_s3.core.s3.connection import Connection


# -- uploads


@pytest.mark.parametrize("size_bytes", SIZES)
def test_an_upload_stores_the_bytes_and_everything_about_them(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path, size_bytes: int
) -> None:
    path = a_file(tmp_path, size_bytes)
    request = an_upload(
        path, content_type="image/png", storage_class="STANDARD_IA", metadata=METADATA, tags=TAGS
    )

    outcome = only(put(connection, engine, request))

    assert outcome.error is None
    assert outcome.proof is Proof.CHECKSUM
    assert not outcome.already_there
    stored = s3.get_object(Bucket=connection.bucket, Key=request.key, ChecksumMode="ENABLED")
    assert stored["Body"].read() == path.read_bytes()
    assert stored["ChecksumCRC64NVME"] == crc64nvme_of_file(path)
    assert stored["Metadata"] == METADATA
    assert stored["ContentType"] == "image/png"
    assert stored["StorageClass"] == "STANDARD_IA"
    tags = s3.get_object_tagging(Bucket=connection.bucket, Key=request.key)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == TAGS


@pytest.mark.parametrize(
    ("size_bytes", "requests"),
    [
        (MULTIPART_FROM_BYTES - 1, {"PutObject": 1}),
        (MULTIPART_FROM_BYTES, {"CreateMultipartUpload": 1, "UploadPart": 2, "CompleteMultipartUpload": 1}),
    ],
    ids=["largest in one piece", "smallest in parts"],
)
def test_the_size_decides_how_many_requests_are_sent_whatever_the_engine(
    connection: Connection, engine: EngineName, tmp_path: Path, size_bytes: int, requests: dict[str, int]
) -> None:
    with TransferEngine(connection, engine=engine) as transfers:
        outcome = only(list(transfers.upload([an_upload(a_file(tmp_path, size_bytes))])))

    assert outcome.proof is Proof.CHECKSUM
    assert transfers.requests == requests


def test_a_file_that_grew_past_one_request_right_before_it_is_sent_has_changed(
    connection: Connection, s3: S3Client, tmp_path: Path
) -> None:
    path = a_file(tmp_path, MULTIPART)
    replies: SimpleQueue[Reply] = SimpleQueue()
    engine = ClassicEngine(connection)

    engine.put(Flight("k", path, 3, lambda _: None, replies.put, if_none_match="*"), {})

    assert isinstance(replies.get(timeout=30).error, FileChangedError)
    engine.close()
    assert not s3.list_multipart_uploads(Bucket=connection.bucket).get("Uploads")


def test_no_content_is_in_the_texts_that_s3transfer_makes_of_its_tasks(
    connection: Connection, tmp_path: Path
) -> None:
    engine = ClassicEngine(connection)
    replies: SimpleQueue[Reply] = SimpleQueue()
    body = b"x" * MULTIPART
    flight = Flight("k", a_file(tmp_path, MULTIPART), MULTIPART, lambda _: None, replies.put, body=body)
    engine._client.puts["k"] = flight  # noqa: SLF001 - what its tasks are given

    assert len(repr(engine._client)) < KIB  # noqa: SLF001 - the same
    engine.close()


@pytest.mark.parametrize("size_bytes", [64 * KIB, MULTIPART])
def test_the_outcome_describes_the_object_as_head_does(
    connection: Connection, engine: EngineName, tmp_path: Path, size_bytes: int
) -> None:
    outcome = only(
        put(connection, engine, an_upload(a_file(tmp_path, size_bytes), storage_class="STANDARD_IA"))
    )

    seen = head(connection, "k/asset.png")
    assert outcome.stored is not None
    assert seen is not None
    assert (outcome.stored.etag, outcome.stored.crc64nvme) == (seen.etag, seen.crc64nvme)
    assert (outcome.stored.size_bytes, outcome.stored.storage_class) == (seen.size_bytes, seen.storage_class)


@pytest.mark.parametrize("size_bytes", [64 * KIB, MULTIPART])
def test_the_same_content_that_is_there_already_is_a_success(
    connection: Connection, engine: EngineName, tmp_path: Path, size_bytes: int
) -> None:
    request = an_upload(a_file(tmp_path, size_bytes))
    put(connection, engine, request)

    again = only(put(connection, engine, request))

    assert again.error is None
    assert again.already_there
    assert again.proof is Proof.CHECKSUM


@pytest.mark.parametrize("size_bytes", [64 * KIB, MULTIPART])
def test_an_object_with_other_content_is_never_overwritten(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path, size_bytes: int
) -> None:
    s3.put_object(Bucket=connection.bucket, Key="k/asset.png", Body=b"somebody else's")

    outcome = only(put(connection, engine, an_upload(a_file(tmp_path, size_bytes))))

    assert isinstance(outcome.error, PreconditionFailedError)
    assert outcome.conflict is not None
    assert outcome.conflict.size_bytes == len(b"somebody else's")
    assert outcome.proof is None
    assert s3.get_object(Bucket=connection.bucket, Key="k/asset.png")["Body"].read() == b"somebody else's"
    assert not s3.list_multipart_uploads(Bucket=connection.bucket).get("Uploads")


def test_other_content_of_the_same_size_is_a_conflict_too(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path
) -> None:
    path = a_file(tmp_path, 64 * KIB)
    s3.put_object(Bucket=connection.bucket, Key="k/asset.png", Body=bytes(64 * KIB))

    outcome = only(put(connection, engine, an_upload(path)))

    assert isinstance(outcome.error, PreconditionFailedError)
    assert outcome.conflict is not None


def test_another_clients_object_without_our_checksum_is_compared_by_content(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path
) -> None:
    path = a_file(tmp_path, 64 * KIB)
    s3.put_object(
        Bucket=connection.bucket, Key="k/asset.png", Body=path.read_bytes(), ChecksumAlgorithm="SHA256"
    )

    outcome = only(put(connection, engine, an_upload(path)))

    assert outcome.error is None
    assert outcome.already_there
    assert outcome.proof is Proof.MD5


def test_an_object_whose_etag_is_no_md5_is_read_back(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path
) -> None:
    path = a_file(tmp_path, 13 << 20)
    content, half = path.read_bytes(), 7 << 20  # parts of a size that is no program's own
    bucket, key = connection.bucket, "k/asset.png"
    upload_id = s3.create_multipart_upload(Bucket=bucket, Key=key, ChecksumAlgorithm="SHA256")["UploadId"]
    parts: list[CompletedPartTypeDef] = []
    for number, body in enumerate((content[:half], content[half:]), start=1):
        part = s3.upload_part(
            Bucket=bucket,
            Key=key,
            UploadId=upload_id,
            PartNumber=number,
            Body=body,
            ChecksumAlgorithm="SHA256",
        )
        parts.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]})
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts})

    outcome = only(put(connection, engine, an_upload(path)))

    assert outcome.error is None
    assert outcome.proof is Proof.READ_BACK


@pytest.mark.parametrize("size_bytes", [64 * KIB, MULTIPART])
def test_a_replacement_goes_over_the_object_that_the_plan_saw(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path, size_bytes: int
) -> None:
    path = a_file(tmp_path, size_bytes)
    etag = s3.put_object(Bucket=connection.bucket, Key="k/asset.png", Body=b"old")["ETag"].strip('"')

    outcome = only(put(connection, engine, an_upload(path, if_match=etag)))

    assert outcome.error is None
    assert s3.get_object(Bucket=connection.bucket, Key="k/asset.png")["Body"].read() == path.read_bytes()


@pytest.mark.parametrize("size_bytes", [64 * KIB, MULTIPART])
def test_a_replacement_of_an_object_that_has_changed_since_is_refused(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path, size_bytes: int
) -> None:
    etag = s3.put_object(Bucket=connection.bucket, Key="k/asset.png", Body=b"old")["ETag"].strip('"')
    s3.put_object(Bucket=connection.bucket, Key="k/asset.png", Body=b"newer")

    outcome = only(put(connection, engine, an_upload(a_file(tmp_path, size_bytes), if_match=etag)))

    assert isinstance(outcome.error, PreconditionFailedError)
    assert outcome.conflict is not None
    assert s3.get_object(Bucket=connection.bucket, Key="k/asset.png")["Body"].read() == b"newer"


def test_two_uploads_of_one_key_in_one_run_do_not_fight(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path
) -> None:
    first, second = a_file(tmp_path, 1000, "first"), a_file(tmp_path, 1000, "second")

    outcomes = put(connection, engine, an_upload(first), an_upload(second))

    assert [outcome.error is None for outcome in outcomes] == [True, False]
    assert s3.get_object(Bucket=connection.bucket, Key="k/asset.png")["Body"].read() == first.read_bytes()


@pytest.mark.parametrize("name", ["日本 été ☂.png", "a b+c&d=e?f#g%20.png", 'new\nline".png'])
def test_unusual_names_go_there_and_back(
    connection: Connection, engine: EngineName, tmp_path: Path, name: str
) -> None:
    path = a_file(tmp_path, 1000, name)
    key = f"k/{name}" if "\n" not in name else "k/plain"

    assert only(put(connection, engine, an_upload(path, key))).error is None
    outcome = only(get(connection, engine, Download(key=key, path=tmp_path / "back" / name)))

    assert outcome.error is None
    assert (tmp_path / "back" / name).read_bytes() == path.read_bytes()


def test_a_file_name_that_is_no_utf8_is_uploaded_and_downloaded(
    connection: Connection, engine: EngineName, tmp_path: Path
) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    path = a_file(tmp_path, 1000, name)

    assert only(put(connection, engine, an_upload(path))).error is None
    outcome = only(get(connection, engine, Download(key="k/asset.png", path=tmp_path / "back" / name)))

    assert outcome.error is None
    assert (tmp_path / "back" / name).read_bytes() == path.read_bytes()


# -- files that do not hold still


def test_a_file_changed_once_while_it_is_sent_is_sent_again(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path
) -> None:
    path = a_file(tmp_path, MULTIPART)
    changes = iter([b"a change of the same size"])
    events: list[Event] = []

    def emit(event: Event) -> None:
        events.append(event)
        if isinstance(event, Progressed) and (change := next(changes, None)):
            with path.open("r+b") as file:
                file.write(change)

    outcome = only(put(connection, engine, an_upload(path), emit=emit))

    assert outcome.error is None
    assert outcome.attempts > 1
    assert s3.get_object(Bucket=connection.bucket, Key="k/asset.png")["Body"].read() == path.read_bytes()
    assert any(isinstance(event, Retried) for event in events)


def test_a_file_of_another_size_than_the_plan_saw_has_changed(
    connection: Connection, engine: EngineName, tmp_path: Path
) -> None:
    path = a_file(tmp_path, 1000)
    request = Upload(path=path, key="k/asset.png", size_bytes=999)

    outcome = only(put(connection, engine, request))

    assert isinstance(outcome.error, FileChangedError)
    assert head(connection, "k/asset.png") is None


def test_a_file_that_is_gone_fails_alone(connection: Connection, engine: EngineName, tmp_path: Path) -> None:
    there = an_upload(a_file(tmp_path, 1000), "k/there")
    gone = Upload(path=tmp_path / "gone.png", key="k/gone", size_bytes=5)

    outcomes = {outcome.request.key: outcome for outcome in put(connection, engine, gone, there)}

    assert isinstance(outcomes["k/gone"].error, FileVanishedError)
    assert outcomes["k/there"].error is None


def test_a_fifo_is_refused_without_waiting_for_a_writer(
    connection: Connection, engine: EngineName, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")

    outcome = only(put(connection, engine, Upload(path=tmp_path / "pipe", key="k/pipe", size_bytes=0)))

    assert isinstance(outcome.error, FileUnreadableError)


@pytest.mark.permission_bits
def test_the_bucket_is_empty_after_a_refused_upload(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path
) -> None:
    path = a_file(tmp_path, 1000)
    path.chmod(0)

    outcome = only(put(connection, engine, an_upload(path)))

    assert isinstance(outcome.error, FileUnreadableError)
    with pytest.raises(ClientError):
        s3.head_object(Bucket=connection.bucket, Key="k/asset.png")
