"""What kind of media a file holds: by its name, and whether its first bytes are those of one.

A picture in SVG can hold a program, which whoever shows it in a browser runs.
"""

from __future__ import annotations

import html
import mimetypes
import re
from typing import BinaryIO

_ANY_MEDIA = "application/octet-stream"
_MEDIA_TYPES = {
    "avif": "image/avif",
    "gif": "image/gif",
    "heic": "image/heic",
    "jpeg": "image/jpeg",
    "jpg": "image/jpeg",
    "json": "application/json",
    "mp4": "video/mp4",
    "pdf": "application/pdf",
    "png": "image/png",
    "psd": "image/vnd.adobe.photoshop",
    "svg": "image/svg+xml",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "webm": "video/webm",
    "webp": "image/webp",
}


def content_type_of(name: str) -> str:
    """Return the media type for a file name, by a fixed table first, so that every machine says the same."""
    _, dot, extension = name.lower().rpartition(".")
    if not dot:
        return _ANY_MEDIA
    if extension in _MEDIA_TYPES:
        return _MEDIA_TYPES[extension]
    # Without the rest of the name, which could look like a URL; a compressed file is not what is in it.
    media, compression = mimetypes.guess_type(f"name.{extension}")
    return media if media and not compression else _ANY_MEDIA


_MEDIA_EXTENSIONS = frozenset(
    {
        *(
            "ai",
            "avif",
            "bmp",
            "cr2",
            "dng",
            "eps",
            "exr",
            "gif",
            "hdr",
            "heic",
            "heif",
            "ico",
            "indd",
            "jp2",
        ),
        *("jpeg", "jpg", "jxl", "nef", "pdf", "png", "psb", "psd", "svg", "tga", "tif", "tiff", "webp"),
        *("avi", "flv", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mxf", "ogv", "webm", "wmv"),
    }
)
"""Of pictures, of the documents that designers work with, and of videos."""
HEAD_BYTES = 4096
"""So much of a file's beginning `is_media` wants to see."""
_BEGINNINGS = re.compile(
    rb"\xff\xd8\xff|\x89PNG|GIF8|BM|II\*\0|MM\0\*|II\x2b\0|MM\0\x2b|8BPS|%PDF-|%!PS|\xc5\xd0\xd3\xc6|\x00\x00\x01\x00"
    rb"|\x76\x2f\x31\x01|#\?RA|#\?RG|\0\0\0\x0c(?:jP  |JXL )|\xff\x0a|\xff\x4f\xff\x51|\x06\x06\xed\xf5"
    rb"|RIFF....(?:WEBP|AVI )|....ftyp|....(?:moov|mdat|wide|free|skip)|\x1aE\xdf\xa3|FLV\x01|OggS"
    rb"|\x00\x00\x01[\xb3\xba]|\x06\x0e\x2b\x34|\x30\x26\xb2\x75|\0.[\x01-\x03\x09-\x0b]\0",
    re.DOTALL,
)
"""How files of these formats begin; the last is a Targa picture's header."""
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<|\0<|\xff\xfe|\xfe\xff")
"""How a file begins that a browser may take for XML, whatever else its first bytes could be."""
_SVG = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>|<!--(?:(?!-->).)*-->|<!DOCTYPE\s+svg[^>]*>|\s)*<svg[\s>]",
    re.DOTALL,
)
_LARGEST_SVG_BYTES = 32 << 20
_ACTIVE = re.compile(
    r"<(?:[^\s<>/:]+:)?(?:script|handler|listener|foreignobject|i?frame|frameset|embed|object|applet|meta|link"
    r"|base)\b|<!(?:entity|attlist)|<\?xml-stylesheet"
    r"|<\?xml\s[^>]*encoding\s*=\s*[\"'](?!(?:utf-8|us-ascii|iso-8859-\d+|windows-125\d)[\"'])"
    r"|[\s\"'/]on\w+\s*=|attributename\s*=\s*[\"']?\s*(?:on|(?:[^\s\"'<>:]+:)?href)|(?:java|vb)script:"
    r"|data:(?:text/|[\w/.+-]{0,99}(?:html|xml|script))",
    re.IGNORECASE,
)
"""What runs something, makes an element or an attribute that does, or could hide one from this search."""
_INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]|(?<=[a-z])[\t\n\r]+(?=[a-z:])", re.IGNORECASE)
"""What browsers leave out of an address."""


def has_media_name(name: str) -> bool:
    """Tell whether a file is named as a picture, a video or a document of a designer."""
    return name.lower().rpartition(".")[2] in _MEDIA_EXTENSIONS


def is_media(head: bytes) -> bool:
    """Tell whether a file that begins like this is a picture, a video or a document of a designer."""
    return bool(_SVG.match(head) if _MARKUP.match(head) else _BEGINNINGS.match(head))


def is_active(file: BinaryIO) -> bool:
    """Tell whether a file is a picture in SVG that may hold a program; too large a one may.

    Args:
        file: Read from its beginning.
    """
    head = file.read(HEAD_BYTES)
    if not _SVG.match(head):
        return False
    content = head + file.read(_LARGEST_SVG_BYTES)
    text = html.unescape(content.decode("utf-8", "replace"))
    return len(content) > _LARGEST_SVG_BYTES or any(
        _ACTIVE.search(one) for one in (text, _INVISIBLE.sub("", text))
    )
