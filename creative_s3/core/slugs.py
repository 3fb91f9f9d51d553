"""The frozen rule that turns any text into one part of a key. Changing it would move every key: never change it.

1. The text is brought into Unicode normal form C.
2. ASCII letters become lower case; digits, ``.``, ``_`` and ``-`` stay.
3. Latin letters with marks (U+00C0 to U+024F, U+1E00 to U+1EFF) become their ASCII base letters, by canonical
   decomposition or by the table below. Only these blocks, so that a newer Unicode version changes nothing.
4. White space, other ASCII characters and typographic dashes and quotes become ``-``.
5. Every other character becomes the lower-case hex digits of its UTF-8 form.
6. Runs of ``-`` become one; ``-`` and ``.`` are taken off both ends.
7. If nothing is left, the hex digits of the whole text's UTF-8 form stand for it.
8. A part longer than 128 characters keeps its first 111 (for a file name, also its extension), then ``-`` and 16 hex
   digits of the text's SHA-256.
"""

from __future__ import annotations

import hashlib
import unicodedata

UNSPECIFIED = "unspecified"
"""Stands in a key for a part that the asset does not have."""

_KEPT = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
_LETTERS = {
    "ß": "ss", "æ": "ae", "Æ": "ae", "œ": "oe", "Œ": "oe", "ø": "o", "Ø": "o", "ł": "l", "Ł": "l", "đ": "d",
    "Đ": "d", "ð": "d", "Ð": "d", "þ": "th", "Þ": "th", "ħ": "h", "Ħ": "h", "ı": "i", "ŋ": "ng", "Ŋ": "ng",
    "ŧ": "t", "Ŧ": "t", "ẞ": "ss",
}  # fmt: skip
_SEPARATORS = frozenset("\u00a0\u2010\u2011\u2012\u2013\u2014\u2015\u2018\u2019\u201c\u201d\u2026\u3000")
_PART_LIMIT = 128
_HASH_DIGITS = 16
_EXTENSION_LIMIT = 10
_LAST_ASCII = 0x7F


def slug(text: str) -> str:
    """Return one key part for `text`: lower-case ASCII, never empty, never ``.`` or ``..``."""
    return _shorten(_spell(text), text, extension="")


def slug_or_unspecified(text: str | None) -> str:
    """Return the part for `text`, or ``unspecified`` when there is none."""
    return slug(text) if text else UNSPECIFIED


def slug_leaf(name: str) -> str:
    """Return the last key part for a file name; an over-long one keeps its extension."""
    spelled = _spell(name)
    return _shorten(spelled, name, extension=split_extension(spelled)[1])


def split_extension(leaf: str) -> tuple[str, str]:
    """Split ``product.png`` into ``product`` and ``.png``; the extension is empty when there is no usual one."""
    stem, dot, extension = leaf.rpartition(".")
    if not dot or not stem or not extension or len(extension) > _EXTENSION_LIMIT:
        return leaf, ""
    return stem, dot + extension


def _spell(text: str) -> str:
    pieces: list[str] = []
    for character in unicodedata.normalize("NFC", text):
        lowered = character.lower() if character.isascii() else character
        if lowered in _KEPT:
            pieces.append(lowered)
        elif ord(character) <= _LAST_ASCII or character in _SEPARATORS:
            pieces.append("-")
        else:
            pieces.append(_transliterate(character) or _hex(character))
    spelled = "".join(pieces)
    while "--" in spelled:
        spelled = spelled.replace("--", "-")
    return spelled.strip("-.") or _hex(text)


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
