"""Distributions: what CloudFront has in front of a bucket, and which path leads to which object."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creative_s3.core.cdn.planning import NotServedError, path_of_key

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a distribution gets its objects from.

    Attributes:
        id: Its name within the distribution.
        domain_name: Such as ``my-bucket.s3.us-east-1.amazonaws.com``.
        path: What goes before a viewer's path, such as ``/creative-assets``; empty for nothing.
        access_control_id: The origin access control that signs the requests; None when there is none.
        access_identity: The older way of signing; None when it is not used.
    """

    id: str
    domain_name: str
    path: str = ""
    access_control_id: str | None = None
    access_identity: str | None = None

    @property
    def is_website(self) -> bool:
        """Whether it is a bucket's website, which cannot be kept private."""
        return ".s3-website" in self.domain_name

    def is_bucket(self, bucket: str) -> bool:
        """Tell whether it is this bucket, by its REST or its website address."""
        return self.domain_name.startswith((f"{bucket}.s3.", f"{bucket}.s3-")) and ".amazonaws." in (
            self.domain_name
        )


@dataclass(frozen=True, slots=True)
class Behavior:
    """Which origin answers which paths, and how.

    Attributes:
        pattern: Such as ``/products/*``; ``*`` for the default.
        origin_id: The origin.
        viewer_protocol: Such as ``redirect-to-https``.
        cache_policy_id: What decides the cache key and times; None for the older form.
        compresses: Whether CloudFront compresses texts.
        methods: Which requests viewers may send.
    """

    pattern: str
    origin_id: str
    viewer_protocol: str = ""
    cache_policy_id: str | None = None
    compresses: bool = False
    methods: tuple[str, ...] = ()

    def serves(self, path: str) -> bool:
        """Tell whether a path matches; ``*`` is any text and ``?`` any character, as CloudFront has it."""
        parts = (".*" if one == "*" else "." if one == "?" else re.escape(one) for one in self.pattern)
        expression = "".join(parts)
        return (
            re.fullmatch(expression if self.pattern[:1] in {"/", "*"} else f"/{expression}", path) is not None
        )


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution as far as it concerns a bucket behind it.

    Attributes:
        id: CloudFront's name.
        arn: For policies.
        status: ``Deployed``, or ``InProgress`` while a change spreads.
        enabled: Whether it answers viewers.
        domain_name: Its own address.
        aliases: The addresses that people use.
        origins: Where it gets objects from.
        behaviors: In the order in which they are tried; the default is the last.
        tag_header: The header in which origins name an object's cache tags; None when tags are off.
    """

    id: str
    arn: str
    status: str
    enabled: bool
    domain_name: str
    aliases: tuple[str, ...]
    origins: tuple[Origin, ...]
    behaviors: tuple[Behavior, ...]
    tag_header: str | None = None

    @property
    def host(self) -> str:
        """The address that viewers use: the first alias, else its own name."""
        named = (alias for alias in self.aliases if not alias.startswith("*"))
        return next(named, self.domain_name)

    def origins_of(self, bucket: str) -> tuple[Origin, ...]:
        """Return the origins that are this bucket."""
        return tuple(origin for origin in self.origins if origin.is_bucket(bucket))

    def behavior_of(self, path: str) -> Behavior:
        """Return the behaviour that answers a path."""
        return next(behavior for behavior in self.behaviors if behavior.serves(path))

    def path_of(self, key: str, bucket: str) -> str:
        """Return the path by which viewers get an object.

        Raises:
            NotServedError: There is none.
            UsageError: The path cannot be invalidated.
        """
        refusal: NotServedError | None = None
        for origin in self.origins_of(bucket):
            try:
                path = path_of_key(key, origin.path)
            except NotServedError as error:
                refusal = error
                continue
            if self.behavior_of(path).origin_id == origin.id:
                return path
        raise refusal or NotServedError(
            "no path of the distribution leads to this object",
            item=key,
            hint=f"see its origins and behaviours: creative-s3 cdn setup {self.id}",
        )


def distribution_of(answer: Mapping[str, Any]) -> Distribution:
    """Make a value of what GetDistribution answers."""
    found = answer["Distribution"]
    config = found["DistributionConfig"]
    return Distribution(
        id=found["Id"],
        arn=found["ARN"],
        status=found["Status"],
        enabled=bool(config.get("Enabled")),
        domain_name=found["DomainName"],
        aliases=tuple((config.get("Aliases") or {}).get("Items") or ()),
        origins=tuple(_origin(origin) for origin in config["Origins"]["Items"]),
        behaviors=(
            *(_behavior(one) for one in (config.get("CacheBehaviors") or {}).get("Items") or ()),
            _behavior({"PathPattern": "*", **config["DefaultCacheBehavior"]}),
        ),
        tag_header=(config.get("CacheTagConfig") or {}).get("HeaderName"),
    )


def _origin(origin: Mapping[str, Any]) -> Origin:
    return Origin(
        id=origin["Id"],
        domain_name=origin["DomainName"],
        path=(origin.get("OriginPath") or "").rstrip("/"),
        access_control_id=origin.get("OriginAccessControlId") or None,
        access_identity=(origin.get("S3OriginConfig") or {}).get("OriginAccessIdentity") or None,
    )


def _behavior(behavior: Mapping[str, Any]) -> Behavior:
    return Behavior(
        pattern=behavior["PathPattern"],
        origin_id=behavior["TargetOriginId"],
        viewer_protocol=behavior.get("ViewerProtocolPolicy") or "",
        cache_policy_id=behavior.get("CachePolicyId"),
        compresses=bool(behavior.get("Compress")),
        methods=tuple((behavior.get("AllowedMethods") or {}).get("Items") or ("GET", "HEAD")),
    )
