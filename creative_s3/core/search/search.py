"""`AssetSearch`: the assets of the catalog that a selection means. Offline; it never looks at a file.

What the selection becomes is `core.search.selection`; ranking by likeness is `core.search.ranking`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.search.selection import condition_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from creative_s3.core.catalog.asset_rows import AssetRecord
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.search.selection import Selection, UnknownValue

MOST_COUNTED = 10_000
_CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class Matches:
    """How many assets match.

    Attributes:
        number: So many, or at least so many.
        is_exact: Whether there are no more.
    """

    number: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class Page:
    """The beginning of what was found.

    Attributes:
        records: The assets.
        matches: How many there are in all.
    """

    records: tuple[AssetRecord, ...]
    matches: Matches


class AssetSearch:
    """A search in one catalog, newest assets first; ask it as often as you like.

    Args:
        catalog: It is brought up to date by `core.catalog.intake.take_in`, not here.
        selection: What is asked for.

    Raises:
        CatalogError: The catalog cannot be used; also from every method.
    """

    def __init__(self, catalog: Catalog, selection: Selection) -> None:
        self.catalog = catalog
        self.selection = selection
        self.condition = condition_of(selection, catalog.database)

    @property
    def unknown(self) -> tuple[UnknownValue, ...]:
        """The values asked for that no asset has."""
        return self.condition.unknown

    def page(self, limit: int) -> Page:
        """Return the newest assets, at most so many, and how many there are."""
        if self.condition.is_empty:
            return Page((), Matches(0, is_exact=True))
        most = max(limit, MOST_COUNTED)
        query, values = self._newest(most + 1)
        # In one go: the query is walked through once, and only the page itself comes out of SQLite.
        rows = self.catalog.database.rows(
            f"SELECT id, count(*) OVER () FROM ({query}) ORDER BY id DESC LIMIT ?",  # noqa: S608 - texts of our own
            (*values, limit),
        )
        number = rows[0][1] if rows else 0
        records = self.catalog.assets.by_id([row[0] for row in rows])
        return Page(tuple(records), Matches(min(number, most), is_exact=number <= most))

    def all(self) -> Iterator[AssetRecord]:
        """Yield all of them, some thousands at a time: no lock is held in between."""
        for rows in self._chunks():
            yield from self.catalog.assets.by_id([number for number, _ in rows])

    def cache_keys(self) -> Iterator[str]:
        """Yield the cache keys of all of them, some thousands at a time: no lock is held in between."""
        return (cache_key for rows in self._chunks() for _, cache_key in rows)

    def count(self, most: int = MOST_COUNTED) -> Matches:
        """Count them; beyond `most`, only that there are more."""
        if self.condition.is_empty:
            return Matches(0, is_exact=True)
        source, values = self.source()
        query = f"SELECT count(*) FROM (SELECT 1 {source} LIMIT ?)"  # noqa: S608 - texts of our own
        number: int = self.catalog.database.row(query, (*values, most + 1))[0]
        return Matches(min(number, most), is_exact=number <= most)

    def source(self, also: str | None = None) -> tuple[str, list[object]]:
        """Return ``FROM … WHERE …`` for the rows of ``asset``, and the values for its question marks.

        Args:
            also: Another query of ``asset_text`` that must match as well.
        """
        condition = self.condition
        match = " AND ".join(f"({part})" for part in (also, condition.match) if part)
        if not match:
            # NOT INDEXED: the newest first, which is the order of the table itself.
            return f"FROM asset NOT INDEXED WHERE {condition.where}", list(condition.values)
        # CROSS: in this order. Asking the index about each of many rows would take minutes.
        source = "FROM asset_text CROSS JOIN asset ON asset.id = asset_text.rowid WHERE asset_text MATCH ?"
        return f"{source} AND {condition.where}", [match, *condition.values]

    def _chunks(self) -> Iterator[list[tuple[int, str]]]:
        last: int | None = None
        while not self.condition.is_empty:
            rows = self.catalog.database.rows(*self._newest(_CHUNK, before=last))
            if not rows:
                return
            yield rows
            last = rows[-1][0]

    def _newest(self, limit: int, *, before: int | None = None) -> tuple[str, list[object]]:
        source, values = self.source()
        rowid = "asset_text.rowid" if self.condition.match else "asset.id"
        if before is not None:
            source += f" AND {rowid} < ?"
            values.append(before)
        query = f"SELECT asset.id AS id, asset.cache_key {source} ORDER BY {rowid} DESC LIMIT ?"
        return query, [*values, limit]
