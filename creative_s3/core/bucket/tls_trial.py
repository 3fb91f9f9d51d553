"""Whether a server knows that requests come by TLS, tried before a policy denies all that do not.

A server behind something that ends TLS may take all requests for plain http. The policy would then lock out
everybody, its owner too, and could not be removed. So one harmless request is denied first, and tried.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from creative_s3.core.bucket import wanted
from creative_s3.core.faults.translation import translate
from creative_s3.core.s3.endpoints import Provider
from creative_s3.errors import RefusedError

if TYPE_CHECKING:
    from creative_s3.core.bucket.aspects import Document
    from creative_s3.core.s3.connection import Connection

_REMOVABLE = frozenset({Provider.SEAWEEDFS, Provider.MOTO})
"""From which a policy can be taken away again by a DELETE that they do not take for another."""


def check(connection: Connection, before: Document | None, after: Document) -> None:
    """Return when a new policy does not deny what is sent by TLS; the policy is then as it was.

    Args:
        connection: Of the bucket.
        before: The policy as it is.
        after: The policy that is to be written.

    Raises:
        RefusedError: It would lock everybody out.
        CreativeS3Error: A request failed.
    """
    partition = wanted.partition_of(connection.region)
    is_new = wanted.denies_plain_http(after, connection.bucket, partition) and not wanted.denies_plain_http(
        before, connection.bucket, partition
    )
    if not is_new or connection.is_aws or connection.provider not in _REMOVABLE:
        return
    try:
        is_denied = _is_denied(connection, before, partition)
    except Exception as error:
        raise translate(error, item=connection.bucket, endpoint_url=connection.endpoint_url) from error
    if is_denied:
        raise RefusedError(
            "the server takes https for plain http, because something before it ends TLS: the policy would"
            " lock everybody out; it was tried with one request and removed again",
            item=connection.endpoint_url,
            hint="leave the policy to what ends TLS: let it listen on https only",
        )


def _is_denied(connection: Connection, before: Document | None, partition: str) -> bool:
    client, bucket = connection.client, connection.bucket
    client.get_bucket_location(Bucket=bucket)  # else its denial would tell nothing
    trial = {
        **wanted.tls_statement(bucket, partition),
        "Sid": "CreativeS3TlsTrial",
        "Action": "s3:GetBucketLocation",
    }
    _put(client, bucket, wanted.policy(before, [trial]))
    try:
        client.get_bucket_location(Bucket=bucket)
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return True
    finally:
        if before is None:
            client.delete_bucket_policy(Bucket=bucket)
        else:
            _put(client, bucket, before)
    return False


def _put(client: Any, bucket: str, document: Document) -> None:  # noqa: ANN401 - boto3's clients have no common type
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document, ensure_ascii=False))
