"""What goes with a file into the bucket: key, user metadata, tags, checked and encoded. Pure.

What an asset's own key, metadata and tags are is decided by the layout; here a caller chose them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from creative_s3.core.assets.layout import (
    KEY_LIMIT_BYTES,
    METADATA_LIMIT_BYTES,
    TAG_LIMIT,
    TAG_PUNCTUATION,
    TAG_VALUE_LIMIT,
    encode_text,
)
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

TAG_KEY_LIMIT = 128
_METADATA_NAME = re.compile(r"[A-Za-z0-9!#$&'*+.^_`|~-]+")  # what HTTP allows in a header's name
_SHOWN_CHARACTERS = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def checked_key(key: object) -> str:
    """Return `key` as it is, when every S3 client can use it.

    Raises:
        UsageError: It is empty, too long, no text, begins with ``/``, or has a part that clients resolve.
    """
    if not isinstance(key, str) or not _is_text(key):
        raise UsageError(
            "a key is text in UTF-8", item=repr(key)[:_SHOWN_CHARACTERS], hint="choose another key"
        )
    rules = (
        (not key, "the key is empty"),
        (len(key.encode()) > KEY_LIMIT_BYTES, f"the key is longer than {KEY_LIMIT_BYTES:,} bytes of UTF-8"),
        (key.startswith("/"), "the key begins with '/': it would be in a folder without a name"),
        (
            bool({".", ".."}.intersection(key.split("/"))),
            "the key has a part '.' or '..', which clients resolve",
        ),
        (bool(_CONTROL.search(key)), "the key has control characters"),
    )
    for is_broken, message in rules:
        if is_broken:
            raise UsageError(message, item=key[:_SHOWN_CHARACTERS], hint="choose another key")
    return key


def encoded_metadata(metadata: Mapping[str, object] | None) -> dict[str, str]:
    """Return user metadata as it is stored: names in lower case, values in ASCII.

    A value that is not plain ASCII, or has a ``%`` in it, is percent-encoded as UTF-8 (as the layout's own
    metadata is), so that decoding gives back every value exactly. Numbers become text; None is left out.

    Raises:
        UsageError: A name cannot be a header's, two names differ only in case, or all of it is over 2 KB
            (S3 User Guide, "User-defined object metadata").
    """
    encoded: dict[str, str] = {}
    for name, value in (metadata or {}).items():
        if not _METADATA_NAME.fullmatch(str(name)):
            raise UsageError(
                "a metadata name has letters, digits and hyphens only", item=repr(name), hint="rename it"
            )
        if name.lower() in encoded:
            raise UsageError(
                "two metadata names differ only in case, and S3 knows one of them",
                item=name,
                hint="rename it",
            )
        if value is not None:
            encoded[name.lower()] = _ascii(str(value))
    weight = sum(len(name) + len(value) for name, value in encoded.items())
    if weight > METADATA_LIMIT_BYTES:
        raise UsageError(
            f"the metadata has {weight:,} bytes as it is stored, and S3 takes {METADATA_LIMIT_BYTES:,}",
            item=max(encoded, key=lambda name: len(encoded[name])),
            hint="shorten it; not everything has to be in the object's metadata",
        )
    return encoded


def checked_tags(tags: Mapping[str, object] | None) -> dict[str, str]:
    """Return tags as text, when S3 takes them (S3 User Guide, "Categorizing your objects using tags").

    Raises:
        UsageError: There are more than 10, one is too long (128 and 256 UTF-16 units), has characters that
            S3 refuses, or begins with ``aws:``.
    """
    checked = {str(name): str(value) for name, value in (tags or {}).items() if value is not None}
    if len(checked) > TAG_LIMIT:
        raise UsageError(f"{len(checked)} tags, and S3 takes {TAG_LIMIT}", hint="leave some out")
    for name, value in checked.items():
        for text, limit, what in ((name, TAG_KEY_LIMIT, "name"), (value, TAG_VALUE_LIMIT, "value")):
            if _utf16_units(text) > limit:
                raise UsageError(
                    f"a tag's {what} has at most {limit} characters", item=name, hint="shorten it"
                )
            if not all(character.isalnum() or character in TAG_PUNCTUATION for character in text):
                raise UsageError(
                    f"a tag's {what} has letters, digits, spaces and + - = . _ : / @ only",
                    item=name,
                    hint="replace the other characters",
                )
        if not name or name.lower().startswith("aws:"):
            raise UsageError(
                "a tag's name is not empty and does not begin with 'aws:'",
                item=name or "''",
                hint="rename it",
            )
    return checked


def _ascii(value: str) -> str:
    plain = value.isascii() and value.isprintable() and "%" not in value and value == value.strip()
    return value if plain else encode_text(value)


def _utf16_units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
