"""Merging what a bucket should be into what it is; when a change is needed; when S3's answer is a proof."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.bucket import wanted
from creative_s3.core.bucket.aspects import Aspect
from creative_s3.core.bucket.changes import Change, difference, holds
from creative_s3.core.bucket.names import check_new_name
from creative_s3.core.bucket.notifications import (
    Kind,
    Notice,
    check_target,
    event_names,
    merged,
    overlaps,
)
from creative_s3.core.bucket.uploads import UnfinishedUpload, older_than
from creative_s3.core.bucket.versions import Version, plan_from
from creative_s3.errors import ObjectNotFoundError, RefusedError, SettingsError, UsageError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCALARS = st.one_of(st.text(min_size=1, max_size=4), st.integers(), st.booleans())
DOCUMENTS: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inside: st.one_of(
        st.lists(inside, min_size=1, max_size=3), st.dictionaries(st.text(max_size=3), inside, max_size=3)
    ),
    max_leaves=8,
)
STATEMENTS = st.lists(
    st.fixed_dictionaries({"Sid": st.text(min_size=1, max_size=3), "Effect": st.just("Allow")}),
    max_size=5,
    unique_by=lambda one: one["Sid"],
)


@given(st.dictionaries(st.text(max_size=3), DOCUMENTS, max_size=4))
def test_what_was_written_proves_itself_and_more_beside_it_does_no_harm(document: dict[str, Any]) -> None:
    assert holds(document, document)
    assert holds({**document, "added by S3": True}, document)


@given(st.dictionaries(st.text(max_size=3), SCALARS, min_size=1, max_size=4))
def test_a_part_that_is_gone_or_changed_is_no_proof(document: dict[str, Any]) -> None:
    name = next(iter(document))
    assert not holds({key: value for key, value in document.items() if key != name}, document)
    assert not holds({**document, name: ["something", "else"]}, document)


def test_rules_in_another_order_are_a_proof_and_a_lost_or_added_rule_is_none() -> None:
    one, two = {"ID": "a", "Status": "Enabled"}, {"ID": "b", "Status": "Enabled"}
    assert holds({"Rules": [two, {**one, "Priority": 1}]}, {"Rules": [one, two]})
    assert not holds({"Rules": [one]}, {"Rules": [one, two]})
    assert not holds({"Rules": [one, two, {"ID": "c"}]}, {"Rules": [one, two]})
    assert not holds({"Rules": [one, {**two, "Status": "Disabled"}]}, {"Rules": [one, two]})


def test_a_policys_single_word_may_come_back_in_a_list() -> None:
    assert holds({"Action": ["s3:*"]}, {"Action": "s3:*"})
    assert holds({"Action": "s3:*"}, {"Action": ["s3:*"]})


@given(STATEMENTS, STATEMENTS)
def test_merging_a_policy_keeps_every_other_statement_in_its_place(
    theirs: list[dict[str, Any]], ours: list[dict[str, Any]]
) -> None:
    before = {"Version": "2012-10-17", "Statement": theirs}
    ours = [{**one, "Effect": "Deny"} for one in ours]
    after = wanted.policy(before, ours)["Statement"]
    sids = {one["Sid"] for one in ours}
    assert [one for one in after if one["Sid"] not in sids] == [
        one for one in theirs if one["Sid"] not in sids
    ]
    assert [one["Sid"] for one in after[: len(theirs)]] == [one["Sid"] for one in theirs]
    assert all(one in after for one in ours)
    assert wanted.policy({"Statement": after}, ours)["Statement"] == after


def test_switching_something_off_is_a_change_and_off_already_is_none() -> None:
    assert Change(Aspect.LOGGING, {"LoggingEnabled": {"TargetBucket": "b"}}, {}).is_needed
    assert not Change(Aspect.LOGGING, None, {}).is_needed


def test_the_difference_shows_what_goes_and_comes_as_an_outline() -> None:
    before = {"Rules": [{"ID": "a", "Days": 3}]}
    after = {"Rules": [{"ID": "a", "Days": 7, "Filter": {"Prefix": ""}}]}
    assert difference(before, after) == (
        " Rules:",
        "   - ID: a",
        "-    Days: 3",
        "+    Days: 7",
        "+    Filter:",
        '+      Prefix: ""',
    )
    assert Change(Aspect.LIFECYCLE, after, after).diff == ()


def test_the_guides_policy_covers_objects_only_and_is_not_enough() -> None:
    guides = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "arn:aws:s3:::assets/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    assert not wanted.denies_plain_http({"Statement": [guides]}, "assets")
    bucket = {**guides, "Resource": "arn:aws:s3:::assets"}
    assert wanted.denies_plain_http({"Statement": [guides, bucket]}, "assets")
    assert wanted.denies_plain_http({"Statement": [wanted.tls_statement("assets")]}, "assets")
    for weaker in (
        {"Effect": "Allow"},
        {"Principal": {"AWS": "arn:aws:iam::111122223333:root"}},
        {"Action": "s3:GetObject"},
        {"Condition": {"Bool": {"aws:SecureTransport": "true"}}},
        {"Condition": {"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"a": "b"}}},
    ):
        statement = {**wanted.tls_statement("assets"), **weaker}
        assert not wanted.denies_plain_http({"Statement": [statement]}, "assets")


def test_an_abort_rule_of_others_for_everything_counts_and_one_for_a_prefix_does_not() -> None:
    abort = {"Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3}}
    everything = {"Rules": [{"ID": "theirs", "Filter": {}, **abort}]}
    assert wanted.abort_rule(everything) == everything
    for less in ({"Filter": {"Prefix": "logs/"}}, {"Prefix": "logs/"}, {"Filter": {}, "Status": "Disabled"}):
        before = {"Rules": [{"ID": "theirs", **abort, **less}]}
        after = wanted.abort_rule(before)["Rules"]
        assert (after[0], after[1]["ID"]) == (before["Rules"][0], wanted.ABORT_RULE_ID)


def test_more_rules_than_s3_takes_are_refused() -> None:
    rules = [{"ID": str(number)} for number in range(1_000)]
    with pytest.raises(RefusedError, match="1,001"):
        wanted.abort_rule({"Rules": rules})
    with pytest.raises(RefusedError, match="20 KB"):
        wanted.policy({"Statement": [{"Sid": "x", "Resource": "a" * 20_480}]}, [wanted.tls_statement("b")])


def test_better_encryption_than_asked_for_stays() -> None:
    dsse = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms:dsse"}}]}
    assert wanted.encryption(dsse, None) == dsse
    with pytest.raises(RefusedError):
        wanted.versioning({"Status": "Suspended", "MFADelete": "Enabled"})


@pytest.mark.parametrize(
    "name",
    [
        "ab",
        "a" * 64,
        "Assets",
        "a_b",
        "-ab",
        "ab-",
        "a..b",
        "192.168.5.4",
        "xn--assets",
        "sthree-assets",
        "amzn-s3-demo-a",
        "assets-s3alias",
        "assets--ol-s3",
        "assets.mrap",
        "assets--x-s3",
        "assets--table-s3",
        "assets-111122223333-us-east-1-an",
    ],
)
def test_a_name_that_s3_would_refuse_is_refused_here(name: str) -> None:
    with pytest.raises(SettingsError):
        check_new_name(name)


def test_usual_names_are_taken() -> None:
    for name in ("abc", "my-assets", "my.assets.2026", "a" * 63, "1.2.3"):
        check_new_name(name)


def test_overlapping_notifications_are_refused_before_s3_does() -> None:
    theirs = {
        "QueueConfigurations": [
            {
                "Id": "theirs",
                "QueueArn": "arn:aws:sqs:us-east-1:1:q",
                "Events": ["s3:ObjectCreated:Put"],
                "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "a/b"}]}},
            }
        ]
    }
    function = "arn:aws:lambda:us-east-1:1:function:f"
    with pytest.raises(RefusedError, match="theirs"):
        merged(theirs, Notice(Kind.LAMBDA, function, prefix="a/"))
    for apart in (
        Notice(Kind.LAMBDA, function, prefix="a/c"),
        Notice(Kind.LAMBDA, function, events=("s3:ObjectRemoved:*",), prefix="a/"),
        Notice(Kind.EVENTBRIDGE),
    ):
        after = merged(theirs, apart)
        assert after["QueueConfigurations"] == theirs["QueueConfigurations"]
        assert merged(after, apart) == after


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("a", ".png"), ("a/b", ".jpg"), False),
        (("a", ".png"), ("a/b", "x.png"), True),
        (("a", ""), ("b", ""), False),
        (("", ""), ("b", ".png"), True),
    ],
)
def test_two_filters_overlap_when_some_key_fits_both(
    one: tuple[str, str], other: tuple[str, str], *, expected: bool
) -> None:
    def entry(filters: tuple[str, str]) -> dict[str, Any]:
        rules = [
            {"Name": name, "Value": value} for name, value in zip(("prefix", "suffix"), filters, strict=True)
        ]
        return {"Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": rules}}}

    assert overlaps(entry(one), entry(other)) is expected
    assert overlaps(entry(other), entry(one)) is expected


def test_targets_that_s3_cannot_tell_are_refused() -> None:
    for notice, word in (
        (Notice(Kind.LAMBDA, "arn:aws:sqs:us-east-1:1:q"), "no ARN of lambda"),
        (Notice(Kind.SQS, "arn:aws:sqs:eu-west-3:1:q"), "one region"),
        (Notice(Kind.SQS, "arn:aws:sqs:us-east-1:1:q.fifo"), "FIFO"),
    ):
        with pytest.raises(UsageError, match=word):
            check_target(notice, "us-east-1")
    check_target(Notice(Kind.SNS, "arn:aws:sns:us-east-1:1:t"), "us-east-1")


def test_events_may_be_named_for_short_and_must_exist() -> None:
    assert event_names(["ObjectRemoved:Delete", "s3:ObjectRemoved:Delete"]) == ("s3:ObjectRemoved:Delete",)
    assert event_names([]) == ("s3:ObjectCreated:*",)
    with pytest.raises(UsageError):
        event_names(["ObjectMade:*"])


def version(name: str, *, deleted: bool = False, latest: bool = False) -> Version:
    return Version(name, latest, deleted, NOW, 0 if deleted else 3, storage_class="STANDARD")


def test_a_deleted_object_comes_back_by_removing_the_markers_on_top() -> None:
    found = (
        version("d2", deleted=True, latest=True),
        version("d1", deleted=True),
        version("v1"),
        version("v0"),
    )
    plan = plan_from("k", found, None)
    assert ([one.version_id for one in plan.markers], plan.copies, plan.target.version_id) == (
        ["d2", "d1"],
        False,
        "v1",
    )
    older = plan_from("k", found, "v0")
    assert (older.markers, older.copies) == ((), True)
    elsewhere = plan_from("k", found, None, removes_markers=False)
    assert (elsewhere.markers, elsewhere.copies, elsewhere.target.version_id) == ((), True, "v1")


def test_going_back_needs_a_version_that_has_content() -> None:
    found = (version("v1", latest=True), version("d0", deleted=True), version("v0"))
    with pytest.raises(UsageError, match="has to be named"):
        plan_from("k", found, None)
    with pytest.raises(UsageError, match="delete marker"):
        plan_from("k", found, "d0")
    with pytest.raises(ObjectNotFoundError):
        plan_from("k", found, "nowhere")
    with pytest.raises(ObjectNotFoundError):
        plan_from("k", (version("d0", deleted=True, latest=True),), None)
    assert not plan_from("k", found, "v1").is_needed
    assert plan_from("k", found, "v0").copies


def test_only_uploads_that_are_known_to_be_old_are_old() -> None:
    old = UnfinishedUpload("a", "1", NOW - timedelta(days=8), "STANDARD")
    young = UnfinishedUpload("b", "2", NOW - timedelta(days=6), "STANDARD")
    undated = UnfinishedUpload("c", "3", None, "STANDARD")
    assert older_than([old, young, undated], timedelta(days=7), now=NOW) == (old,)
