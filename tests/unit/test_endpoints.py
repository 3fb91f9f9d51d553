"""Which requests may go to which server: the table, and who reads it."""

from __future__ import annotations

import pytest
from botocore.session import Session

from creative_s3.core.s3.endpoints import Capability, Provider, may_send, provider_of, supports

NOT_AWS = (Provider.SEAWEEDFS, Provider.MOTO, Provider.UNKNOWN)
READING = {"GET", "HEAD", "OPTIONS"}


def s3_requests() -> list[tuple[str, str, str, frozenset[str]]]:
    """Every operation of botocore's model of S3 that writes: name, level, method, subresources."""
    model = Session().get_service_model("s3")
    found = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        if http["method"] not in READING:
            path, _, query = http["requestUri"].partition("?")
            names = frozenset(word.partition("=")[0] for word in query.split("&") if word) - {"x-id"}
            level = "object" if "{Key" in path else "bucket" if "{Bucket}" in path else "service"
            found.append((name, level, http["method"], names))
    return found


REQUESTS = s3_requests()


def test_every_provider_is_known_by_what_it_calls_itself() -> None:
    assert provider_of("SeaweedFS 8000GB 4.48") is Provider.SEAWEEDFS
    assert provider_of("Werkzeug/3.1.9 Python/3.11.7, amazon.com") is Provider.MOTO
    for other in ("", "MinIO", "Werkzeug/3.1.9 Python/3.11.7", "AmazonS3", "nginx"):
        assert provider_of(other) is Provider.UNKNOWN


def test_aws_has_everything() -> None:
    assert all(supports(Provider.AWS, one) for one in Capability)
    assert all(may_send(Provider.AWS, level, method, names) for _, level, method, names in REQUESTS)


@pytest.mark.parametrize("provider", NOT_AWS)
def test_no_delete_that_could_reach_a_bucket_is_sent(provider: Provider) -> None:
    known = {"cors", "encryption", "lifecycle", "ownershipControls", "policy", "tagging"}
    more = {"publicAccessBlock", "replication", "website"} if provider is Provider.MOTO else set()
    allowed = set() if provider is Provider.UNKNOWN else known | more
    sent = {
        names
        for _, level, method, names in REQUESTS
        if (level, method) == ("bucket", "DELETE") and may_send(provider, level, method, names)
    }
    assert sent == {frozenset({name}) for name in allowed}


@pytest.mark.parametrize("provider", NOT_AWS)
@pytest.mark.parametrize("name", ["annotation", "encryption", "renameObject", "anything-new"])
def test_no_put_that_could_replace_an_object_is_sent(provider: Provider, name: str) -> None:
    assert not may_send(provider, "object", "PUT", frozenset({name}))


@pytest.mark.parametrize("provider", [Provider.SEAWEEDFS, Provider.UNKNOWN])
@pytest.mark.parametrize(
    "one",
    [
        Capability.REPLICATION,
        Capability.NOTIFICATION,
        Capability.ACCELERATE,
        Capability.LOGGING,
        Capability.METRICS,
        Capability.INVENTORY,
        Capability.PUBLIC_ACCESS,
    ],
)
def test_what_only_aws_has_is_not_supported_elsewhere(provider: Provider, one: Capability) -> None:
    assert not supports(provider, one)
    assert not may_send(provider, "bucket", "PUT", frozenset({one.value}), read=frozenset({one.value}))


def test_an_unknown_server_gets_only_what_it_has_answered_for() -> None:
    lifecycle = frozenset({"lifecycle"})
    assert not may_send(Provider.UNKNOWN, "bucket", "PUT", lifecycle)
    assert may_send(Provider.UNKNOWN, "bucket", "PUT", lifecycle, read=lifecycle)
    assert not may_send(Provider.UNKNOWN, "bucket", "DELETE", lifecycle, read=lifecycle)
    assert not may_send(Provider.UNKNOWN, "object", "DELETE", frozenset({"versionId"}))


@pytest.mark.parametrize("provider", NOT_AWS)
def test_uploads_in_parts_go_everywhere_and_buckets_are_deleted_nowhere(provider: Provider) -> None:
    assert may_send(provider, "object", "PUT", frozenset({"partNumber", "uploadId"}))
    assert may_send(provider, "object", "POST", frozenset({"uploads"}))
    assert may_send(provider, "object", "DELETE", frozenset({"uploadId"}))
    assert may_send(provider, "bucket", "POST", frozenset({"delete"}))
    assert not may_send(provider, "bucket", "DELETE", frozenset())
    assert not may_send(provider, "service", "POST", frozenset())
