"""What a distribution in front of a private bucket needs, looked at piece by piece. Changes nothing.

Source: CloudFront Developer Guide, "Restrict access to an Amazon S3 origin".
"""

from __future__ import annotations

import json
import shlex
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creative_s3.core.bucket import configurations
from creative_s3.core.bucket.aspects import Aspect
from creative_s3.core.cdn.cloudfront import CloudFront
from creative_s3.core.checks.checks import Group, Topic, told
from creative_s3.core.checks.doctor import Diagnosis
from creative_s3.errors import CreativeS3Error

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from creative_s3.core.cdn.distributions import Distribution, Origin
    from creative_s3.core.checks.checks import Check
    from creative_s3.core.s3.connection import Connection

_CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"
"""AWS's own cache policy for objects of S3: CachingOptimized."""
_SUFFIXES = {"cn-": "com.cn", "eusc-": "eu"}
"""Where hosts of AWS end otherwise than in ``com``, by what the names of the regions begin with."""
_UPDATE = (
    "aws cloudfront update-distribution --id {id} --if-match ETAG --distribution-config file://config.json"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step toward a distribution.

    Attributes:
        what: In words.
        command: The command; None where it is done by hand.
    """

    what: str
    command: str | None = None


def first_steps(connection: Connection) -> tuple[Step, ...]:
    """Return how to make a distribution in front of the bucket.

    Raises:
        UnsupportedError: The settings name another server than AWS, before which there is none.
    """
    CloudFront(connection).close()
    bucket, prefix = connection.bucket, connection.config.prefix
    domain = _domain(connection)
    control = {
        "Name": f"{bucket}-oac"[:64],
        "SigningProtocol": "sigv4",
        "SigningBehavior": "always",
        "OriginAccessControlOriginType": "s3",
    }
    path = f"/{prefix}" if prefix else ""
    return (
        Step(
            "Make an origin access control: it signs CloudFront's requests, and the bucket stays private",
            "aws cloudfront create-origin-access-control --origin-access-control-config "
            + shlex.quote(json.dumps(control)),
        ),
        Step(
            "Make the distribution",
            f"aws cloudfront create-distribution --origin-domain-name {domain}",
        ),
        Step(
            f"In its configuration, give the origin the OriginPath {path or '(none)'}"
            " and the OriginAccessControlId of the first step, and the default behaviour redirect-to-https"
            f" and the cache policy CachingOptimized ({_CACHING_OPTIMIZED})",
            _UPDATE.format(id="DISTRIBUTION"),
        ),
        Step("Tell creative-s3", "export CLOUDFRONT_DISTRIBUTION_ID=DISTRIBUTION  # or in .env"),
        Step("Look at what is still missing: the bucket's policy above all", "creative-s3 cdn setup"),
    )


def examine_distribution(connection: Connection, name: str) -> Diagnosis:
    """Look at a distribution and at the bucket's policy for it.

    Raises:
        CreativeS3Error: CloudFront cannot be asked for the distribution.
    """
    with closing(CloudFront(connection)) as cloudfront:
        distribution = cloudfront.distribution(name)
        return Diagnosis(tuple(_checks(connection, cloudfront, distribution)))


def _checks(connection: Connection, cloudfront: CloudFront, distribution: Distribution) -> Iterator[Check]:
    yield _state(distribution)
    origins = distribution.origins_of(connection.bucket)
    yield _origin(connection, distribution, origins)
    if origins:
        origin = origins[0]
        yield _origin_path(connection, distribution, origin)
        yield _access_control(cloudfront, distribution, origin)
        yield _bucket_policy(connection, distribution)
        yield _key(connection, distribution)
    yield from _behaviors(distribution, origins)
    yield _tags(distribution)


def _state(distribution: Distribution) -> Check:
    topic = Topic(Group.CDN, "distribution")
    where = f"{distribution.id} at {distribution.host}"
    if not distribution.enabled:
        return topic.problem(f"{where} is disabled", _change(distribution, "set Enabled to true"))
    if distribution.status != "Deployed":
        return topic.warning(f"{where}: a change is still spreading ({distribution.status})")
    return topic.ok(f"{where} is deployed")


def _origin(connection: Connection, distribution: Distribution, origins: Sequence[Origin]) -> Check:
    topic = Topic(Group.CDN, "origin")
    domain = _domain(connection)
    if not origins:
        there = ", ".join(origin.domain_name for origin in distribution.origins)
        return topic.problem(
            f"none of its origins is this bucket ({there})",
            _change(distribution, f"add an origin with the DomainName {domain}"),
        )
    if origins[0].is_website:
        return topic.problem(
            f"{origins[0].domain_name} is the bucket's website, which has to be public",
            _change(distribution, f"use the DomainName {domain}"),
        )
    return topic.ok(origins[0].domain_name)


def _origin_path(connection: Connection, distribution: Distribution, origin: Origin) -> Check:
    topic = Topic(Group.CDN, "origin path")
    prefix = connection.config.prefix
    if origin.path.strip("/") == prefix:
        return topic.ok(f"{origin.path or '(none)'}: viewers' paths are keys without it")
    if not prefix or prefix.startswith(origin.path.strip("/")):
        shown = prefix.removeprefix(origin.path.strip("/")).strip("/")
        return topic.warning(
            f"{origin.path or '(none)'}: viewers' paths begin with /{shown}/;"
            " the published index is among them",
            _change(distribution, f"set OriginPath to /{prefix} if nothing else is served"),
        )
    return topic.problem(
        f"{origin.path}: what lies under {prefix}/ cannot be reached",
        _change(distribution, f"set OriginPath to /{prefix}"),
    )


def _access_control(cloudfront: CloudFront, distribution: Distribution, origin: Origin) -> Check:
    topic = Topic(Group.CDN, "origin access")
    if origin.access_control_id is None:
        old = "it uses an origin access identity, the older way: " if origin.access_identity else ""
        fix = _change(distribution, f"give the origin {origin.id} an OriginAccessControlId")
        detail = f"{old}no origin access control signs CloudFront's requests"
        return topic.warning(detail, fix) if origin.access_identity else topic.problem(detail, fix)
    try:
        config = cloudfront.access_control(origin.access_control_id)
    except CreativeS3Error as error:
        return topic.not_tried(told(error), error.hint)
    wrong = [
        f"{name} is {config.get(name)}"
        for name, right in (
            ("SigningProtocol", "sigv4"),
            ("SigningBehavior", "always"),
            ("OriginAccessControlOriginType", "s3"),
        )
        if config.get(name) != right
    ]
    if wrong:
        return topic.problem(
            f"{origin.access_control_id}: {', '.join(wrong)}",
            "set sigv4, always and s3: aws cloudfront update-origin-access-control"
            f" --id {origin.access_control_id} --if-match ETAG --origin-access-control-config …",
        )
    return topic.ok(f"{origin.access_control_id} signs every request (sigv4)")


def _bucket_policy(connection: Connection, distribution: Distribution) -> Check:
    topic = Topic(Group.CDN, "bucket policy")
    try:
        policy = configurations.read(connection, Aspect.POLICY) or {}
    except CreativeS3Error as error:
        return topic.not_tried(told(error), "allow s3:GetBucketPolicy to see it")
    statements = policy.get("Statement") or []
    if any(_allows(statement, connection.bucket, distribution) for statement in statements):
        return topic.ok(f"CloudFront may read the objects for {distribution.id} alone")
    return topic.problem(
        "it does not let this distribution read the objects",
        f"creative-s3 bucket policy cdn {distribution.id} --apply",
    )


def _allows(statement: Any, bucket: str, distribution: Distribution) -> bool:  # noqa: ANN401 - JSON of others
    if not isinstance(statement, dict) or statement.get("Effect") != "Allow":
        return False
    principal = statement.get("Principal")
    service = principal.get("Service") if isinstance(principal, dict) else None
    condition = statement.get("Condition")
    sources = [
        source
        for values in (condition.values() if isinstance(condition, dict) else ())
        if isinstance(values, dict)
        for name, value in values.items()
        if name.lower() == "aws:sourcearn"
        for source in _several(value)
    ]
    return (
        "cloudfront.amazonaws.com" in _several(service)
        and bool({"s3:GetObject", "s3:Get*", "s3:*"}.intersection(_several(statement.get("Action"))))
        and any(f":s3:::{bucket}/" in str(one) for one in _several(statement.get("Resource")))
        and distribution.arn in sources
    )


def _several(value: Any) -> list[Any]:  # noqa: ANN401 - JSON of others
    return value if isinstance(value, list) else [value]


def _key(connection: Connection, distribution: Distribution) -> Check:
    topic = Topic(Group.CDN, "KMS key")
    key = connection.config.kms_key_id
    if not key:
        return topic.ok("none is set: S3's own encryption needs no permission")
    return topic.warning(
        f"objects are encrypted with {key}: its policy has to let CloudFront decrypt",
        f"in the key's policy, allow kms:Decrypt to cloudfront.amazonaws.com where AWS:SourceArn is"
        f" {distribution.arn}",
    )


def _behaviors(distribution: Distribution, origins: Sequence[Origin]) -> Iterator[Check]:
    ids = {origin.id for origin in origins}
    for behavior in distribution.behaviors:
        if behavior.origin_id not in ids:
            continue
        topic = Topic(Group.CDN, f"behaviour {behavior.pattern}")
        where = f"in the behaviour {behavior.pattern}"
        if behavior.viewer_protocol == "allow-all":
            yield topic.warning(
                "viewers may use plain http",
                _change(distribution, f"set ViewerProtocolPolicy to redirect-to-https {where}"),
            )
        elif behavior.cache_policy_id is None:
            yield topic.warning(
                "it has the older cache settings: what is in the cache key is not a policy's",
                _change(
                    distribution, f"set CachePolicyId to {_CACHING_OPTIMIZED} (CachingOptimized) {where}"
                ),
            )
        elif set(behavior.methods) - {"GET", "HEAD", "OPTIONS"}:
            yield topic.warning(
                "viewers may send requests that change objects",
                _change(distribution, f"set AllowedMethods to GET and HEAD {where}"),
            )
        else:
            policy = behavior.cache_policy_id
            named = "CachingOptimized" if policy == _CACHING_OPTIMIZED else f"cache policy {policy}"
            yield topic.ok(f"{behavior.viewer_protocol}, {named}")


def _tags(distribution: Distribution) -> Check:
    topic = Topic(Group.CDN, "cache tags")
    if distribution.tag_header:
        return topic.ok(f"from the header {distribution.tag_header}: `cdn invalidate --tags` can be used")
    return topic.not_tried(
        "off; with them, one path drops a whole campaign wherever its objects lie",
        _change(distribution, "set CacheTagConfig.HeaderName to x-amz-meta-campaign-id"),
    )


def _change(distribution: Distribution, what: str) -> str:
    """Return how to change a distribution: CloudFront takes its whole configuration at once."""
    return (
        f"aws cloudfront get-distribution-config --id {distribution.id}  # {what} in it,"
        f" then {_UPDATE.format(id=distribution.id)}"
    )


def _domain(connection: Connection) -> str:
    """Return the bucket's own host, which CloudFront takes as an origin."""
    region = connection.region
    suffix = next((suffix for start, suffix in _SUFFIXES.items() if region.startswith(start)), "com")
    return f"{connection.bucket}.s3.{region}.amazonaws.{suffix}"
