"""What one entry of index.json may hold: its fields, checked and turned into values.

Pure, except that a path with backslashes is looked for on the disk.

Which entries there are, and what an entry means as a whole, is `core.index.index`.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.layout import known
from creative_s3.core.assets.models import (
    LARGEST_SIDE,
    AssetType,
    ProductCategory,
    Season,
    SemanticMetadata,
    VisualStyle,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SHOWN_CHARACTERS = 200
_PLAIN_PATH = re.compile(r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+)*")
_DRIVE = re.compile(r"[A-Za-z]:[/\\]")
_MADE_ON_WINDOWS = re.compile(r"\\|\A[A-Za-z]:/")
_DOTS = re.compile(r"(?:\A|/)\.{1,2}(?:/|\Z)")
"""A part that names no file of its own: ``.`` or ``..``."""
_JSON_NAMES = {bool: "true or false", dict: "an object", list: "a list", int: "a number", float: "a number"}


class UnusableError(Exception):
    """An entry cannot be understood; the text says why. Never leaves the reading of an index."""


class OutsideError(Exception):
    """A path leads outside the workspace, or could; the text says how. Never leaves the reading."""


class IndexPaths:
    """Turns the paths in an index into paths relative to the workspace.

    A path with backslashes names the file whose name has them, if there is one. Else it was written on
    Windows, where they separate folders.

    Args:
        cache_dir: Absolute, as the user gave it: links are not resolved.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._cache_name = cache_dir.name
        # An absolute path may be written with links followed, and the cache may be a link to another disk.
        self._roots = (
            (cache_dir.parent.as_posix(), PurePosixPath()),
            (os.path.realpath(cache_dir.parent), PurePosixPath()),
            (os.path.realpath(cache_dir), PurePosixPath(self._cache_name)),
        )

    def place(self, written: str) -> str:
        """Return a path of the index relative to the workspace.

        Raises:
            OutsideError: It leads outside, or could.
            UnusableError: It names no file.
        """
        if _PLAIN_PATH.fullmatch(written) and not _DOTS.search(written):
            return written
        if "\0" in written:
            raise OutsideError(f"its path has a NUL character: {brief(written)}")
        is_literal = not _MADE_ON_WINDOWS.search(written) or self._is_there(written)
        here = written if is_literal else _with_slashes(written)
        if "//" in here:
            raise OutsideError(f"its path has an empty part: {brief(written)}")
        path = PurePosixPath(here)
        if ".." in path.parts:
            raise OutsideError(f"its path has a '..' part: {brief(written)}")
        if path.is_absolute():
            path = self._inside(path, written)
        if not path.parts or here.endswith("/"):
            raise UnusableError(f"its path names no file: {brief(written)}")
        return path.as_posix()

    def cache_place(self, written: str, main_text: str | None) -> str:
        """Place a products entry's cache file: relative to the cache directory, or equal to its file_path.

        Raises:
            OutsideError: It leads outside, or could.
            UnusableError: It names no file.
        """
        beside = f"{self._cache_name}/{written}"
        if _MADE_ON_WINDOWS.search(written) and not self._is_there(beside) and not self._is_there(written):
            return self.cache_place(_with_slashes(written), main_text and main_text.replace("\\", "/"))
        if written == main_text or written.startswith(("/", f"{self._cache_name}/")):
            return self.place(written)
        return self.place(beside)

    def _is_there(self, written: str) -> bool:
        """Tell whether a file has this very name: on POSIX a backslash is a character like others."""
        return os.path.lexists(os.path.join(self._roots[0][0], written))  # noqa: PTH118 - no dots are dropped

    def _inside(self, path: PurePosixPath, written: str) -> PurePosixPath:
        for root, place in self._roots:
            if path.is_relative_to(root):
                return place / path.relative_to(root)
        raise OutsideError(f"its path is outside the workspace: {brief(written)}")


def _with_slashes(written: str) -> str:
    """Return a path that was written on Windows as it is here.

    Raises:
        OutsideError: It begins with a drive or a share of another machine.
    """
    if written.startswith("\\") or _DRIVE.match(written):
        raise OutsideError(f"its path is one of another machine: {brief(written)}")
    return written.replace("\\", "/")


def text(source: Mapping[str, Any], field: str) -> str | None:
    """Return the text in a field; None when there is none.

    Raises:
        UnusableError: It holds something else, or text that no file can hold.
    """
    value = source.get(field)
    if value is None:
        return None
    if not isinstance(value, str):
        raise UnusableError(f"its {field} is not text but {brief(value)}")
    if not value.isascii():
        check_characters(value, f"its {field}")
    return value


def texts(source: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """Return the texts in a field that holds a list of them, without the empty ones.

    Raises:
        UnusableError: It holds something else.
    """
    values = source.get(field) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise UnusableError(f"its {field} is not a list of texts")
    for value in values:
        if not value.isascii():
            check_characters(value, f"its {field}")
    return tuple([value for value in values if value])


def check_characters(value: str, what: str) -> None:
    """Refuse text that has no UTF-8 form; `what` names it.

    Raises:
        UnusableError: It has half a surrogate pair.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UnusableError(f"{what} has half a surrogate pair, which is no character") from None


def semantic_metadata(details: Mapping[str, Any], asset_type: AssetType) -> SemanticMetadata:
    """Return the semantic description in an entry's metadata.

    Raises:
        UnusableError: A field holds something else than it should.
    """
    return SemanticMetadata(
        asset_type=asset_type,
        product_category=known(ProductCategory, text(details, "product_category")),
        region=text(details, "region") or None,
        visual_style=known(VisualStyle, text(details, "visual_style")),
        season=known(Season, text(details, "season")) or Season.NONE,
        color_palette=texts(details, "color_palette"),
        tags=texts(details, "tags"),
        dimensions=_dimensions(details),
        aspect_ratio=text(details, "aspect_ratio") or None,
    )


def beginnings(cache_key: str) -> Iterator[str]:
    """Yield what begins `cache_key` and ends at the end of a word, in normal form C, the longest first."""
    whole = unicodedata.normalize("NFC", cache_key)
    yield whole
    for end in range(len(whole) - 1, 0, -1):
        if not (whole[end].isalnum() or unicodedata.combining(whole[end])):
            yield whole[:end]


def brief(value: object) -> str:
    """Say what a JSON value is, short enough for a message."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return repr(shown(value[:_SHOWN_CHARACTERS]))
    return _JSON_NAMES.get(type(value), "something else")


def shown(name: str) -> str:
    """Return a name that can be printed whatever it holds."""
    return name.encode("utf-8", "backslashreplace").decode()


def _dimensions(details: Mapping[str, Any]) -> tuple[int, int] | None:
    sides = details.get("dimensions")
    if not sides:
        return None
    if not isinstance(sides, list) or [type(side) for side in sides] != [int, int] or min(sides) < 0:
        raise UnusableError("its dimensions are not two whole numbers")
    if max(sides) > LARGEST_SIDE:
        raise UnusableError("its dimensions are too large to be those of a picture")
    return sides[0], sides[1]
