"""Which server is it, and which of S3's requests does it really have: one table per provider.

A server that lacks an API may take the request for another one. SeaweedFS and moto take a DELETE of a
subresource that they do not know for a DELETE of the bucket, a PUT of one for the making of a bucket, and a
PUT of an unknown subresource of an object for a PUT of the object. So what may be sent is listed, and all
else is not sent. Who holds requests back is in `core.s3.request_guard`.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping


class Provider(StrEnum):
    """Who runs the endpoint."""

    AWS = "AWS"
    SEAWEEDFS = "SeaweedFS"
    MOTO = "moto"
    UNKNOWN = "unknown"


class Capability(StrEnum):
    """A configuration of a bucket or object; the value is S3's own name of it in a request."""

    ACCELERATE = "accelerate"
    ENCRYPTION = "encryption"
    INTELLIGENT_TIERING = "intelligent-tiering"
    INVENTORY = "inventory"
    LIFECYCLE = "lifecycle"
    LOGGING = "logging"
    METRICS = "metrics"
    NOTIFICATION = "notification"
    OWNERSHIP = "ownershipControls"
    POLICY = "policy"
    POLICY_STATUS = "policyStatus"
    PUBLIC_ACCESS = "publicAccessBlock"
    REPLICATION = "replication"
    RESTORE = "restore"
    TAGGING = "tagging"
    VERSIONING = "versioning"


NAMES: Mapping[Capability, str] = MappingProxyType(
    {
        Capability.ACCELERATE: "Transfer Acceleration",
        Capability.ENCRYPTION: "default encryption",
        Capability.INTELLIGENT_TIERING: "Intelligent-Tiering configurations",
        Capability.INVENTORY: "inventory",
        Capability.LIFECYCLE: "lifecycle rules",
        Capability.LOGGING: "server access logging",
        Capability.METRICS: "request metrics",
        Capability.NOTIFICATION: "event notifications",
        Capability.OWNERSHIP: "Object Ownership",
        Capability.POLICY: "bucket policy",
        Capability.POLICY_STATUS: "policy status",
        Capability.PUBLIC_ACCESS: "Block Public Access",
        Capability.REPLICATION: "replication",
        Capability.RESTORE: "restore from archive",
        Capability.TAGGING: "tagging",
        Capability.VERSIONING: "versioning",
    }
)
"""What people call them."""

# The subresources that a request may name, by the level and the method. What every S3-compatible server has:
_EVERYWHERE: Mapping[tuple[str, str], frozenset[str]] = {
    ("object", "PUT"): frozenset({"partNumber", "uploadId"}),
    ("object", "POST"): frozenset({"uploads", "uploadId"}),
    ("object", "DELETE"): frozenset({"uploadId"}),
    ("bucket", "POST"): frozenset({"delete"}),
}
# Seen on the running server, release 4.48: each of these is routed, nothing else is.
_SEAWEEDFS: Mapping[tuple[str, str], frozenset[str]] = {
    ("bucket", "PUT"): frozenset(
        {
            "acl",
            "cors",
            "encryption",
            "lifecycle",
            "object-lock",
            "ownershipControls",
            "policy",
            "tagging",
            "versioning",
        }
    ),
    ("bucket", "DELETE"): frozenset(
        {"cors", "encryption", "lifecycle", "ownershipControls", "policy", "tagging"}
    ),
    ("object", "PUT"): frozenset({"acl", "legal-hold", "retention", "tagging", "versionId"}),
    ("object", "DELETE"): frozenset({"tagging", "versionId"}),
}
# Read in its source, release 5.2.5 (`s3/responses.py`), and seen on its server.
_MOTO: Mapping[tuple[str, str], frozenset[str]] = {
    ("bucket", "PUT"): frozenset(
        {
            "accelerate",
            "acl",
            "cors",
            "encryption",
            "id",
            "inventory",
            "lifecycle",
            "logging",
            "notification",
            "object-lock",
            "ownershipControls",
            "policy",
            "publicAccessBlock",
            "replication",
            "tagging",
            "versioning",
            "website",
        }
    ),
    ("bucket", "DELETE"): frozenset(
        {
            "cors",
            "encryption",
            "lifecycle",
            "ownershipControls",
            "policy",
            "publicAccessBlock",
            "replication",
            "tagging",
            "website",
        }
    ),
    ("object", "PUT"): frozenset({"acl", "legal-hold", "retention", "tagging", "versionId"}),
    ("object", "POST"): frozenset({"restore", "select", "select-type", "versionId"}),
    ("object", "DELETE"): frozenset({"tagging", "versionId"}),
}
# Sent to a server that nobody knows, once it has answered the question for it as S3 does. Those that servers
# are known to answer with a stub, such as notification, are not among them.
_ONCE_READ: Mapping[tuple[str, str], frozenset[str]] = {
    ("bucket", "PUT"): frozenset({"cors", "encryption", "lifecycle", "policy", "tagging", "versioning"}),
}

_TABLE: Mapping[Provider, Mapping[tuple[str, str], frozenset[str]]] = MappingProxyType(
    {Provider.SEAWEEDFS: _SEAWEEDFS, Provider.MOTO: _MOTO, Provider.UNKNOWN: {}}
)
_READ_ONLY: Mapping[Provider, frozenset[Capability]] = MappingProxyType(
    {
        Provider.SEAWEEDFS: frozenset({Capability.POLICY_STATUS}),
        Provider.MOTO: frozenset({Capability.POLICY_STATUS}),
        Provider.UNKNOWN: frozenset(),
    }
)


_AWS_DOMAINS = (
    ".amazonaws.com",
    ".api.aws",
    ".amazonaws.com.cn",
    ".api.amazonwebservices.com.cn",
    ".amazonaws.eu",
    ".api.amazonwebservices.eu",
    ".c2s.ic.gov",
    ".api.aws.ic.gov",
    ".sc2s.sgov.gov",
    ".api.aws.scloud",
    ".cloud.adc-e.uk",
    ".api.cloud-aws.adc-e.uk",
    ".csp.hci.ic.gov",
    ".api.aws.hci.ic.gov",
)
"""Of all partitions: where each region's hosts are, and those for IPv6 as well (botocore: "partitions")."""


def is_aws(endpoint_url: str | None) -> bool:
    """Tell whether an address is one of AWS's own; no address is the one that a region has by itself."""
    return endpoint_url is None or (urlsplit(endpoint_url).hostname or "").endswith(_AWS_DOMAINS)


def is_directory_bucket(bucket: str) -> bool:
    """Tell whether a name is that of a directory bucket of S3 Express One Zone, which lists in no order."""
    return bucket.endswith("--x-s3")


def provider_of(server: str) -> Provider:
    """Read a Server header; several of them are joined by commas."""
    if server.startswith("SeaweedFS "):
        return Provider.SEAWEEDFS
    if server.startswith("Werkzeug/") and server.endswith("amazon.com"):
        return Provider.MOTO
    return Provider.UNKNOWN


def supports(provider: Provider, capability: Capability) -> bool:
    """Tell whether a provider is known to have an API, or might prove that it has."""
    if provider is Provider.AWS:
        return True
    name = capability.value
    tables = [_TABLE[provider]] + ([_ONCE_READ] if provider is Provider.UNKNOWN else [])
    written = any(
        name in names for table in tables for (_, method), names in table.items() if method in {"PUT", "POST"}
    )
    return written or capability in _READ_ONLY[provider]


def may_send(
    provider: Provider, level: str, method: str, names: frozenset[str], *, read: frozenset[str] = frozenset()
) -> bool:
    """Tell whether a request cannot be taken for another one.

    Args:
        provider: Who gets it.
        level: ``service``, ``bucket`` or ``object``.
        method: HTTP's.
        names: The subresources and parameters that it names.
        read: The subresources that this server has answered as S3 does.
    """
    if provider is Provider.AWS or method in {"GET", "HEAD", "OPTIONS"}:
        return True
    if level == "service" or (level == "bucket" and method == "DELETE" and not names):
        return False  # nothing here deletes buckets
    allowed = _EVERYWHERE.get((level, method), frozenset()) | _TABLE[provider].get(
        (level, method), frozenset()
    )
    if provider is Provider.UNKNOWN:
        allowed |= _ONCE_READ.get((level, method), frozenset()) & read
    return names <= allowed


def once_read() -> frozenset[str]:
    """Return the subresources that an unknown server may be sent after it answered for them."""
    return frozenset().union(*_ONCE_READ.values())
