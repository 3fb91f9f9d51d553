"""The media type of a file, by its name."""

from __future__ import annotations

import mimetypes

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
