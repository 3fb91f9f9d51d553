"""Lifecycle rules on a real server that has expiration and no archive classes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session

from creative_s3.core.lifecycle.bucket_rules import read_rules, set_policy
from creative_s3.core.lifecycle.rules import Policy, rules_for
from creative_s3.core.storage.manager import S3StorageManager
from creative_s3.errors import CreativeS3Error, RefusedError, TemporaryError, UnsupportedError
from tests.cli.odd_server import odd_server, s3_error

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from creative_s3.core.s3.connection import Connection

THEIRS = (
    "<Rule><ID>theirs</ID><Status>Enabled</Status>"
    "<Filter><And><Prefix>logs/</Prefix><ObjectSizeGreaterThan>1000</ObjectSizeGreaterThan></And></Filter>"
    "<Expiration><Days>9</Days></Expiration>"
    "<AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload>"
    "</Rule>"
)
ASLEEP = (
    "<Rule><ID>asleep</ID><Status>Disabled</Status><Prefix>old/</Prefix>"
    "<Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition></Rule>"
)
EXPIRE = Policy(transition_days=None, expiration_days=30, archive_storage_class="GLACIER")
NOW = datetime.now(UTC)


def raw(connection: Connection, method: str, content: str = "", **headers: str) -> tuple[str, dict[str, str]]:
    """Send a request about the lifecycle rules that botocore has not touched; return body and headers."""
    request = AWSRequest(
        method, f"{connection.endpoint_url}/{connection.bucket}?lifecycle", headers, content.encode()
    )
    credentials = connection.session.get_credentials()
    assert credentials is not None
    S3SigV4Auth(credentials, "s3", connection.region).add_auth(request)
    answer = URLLib3Session().send(request.prepare())
    assert answer.status_code in {200, 204}, answer.text
    return answer.text, dict(answer.headers)


def configuration(*rules: str) -> str:
    return f'<LifecycleConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{"".join(rules)}</LifecycleConfiguration>'


def test_rules_of_others_stay_byte_for_byte_beside_ours(
    storage: S3StorageManager, connection: Connection
) -> None:
    name = "x-amz-transition-default-minimum-object-size"
    raw(connection, "PUT", configuration(THEIRS, ASLEEP), **{name: "varies_by_storage_class"})

    result = storage.setup_lifecycle_policy(transition_days=None, expiration_days=30)

    assert result.changed
    assert [rule["ID"] for rule in result.before] == ["theirs", "asleep"]
    assert result.after == (*result.before, *rules_for(EXPIRE, "creative-assets"))
    assert result.rule_ids == tuple(rule["ID"] for rule in result.after[2:])
    text, headers = raw(connection, "GET")
    for rule in (THEIRS, ASLEEP):
        assert _same_elements(rule, text)
    assert {header.lower(): value for header, value in headers.items()}[name] == "varies_by_storage_class"


def _same_elements(rule: str, text: str) -> bool:
    """Tell whether `text` has exactly this rule among its rules; the order of elements means nothing."""
    wanted = _canonical(ET.fromstring(rule))  # noqa: S314 - our own text
    return wanted in [_canonical(child) for child in ET.fromstring(text)]  # noqa: S314 - our own server


def _canonical(element: ET.Element) -> tuple[object, ...]:
    return (
        element.tag.rpartition("}")[2],
        (element.text or "").strip(),
        tuple(sorted(map(_canonical, element), key=repr)),
    )


def test_rules_can_be_read_alone(storage: S3StorageManager) -> None:
    assert read_rules(storage) == ()
    result = storage.setup_lifecycle_policy(None, 30)
    assert read_rules(storage) == result.after


def test_the_same_call_again_writes_nothing(storage: S3StorageManager) -> None:
    first = storage.setup_lifecycle_policy(None, 30)
    second = storage.setup_lifecycle_policy(None, 30)
    assert (first.changed, second.changed) == (True, False)
    assert second.before == second.after == first.after
    assert storage.requests["PutBucketLifecycleConfiguration"] == 1


def test_another_call_replaces_our_rules_alone(storage: S3StorageManager, connection: Connection) -> None:
    raw(connection, "PUT", configuration(THEIRS))
    storage.setup_lifecycle_policy(None, 30)
    result = storage.setup_lifecycle_policy(None, 60)
    assert {rule["Expiration"]["Days"] for rule in result.after if rule["ID"] != "theirs"} == {60}
    assert len(result.after) == 6
    other = storage.setup_lifecycle_policy(None, 60, prefix="/another/")
    assert len(other.after) == 11


def test_transitions_are_unsupported_here_and_the_rules_stay(
    storage: S3StorageManager, connection: Connection
) -> None:
    raw(connection, "PUT", configuration(THEIRS))
    with pytest.raises(UnsupportedError) as caught:
        storage.setup_lifecycle_policy(
            transition_days=90, expiration_days=365, archive_storage_class="GLACIER"
        )
    assert "transition_days=None" in (caught.value.hint or "")
    assert _same_elements(THEIRS, raw(connection, "GET")[0])


def test_a_rule_with_a_part_that_we_do_not_know_is_not_written_over(
    storage: S3StorageManager, connection: Connection
) -> None:
    new = THEIRS.replace("</Rule>", "<SomethingOf2031><Days>5</Days></SomethingOf2031></Rule>")
    raw(connection, "PUT", configuration(new))
    before = raw(connection, "GET")
    with pytest.raises(RefusedError, match="SomethingOf2031"):
        storage.setup_lifecycle_policy(None, 30)
    assert raw(connection, "GET")[0] == before[0]
    assert "PutBucketLifecycleConfiguration" not in storage.requests


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, "<ListBucketResult><Name>b</Name><Contents><Key>k</Key></Contents></ListBucketResult>"),
        (200, ""),
        (200, "{}"),
        (501, s3_error("NotImplemented")),
        (405, s3_error("MethodNotAllowed")),
    ],
)
def test_a_server_that_does_not_answer_with_rules_is_sent_nothing_more(
    connection: Connection, status: int, body: str
) -> None:
    with odd_server(status, body) as server:
        config = connection.config.model_copy(update={"endpoint_url": server.url})
        with pytest.raises(CreativeS3Error) as caught:
            S3StorageManager(config).setup_lifecycle_policy()
        assert isinstance(caught.value, UnsupportedError | TemporaryError)
        assert {line.split()[0] for line in server.asked} == {"GET"}


def test_nothing_is_changed_when_assets_would_be_deleted_at_once(
    storage: S3StorageManager, s3: S3Client, bucket: str
) -> None:
    for key in (
        "creative-assets/products/a",
        "creative-assets/cache/b",
        "creative-assets/metadata/index.json",
    ):
        s3.put_object(Bucket=bucket, Key=key, Body=b"1234")
    later = NOW + timedelta(days=32)

    with pytest.raises(RefusedError, match="2 of 2 assets are older than 30 days") as caught:
        set_policy(storage, EXPIRE, prefix="creative-assets", now=later)
    assert "expire_existing=True" in (caught.value.hint or "")
    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        s3.get_bucket_lifecycle_configuration(Bucket=bucket)

    result = set_policy(storage, EXPIRE, prefix="creative-assets", now=later, expire_existing=True)
    assert (result.objects, result.size_bytes, result.changed) == (2, 8, True)


def test_assets_that_are_young_enough_are_counted_and_the_result_says_what_will_happen(
    storage: S3StorageManager, s3: S3Client, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="creative-assets/products/a", Body=b"1234")
    result = storage.setup_lifecycle_policy(None, 30)
    assert (result.objects, result.size_bytes) == (1, 4)
    assert any("nothing brings them back" in warning for warning in result.warnings)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert any("noncurrent" in warning for warning in storage.setup_lifecycle_policy(None, 30).warnings)
