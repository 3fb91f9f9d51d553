"""The frozen rule that turns any text into one part of a key. Changing it would move every key: never do.

1. The text is brought into Unicode normal form C; the steps below see nothing else.
2. ASCII letters become lower case; digits, ``.``, ``_`` and ``-`` stay.
3. Latin letters with marks (U+00C0 to U+024F, U+1E00 to U+1EFF) become their ASCII base letters, by
   canonical decomposition or by the table below. Only these blocks, so that a newer Unicode changes nothing.
4. White space, other ASCII characters and typographic dashes, quotes and dots become ``-``, as listed below.
5. Every other character becomes the lower-case hex digits of its UTF-8 form.
6. Runs of ``-`` become one; ``-`` and ``.`` are taken off both ends.
7. If nothing is left, the hex digits of the whole text's UTF-8 form stand for it; in a file name, those of
   what stands before the extension. The empty text becomes ``unspecified``.
8. A part longer than 128 characters keeps its first 111, then ``-`` and 16 hex digits of the SHA-256 of the
   text's UTF-8 form. A file name keeps its extension, too, and as many characters less before the digits.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache

UNSPECIFIED = "unspecified"
"""Stands in a key for a part that the asset does not have."""

_KEPT = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
_LETTERS = {
    "ß": "ss", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l", "đ": "d",
    "Đ": "d", "ð": "d", "Ð": "d", "þ": "th", "Þ": "th", "ħ": "h", "Ħ": "h", "ı": "i", "ŋ": "ng", "Ŋ": "ng",  # noqa: RUF001 - the dotless i is meant
    "ŧ": "t", "Ŧ": "t", "ẞ": "ss",
}  # fmt: skip
_SEPARATORS = frozenset(
    "\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"  # white space
    "\u2028\u2029\u202f\u205f\u3000"
    "\u2010\u2011\u2012\u2013\u2014\u2015\u2026"  # dashes and dots
    "\u00ab\u00bb\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a"  # quotes
)
_PART_LIMIT = 128
_HASH_DIGITS = 16
_EXTENSION_LIMIT = 10
_LAST_ASCII = 0x7F
_PLAIN = re.compile("[a-z0-9._-]*", re.ASCII | re.IGNORECASE)
"""Only characters that are kept."""
_WORDS = 4096
"""How many texts are remembered with what they become."""


@lru_cache(_WORDS)
def slug(text: str) -> str:
    """Return one key part for `text`: lower-case ASCII, never empty, never ``.`` or ``..``."""
    composed = unicodedata.normalize("NFC", text)
    return _shorten(_spell(composed) or _hex(composed) or UNSPECIFIED, composed, extension="")


def slug_or_unspecified(text: str | None) -> str:
    """Return the part for `text`, or ``unspecified`` when there is none."""
    return slug(text) if text else UNSPECIFIED


def slug_leaf(name: str) -> str:
    """Return the last key part for a file name, which keeps its extension."""
    composed = unicodedata.normalize("NFC", name)
    spelled = _spell(composed)
    stem, extension = split_extension(composed)
    if extension and spelled and not _spell(stem):
        spelled = f"{_hex(stem)}.{spelled}"
    spelled = spelled or _hex(composed) or UNSPECIFIED
    return _shorten(spelled, composed, extension=split_extension(spelled)[1])


def split_extension(leaf: str) -> tuple[str, str]:
    """Split ``product.png`` into ``product`` and ``.png``; without a usual extension, that part is empty."""
    stem, dot, extension = leaf.rpartition(".")
    if not dot or not stem or not extension or len(extension) > _EXTENSION_LIMIT:
        return leaf, ""
    return stem, dot + extension


def _spell(text: str) -> str:
    """Apply rules 2 to 6; what is left may be empty."""
    spelled = text.lower() if _PLAIN.fullmatch(text) else "".join(_pieces(text))
    while "--" in spelled:
        spelled = spelled.replace("--", "-")
    return spelled.strip("-.")


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    for character in text:
        lowered = character.lower() if character.isascii() else character
        if lowered in _KEPT:
            pieces.append(lowered)
        elif ord(character) <= _LAST_ASCII or character in _SEPARATORS:
            pieces.append("-")
        else:
            pieces.append(_transliterate(character) or _hex(character))
    return pieces


def _transliterate(character: str) -> str:
    if character in _LETTERS:
        return _LETTERS[character]
    if not ("\u00c0" <= character <= "\u024f" or "\u1e00" <= character <= "\u1eff"):
        return ""
    base = unicodedata.normalize("NFD", character)[0]
    return base.lower() if base.isascii() and base.isalnum() else ""


def _hex(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").hex()


def _shorten(spelled: str, text: str, *, extension: str) -> str:
    if len(spelled) <= _PART_LIMIT:
        return spelled
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    room = _PART_LIMIT - _HASH_DIGITS - 1 - len(extension)
    return f"{spelled[:room].rstrip('-.')}-{digest}{extension}"
