"""Reading and writing one configuration of a bucket, so that nothing of it is lost on the way.

botocore drops what its model does not know. So the answer itself is looked at: a configuration that was not
read in full is never written, and an answer that is none of S3's is not taken for one.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from creative_s3.core.bucket.aspects import WAYS, Aspect, Document
from creative_s3.core.faults.translation import translate
from creative_s3.core.s3.answer_shapes import name_of, root_of, unknown_part
from creative_s3.core.s3.answers import collected
from creative_s3.core.s3.endpoints import NAMES
from creative_s3.core.s3.genuine import LISTING
from creative_s3.errors import AccessDeniedError, RefusedError, UnintelligibleError, UnsupportedError

if TYPE_CHECKING:
    from creative_s3.core.bucket.aspects import Way
    from creative_s3.core.s3.connection import Connection

_MINIMUM = "TransitionDefaultMinimumObjectSize"
_MOTO_ROOT = re.compile("GetBucket[A-Za-z]+Response")
"""How moto begins some answers; no listing begins so."""
_NOT_OURS = frozenset({"ResponseMetadata", "RequestCharged"})


def read(connection: Connection, aspect: Aspect, *, bucket: str | None = None) -> Document | None:
    """Return a configuration as it is; None when the bucket has none.

    Args:
        connection: Of the bucket.
        aspect: Which one.
        bucket: Another bucket than the connection's.

    Raises:
        UnsupportedError: The endpoint lacks it.
        UnintelligibleError: It answers something else.
        RefusedError: It has a part that this version does not know.
        AccessDeniedError: It may not be read; names the permission.
        CreativeS3Error: The request failed.
    """
    way = WAYS[aspect]
    connection.require(way.capability)
    name = bucket or connection.bucket
    try:
        with collected() as bodies:
            answer = getattr(connection.client, way.read)(Bucket=name)
    except ClientError as error:
        if way.none and error.response.get("Error", {}).get("Code") == way.none:
            return None
        raise _explained(error, connection, name, way.read_action) from error
    except Exception as error:
        raise _explained(error, connection, name, way.read_action) from error
    if way.root is None:
        return _parsed_policy(answer[way.member], connection, name)
    _check_whole(bodies[-1], way, connection, name)
    found: Document = (
        {part: value for part, value in answer.items() if part not in _NOT_OURS}
        if way.member is None
        else answer[way.member]
    )
    if aspect is Aspect.NOTIFICATION:
        _lower_filter_names(found)
    return found or None


def write(connection: Connection, aspect: Aspect, document: Document, *, bucket: str | None = None) -> None:
    """Replace a configuration as a whole.

    Raises:
        UnsupportedError: The endpoint lacks it; nothing was sent.
        AccessDeniedError: It may not be written; names the permission.
        CreativeS3Error: The request failed.
    """
    way = WAYS[aspect]
    connection.require(way.capability)
    name = bucket or connection.bucket
    more: dict[str, Any] = {}
    value: object = document
    if aspect is Aspect.POLICY:
        value = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    elif aspect is Aspect.LIFECYCLE:
        value = {part: inside for part, inside in document.items() if part != _MINIMUM}
        # Without it, S3 gives an old bucket the newer default (AWS: PutBucketLifecycleConfiguration).
        more = {_MINIMUM: document[_MINIMUM]} if document.get(_MINIMUM) else {}
    try:
        getattr(connection.client, way.write)(Bucket=name, **{way.argument: value}, **more)
    except Exception as error:
        raise _explained(error, connection, name, way.write_action) from error


def _lower_filter_names(found: Document) -> None:
    """Write the names of filters as S3 takes them: it answers ``Prefix`` to what was put as ``prefix``."""
    for entries in found.values():
        for entry in entries if isinstance(entries, list) else ():
            for rule in entry.get("Filter", {}).get("Key", {}).get("FilterRules", ()):
                rule["Name"] = str(rule.get("Name", "")).lower()


def _explained(error: BaseException, connection: Connection, bucket: str, action: str) -> Exception:
    ours = translate(error, item=bucket, endpoint_url=connection.endpoint_url)
    if isinstance(ours, AccessDeniedError):
        return AccessDeniedError(
            f"S3 denies {action}", item=bucket, hint=f"allow {action} on arn:aws:s3:::{bucket}"
        )
    return ours


def _parsed_policy(text: str, connection: Connection, bucket: str) -> Document:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "Statement" not in found:
        root = root_of(text.encode())
        is_listing = root is not None and name_of(root) == LISTING
        kind = UnsupportedError if is_listing else UnintelligibleError
        raise kind(
            "bucket policy: the server answers with something else, so nothing was sent",
            item=connection.endpoint_url or bucket,
            hint="use AWS, or a server with bucket policies",
        )
    if isinstance(found["Statement"], dict):  # IAM takes a single statement without its list
        found["Statement"] = [found["Statement"]]
    return found


def _check_whole(body: bytes, way: Way, connection: Connection, bucket: str) -> None:
    """Return when the answer is S3's, and botocore knows every part of it."""
    title = NAMES[way.capability]
    root = root_of(body)
    name = "" if root is None else name_of(root)
    if root is None or (name != way.root and not _MOTO_ROOT.fullmatch(name)):
        kind = UnsupportedError if name == LISTING else UnintelligibleError
        raise kind(
            f"{title}: the server answers with something else, so nothing was sent",
            item=connection.endpoint_url or bucket,
            hint="creative-s3 bucket check  # says what this server has",
        )
    unknown = unknown_part(connection.client, way.read, root)
    if unknown is not None:
        raise RefusedError(
            f"{title}: the bucket's configuration has a part that this version does not know ({unknown}),"
            " and would lose it",
            item=bucket,
            hint="upgrade boto3 (pip install --upgrade boto3), then try again",
        )
