"""Reading what can still be read of a damaged catalog: what nobody else knows, and what saves asking again.

The assets that index.json has are not among it. Those that we registered or discovered are: an older
pipeline may drop their entries at any time, and only the catalog knows that they must come back. Nothing that
is read here is trusted to be well formed: a row that is not what it should be is left behind.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from creative_s3.core.catalog.asset_rows import COLUMNS, AssetRecord, Source, record_of
from creative_s3.core.catalog.database import MOST_BYTES
from creative_s3.core.catalog.runs import NOT_ENDED
from creative_s3.core.catalog.schema import NUMBERED_SINCE, SCHEMA_VERSION
from creative_s3.core.catalog.soundness import refuse_views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

_TIMEOUT_S = 2.0
_LATER = {"token": "''", "price": "NULL", "created": "0", "replaced": "0", "failures": "'{}'"}
"""Columns of a later version than the first, and their defaults in SQL."""


@dataclass(frozen=True, slots=True)
class Salvage:
    """Rows of a damaged catalog.

    Attributes:
        rows: By table: the rows, as the table has them.
        cold: Cache keys of assets that were recorded as in S3 only, with their sizes in bytes.
        assets: Rows of assets that must not be lost with their entries.
        products: The entries of products as index.json had them, in JSON.
        incomplete: Tables of which not everything could be read.
        has_own_numbers: Whether the runs of the tiers have other numbers than the history.
    """

    rows: Mapping[str, list[tuple[Any, ...]]]
    cold: Mapping[str, int]
    assets: tuple[AssetRecord, ...] = ()
    products: Mapping[str, str] = field(default_factory=dict)
    incomplete: tuple[str, ...] = ()
    has_own_numbers: bool = False


def salvage(path: Path, *, every_asset: bool = False) -> Salvage:
    """Read what can be read of the catalog at `path`; of a file that is no database, nothing.

    Args:
        path: The old catalog.
        every_asset: Whether nothing else knows any asset; otherwise only those are read that we added.
    """
    rows: dict[str, list[tuple[Any, ...]]] = {}
    incomplete: list[str] = []
    cold: list[tuple[Any, ...]] = []
    assets: list[tuple[Any, ...]] = []
    products: list[tuple[Any, ...]] = []
    version = SCHEMA_VERSION
    ours = "asset" if every_asset else f"asset WHERE source <> '{Source.INDEX}'"
    try:
        address = f"{path.resolve().as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, timeout=_TIMEOUT_S)) as database:
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
            refuse_views(database)
            (version,) = database.execute("PRAGMA user_version").fetchone()
            database.text_factory = lambda raw: raw.decode("utf-8", "replace")
            for table, (order, checks) in TABLES.items():
                columns = ", ".join(_columns(database, table, checks))
                found, is_whole = _read(database, columns, table, order)
                rows[table] = [row for row in found if _is_well_formed(row, tuple(checks.values()))]
                if not is_whole or len(rows[table]) < len(found):
                    incomplete.append(table)
            cold, is_whole = _read(database, "cache_key, size_bytes, is_cold", "asset", "id")
            if not is_whole:
                incomplete.append("asset")
            assets, is_whole = _read(database, ", ".join(("id", *COLUMNS)), ours, "id")
            if not is_whole:
                incomplete.append("asset")
            products, _ = _read(database, "entry, content", "product", "entry")
    except sqlite3.Error:
        incomplete = [*TABLES, "asset"]
    return Salvage(
        rows=rows,
        cold={row[0]: row[1] or 0 for row in cold if _is_well_formed(row, (_text, _number_or_none, _yes))},
        assets=tuple(filter(None, map(_asset, assets))),
        products={row[0]: row[1] for row in products if _is_well_formed(row, (_text, _json_object))},
        incomplete=tuple(dict.fromkeys(incomplete)),
        has_own_numbers=version < NUMBERED_SINCE,
    )


def _asset(row: tuple[Any, ...]) -> AssetRecord | None:
    """Return the asset of a row; None if it is not well formed."""
    checks = (_number, *(_ASSET_CHECKS.get(column, _text_or_none) for column in COLUMNS))
    if not _is_well_formed(row, checks):
        return None
    try:
        return record_of(row)
    except (ValueError, TypeError):  # an unknown source, or a list that is none
        return None


def _columns(database: sqlite3.Connection, table: str, wanted: Iterable[str]) -> list[str]:
    """Return the columns to read; for one that an older version's catalog lacks, what it begins with."""
    try:
        there = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
    except sqlite3.Error:
        there = set()
    return [_LATER.get(name, name) if there and name not in there else name for name in wanted]


def _read(
    database: sqlite3.Connection, columns: str, table: str, order: str
) -> tuple[list[tuple[Any, ...]], bool]:
    """Read a table from its beginning, and what lies behind a damaged page from its end."""
    found: dict[tuple[Any, ...], None] = {}
    for direction in ("ASC", "DESC"):
        ordered = ", ".join(f"{column} {direction}" for column in order.split(", "))
        try:
            for row in database.execute(f"SELECT {columns} FROM {table} ORDER BY {ordered}"):  # noqa: S608 - ours
                found.setdefault(row)
        except sqlite3.Error as error:
            if "no such table" in str(error):  # an older version's catalog had none
                return [], True
            continue
        return list(found), direction == "ASC"
    return list(found), False


def _is_well_formed(row: tuple[Any, ...], checks: tuple[Callable[[object], bool], ...]) -> bool:
    return all(check(value) for check, value in zip(checks, row, strict=True))


def _text(value: object) -> bool:
    return isinstance(value, str) and "\ufffd" not in value


def _text_or_none(value: object) -> bool:
    return value is None or _text(value)


def _number(value: object) -> bool:
    return type(value) is int and value >= 0


def _file_time(value: object) -> bool:
    return type(value) is int or (isinstance(value, bytes) and value.removeprefix(b"-").isdigit())


def _number_or_none(value: object) -> bool:
    return value is None or _number(value)


def _exit_code(value: object) -> bool:
    return type(value) is int and value >= NOT_ENDED


def _yes(value: object) -> bool:
    return value == 1


def _seconds(value: object) -> bool:
    return isinstance(value, (int, float)) and value >= 0


def _day(value: object) -> bool:
    return _parses(date.fromisoformat, value)


def _moment(value: object) -> bool:
    return _parses(datetime.fromisoformat, value)


def _json_object(value: object) -> bool:
    return _parses(json.loads, value) and str(value).startswith("{")


def _parses(parse: Callable[[str], object], value: object) -> bool:
    try:
        return isinstance(value, str) and parse(value) is not None
    except ValueError:
        return False


_ASSET_CHECKS: Mapping[str, Callable[[object], bool]] = {
    **dict.fromkeys(("section", "entry", "field", "source", "cache_key", "file_path", "kind"), _text),
    "asset_type": _text,
    "digest": lambda value: value is None or isinstance(value, bytes),
    **dict.fromkeys(("width", "height", "size_bytes"), _number_or_none),
    **dict.fromkeys(("slug_is_derived", "is_cold"), lambda value: value in {0, 1}),
}
"""What makes a value of an asset's column well formed, where that is more than being a text or nothing."""

TABLES: Mapping[str, tuple[str, Mapping[str, Callable[[object], bool]]]] = {
    "access": ("cache_key, day", {"cache_key": _text, "day": _day, "uses": _number, "last_at": _moment}),
    "daily": ("day, what", {"day": _day, "what": _text, "times": _number, "bytes": _number}),
    "run": (
        "id",
        {
            "id": _number,
            "command": _text,
            "bucket": _text,
            "started_at": _moment,
            "duration_s": _seconds,
            "exit_code": _exit_code,
            "files": _number,
            "bytes": _number,
            "failed": _number,
            "requests": _json_object,
            "token": _text,
            "price": _text_or_none,
            "created": _number,
            "replaced": _number,
            "failures": _json_object,
        },
    ),
    "origin": ("bucket, path", {"bucket": _text, "path": _text, "crc64nvme": _text}),
    "change": (
        "bucket, run, key",
        {"bucket": _text, "run": _number, "key": _text, "replaced": _number, "invalidation": _text_or_none},
    ),
    "invalidation": (
        "reference",
        {
            "reference": _text,
            "bucket": _text,
            "distribution": _text,
            "token": _text,
            "paths": _text,
            "planned_at": _moment,
            "id": _text_or_none,
        },
    ),
    "journal": (
        "id",
        {
            "id": _number,
            "at": _moment,
            "action": _text,
            "section": _text,
            "entry": _text,
            "content": _json_object,
        },
    ),
    "movement": (
        "run, file_path",
        {
            "run": _number,
            "file_path": _text,
            "at": _moment,
            "action": _text,
            "command": _text,
            "bucket": _text,
            "cache_key": _text,
            "key": _text,
            "version_id": _text_or_none,
            "size_bytes": _number,
            "crc64nvme": _text,
            "mode": _number,
            "mtime_ns": _file_time,
            "reason": _text,
        },
    ),
    "assigned": ("bucket, cache_key", {"bucket": _text, "cache_key": _text, "key": _text}),
}
"""What is read: by table the order of its rows on the disk, and by column what makes a value well formed."""
