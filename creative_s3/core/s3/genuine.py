"""Is it an S3 server that answers? A web page, a console or a proxy may sit at the address of the settings.

Each client of `core.s3.connection` looks at its answers before botocore reads them, which takes an empty body
for an empty listing, and follows a redirect that names no region in a circle.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from creative_s3.core.faults.table import DOCTOR
from creative_s3.core.faults.translation import NOT_MODIFIED, clean, not_s3, redirected, region_of
from creative_s3.errors import CreativeS3Error, UnintelligibleError, UnreadableAnswerError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OK: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)
_REFUSED: Final = frozenset(range(400, 500)) - {407, 408, 425, 429}
"""What also stands between may answer in words of its own, without being the wrong server."""
LISTING: Final = "ListBucketResult"
"""Also what a server answers that does not know what it is asked of a bucket."""
_LISTS: Final = {
    "ListBuckets": "ListAllMyBucketsResult",
    "ListObjectsV2": LISTING,
}
"""How the answers begin that every S3 server has, and that are never empty (AWS API reference)."""
_DECISIVE: Final = {
    "GetBucketVersioning": "VersioningConfiguration",
    "GetObjectTagging": "Tagging",
}
"""How the answers begin by which objects are removed or replaced: botocore takes any other for "none"."""
MOST_IN_A_ROW: Final = 5
"""So many one after the other are no matter of single objects any more."""
_RULES: Final = "GetBucketLifecycleConfiguration"
"""Where `lifecycle.bucket_rules` looks at the rest."""
_XML: Final = (b"<", b"\xef\xbb\xbf<")
_OBJECTS: Final = frozenset({"GetObject", "HeadObject"})
ALWAYS_THERE: Final = frozenset({"etag", "last-modified"})
"""One of these is in S3's answer about an object (AWS API reference)."""
_BEGINNING: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*(?:\?>|$)\s*)?(?:<!--.*?-->\s*)*<(?:[\w.-]+:)?([\w.-]+)", re.DOTALL
)
_WEB_PAGE: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)\b", re.IGNORECASE)
_DECLARATION: Final = b"<?xml"


def watch(client: Any, endpoint_url: str | None) -> None:  # noqa: ANN401 - boto3's clients have no common type
    """Refuse what answers a client and is no S3 server.

    Args:
        client: boto3's.
        endpoint_url: The server; None for AWS.
    """
    events, look = client.meta.events, _looking(endpoint_url, _OddAnswers())
    for name in client.meta.method_to_api_mapping.values():
        # Before botocore's own handler of ``before-parse.s3.*``: it makes an error 500 of what is no XML.
        events.register(f"before-parse.*.{name}", look, unique_id=f"creative-s3-genuine-{name}")


def _looking(endpoint_url: str | None, odd: _OddAnswers) -> Callable[..., None]:
    def look(operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:  # noqa: ANN401 - botocore's signature
        try:
            _judge(operation_model.name, response_dict, endpoint_url, odd)
        except CreativeS3Error:
            if not isinstance(response_dict["body"], bytes):
                response_dict["body"].close()  # a stream, of which nobody else hears now
            raise

    return look


def _judge(name: str, response_dict: Mapping[str, Any], endpoint_url: str | None, odd: _OddAnswers) -> None:
    """Return when an answer is S3's."""
    status, headers = int(response_dict["status_code"]), response_dict["headers"]
    content = response_dict["body"]
    body = content if isinstance(content, bytes) else b""
    if status in _REDIRECT and status != NOT_MODIFIED:
        if region_of(headers, body) is None:
            raise redirected(status, headers.get("location"), endpoint_url)
    elif status < min(_OK) or not _is_genuine(name, status, headers, body):
        shown = _shown(status, headers, body)
        if name in _OBJECTS and status in _OK and odd.is_alone():
            raise UnreadableAnswerError(
                f"the server answers {shown}, and answers other requests as S3 does", hint=DOCTOR
            )
        raise not_s3(f"it answers {shown}", endpoint_url, body)
    elif status in _OK and (name in _OBJECTS or name in _LISTS):
        odd.clear()
    elif name in _DECISIVE and status in _OK:
        check_beginning(name, body, _DECISIVE[name], endpoint_url)
    elif name == _RULES and status in _OK and body.strip() and not body.lstrip().startswith(_XML):
        raise _unintelligible(name, body, endpoint_url)  # botocore takes it for an error 500


class _OddAnswers:
    """How many answers about objects were none of S3's since the last that was; any thread may tell it.

    A server that has never answered as S3 does is none, and neither is one that has ceased to.
    """

    def __init__(self) -> None:
        self._in_a_row = MOST_IN_A_ROW

    def clear(self) -> None:
        """Note an answer as S3 gives it."""
        self._in_a_row = 0

    def is_alone(self) -> bool:
        """Note one that is not; tell whether it may be a matter of its object alone."""
        self._in_a_row += 1
        return self._in_a_row <= MOST_IN_A_ROW


def check_beginning(name: str, body: bytes, root: str, endpoint_url: str | None) -> None:
    """Return when an answer to a question for a configuration begins as S3's does, or as its error or moto's.

    Args:
        name: The operation.
        body: What the server said.
        root: How S3's own answer begins.
        endpoint_url: The server; None for AWS.

    Raises:
        UnsupportedError: The server lists the bucket: it does not know the question.
        UnreadableAnswerError: Nothing can be concluded of this object.
        UnintelligibleError: Nothing can be concluded of the bucket.
    """
    if not _begins_any(body, root, "Error", f"{name}Response"):
        raise _unintelligible(name, body, endpoint_url)


def _unintelligible(name: str, body: bytes, endpoint_url: str | None) -> CreativeS3Error:
    if _begins(body, LISTING):
        return UnsupportedError(
            f"the server does not know the request {name}: it lists the bucket",
            item=endpoint_url,
            hint=DOCTOR,
        )
    kind = UnreadableAnswerError if name == "GetObjectTagging" else UnintelligibleError
    return kind(
        f"the server answers {name} with {'something else' if body else 'nothing'}",
        item=endpoint_url,
        hint=DOCTOR,
    )


def _is_genuine(name: str, status: int, headers: Mapping[str, str], body: bytes) -> bool:
    root = _LISTS.get(name)
    if status in _OK and name in _OBJECTS:
        return any(header in headers for header in ALWAYS_THERE)
    if root is None:
        return name in _OBJECTS or status not in _OK or not _WEB_PAGE.match(body)
    if status in _OK:
        return _begins_any(body, root, "Error")
    return status not in _REFUSED or b"<Code>" in body


def _begins_any(body: bytes, *roots: str) -> bool:
    return any(_begins(body, root) for root in roots)


def _begins(body: bytes, root: str) -> bool:
    """Tell whether a body is an element of that name, or as much of it as came."""
    found = _BEGINNING.match(body)
    if found is None:
        cut = body.strip()
        return bool(cut) and (_DECLARATION.startswith(cut[:5]) and b">" not in cut)
    name = found[1].decode("ascii", "replace")
    return name == root or (found.end() == len(body) and root.startswith(name))


def _shown(status: int, headers: Mapping[str, str], body: bytes) -> str:
    kind = headers.get("content-type", "").partition(";")[0].strip()
    if not body:
        return f"HTTP {status} with nothing in it"
    coding = headers.get("content-encoding")
    told = f"HTTP {status} with {kind or 'something else'}"
    return f"{told}, compressed on the way ({clean(coding)})" if coding else told
