"""Fault 2: interrupted multipart uploads are continued from the parts that are proved, never from others."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.events import Event, Progressed
from creative_s3.core.transfers.engine import Proof, TransferEngine
from creative_s3.core.transfers.flights import PART_BYTES, part_count
from creative_s3.errors import TemporaryError
from tests.faults.programme import Answer, Flip, Hold, Reset, Rule, Way
from tests.faults.workshop import COMPLETE, CREATE, PART, a_cache, kill
from tests.s3.moving import MIB, MULTIPART, a_file, an_upload, only

if TYPE_CHECKING:
    from creative_s3.core.transfers.engine import Upload
    from tests.faults.workshop import Bench, Site

PARTS = part_count(MULTIPART)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record of unfinished uploads is of this test alone."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


def records() -> list[Path]:
    return list((Path(os.environ["HOME"]) / ".local/state/creative-s3/unfinished-uploads").glob("*.json"))


def sent(bench: Bench) -> int:
    return len(bench.proxy.passed("UploadPart", status=200))


@pytest.fixture
def interrupted(bench: Bench, tmp_path: Path) -> Upload:
    """An upload of which the last part is missing: the server refused it until patience was over."""
    upload = an_upload(a_file(tmp_path, MULTIPART), metadata={"cache-key": "a"})
    bench.proxy.follow(Rule(Answer(500, "InternalError"), PART, part=PARTS))
    outcome = only(bench.put(upload, patience_s=0.1))
    assert isinstance(outcome.error, TemporaryError)
    # The proxy records a part after it has passed the answer on. On a busy machine a stored part may be
    # answered after the last refusal of the other one, and the outcome is then here before the record.
    bench.proxy.until_passed(PARTS - 1, "UploadPart", status=200)
    assert sent(bench) == PARTS - 1
    assert bench.unfinished() == [upload.key]
    assert len(records()) == 1
    bench.proxy.follow()
    return upload


def test_only_the_missing_part_is_sent_and_progress_adds_up(bench: Bench, interrupted: Upload) -> None:
    events: list[Event] = []

    outcome = only(bench.put(interrupted, emit=events.append))

    assert outcome.error is None
    assert outcome.proof is Proof.CHECKSUM
    assert sent(bench) == PARTS
    moved = [event.delta_bytes for event in events if isinstance(event, Progressed)]
    assert sum(moved) == MULTIPART
    assert bench.stored() == {interrupted.key: interrupted.path.read_bytes()}
    head = bench.s3.head_object(Bucket=bench.bucket, Key=interrupted.key)
    assert head["Metadata"] == {"cache-key": "a"}
    assert bench.unfinished() == []
    assert records() == []


def test_a_part_of_a_file_that_changed_meanwhile_is_sent_again(bench: Bench, interrupted: Upload) -> None:
    with interrupted.path.open("r+b") as file:
        file.seek(MIB)
        file.write(b"edited")

    outcome = only(bench.put(an_upload(interrupted.path, metadata={"cache-key": "a"})))

    assert outcome.error is None
    assert sent(bench) == PARTS + 1  # the edited one and the missing one
    assert bench.stored() == {interrupted.key: interrupted.path.read_bytes()}
    assert bench.unfinished() == []


@pytest.mark.parametrize("change", ["metadata", "size"])
def test_an_upload_that_would_make_another_object_is_aborted_and_redone(
    bench: Bench, interrupted: Upload, change: str
) -> None:
    if change == "size":
        with interrupted.path.open("ab") as file:
            file.write(b"more")
    metadata = {"cache-key": "b" if change == "metadata" else "a"}

    outcome = only(bench.put(an_upload(interrupted.path, metadata=metadata)))

    assert outcome.error is None
    assert sent(bench) == 2 * PARTS - 1
    assert bench.proxy.passed("AbortMultipartUpload", status=204)
    assert bench.stored() == {interrupted.key: interrupted.path.read_bytes()}
    assert bench.s3.head_object(Bucket=bench.bucket, Key=interrupted.key)["Metadata"] == metadata
    assert bench.unfinished() == []


def test_an_upload_of_which_no_part_can_be_kept_is_aborted_and_redone(
    bench: Bench, interrupted: Upload
) -> None:
    interrupted.path.write_bytes(bytes(MULTIPART))

    outcome = only(bench.put(interrupted))

    assert outcome.error is None
    assert sent(bench) == 2 * PARTS - 1
    assert bench.proxy.passed("AbortMultipartUpload", status=204)
    assert bench.stored() == {interrupted.key: bytes(MULTIPART)}
    assert bench.unfinished() == []


def test_an_upload_that_is_gone_meanwhile_is_redone(bench: Bench, interrupted: Upload) -> None:
    (upload,) = bench.s3.list_multipart_uploads(Bucket=bench.bucket)["Uploads"]
    bench.s3.abort_multipart_upload(Bucket=bench.bucket, Key=interrupted.key, UploadId=upload["UploadId"])

    assert only(bench.put(interrupted)).error is None

    assert bench.stored() == {interrupted.key: interrupted.path.read_bytes()}
    assert bench.unfinished() == []


def test_without_the_record_the_upload_is_somebody_elses_and_is_left_alone(
    bench: Bench, interrupted: Upload
) -> None:
    (record,) = records()
    record.unlink()

    assert only(bench.put(interrupted)).error is None

    assert sent(bench) == 2 * PARTS - 1
    assert bench.unfinished() == [interrupted.key]
    assert not bench.proxy.passed("AbortMultipartUpload")


def test_another_machines_live_upload_of_the_same_key_is_not_touched(bench: Bench, tmp_path: Path) -> None:
    upload = an_upload(a_file(tmp_path, MULTIPART))
    theirs = bench.s3.create_multipart_upload(Bucket=bench.bucket, Key=upload.key)["UploadId"]

    assert only(bench.put(upload)).error is None

    (left,) = bench.s3.list_multipart_uploads(Bucket=bench.bucket)["Uploads"]
    assert left["UploadId"] == theirs


def test_a_part_refused_within_a_run_is_sent_again_alone(bench: Bench, tmp_path: Path) -> None:
    upload = an_upload(a_file(tmp_path, MULTIPART))
    bench.proxy.follow(Rule(Flip(Way.UP, 50_000), PART, times=1))

    outcome = only(bench.put(upload))

    assert outcome.error is None
    assert outcome.attempts == 2
    assert sent(bench) == PARTS
    assert bench.stored() == {upload.key: upload.path.read_bytes()}


def test_a_conflict_leaves_no_unfinished_upload(bench: Bench, interrupted: Upload) -> None:
    bench.s3.put_object(Bucket=bench.bucket, Key=interrupted.key, Body=b"somebody else's")

    outcome = only(bench.put(interrupted))

    assert outcome.conflict is not None
    assert bench.stored() == {interrupted.key: b"somebody else's"}
    assert bench.unfinished() == []
    assert records() == []


def test_a_completion_of_which_the_answer_was_lost_for_good_is_found_out_without_sending_again(
    bench: Bench, tmp_path: Path
) -> None:
    upload = an_upload(a_file(tmp_path, MULTIPART))
    bench.proxy.follow(Rule(Answer(500, "InternalError", stored=True), COMPLETE))

    outcome = only(bench.put(upload, patience_s=5))

    assert outcome.error is None
    assert sent(bench) == PARTS
    assert bench.unfinished() == []


@pytest.mark.parametrize("arrived", [0, 2])
def test_a_cancelled_upload_keeps_what_arrived_and_is_forgotten_where_nothing_did(
    bench: Bench, tmp_path: Path, arrived: int
) -> None:
    upload = an_upload(a_file(tmp_path, MULTIPART))
    bench.proxy.follow(Rule(Hold(Way.UP, MIB), PART, skip=arrived))

    with TransferEngine(bench.connection, engine=bench.engine) as transfers:

        def stop() -> None:
            bench.proxy.until_struck(PARTS - arrived)
            bench.proxy.until_passed(arrived, "UploadPart", status=200)
            transfers.cancel()

        run = transfers.upload([upload])
        stopper = threading.Thread(target=stop)
        stopper.start()
        assert list(run) == []
        stopper.join()

    assert bench.unfinished() == [upload.key] * bool(arrived)
    assert len(records()) == bool(arrived)
    bench.proxy.follow()
    assert only(bench.put(upload)).error is None
    assert sent(bench) == PARTS
    assert bench.unfinished() == []
    assert records() == []


@pytest.mark.parametrize("moment", [Hold(Way.UP), Hold(Way.DOWN)], ids=["before", "after"])
@pytest.mark.parametrize("operation", [CREATE, COMPLETE], ids=["create", "complete"])
def test_a_run_killed_around_the_first_or_last_request_leaves_nothing_after_a_rerun(
    site: Site, tmp_path: Path, moment: Hold, operation: frozenset[str]
) -> None:
    site = site.with_cache(a_cache(tmp_path / "large", MULTIPART))
    site.proxy.follow(Rule(moment, operation))
    process = site.program.start("migrate", "upload")
    site.proxy.until_struck()
    kill(process)
    site.proxy.follow()

    assert site.program("migrate", "upload").code == 0

    assert site.stored() == site.cache.content
    assert site.unfinished() == []
    assert len(site.proxy.passed("UploadPart", status=200)) == PARTS


def test_a_run_killed_again_and_again_gets_through_and_sends_no_part_twice(
    site: Site, tmp_path: Path
) -> None:
    site = site.with_cache(a_cache(tmp_path / "large", 6 * PART_BYTES))
    for there in range(0, 6, 2):
        site.proxy.follow(Rule(Hold(Way.UP, MIB), PART, skip=2))
        process = site.program.start("migrate", "upload")
        site.proxy.until_passed(there + 2, "UploadPart", status=200)
        kill(process)
    site.proxy.follow()

    assert site.program("migrate", "upload").code == 0

    assert site.stored() == site.cache.content
    assert site.unfinished() == []
    assert len(site.proxy.passed("UploadPart", status=200)) == 6
    assert len(site.proxy.passed("CreateMultipartUpload")) == 1


def test_an_outage_within_a_large_file_costs_only_the_parts_that_were_under_way(
    bench: Bench, tmp_path: Path
) -> None:
    upload = an_upload(a_file(tmp_path, 6 * PART_BYTES))
    bench.proxy.follow(Rule(Reset(Way.UP), PART, skip=3, times=12))

    outcome = only(bench.put(upload))

    assert outcome.error is None
    assert sent(bench) == 6
    assert bench.stored() == {upload.key: upload.path.read_bytes()}
    assert bench.unfinished() == []
