"""Faults 30 and 31: answers that lie or never come: a failure is no success, and a success is found out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from creative_s3.core.transfers.engine import Proof
from creative_s3.errors import AccessDeniedError, PreconditionFailedError, TemporaryError
from tests.faults.programme import Answer, LoseAnswer, Rule
from tests.faults.workshop import COMPLETE, CREATE, KIB, PART, PUT
from tests.s3.moving import MULTIPART, a_file, an_upload, only

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.workshop import Bench, Site


# -- 30: 200 with an error in the body


def test_a_completion_that_fails_with_status_200_is_tried_again(bench: Bench, tmp_path: Path) -> None:
    upload = an_upload(a_file(tmp_path, MULTIPART))
    bench.proxy.follow(Rule(Answer(200, "InternalError"), COMPLETE, times=1))

    outcome = only(bench.put(upload))

    assert outcome.error is None
    assert outcome.proof is Proof.CHECKSUM
    assert bench.proxy.struck == 1
    assert bench.stored() == {upload.key: upload.path.read_bytes()}
    assert bench.unfinished() == []


def test_a_completion_that_succeeded_and_was_answered_by_an_error_is_a_success(
    bench: Bench, tmp_path: Path
) -> None:
    upload = an_upload(a_file(tmp_path, MULTIPART))
    bench.proxy.follow(Rule(Answer(200, "InternalError", stored=True), COMPLETE, times=1))

    outcome = only(bench.put(upload))

    assert outcome.error is None
    assert outcome.proof is Proof.CHECKSUM
    assert bench.proxy.struck == 1
    assert bench.stored() == {upload.key: upload.path.read_bytes()}
    assert bench.unfinished() == []


@pytest.mark.parametrize(
    ("code", "kind", "left"), [("AccessDenied", AccessDeniedError, 0), ("InternalError", TemporaryError, 1)]
)
def test_a_completion_that_always_fails_with_status_200_is_a_failure(
    bench: Bench, tmp_path: Path, code: str, kind: type[Exception], left: int
) -> None:
    upload = an_upload(a_file(tmp_path, MULTIPART))
    bench.proxy.follow(Rule(Answer(200, code), COMPLETE))

    outcome = only(bench.put(upload, patience_s=0.5))

    assert isinstance(outcome.error, kind)
    assert outcome.proof is None
    assert "AWS_ERROR" not in outcome.error.message
    assert bench.stored() == {}
    assert len(bench.unfinished()) == left  # what may still become something is kept for the rerun
    bench.proxy.follow()
    assert only(bench.put(upload)).error is None
    assert bench.unfinished() == []
    assert len(bench.proxy.passed("UploadPart")) == 3 * (2 - left)


# -- 31: stored, but the answer was lost


@pytest.mark.parametrize("losses", [1, 3])
def test_an_upload_whose_answer_was_lost_is_a_success_by_its_checksum(
    bench: Bench, tmp_path: Path, losses: int
) -> None:
    upload = an_upload(a_file(tmp_path, 60 * KIB))
    bench.proxy.follow(Rule(LoseAnswer(), PUT, times=losses))

    outcome = only(bench.put(upload))

    assert outcome.error is None
    assert outcome.already_there
    assert outcome.proof is Proof.CHECKSUM
    assert bench.proxy.struck == losses
    assert bench.proxy.passed("PutObject", status=412)
    assert not bench.proxy.passed("GetObject")
    assert bench.stored() == {upload.key: upload.path.read_bytes()}


def test_a_replacement_whose_answer_was_lost_is_a_success_by_its_checksum(
    bench: Bench, tmp_path: Path
) -> None:
    etag = bench.s3.put_object(Bucket=bench.bucket, Key="k/asset.png", Body=b"old")["ETag"].strip('"')
    upload = an_upload(a_file(tmp_path, 60 * KIB), if_match=etag)
    bench.proxy.follow(Rule(LoseAnswer(), PUT, times=1))

    outcome = only(bench.put(upload))

    assert outcome.error is None
    assert bench.proxy.struck == 1
    assert bench.stored() == {upload.key: upload.path.read_bytes()}


def test_after_a_lost_answer_another_writers_object_is_still_a_conflict(bench: Bench, tmp_path: Path) -> None:
    bench.s3.put_object(Bucket=bench.bucket, Key="k/asset.png", Body=b"somebody else's")
    bench.proxy.follow(Rule(LoseAnswer(), PUT, times=1))

    outcome = only(bench.put(an_upload(a_file(tmp_path, 60 * KIB))))

    assert isinstance(outcome.error, PreconditionFailedError)
    assert outcome.conflict is not None
    assert bench.stored() == {"k/asset.png": b"somebody else's"}


@pytest.mark.parametrize("operations", [PART, COMPLETE], ids=["UploadPart", "CompleteMultipartUpload"])
def test_a_multipart_upload_of_which_an_answer_was_lost_is_a_success(
    bench: Bench, tmp_path: Path, operations: frozenset[str]
) -> None:
    upload = an_upload(a_file(tmp_path, MULTIPART))
    bench.proxy.follow(Rule(LoseAnswer(), operations, times=1))

    outcome = only(bench.put(upload))

    assert outcome.error is None
    assert outcome.proof is Proof.CHECKSUM
    assert bench.proxy.struck == 1
    assert bench.stored() == {upload.key: upload.path.read_bytes()}
    assert bench.unfinished() == []


def test_the_upload_that_was_created_and_whose_answer_was_lost_is_aborted(
    bench: Bench, tmp_path: Path
) -> None:
    bench.proxy.follow(Rule(LoseAnswer(), CREATE, times=1))

    assert only(bench.put(an_upload(a_file(tmp_path, MULTIPART)))).error is None

    assert bench.unfinished() == []


def test_lost_answers_of_every_request_end_in_a_success_of_the_program(site: Site) -> None:
    site.proxy.follow(*(Rule(LoseAnswer(), PUT, key=key, times=1) for key in site.cache.plan))

    result = site.program("migrate", "upload", "--json")

    assert result.code == 0
    assert result.data["uploaded"] + result.data["confirmed"] == len(site.cache.plan)
    assert result.data["failures"] == []
    assert site.proxy.struck == len(site.cache.plan)
    assert site.stored() == site.cache.content
