"""Whole runs of the engine on a real server: accounting, outages, interruption."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.events import Event, Failed, Finished, Progressed, Queued, Retried
from creative_s3.core.files.checksums import crc64nvme_of_file
from creative_s3.core.local import server as local
from creative_s3.core.s3.connection import Connection, connect
from creative_s3.core.s3.objects import head
from creative_s3.core.transfers.engine import TransferEngine, Upload
from creative_s3.core.transfers.unfinished import Unfinished
from creative_s3.errors import (
    BucketNotFoundError,
    CredentialsError,
    TemporaryError,
)
from tests.s3.moving import (
    KIB,
    MIB,
    MULTIPART,
    SIZES,
    EngineName,
    a_file,
    an_upload,
    connection_to,
    only,
    put,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from tests.conftest import S3Server


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
def test_an_interrupted_run_ends_soon_and_records_what_it_leaves(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path, how: str
) -> None:
    small = an_upload(a_file(tmp_path, 10), "k/small")
    large = [an_upload(a_file(tmp_path, 100 * MIB, "large"), f"k/large-{number}") for number in range(4)]
    events: list[Event] = []

    took_s = interrupted(TransferEngine(connection, engine=engine, emit=events.append), [small, *large], how)

    assert took_s < 15
    left = {one["Key"] for one in s3.list_multipart_uploads(Bucket=connection.bucket).get("Uploads", [])}
    assert left <= set(Unfinished().keys(connection.endpoint_url, connection.bucket))
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
