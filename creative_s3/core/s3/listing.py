"""Pages of a LIST, read from the answer's own XML.

botocore sends, signs and retries the request and judges the answer, as always. Only the list of objects does
not pass through its parser, which makes several Python objects of each field: that takes longer than the
server needs to answer. Whether a listing is complete is for `core.s3.object_store` to say.
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

from creative_s3.core.assets.models import StoredObject
from creative_s3.errors import TemporaryError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OPERATION = "ListObjectsV2"
_ROOT = "ListBucketResult"
_EVENT = f"before-parse.*.{OPERATION}"
"""Handlers of this name come before botocore's own of ``before-parse.s3.*``, which parse the body too."""
_SIZE = re.compile(r"\s*[0-9]{1,18}\s*", re.ASCII)
_OK = range(200, 300)
"""What stands between may answer 203, and a server 206: botocore takes them all for a success."""
_PAGE = "creative-s3-page"
_EMPTY = f"<{_ROOT}/>".encode()
_wanted: ContextVar[bool] = ContextVar("creative_s3_page_wanted", default=False)


@dataclass(frozen=True, slots=True)
class Page:
    """The objects of one page, column by column, in the order of the answer.

    Attributes:
        keys: Decoded.
        sizes: In bytes.
        etags: Without quotes.
        storage_classes: S3's words; ``STANDARD`` where the server left it out.
        times: When they were stored, ISO 8601 as the server wrote it; empty where it left it out.
        is_truncated: Whether another page follows.
        token: How to ask for it; None when the server did not say.
    """

    keys: Sequence[str]
    sizes: Sequence[int]
    etags: Sequence[str]
    storage_classes: Sequence[str]
    times: Sequence[str]
    is_truncated: bool
    token: str | None

    def objects(self) -> Iterator[StoredObject]:
        """Yield the objects."""
        columns = (self.keys, self.sizes, self.etags, self.storage_classes, self.times)
        for key, size_bytes, etag, storage_class, time in zip(*columns, strict=True):
            yield StoredObject(
                key=key,
                size_bytes=size_bytes,
                etag=etag,
                last_modified=_moment(time),
                storage_class=storage_class,
            )


def list_page(client: Any, **arguments: Any) -> Page:  # noqa: ANN401 - boto3's clients have no common type
    """Ask for one page.

    Args:
        client: A boto3 client for S3.
        arguments: Those of ListObjectsV2.

    Raises:
        BotoCoreError: As botocore raises it.
        ClientError: The same.
        TemporaryError: The answer is no listing.
        UnsupportedError: It is one of objects without a key or a size.
    """
    # Registering it again changes nothing, and any thread may.
    client.meta.events.register_first(_EVENT, _take_page, unique_id=_PAGE)
    before = _wanted.set(True)
    try:
        page: Page | None = client.list_objects_v2(**arguments).get(_PAGE)
    finally:
        _wanted.reset(before)
    if page is None:
        raise _untrusted("the server's answer is no listing")
    return page


def parse_page(body: bytes) -> Page | None:
    """Read the body of an answer; None when it is no listing, or not all of one.

    Raises:
        UnsupportedError: It names objects without a key or a size.
    """
    try:
        root = ET.fromstring(body)  # noqa: S314 - botocore reads the same text with the same parser
    except ET.ParseError:
        return None
    if not root.tag.endswith(_ROOT):
        return None
    space = root.tag.removesuffix(_ROOT)
    entries = root.findall(f"{space}Contents")

    def column(name: str) -> list[str | None]:
        values = [element.text for element in root.iter(space + name)]
        # Where some entries lack it, they are asked one by one.
        return values if len(values) == len(entries) else [entry.findtext(space + name) for entry in entries]

    def text(name: str) -> str | None:
        return root.findtext(space + name)

    keys = [key or "" for key in column("Key")]
    if text("EncodingType") == "url":
        keys = [unquote_plus(key) if "%" in key or "+" in key else key for key in keys]
    sizes = [size or "" for size in column("Size")]
    if not all(keys) or not all(map(_SIZE.fullmatch, sizes)):
        raise UnsupportedError(
            "this server's listing has objects without a key or a size, so it cannot be trusted",
            hint="run `creative-s3 doctor`",
        )
    return Page(
        keys=keys,
        sizes=[int(size) for size in sizes],
        etags=[(etag or "").strip().removeprefix("W/").strip('"') for etag in column("ETag")],
        storage_classes=[storage_class or "STANDARD" for storage_class in column("StorageClass")],
        times=[time or "" for time in column("LastModified")],
        is_truncated=text("IsTruncated") == "true",
        token=text("NextContinuationToken"),
    )


def _take_page(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object) -> None:
    """Take a page out of an answer before botocore parses it; what is no page is left to botocore."""
    if not _wanted.get() or response_dict["status_code"] not in _OK:
        return
    page = parse_page(response_dict["body"])
    if page is not None:
        customized_response_dict[_PAGE] = page
        response_dict["body"] = _EMPTY


def _untrusted(why: str) -> TemporaryError:
    return TemporaryError(why, hint="run the same command again")


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ArithmeticError, ValueError):
        return None
