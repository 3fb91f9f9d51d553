"""Is it an S3 server that answers? A web page, a console or a proxy may sit at the address of the settings.

Each client that `core.aws` makes looks at its answers before botocore reads them, which takes an empty body
for an empty listing, and follows a redirect that names no region in a circle.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from creative_s3.core.faults import NOT_MODIFIED, clean, not_s3, redirected, region_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_OK: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)
_REFUSED: Final = frozenset(range(400, 500)) - {407, 408, 425, 429}
"""What also stands between may answer in words of its own, without being the wrong server."""
_LISTS: Final = {
    "ListBuckets": "ListAllMyBucketsResult",
    "ListObjectsV2": "ListBucketResult",
}
"""How the answers begin that every S3 server has, and that are never empty (AWS API reference)."""
_OBJECTS: Final = frozenset({"GetObject", "HeadObject"})
_ALWAYS_THERE: Final = frozenset({"etag", "last-modified"})
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
    events, look = client.meta.events, _looking(endpoint_url)
    for name in client.meta.method_to_api_mapping.values():
        # Before botocore's own handler of ``before-parse.s3.*``: it makes an error 500 of what is no XML.
        events.register(f"before-parse.*.{name}", look, unique_id=f"creative-s3-genuine-{name}")


def _looking(endpoint_url: str | None) -> Callable[..., None]:
    def look(operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:  # noqa: ANN401 - botocore's signature
        status, headers = int(response_dict["status_code"]), response_dict["headers"]
        content = response_dict["body"]
        body = content if isinstance(content, bytes) else b""
        name = operation_model.name
        if status in _REDIRECT and status != NOT_MODIFIED:
            if region_of(headers, body) is None:
                raise redirected(status, headers.get("location"), endpoint_url)
        elif status < min(_OK) or not _is_genuine(name, status, headers, body):
            raise not_s3(f"it answers {_shown(status, headers, body)}", endpoint_url, body)

    return look


def _is_genuine(name: str, status: int, headers: Mapping[str, str], body: bytes) -> bool:
    root = _LISTS.get(name)
    if status in _OK and name in _OBJECTS:
        return any(header in headers for header in _ALWAYS_THERE)
    if root is None:
        return name in _OBJECTS or status not in _OK or not _WEB_PAGE.match(body)
    if status in _OK:
        return _begins(body, root) or _begins(body, "Error")
    return status not in _REFUSED or b"<Code>" in body


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
