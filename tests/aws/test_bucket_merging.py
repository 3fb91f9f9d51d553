"""Every configuration that we put keeps what others put there: byte for byte, as AWS would get it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from creative_s3.core.bucket import configurations, logs, notifications, wanted
from creative_s3.core.bucket.aspects import Aspect
from creative_s3.core.bucket.changes import Change, Outcome, carry_out
from creative_s3.core.bucket.notifications import Kind, Notice
from creative_s3.core.bucket.replication import Wish, plan_replication
from creative_s3.core.bucket.setup import Part, plan_setup, set_up, with_tls
from creative_s3.errors import NotS3Error, PreconditionFailedError, RefusedError, UnsupportedError, UsageError
from tests.aws.scripted_s3 import XMLNS, ScriptedS3, connection_to

if TYPE_CHECKING:
    from creative_s3.core.s3.connection import Connection

ROLE = "arn:aws:iam::111122223333:role/copy"
FUNCTION = "arn:aws:lambda:eu-west-3:111122223333:function:thumbs"
THEIR_REPLICATION = (
    "<Rule><ID>theirs</ID><Priority>7</Priority><Filter><And><Prefix>x/</Prefix><Tag><Key>a</Key>"
    "<Value>b</Value></Tag></And></Filter><Status>Enabled</Status><SourceSelectionCriteria>"
    "<ReplicaModifications><Status>Enabled</Status></ReplicaModifications></SourceSelectionCriteria>"
    "<Destination><Bucket>arn:aws:s3:::elsewhere</Bucket><StorageClass>GLACIER_IR</StorageClass>"
    "</Destination><DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication></Rule>"
)
THEIR_OLD_REPLICATION = (
    "<Rule><ID>old</ID><Prefix/><Status>Enabled</Status>"
    "<Destination><Bucket>arn:aws:s3:::elsewhere</Bucket></Destination></Rule>"
)
THEIR_QUEUE = (
    "<QueueConfiguration><Id>theirs</Id><Queue>arn:aws:sqs:eu-west-3:1:q</Queue>"
    "<Event>s3:ObjectRemoved:*</Event><Filter><S3Key><FilterRule><Name>Prefix</Name><Value>logs/</Value>"
    "</FilterRule></S3Key></Filter></QueueConfiguration>"
)
THEIR_LIFECYCLE = (
    "<Rule><ID>theirs</ID><Filter><And><Prefix>logs/</Prefix><ObjectSizeGreaterThan>1000"
    "</ObjectSizeGreaterThan></And></Filter><Status>Enabled</Status><Expiration><Days>9</Days></Expiration></Rule>"
)
THEIR_STATEMENT = {
    "Sid": "Theirs",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
    "Action": ["s3:GetObject"],
    "Resource": "arn:aws:s3:::source/*",
    "Condition": {"StringNotEquals": {"aws:PrincipalTag/team": ["a", "b"]}},
}


@pytest.fixture
def s3() -> ScriptedS3:
    return ScriptedS3({"source": "eu-west-3", "copy": "eu-central-1", "logs-of-all": "eu-west-3"})


@pytest.fixture
def connection(s3: ScriptedS3, monkeypatch: pytest.MonkeyPatch) -> Connection:
    return connection_to(s3, "source", monkeypatch)


def versioned(s3: ScriptedS3, *buckets: str) -> None:
    for bucket in buckets:
        s3.held[bucket, "versioning"] = (
            f"<VersioningConfiguration {XMLNS}><Status>Enabled</Status></VersioningConfiguration>"
        )


def has_element(document: str, element: str) -> bool:
    """Tell whether an XML document has exactly this element; the order of its parts means nothing."""
    wanted_form = canonical(ET.fromstring(element))  # noqa: S314 - our own text
    return wanted_form in [canonical(one) for one in ET.fromstring(document).iter()]  # noqa: S314 - our own text


def canonical(element: ET.Element) -> tuple[object, ...]:
    text = (element.text or "").strip()
    name = element.tag.rpartition("}")[2]
    text = text.lower() if name == "Name" else text  # S3 answers Prefix to prefix
    return name, text, tuple(sorted(map(canonical, element), key=repr))


def test_a_replication_rule_of_others_stays_beside_ours(connection: Connection, s3: ScriptedS3) -> None:
    versioned(s3, "source", "copy")
    s3.held["source", "replication"] = (
        f"<ReplicationConfiguration {XMLNS}><Role>{ROLE}</Role>{THEIR_REPLICATION}</ReplicationConfiguration>"
    )
    kms = "arn:aws:kms:eu-central-1:111122223333:key/k"
    wish = Wish("copy", ROLE, prefix="creative-assets/", is_timed=True, kms_key_arn=kms)
    change = plan_replication(connection, wish)
    assert change.kept == ("theirs",)
    assert carry_out(connection, change).outcome is Outcome.PROVED
    put = s3.held["source", "replication"]
    assert has_element(put, THEIR_REPLICATION)
    assert "<ReplicaKmsKeyID>" + kms in put
    for timed in ("ReplicationTime", "Metrics"):
        assert f"<{timed}><Status>Enabled</Status>" in put
    assert "<Priority>8</Priority>" in put  # nobody else has it
    assert plan_replication(connection, wish).is_needed is False


def test_replication_is_refused_while_a_side_keeps_no_versions(
    connection: Connection, s3: ScriptedS3
) -> None:
    versioned(s3, "source")
    with pytest.raises(RefusedError) as caught:
        plan_replication(connection, Wish("copy", ROLE))
    assert (caught.value.item, caught.value.hint) == (
        "copy",
        "creative-s3 bucket apply --only versioning --bucket copy",
    )
    assert s3.puts == []


def test_replication_is_refused_where_others_use_another_role_or_the_older_form(
    connection: Connection, s3: ScriptedS3
) -> None:
    versioned(s3, "source", "copy")
    for role, rule, word in (
        ("arn:aws:iam::111122223333:role/other", THEIR_REPLICATION, "one role for all"),
        (
            ROLE,
            THEIR_OLD_REPLICATION,
            "older form",
        ),
    ):
        s3.held["source", "replication"] = (
            f"<ReplicationConfiguration {XMLNS}><Role>{role}</Role>{rule}</ReplicationConfiguration>"
        )
        with pytest.raises(RefusedError, match=word):
            plan_replication(connection, Wish("copy", ROLE))
    assert s3.puts == []


def test_a_key_of_another_region_than_the_destinations_is_a_usage_error(
    connection: Connection, s3: ScriptedS3
) -> None:
    versioned(s3, "source", "copy")
    with pytest.raises(UsageError, match="eu-central-1"):
        plan_replication(connection, Wish("copy", ROLE, kms_key_arn="arn:aws:kms:eu-west-3:1:key/k"))


def test_a_notification_of_others_stays_beside_ours_and_eventbridge_stays_on(
    connection: Connection, s3: ScriptedS3
) -> None:
    inside = f"{THEIR_QUEUE}<EventBridgeConfiguration/>"
    s3.held["source", "notification"] = (
        f"<NotificationConfiguration {XMLNS}>{inside}</NotificationConfiguration>"
    )
    notice = Notice(Kind.LAMBDA, FUNCTION, prefix="creative assets/ü", suffix=".png")
    before = configurations.read(connection, Aspect.NOTIFICATION)
    after = notifications.merged(before, notice)
    change = Change(Aspect.NOTIFICATION, before, after, notifications.kept(before, after))
    assert change.kept == ("theirs", "EventBridge")
    assert carry_out(connection, change).outcome is Outcome.PROVED
    put = s3.held["source", "notification"]
    assert has_element(put, THEIR_QUEUE)
    assert "<EventBridgeConfiguration" in put
    assert "<Value>creative+assets/%C3%BC</Value>" in put
    assert notifications.merged(configurations.read(connection, Aspect.NOTIFICATION), notice) == after


def test_a_statement_of_others_stays_beside_ours_and_ours_is_replaced_by_its_sid(
    connection: Connection, s3: ScriptedS3
) -> None:
    weak = wanted.tls_statement("source") | {
        "Resource": "arn:aws:s3:::source/*"
    }  # the guide's own, half of it
    s3.held["source", "policy"] = json.dumps(
        {"Version": "2012-10-17", "Id": "kept", "Statement": [THEIR_STATEMENT, weak]}
    )
    change = with_tls(connection, configurations.read(connection, Aspect.POLICY))
    assert change.kept == ("Theirs",)
    assert carry_out(connection, change).outcome is Outcome.PROVED
    assert json.loads(s3.held["source", "policy"]) == {
        "Version": "2012-10-17",
        "Id": "kept",
        "Statement": [THEIR_STATEMENT, wanted.tls_statement("source")],
    }


def test_a_lifecycle_rule_of_others_stays_beside_the_one_for_unfinished_uploads(
    connection: Connection, s3: ScriptedS3
) -> None:
    s3.held["source", "lifecycle"] = (
        f"<LifecycleConfiguration {XMLNS}>{THEIR_LIFECYCLE}</LifecycleConfiguration>"
    )
    plan = plan_setup(connection, [Part.ABORT_UPLOADS])
    (done,) = set_up(connection, plan).done
    assert (done.outcome, done.change.kept) == (Outcome.PROVED, ("theirs",))
    assert has_element(s3.held["source", "lifecycle"], THEIR_LIFECYCLE)
    assert plan_setup(connection, [Part.ABORT_UPLOADS]).needed == ()


def test_what_encryption_blocks_stays_when_a_key_is_set(
    s3: ScriptedS3, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = connection_to(s3, "source", monkeypatch, kms_key_id="arn:aws:kms:eu-west-3:1:key/k")
    blocked = "<BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes>"
    s3.held["source", "encryption"] = (
        f"<ServerSideEncryptionConfiguration {XMLNS}><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>"
        f"AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault>{blocked}</Rule>"
        "</ServerSideEncryptionConfiguration>"
    )
    set_up(connection, plan_setup(connection, [Part.ENCRYPTION]))
    put = s3.held["source", "encryption"]
    assert has_element(put, blocked)
    assert "<BucketKeyEnabled>true</BucketKeyEnabled>" in put
    assert "aws:kms" in put


def test_logging_merges_one_statement_into_the_targets_policy(connection: Connection, s3: ScriptedS3) -> None:
    s3.held["logs-of-all", "policy"] = json.dumps({"Version": "2012-10-17", "Statement": [THEIR_STATEMENT]})
    for change in logs.plan_on(connection, "logs-of-all", prefix="source/", account="111122223333"):
        assert carry_out(connection, change).outcome is Outcome.PROVED
    policy = json.loads(s3.held["logs-of-all", "policy"])
    assert policy["Statement"][0] == THEIR_STATEMENT
    assert policy["Statement"][1]["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert "<TargetBucket>logs-of-all</TargetBucket>" in s3.held["source", "logging"]
    off = logs.plan_off(connection)
    assert off.is_needed
    assert carry_out(connection, off).outcome is Outcome.PROVED
    assert "LoggingEnabled" not in s3.held["source", "logging"]


def test_a_bucket_that_cannot_take_logs_is_refused(connection: Connection, s3: ScriptedS3) -> None:
    with pytest.raises(RefusedError, match="eu-central-1"):
        logs.plan_on(connection, "copy", prefix="", account="111122223333")
    s3.held["logs-of-all", "requestPayment"] = (
        f"<RequestPaymentConfiguration {XMLNS}><Payer>Requester</Payer></RequestPaymentConfiguration>"
    )
    with pytest.raises(RefusedError, match="Requester Pays"):
        logs.plan_on(connection, "logs-of-all", prefix="", account="111122223333")
    with pytest.raises(UsageError):
        logs.plan_on(connection, "source", prefix="", account="111122223333")
    assert s3.puts == []


def test_a_part_that_botocore_does_not_know_stops_the_change(connection: Connection, s3: ScriptedS3) -> None:
    rule = "<Rule><ID>new</ID><Invented>1</Invented></Rule>"
    s3.held["source", "lifecycle"] = f"<LifecycleConfiguration {XMLNS}>{rule}</LifecycleConfiguration>"
    with pytest.raises(RefusedError, match="Invented"):
        plan_setup(connection, [Part.ABORT_UPLOADS])
    assert s3.puts == []


def test_an_answer_that_is_not_s3s_stops_the_change(connection: Connection, s3: ScriptedS3) -> None:
    s3.held["source", "replication"] = f"<ListBucketResult {XMLNS}><Name>source</Name></ListBucketResult>"
    versioned(s3, "source", "copy")
    with pytest.raises(UnsupportedError, match="something else"):
        plan_replication(connection, Wish("copy", ROLE))
    s3.held["source", "policy"] = "<html>"
    with pytest.raises(NotS3Error):
        configurations.read(connection, Aspect.POLICY)
    assert s3.puts == []


def test_what_somebody_changed_meanwhile_is_not_written_over(connection: Connection, s3: ScriptedS3) -> None:
    plan = plan_setup(connection, [Part.TLS])
    s3.held["source", "policy"] = json.dumps({"Version": "2012-10-17", "Statement": [THEIR_STATEMENT]})
    ((_, error),) = set_up(connection, plan).failed
    assert isinstance(error, PreconditionFailedError)
    assert s3.puts == []


def test_a_server_that_accepts_and_does_not_store_is_told(connection: Connection, s3: ScriptedS3) -> None:
    plan = plan_setup(connection, [Part.VERSIONING])
    s3.held = Forgetful()
    (done,) = set_up(connection, plan, limit_s=0.0).done
    assert done.outcome is Outcome.DIFFERENT


class Forgetful(dict[tuple[str, str], str]):
    """Takes everything and keeps nothing."""

    def __setitem__(self, key: tuple[str, str], value: str) -> None:
        pass
