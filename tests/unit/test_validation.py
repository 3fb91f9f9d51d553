"""The three-way comparison: each way an asset can stand, and the exit code of the whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.assets.models import Asset, AssetType, SemanticMetadata, StoredObject
from creative_s3.core.files.workspace import FileState, LocalFile, Signature
from creative_s3.core.index.index import IndexProblem, ProblemKind
from creative_s3.core.migration.candidates import Candidate
from creative_s3.core.migration.validation import Finding, State, ValidationReport, compare
from creative_s3.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

ASSET = Asset("a", "output/a.jpg", SemanticMetadata(AssetType.COMPOSITE))
PATH = Path("/studio/output/a.jpg")
PRESENT = LocalFile(PATH, FileState.PRESENT, Signature(1000, 1, 1, 1))
MISSING = LocalFile(PATH, FileState.MISSING, reason="the file is missing")
REFUSED = LocalFile(PATH, FileState.REFUSED, reason="it is a directory, not a file")
UNREADABLE = LocalFile(PATH, FileState.UNREADABLE, reason="permission denied")
STORED = StoredObject("k", 1000, etag="tag")
LONGER = StoredObject("k", 2000, etag="tag")


def report(*states: State, problems: tuple[IndexProblem, ...] = ()) -> ValidationReport:
    findings = tuple(Finding(state, f"k{number}", "a", 1) for number, state in enumerate(states))
    return ValidationReport("bucket", "prefix", findings, problems)


def amounts(listing: Mapping[str, StoredObject]) -> list[tuple[str, int]]:
    return [(key, stored.size_bytes) for key, stored in listing.items()]


@pytest.mark.parametrize(
    ("candidate", "state", "detail"),
    [
        (Candidate(ASSET, "k", PRESENT, "A", STORED, "A"), State.MATCHING, ""),
        (Candidate(ASSET, "k", PRESENT, "A", STORED, "B"), State.DIFFERENT, "the same size, other content"),
        (
            Candidate(ASSET, "k", PRESENT, "A", LONGER, "B"),
            State.DIFFERENT,
            "1,000 bytes on disk, 2,000 in the bucket",
        ),
        (
            Candidate(ASSET, "k", PRESENT, "A", STORED, None),
            State.DIFFERENT,
            "the object has no checksum and cannot be read to compare",
        ),
        (
            Candidate(ASSET, "k", PRESENT, None, STORED, None),
            State.DIFFERENT,
            "the object has no checksum and cannot be read to compare",
        ),
        (Candidate(ASSET, "k", PRESENT), State.MISSING_IN_S3, "there is no object under its key"),
        (Candidate(ASSET, "k", MISSING, None, STORED, "A"), State.ONLY_IN_S3, "the file is missing"),
        (Candidate(ASSET, "k", MISSING, remote=STORED, is_cold=True), State.COLD, ""),
        (
            Candidate(ASSET, "k", MISSING, is_lost=True),
            State.LOST,
            "it was in S3 only, and its object is gone",
        ),
        (Candidate(ASSET, "k", MISSING), State.MISSING, "the file is missing, and so is the object"),
        (Candidate(ASSET, "k", REFUSED, None, STORED), State.UNREADABLE, "it is a directory, not a file"),
        (Candidate(ASSET, "k", UNREADABLE), State.UNREADABLE, "permission denied"),
    ],
)
def test_each_way_an_asset_can_stand_is_told(candidate: Candidate, state: State, detail: str) -> None:
    listing = {"k": candidate.remote} if candidate.remote else {}
    (finding,) = compare([candidate], amounts(listing))
    assert (finding.state, finding.detail) == (state, detail)
    assert (finding.key, finding.cache_key) == ("k", "a")


def test_an_object_that_no_asset_expects_is_extra() -> None:
    findings = compare(
        [Candidate(ASSET, "k", PRESENT, "A", STORED, "A")], amounts({"k": STORED, "extra": LONGER})
    )
    assert findings == (
        Finding(State.EXTRA_IN_S3, "extra", None, 2000, "no asset expects it"),
        Finding(State.MATCHING, "k", "a", 1000),
    )


def test_assets_that_share_an_object_are_told_one_by_one() -> None:
    twin = Asset("b", "output/b.jpg")
    findings = compare(
        [Candidate(asset, "k", PRESENT, "A", STORED, "A") for asset in (twin, ASSET)], [("k", 1000)]
    )
    assert [finding.cache_key for finding in findings] == ["a", "b"]
    assert {finding.state for finding in findings} == {State.MATCHING}


QUARANTINED = IndexProblem(ProblemKind.QUARANTINED, "semantic_assets", "x", "has no file_path")
WARNING = IndexProblem(ProblemKind.WARNING, "", "NaN", "is not JSON; it is read as null")


@pytest.mark.parametrize(
    ("found", "code", "strict_code"),
    [
        (report(), ExitCode.OK, ExitCode.OK),
        (report(State.MATCHING), ExitCode.OK, ExitCode.OK),
        (report(State.MATCHING, State.DIFFERENT), ExitCode.DIFFERENT, ExitCode.DIFFERENT),
        (report(State.MISSING_IN_S3), ExitCode.DIFFERENT, ExitCode.DIFFERENT),
        (report(State.ONLY_IN_S3), ExitCode.OK, ExitCode.OK),
        (report(State.MISSING), ExitCode.OK, ExitCode.DIFFERENT),
        (report(State.EXTRA_IN_S3), ExitCode.OK, ExitCode.DIFFERENT),
        (report(State.UNREADABLE), ExitCode.ITEMS_FAILED, ExitCode.ITEMS_FAILED),
        (report(State.UNREADABLE, State.DIFFERENT), ExitCode.DIFFERENT, ExitCode.DIFFERENT),
        (report(State.UNREADABLE, State.EXTRA_IN_S3), ExitCode.ITEMS_FAILED, ExitCode.DIFFERENT),
        (report(problems=(QUARANTINED,)), ExitCode.ITEMS_FAILED, ExitCode.ITEMS_FAILED),
        (report(problems=(WARNING,)), ExitCode.OK, ExitCode.OK),
    ],
)
def test_the_exit_code_follows_from_the_findings(
    found: ValidationReport, code: ExitCode, strict_code: ExitCode
) -> None:
    assert found.exit_code() is code
    assert found.exit_code(strict=True) is strict_code


def test_the_counts_name_every_state() -> None:
    found = report(State.MATCHING, State.MATCHING, State.DIFFERENT)
    assert found.counts == {**dict.fromkeys(State, 0), State.MATCHING: 2, State.DIFFERENT: 1}
    assert [finding.key for finding in found.differences] == ["k2"]


CANDIDATES = st.builds(
    Candidate,
    asset=st.builds(Asset, st.sampled_from("abcdef"), st.just("output/a.jpg")),
    key=st.sampled_from("klmn"),
    local=st.sampled_from([PRESENT, MISSING, REFUSED, UNREADABLE]),
    crc64nvme=st.none() | st.sampled_from("AB"),
    remote=st.none() | st.just(STORED),
    remote_crc64nvme=st.none() | st.sampled_from("AB"),
)


@given(
    st.lists(CANDIDATES, max_size=6, unique_by=lambda candidate: candidate.asset.cache_key),
    st.sets(st.sampled_from("klmnopq")),
)
def test_every_asset_is_judged_once_and_only_proof_makes_a_match(
    candidates: list[Candidate], listed: set[str]
) -> None:
    listing = dict.fromkeys(listed, STORED)
    findings = compare(candidates, amounts(listing))
    judged = [finding.cache_key for finding in findings if finding.cache_key is not None]
    assert sorted(judged) == sorted(candidate.asset.cache_key for candidate in candidates)
    assert [finding.key for finding in findings] == sorted(finding.key for finding in findings)
    extra = {finding.key for finding in findings if finding.state is State.EXTRA_IN_S3}
    assert extra <= listed
    assert listed - extra <= {candidate.key for candidate in candidates}
    by_name = {candidate.asset.cache_key: candidate for candidate in candidates}
    for finding in findings:
        if finding.state is State.MATCHING:
            proof = by_name[str(finding.cache_key)]
            assert proof.local is PRESENT
            assert proof.remote is not None
            assert proof.crc64nvme == proof.remote_crc64nvme is not None
    assert compare(reversed(candidates), amounts(listing)) == findings


def test_a_finding_has_a_form_for_scripts() -> None:
    assert Finding(State.DIFFERENT, "k", "a", 5, "the same size, other content").to_dict() == {
        "state": "different",
        "key": "k",
        "cache_key": "a",
        "size_bytes": 5,
        "detail": "the same size, other content",
    }
