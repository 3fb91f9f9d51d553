"""What is done for each asset and why: the table of decisions, and the figures of a plan."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.assets.models import Asset, AssetType, Kind, SemanticMetadata, StoredObject
from creative_s3.core.files.media_types import content_type_of
from creative_s3.core.files.workspace import FileState, LocalFile, Signature
from creative_s3.core.migration.candidates import Candidate
from creative_s3.core.migration.planning import MigrationPlan, Operation, Reason, make_operations

COMPOSITE = Asset("a", "output/a.jpg", SemanticMetadata(AssetType.COMPOSITE))
PRESENT = LocalFile(Path("/studio/output/a.jpg"), FileState.PRESENT, Signature(100, 1, 1, 1))
MISSING = LocalFile(PRESENT.path, FileState.MISSING, reason="the file is missing")
REFUSED = LocalFile(PRESENT.path, FileState.REFUSED, reason="it is a directory, not a file")
UNREADABLE = LocalFile(PRESENT.path, FileState.UNREADABLE, reason="permission denied")
STORED = StoredObject("k", 100, etag="tag")
TOO_BIG = replace(COMPOSITE, cache_key="日" * 700)


def only(candidate: Candidate) -> Operation:
    (operation,) = make_operations([candidate])
    return operation


@pytest.mark.parametrize(
    ("local", "ours", "remote", "theirs", "reason", "if_match", "detail"),
    [
        (PRESENT, None, None, None, Reason.NEW, None, "not in the bucket"),
        (PRESENT, "A", None, None, Reason.NEW, None, "not in the bucket"),
        (PRESENT, "A", STORED, "A", Reason.UNCHANGED, None, "the content is the same"),
        (PRESENT, "A", STORED, "B", Reason.CHANGED, "tag", "the content differs"),
        (PRESENT, "A", STORED, None, Reason.CHANGED, "tag", "the object has no checksum to compare"),
        (PRESENT, None, STORED, None, Reason.CHANGED, "tag", "the object has no checksum to compare"),
        (PRESENT, None, STORED, "A", Reason.CHANGED, "tag", "the content differs"),
        (MISSING, None, None, None, Reason.MISSING, None, "the file is missing"),
        (MISSING, None, STORED, "A", Reason.MISSING, None, "the file is missing; the bucket has it"),
        (REFUSED, None, None, None, Reason.REFUSED, None, "it is a directory, not a file"),
        (REFUSED, None, STORED, "A", Reason.REFUSED, None, "it is a directory, not a file"),
        (UNREADABLE, None, STORED, "A", Reason.REFUSED, None, "permission denied"),
    ],
)
def test_each_state_of_file_and_object_has_its_decision(  # noqa: PLR0913, PLR0917 - a row of the table
    local: LocalFile,
    ours: str | None,
    remote: StoredObject | None,
    theirs: str | None,
    reason: Reason,
    if_match: str | None,
    detail: str,
) -> None:
    operation = only(Candidate(COMPOSITE, "k", local, ours, remote, theirs, is_as_proved=True))
    assert (operation.reason, operation.if_match, operation.detail) == (reason, if_match, detail)
    assert operation.is_upload == (reason in {Reason.NEW, Reason.CHANGED})
    assert (operation.key, operation.path, operation.crc64nvme) == ("k", PRESENT.path, ours)
    assert operation.size_bytes == (100 if local is PRESENT else 0)


def test_replacing_what_this_machine_did_not_put_there_is_marked() -> None:
    unknown = only(Candidate(COMPOSITE, "k", PRESENT, "A", STORED, "B"))
    assert unknown.replaces_unknown
    assert "did not put" in unknown.detail
    assert not only(Candidate(COMPOSITE, "k", PRESENT, "A", STORED, "B", is_as_proved=True)).replaces_unknown
    assert not only(Candidate(COMPOSITE, "k", PRESENT, "A", STORED, "A")).replaces_unknown


def test_an_asset_whose_metadata_does_not_fit_is_refused_before_anything_is_sent() -> None:
    operation = only(Candidate(TOO_BIG, "k", PRESENT))
    assert operation.reason is Reason.REFUSED
    assert "S3 takes 2,048" in operation.detail


def test_metadata_that_has_to_be_left_out_is_named() -> None:
    asset = replace(COMPOSITE, metadata=SemanticMetadata(AssetType.COMPOSITE, tags=("x" * 3000,)))
    operation = only(Candidate(asset, "k", PRESENT))
    assert operation.reason is Reason.NEW
    assert operation.detail == "not in the bucket; over 2 KB of metadata, so without its tags"


def test_assets_that_share_a_key_are_one_operation() -> None:
    twin, third = replace(COMPOSITE, cache_key="b"), replace(COMPOSITE, cache_key="c")
    candidates = [
        Candidate(asset, "k", PRESENT, crc) for asset, crc in ((third, None), (twin, "A"), (COMPOSITE, None))
    ]
    operation = make_operations(candidates)
    assert len(operation) == 1
    assert operation[0].asset.cache_key == "a"
    assert operation[0].shared_with == ("b", "c")
    assert operation[0].crc64nvme == "A"


def test_a_refused_twin_does_not_keep_the_other_from_being_sent() -> None:
    first, second = replace(TOO_BIG, cache_key="A" * 3000), replace(COMPOSITE, cache_key="b")
    operations = make_operations([Candidate(first, "k", PRESENT), Candidate(second, "k", PRESENT)])
    assert sorted((str(each.reason), each.asset.cache_key[:1]) for each in operations) == [
        ("new", "b"),
        ("refused", "A"),
    ]


CANDIDATES = st.builds(
    Candidate,
    asset=st.builds(replace, st.sampled_from([COMPOSITE, TOO_BIG]), cache_key=st.sampled_from("abcdefgh")),
    key=st.sampled_from("klmn"),
    local=st.sampled_from([PRESENT, MISSING, REFUSED, UNREADABLE]),
    crc64nvme=st.none() | st.sampled_from("AB"),
    remote=st.none() | st.just(STORED),
    remote_crc64nvme=st.none() | st.sampled_from("AB"),
)


@given(st.lists(CANDIDATES, max_size=8, unique_by=lambda candidate: candidate.asset.cache_key))
def test_every_asset_is_in_the_plan_once_and_no_key_is_sent_twice(candidates: list[Candidate]) -> None:
    operations = make_operations(candidates)
    named = [name for each in operations for name in (each.asset.cache_key, *each.shared_with)]
    assert sorted(named) == sorted(candidate.asset.cache_key for candidate in candidates)
    sent = [each.key for each in operations if each.is_upload]
    assert len(set(sent)) == len(sent)
    assert [each.key for each in operations] == sorted(each.key for each in operations)
    assert make_operations(reversed(candidates)) == operations
    for operation in operations:
        assert json.loads(json.dumps(operation.to_dict()))["reason"] == operation.reason


def test_a_cold_asset_is_left_in_peace_and_weighs_what_its_object_does() -> None:
    operation = only(Candidate(COMPOSITE, "k", MISSING, remote=STORED, is_cold=True))
    assert (operation.reason, operation.size_bytes, operation.detail) == (Reason.COLD, 100, "in S3 only")
    alone = only(Candidate(COMPOSITE, "k", MISSING, is_cold=True, cold_bytes=7))
    assert (alone.reason, alone.size_bytes) == (Reason.COLD, 7)


def test_a_cold_asset_whose_object_is_gone_is_missing_and_named_as_lost() -> None:
    operation = only(Candidate(COMPOSITE, "k", MISSING, is_lost=True))
    assert (operation.reason, operation.detail) == (
        Reason.MISSING,
        "it was in S3 only, and its object is gone",
    )
    assert MigrationPlan("b", "p", (operation,)).lost == (operation,)


def test_a_file_on_disk_speaks_for_its_key_before_a_cold_asset_that_shares_it() -> None:
    cold = Candidate(replace(COMPOSITE, cache_key="a"), "k", MISSING, remote=STORED, is_cold=True)
    hot = Candidate(replace(COMPOSITE, cache_key="b"), "k", PRESENT, "A", STORED, "A")
    (operation,) = make_operations([cold, hot])
    assert (operation.reason, operation.shared_with) == (Reason.UNCHANGED, ("a",))


def test_a_plan_counts_what_it_would_do() -> None:
    cache_entry = Asset("c", "cache/c.png")
    plan = MigrationPlan(
        "bucket",
        "prefix",
        make_operations(
            [
                Candidate(COMPOSITE, "k", PRESENT),
                Candidate(replace(COMPOSITE, cache_key="b"), "l", PRESENT, "A", STORED, "A"),
                Candidate(cache_entry, "m", PRESENT, "A", STORED, "B"),
                Candidate(replace(COMPOSITE, cache_key="d"), "n", MISSING),
                Candidate(replace(COMPOSITE, cache_key="e"), "o", REFUSED),
            ]
        ),
    )
    assert (plan.total_files, plan.total_size_bytes, plan.total_size_mb) == (2, 200, 200 / 2**20)
    assert plan.counts == {
        Reason.NEW: 1,
        Reason.CHANGED: 1,
        Reason.UNCHANGED: 1,
        Reason.COLD: 0,
        Reason.MISSING: 1,
        Reason.REFUSED: 1,
    }
    assert plan.by_kind() == {Kind.COMPOSITE: (2, 200), Kind.CACHE: (1, 100)}
    assert plan.by_kind(uploads_only=True) == {Kind.COMPOSITE: (1, 100), Kind.CACHE: (1, 100)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.png", "image/png"),
        ("A.JPG", "image/jpeg"),
        ("a.webp", "image/webp"),
        ("a.psd", "image/vnd.adobe.photoshop"),
        ("a.txt", "text/plain"),
        ("a.tar.gz", "application/octet-stream"),
        ("a.png.gz", "application/octet-stream"),
        ("a.svgz", "application/octet-stream"),
        ("a.unknownsort", "application/octet-stream"),
        ("png", "application/octet-stream"),
        ("json", "application/octet-stream"),
        ("a.", "application/octet-stream"),
        ("data:text,html", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_the_content_type_follows_the_extension(name: str, expected: str) -> None:
    assert content_type_of(name) == expected


# -- older copies

OLD, NEW, OTHER = "b2xkAAAAAAA=", "bmV3AAAAAAA=", "b3RoZXIAAAA="
STORED_AT = datetime(2026, 11, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("local", "remote", "origin", "proved", "is_as_proved", "written", "expected"),
    [
        # what the file was made from is known
        (OLD, NEW, OLD, None, False, 9, "refused"),
        (OLD, NEW, OLD, NEW, True, 9, "refused"),  # a later look proved the newer object
        (OLD, None, OLD, None, False, 9, "refused"),  # a server without checksums
        (OTHER, OLD, OLD, None, False, -9, "changed"),  # an edit, with an old time
        (OTHER, NEW, OLD, None, False, 9, "asks"),
        (OTHER, NEW, OLD, NEW, True, 9, "asks"),
        # it is not
        (OLD, NEW, None, OLD, False, 9, "refused"),
        (OTHER, NEW, None, OLD, False, 9, "asks"),
        (OTHER, NEW, None, NEW, True, -9, "changed"),
        (OTHER, NEW, None, None, False, -9, "refused"),
        (OTHER, NEW, None, None, False, 0.9, "refused"),  # S3 tells whole seconds
        (OTHER, NEW, None, None, False, 9, "asks"),
    ],
)
def test_an_older_copy_is_never_put_over_newer_content(  # noqa: PLR0913, PLR0917 - a row is a world
    local: str,
    remote: str | None,
    origin: str | None,
    proved: str | None,
    is_as_proved: bool,  # noqa: FBT001 - the same
    written: float,
    expected: str,
) -> None:
    written_ns = int((STORED_AT.timestamp() + written) * 1e9)
    signature = Signature(3, written_ns, written_ns, 1)
    stored = StoredObject("k", 3, "etag", last_modified=STORED_AT, metadata={"cache-key": "a"})
    candidate = Candidate(
        COMPOSITE,
        "k",
        replace(PRESENT, signature=signature),
        local,
        stored,
        remote,
        is_as_proved=is_as_proved,
        proved_crc64nvme=proved,
        origin_crc64nvme=origin,
    )
    (operation,) = make_operations([candidate])
    assert (str(operation.reason), operation.replaces_unknown) == {
        "refused": ("refused", False),
        "changed": ("changed", False),
        "asks": ("changed", True),
    }[expected]
    assert ("newer content" in operation.detail) is (expected == "refused")
