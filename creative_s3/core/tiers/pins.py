"""Pins: the assets that shall stay on local disk whatever happens.

They lie beside the catalog in a file of their own, because a catalog can be made anew and a person's wish
cannot.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creative_s3.core.catalog.asset_table import is_storable
from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.files.locks import exclusive
from creative_s3.core.files.own_files import read_own
from creative_s3.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

PINS_NAME = "pins.json"
_VERSION = 1
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Pins:
    """What is pinned.

    Attributes:
        keys: Cache keys of assets.
        campaigns: Campaigns; all of their assets are pinned, later ones too.
    """

    keys: frozenset[str] = frozenset()
    campaigns: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Tell whether anything is pinned."""
        return bool(self.keys or self.campaigns)

    def reason(self, cache_keys: Iterable[str], campaigns: Iterable[str | None]) -> str | None:
        """Say by what a file of these assets is pinned; None when it is not."""
        if self.campaigns and (found := self.campaigns.intersection(filter(None, campaigns))):
            return f"with the campaign {min(found)}"
        if self.keys and (found := self.keys.intersection(cache_keys)):
            return f"as {min(found)}"
        return None

    def with_more(self, *, keys: Iterable[str] = (), campaigns: Iterable[str] = ()) -> Pins:
        """Return these pins and some more.

        Raises:
            UsageError: A name is no text in UTF-8, which no asset and no campaign can have.
        """
        made = Pins(self.keys.union(keys), self.campaigns.union(campaigns))
        if strange := [name for name in made.keys | made.campaigns if not is_storable(name)]:
            raise UsageError("this is no text in UTF-8, and no name", item=ascii(strange[0]))
        return made

    def without(self, *, keys: Iterable[str] = (), campaigns: Iterable[str] = ()) -> Pins:
        """Return these pins without some."""
        return Pins(self.keys.difference(keys), self.campaigns.difference(campaigns))


def read_pins(cache_dir: Path) -> Pins:
    """Read what is pinned in a cache; nothing where there is no such file.

    Raises:
        RefusedError: The file is there and cannot be understood, so that it is not known what must stay.
    """
    path = _path(cache_dir)
    try:
        value = json.loads(read_own(path))
        return Pins(_texts(value, "keys"), _texts(value, "campaigns"))
    except FileNotFoundError:
        return Pins()
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise RefusedError(
            "the list of pinned assets cannot be read, so it is not known what has to stay",
            item=str(path),
            hint="correct the file, or remove it to have nothing pinned",
        ) from error


def change_pins(cache_dir: Path, change: Callable[[Pins], Pins]) -> tuple[Pins, Pins]:
    """Change what is pinned, durably; return what was pinned before and what is now.

    Raises:
        RefusedError: The present list cannot be read.
        LockedError: Another process keeps changing it.
        OSError: It cannot be written.
    """
    from creative_s3.core.files.output_files import write_lines  # noqa: PLC0415 - it loads boto3, and reading needs none

    path = _path(cache_dir)
    with exclusive(path.with_suffix(".lock"), wait_s=_PATIENCE_S):
        before = read_pins(cache_dir)
        after = change(before)
        if after != before:
            write_lines(
                path,
                [{"version": _VERSION, "keys": sorted(after.keys), "campaigns": sorted(after.campaigns)}],
            )
    return before, after


def _path(cache_dir: Path) -> Path:
    return catalog_path(cache_dir).with_name(PINS_NAME)


def _texts(value: Any, name: str) -> frozenset[str]:  # noqa: ANN401 - whatever the file holds
    if value["version"] != _VERSION:
        raise ValueError("written by a newer version")
    texts = value[name]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise TypeError(name)
    return frozenset(filter(is_storable, texts))  # others are no names of anything
