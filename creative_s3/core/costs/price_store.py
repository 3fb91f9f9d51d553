"""The prices in use: the bundled ones, and over them the regions that the user refreshed.

Refreshed regions lie in one file in the user's data directory, whole or not at all. A bundled region that is
newer than a refreshed one wins: an update of this package is not held back by an old refresh.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import DecimalException
from typing import TYPE_CHECKING, Any

from creative_s3.core.costs.pricing import PriceBook, bundled_data, parse_book
from creative_s3.core.files import user_directories
from creative_s3.core.files.local_files import install_over, partial_path, sweep_partials, sync
from creative_s3.core.files.own_files import read_own
from creative_s3.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FORMAT = 1
_UNUSABLE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    DecimalException,
    RecursionError,
    RefusedError,
)
_Seen = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Prices:
    """The prices in use.

    Attributes:
        book: All of them.
        refreshed: The regions whose prices were refreshed and are used.
        outdated: Refreshed regions that are not used, because the bundled prices are newer.
        problem: Why the refreshed prices cannot be used at all, in words; None when they can, or there are
            none.
    """

    book: PriceBook
    refreshed: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()
    problem: str | None = None


_latest: dict[_Seen, Prices] = {}


def store_path() -> Path:
    """Return where refreshed prices lie; the file need not exist."""
    return user_directories.data_path() / "prices.json"


def current_book() -> PriceBook:
    """Return the prices in use. A file that cannot be used leaves the bundled ones, and stops nothing."""
    return current_prices().book


def current_prices(path: Path | None = None) -> Prices:
    """Return the prices in use, with which of them were refreshed.

    Args:
        path: The file of refreshed prices; by default `store_path`.
    """
    path = path or store_path()
    try:
        status = path.stat()
    except OSError:
        return _in_use((str(path), 0, 0), {})
    seen = (str(path), status.st_mtime_ns, status.st_size)
    if seen in _latest:
        return _latest[seen]
    try:
        return _in_use(seen, _read(path))
    except _UNUSABLE as error:
        problem = f"{path} cannot be used ({type(error).__name__}: {error})"
        _latest[seen] = Prices(parse_book(bundled_data()), problem=problem)
        return _latest[seen]


def current_row(region: str, path: Path | None = None) -> Mapping[str, Any] | None:
    """Return a region's figures in the form of the price file; None for a region that the book lacks."""
    prices = current_prices(path)
    if region in prices.refreshed:
        row: Mapping[str, Any] = _read(path or store_path())[region]
        return row
    bundled: Mapping[str, Any] | None = bundled_data()["regions"].get(region)
    return bundled


def store_row(region: str, row: Mapping[str, Any], path: Path | None = None) -> Path:
    """Store a region's refreshed figures beside those of other regions; return the file.

    Raises:
        OSError: It cannot be written.
    """
    path = path or store_path()
    rows = dict(_readable(path))
    rows[region] = dict(row)
    parse_book(_merged(rows))  # what cannot be read back is not written
    _write(path, rows)
    return path


def forget_rows(region: str | None = None, path: Path | None = None) -> tuple[str, ...]:
    """Go back to the bundled prices of a region, or of all; return which refreshed regions were dropped.

    Raises:
        OSError: The file cannot be written or removed.
    """
    path = path or store_path()
    if not path.exists():
        return ()
    rows = dict(_readable(path))
    dropped = tuple(sorted(rows)) if region is None else tuple(name for name in rows if name == region)
    left = {name: row for name, row in rows.items() if name not in dropped}
    if left:
        if dropped:
            _write(path, left)
    else:
        path.unlink(missing_ok=True)
    return dropped


def _in_use(seen: _Seen, rows: Mapping[str, Mapping[str, Any]]) -> Prices:
    bundled = bundled_data()
    outdated = tuple(
        sorted(
            name
            for name, row in rows.items()
            if name in bundled["regions"] and str(row["as_of"]) < bundled["as_of"]
        )
    )
    used = {name: row for name, row in rows.items() if name not in outdated}
    prices = _latest.get(seen) or Prices(parse_book(_merged(used)), tuple(sorted(used)), outdated)
    _latest.clear()
    _latest[seen] = prices
    return prices


def _merged(rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    bundled = bundled_data()
    return {**bundled, "regions": {**bundled["regions"], **rows}}


def _read(path: Path) -> Mapping[str, Any]:
    document = json.loads(read_own(path).decode())
    if document["format"] != _FORMAT:
        raise ValueError(f"its format is {document['format']}, and this version knows {_FORMAT}")
    rows: Mapping[str, Any] = document["regions"]
    return rows


def _readable(path: Path) -> Mapping[str, Any]:
    """Return what is stored; nothing where it cannot be read: a refresh replaces it."""
    try:
        rows = _read(path)
        parse_book(_merged(rows))
    except _UNUSABLE:
        return {}
    return rows


def _write(path: Path, rows: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep_partials(path.parent)
    partial = partial_path(path)
    try:
        partial.write_text(
            json.dumps({"format": _FORMAT, "regions": rows}, indent=1) + "\n", encoding="utf-8"
        )
        sync(partial)
        install_over(partial, path)
    finally:
        partial.unlink(missing_ok=True)
