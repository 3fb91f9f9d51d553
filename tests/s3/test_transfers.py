"""The transfer engine on a real server: sizes, engines, conflicts, changing files, outages, interruption."""

from __future__ import annotations

import dataclasses
import os
import secrets
import signal
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

import pytest
from botocore.exceptions import ClientError

from creative_s3.core import local
from creative_s3.core.aws import Connection, connect
from creative_s3.core.checksums import crc64nvme_of_file
from creative_s3.core.events import Event, Failed, Finished, Progressed, Queued, Retried
from creative_s3.core.objects import head
from creative_s3.core.transfers import Download, Outcome, Proof, TransferEngine, Upload, sweep_partials
from creative_s3.errors import (
    BucketNotFoundError,
    ChecksumMismatchError,
    CredentialsError,
    FileChangedError,
    FileUnreadableError,
    FileVanishedError,
    ObjectNotFoundError,
    PreconditionFailedError,
    TemporaryError,
    WouldOverwriteError,
)
from creative_s3.settings import S3Config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import S3Server
    from types_boto3_s3 import S3Client

KIB = 1 << 10
MIB = 1 << 20
MULTIPART = 20 * MIB
SIZES = [0, 1, 64 * KIB, 8 * MIB + 1, MULTIPART]
METADATA = {"cache-key": "zitronen-reiniger", "region": "%E6%97%A5%E6%9C%AC"}
TAGS = {"asset-type": "composite", "season": "back to school"}

EngineName = Literal["crt", "classic"]


@pytest.fixture(params=["crt", "classic"])
def engine(request: pytest.FixtureRequest) -> EngineName:
    name: EngineName = request.param
    return name


@pytest.fixture
def connection(s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
    return connection_to(s3_server.local, bucket, monkeypatch)


def connection_to(
    server: local.LocalServer,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    **settings: Any,  # noqa: ANN401 - passed on
) -> Connection:
    access_key, secret_key = local.read_credentials(server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_key)
    return connect(
        S3Config.from_env(
            None, bucket_name=bucket, endpoint_url=server.endpoint_url, region=server.region, **settings
        )
    )


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[local.LocalServer]:
    """A server of this test alone, which it may stop and kill."""
    directory = tmp_path / "own-server"
    yield local.start(directory)
    local.remove(directory)


def a_file(directory: Path, size_bytes: int, name: str | None = None) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / (name or f"{size_bytes}.png")
    path.write_bytes(
        secrets.token_bytes(min(size_bytes, MIB)) * (size_bytes // MIB or 1) + b"x" * (size_bytes % MIB)
    )
    os.truncate(path, size_bytes)
    return path


def an_upload(path: Path, key: str = "k/asset.png", **more: Any) -> Upload:  # noqa: ANN401 - passed on
    return Upload(path=path, key=key, size_bytes=path.stat().st_size, **more)


def put(connection: Connection, engine: EngineName, *uploads: Upload, **options: Any) -> list[Outcome]:  # noqa: ANN401 - passed on
    with TransferEngine(connection, engine=engine, **options) as transfers:
        return list(transfers.upload(uploads))


def get(connection: Connection, engine: EngineName, *downloads: Download, **options: Any) -> list[Outcome]:  # noqa: ANN401 - passed on
    with TransferEngine(connection, engine=engine, **options) as transfers:
        return list(transfers.download(downloads))


def only(outcomes: list[Outcome]) -> Outcome:
    (outcome,) = outcomes
    return outcome


def wait_until(condition: Callable[[], object], timeout_s: float = 20) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        threading.Event().wait(0.01)


def leftovers(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if path.name.startswith("."))


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
    path = a_file(tmp_path, 64 * KIB)
    upload = s3.create_multipart_upload(
        Bucket=connection.bucket, Key="k/asset.png", ChecksumAlgorithm="SHA256"
    )
    part = s3.upload_part(
        Bucket=connection.bucket,
        Key="k/asset.png",
        UploadId=upload["UploadId"],
        PartNumber=1,
        Body=path.read_bytes(),
        ChecksumAlgorithm="SHA256",
    )
    s3.complete_multipart_upload(
        Bucket=connection.bucket,
        Key="k/asset.png",
        UploadId=upload["UploadId"],
        MultipartUpload={
            "Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}]
        },
    )

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


def test_a_file_that_is_written_to_all_the_time_never_ends_as_a_success_with_wrong_content(
    connection: Connection, engine: EngineName, tmp_path: Path
) -> None:
    path = a_file(tmp_path, 4 * MIB)
    request = an_upload(path)
    stop = threading.Event()

    def scribble() -> None:
        with path.open("r+b") as file:
            while not stop.is_set():
                file.seek(secrets.randbelow(4 * MIB - 8))
                file.write(secrets.token_bytes(8))
                file.flush()

    writer = threading.Thread(target=scribble)
    writer.start()
    try:
        outcome = only(put(connection, engine, request))
    finally:
        stop.set()
        writer.join()

    assert isinstance(outcome.error, FileChangedError)
    assert outcome.attempts == 4
    assert outcome.proof is None


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


# -- accounting


def test_progress_adds_up_to_the_size_of_each_item(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path
) -> None:
    events: list[Event] = []
    good = [an_upload(a_file(tmp_path, size_bytes), f"k/{size_bytes}") for size_bytes in SIZES]
    s3.put_object(Bucket=connection.bucket, Key="k/taken", Body=b"other")
    bad = an_upload(a_file(tmp_path, MULTIPART, "taken"), "k/taken")

    put(connection, engine, *good, bad, emit=events.append)

    sums: Counter[str] = Counter()
    for event in events:
        if isinstance(event, Progressed):
            sums[event.key] += event.delta_bytes
    assert {key: size for key, size in sums.items() if size} == {
        upload.key: upload.size_bytes for upload in good if upload.size_bytes
    }
    assert {event.key for event in events if isinstance(event, Queued)} == {item.key for item in [*good, bad]}
    assert {event.key for event in events if isinstance(event, Finished)} == {item.key for item in good}
    assert [event.key for event in events if isinstance(event, Failed)] == ["k/taken"]


def test_requests_are_counted(connection: Connection, engine: EngineName, tmp_path: Path) -> None:
    with TransferEngine(connection, engine=engine) as transfers:
        list(
            transfers.upload(
                [an_upload(a_file(tmp_path, 10)), an_upload(a_file(tmp_path, MULTIPART), "k/large")]
            )
        )
        counts = transfers.requests

    assert counts["PutObject"] == 1
    assert counts["CreateMultipartUpload"] == 1
    assert counts["UploadPart"] == 3
    assert counts["CompleteMultipartUpload"] == 1
    assert counts.get("HeadObject", 0) <= 1  # none for what S3's own answer proves


def test_items_are_taken_only_as_fast_as_they_are_done(
    connection: Connection, engine: EngineName, tmp_path: Path
) -> None:
    path = a_file(tmp_path, 1000)
    taken = 0

    def uploads() -> Iterator[Upload]:
        nonlocal taken
        for number in range(60):
            taken += 1
            yield an_upload(path, f"k/{number}")

    done = 0
    with TransferEngine(connection, engine=engine, max_in_flight=4) as transfers:
        for outcome in transfers.upload(uploads()):
            assert outcome.error is None
            done += 1
            assert taken <= done + 8
    assert done == 60


# -- what the whole run suffers


def test_a_missing_bucket_is_named(
    s3_server: S3Server, engine: EngineName, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connection = connection_to(s3_server.local, "no-such-bucket-here", monkeypatch)

    outcome = only(put(connection, engine, an_upload(a_file(tmp_path, 1000))))

    assert isinstance(outcome.error, BucketNotFoundError)


def test_a_wrong_secret_is_a_credentials_error(
    connection: Connection, engine: EngineName, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong-" + "x" * 30)
    wrong = connect(connection.config)

    outcome = only(put(wrong, engine, an_upload(a_file(tmp_path, 1000))))

    assert isinstance(outcome.error, CredentialsError)
    assert "wrong-" not in f"{outcome.error.message} {outcome.error.hint}"


def test_a_server_that_is_killed_and_comes_back_loses_nothing(
    own_server: local.LocalServer, engine: EngineName, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connection = connection_to(own_server, own_server.bucket, monkeypatch)
    uploads = [an_upload(a_file(tmp_path, 300 * KIB, f"{number}"), f"k/{number}") for number in range(40)]
    revival = threading.Thread(target=local.start, args=(own_server.directory,))
    outcomes = []

    with TransferEngine(connection, engine=engine, max_in_flight=4) as transfers:
        for outcome in transfers.upload(uploads):
            outcomes.append(outcome)
            if len(outcomes) == 10:
                os.kill(own_server.pid, signal.SIGKILL)
                revival.start()
    revival.join()

    assert [outcome.error for outcome in outcomes] == [None] * 40
    for upload in uploads:
        seen = head(connection, upload.key)
        assert seen is not None
        assert seen.crc64nvme == crc64nvme_of_file(upload.path)


def test_items_are_queued_again_until_the_server_is_there(
    own_server: local.LocalServer, engine: EngineName, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connection = connection_to(own_server, own_server.bucket, monkeypatch)
    local.stop(own_server.directory)
    revival = threading.Thread(target=local.start, args=(own_server.directory,))
    retried = []

    def emit(event: Event) -> None:
        if isinstance(event, Retried):
            retried.append(event.key)
            if len(retried) == 1:
                revival.start()

    outcomes = put(
        connection, engine, *(an_upload(a_file(tmp_path, 9, f"{n}"), f"k/{n}") for n in range(3)), emit=emit
    )
    revival.join()

    assert [outcome.error for outcome in outcomes] == [None] * 3
    assert max(outcome.attempts for outcome in outcomes) > 1


def test_a_server_that_stays_away_fails_the_items_when_patience_is_over(
    own_server: local.LocalServer, engine: EngineName, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connection = connection_to(own_server, own_server.bucket, monkeypatch)
    local.stop(own_server.directory)

    outcomes = put(
        connection,
        engine,
        *(an_upload(a_file(tmp_path, 100, f"{n}"), f"k/{n}") for n in range(3)),
        patience_s=2,
    )

    assert len(outcomes) == 3
    for outcome in outcomes:
        assert isinstance(outcome.error, TemporaryError)
        assert own_server.endpoint_url in outcome.error.message


# -- interruption


def interrupted(transfers: TransferEngine, uploads: list[Upload], how: str) -> float:
    """Interrupt a run under way and return how long its end took, in seconds."""
    outcomes = transfers.upload(uploads)
    next(outcomes)
    started = time.monotonic()
    if how == "cancel":
        transfers.cancel()
        list(outcomes)
    elif how == "close the iterator":
        outcomes.close()  # type: ignore[attr-defined]
    transfers.close()
    return time.monotonic() - started


@pytest.mark.parametrize("how", ["cancel", "close the iterator", "leave"])
def test_an_interrupted_run_ends_soon_and_leaves_no_multipart_uploads(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path, how: str
) -> None:
    small = an_upload(a_file(tmp_path, 10), "k/small")
    large = [an_upload(a_file(tmp_path, 100 * MIB, "large"), f"k/large-{number}") for number in range(4)]
    events: list[Event] = []

    took_s = interrupted(TransferEngine(connection, engine=engine, emit=events.append), [small, *large], how)

    assert took_s < 5
    assert not s3.list_multipart_uploads(Bucket=connection.bucket).get("Uploads")
    finished = {event.key for event in events if isinstance(event, Finished)}
    counted: Counter[str] = Counter()
    for event in events:
        if isinstance(event, Progressed):
            counted[event.key] += event.delta_bytes
    assert all(not size for key, size in counted.items() if key not in finished)


def test_an_interruption_does_not_wait_for_a_server_that_is_frozen(
    own_server: local.LocalServer, engine: EngineName, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connection = connection_to(own_server, own_server.bucket, monkeypatch)
    transfers = TransferEngine(connection, engine=engine)
    path = a_file(tmp_path, MIB)
    outcomes = transfers.upload(an_upload(path, f"k/{number}") for number in range(1000))
    next(outcomes)
    os.kill(own_server.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        threading.Timer(0.5, transfers.cancel).start()
        list(outcomes)
        transfers.close()
        took_s = time.monotonic() - started
    finally:
        os.kill(own_server.pid, signal.SIGCONT)

    assert took_s < 6  # half a second before the cancellation, less than five after it


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
    old = [".a.png.creative-s3-0123abcd.part", ".a.png.creative-s3-0123abcd.part.3fA91bC0"]
    kept = ["a.png", ".hidden", ".a.png.creative-s3-young000.part", "a.png.creative-s3-0123abcd.part"]
    for name in [*old, *kept]:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / ".b.creative-s3-89abcdef.part").write_bytes(b"young")
    for name in [*old, *kept]:
        os.utime(tmp_path / name, (1_000_000, 1_000_000))

    swept = sweep_partials(tmp_path, older_than_s=3600, now_s=time.time())

    assert sorted(path.name for path in swept) == sorted(old)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, ".b.creative-s3-89abcdef.part"])


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


def test_the_bucket_is_empty_after_a_refused_upload(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path
) -> None:
    path = a_file(tmp_path, 1000)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")

    outcome = only(put(connection, engine, an_upload(path)))

    assert isinstance(outcome.error, FileUnreadableError)
    with pytest.raises(ClientError):
        s3.head_object(Bucket=connection.bucket, Key="k/asset.png")
