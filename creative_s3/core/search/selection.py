"""`Selection`: what somebody asks for, and what it becomes in the words of the search index.

Reads the catalog's table of facets, never the assets; carrying out the search is `core.search.search`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import TYPE_CHECKING

from creative_s3.core.catalog.asset_rows import COLD, MADE_FACET, PLACE_FACET, SIZE_FACET, USED_FACET
from creative_s3.core.catalog.asset_table import EACH_ONCE, is_storable
from creative_s3.core.catalog.scales import UNKNOWN, covering, step_of_day, step_of_size
from creative_s3.core.search.words import words_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from creative_s3.core.catalog.database import Database

SHORTEST_BEGINNING = 2
"""The last word of a text also stands for all longer ones, from so many letters on."""
_CLOSE = 3
_SHOWN = 8
_COMPARED = 2000


@dataclass(frozen=True, slots=True)
class Selection:
    """Which assets: those that have one of the values given for each facet, and all the rest as well.

    Attributes:
        types: Asset types, types of plain cache entries, or kinds.
        categories: Product categories.
        regions: Such as ``US``.
        seasons: Exactly these; ``none`` is a season too.
        styles: Visual styles.
        campaigns: Campaign ids.
        products: Product slugs.
        tags: Whole tags.
        aspect_ratios: Such as ``16x9``; ``16:9`` is the same.
        larger_than_bytes: Assets of a known size above this.
        made_before: Assets of a known time of creation before this; with a time zone.
        unused_since: Assets that were neither made nor used at this time or later, as far as the index, the
            catalog's accesses and the time of creation tell; those without any time are not among them.
        is_cold: Only assets that are in S3 only and meant to be; or only those whose files were on local disk
            when they were last looked at, and are not recorded as gone from there.
        text: Words that must all occur, the last of them as the beginning of a word.
    """

    types: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    seasons: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()
    products: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    aspect_ratios: tuple[str, ...] = ()
    larger_than_bytes: int | None = None
    made_before: datetime | None = None
    unused_since: datetime | None = None
    is_cold: bool | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class UnknownValue:
    """A value that was asked for and that no asset has.

    Attributes:
        what: Such as ``region``.
        value: As given.
        close: Values that are spelled nearly so.
        frequent: The values that most assets have.
        more: How many others there are.
    """

    what: str
    value: str
    close: tuple[str, ...]
    frequent: tuple[str, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Condition:
    """A selection as SQLite is asked for it.

    Attributes:
        match: A query of ``asset_text``; None where every asset has to be looked at.
        where: A condition on ``asset`` that is exact where `match` is not.
        values: For its question marks.
        is_empty: Nothing can match, so that nobody needs to ask.
        unknown: The values that no asset has.
    """

    match: str | None
    where: str
    values: tuple[object, ...]
    is_empty: bool = False
    unknown: tuple[UnknownValue, ...] = ()


# What a person calls a facet, its attribute of `Selection`, and where its values are.
_FACETS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("type", "types", ("asset_type", "kind")),
    ("category", "categories", ("product_category",)),
    ("region", "regions", ("region",)),
    ("season", "seasons", ("season",)),
    ("style", "styles", ("visual_style",)),
    ("campaign", "campaigns", ("campaign_id",)),
    ("product", "products", ("product_slug",)),
    ("tag", "tags", ("tag",)),
    ("aspect ratio", "aspect_ratios", ("aspect_ratio",)),
)


def condition_of(selection: Selection, database: Database) -> Condition:
    """Return what to ask the catalog for.

    Raises:
        CatalogError: The catalog cannot be used.
    """
    plan = _Plan(database)
    for what, attribute, names in _FACETS:
        plan.any_of(what, names, getattr(selection, attribute))
    plan.words(selection.text)
    if selection.is_cold is not None:
        plan.place(is_cold=selection.is_cold)
    if selection.larger_than_bytes is not None:
        plan.larger(selection.larger_than_bytes)
    if selection.made_before is not None:
        plan.made_before(selection.made_before)
    if selection.unused_since is not None:
        plan.unused_since(selection.unused_since)
    return plan.condition()


@dataclass(slots=True)
class _Plan:
    """Collects what must, and what must not, be in the index; and what each row must be."""

    database: Database
    wanted: list[tuple[int, str]] = field(default_factory=list)  # how many assets at most, and which
    unwanted: list[str] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)
    is_empty: bool = False
    unknown: list[UnknownValue] = field(default_factory=list)

    def any_of(self, what: str, names: Sequence[str], values: Iterable[str]) -> None:
        """Demand one of some values of a facet."""
        values = tuple(values)
        if not values:
            return
        tokens: dict[str, int] = {}
        for value in values:
            found = self._tokens(names, value)
            tokens |= found
            if not found:
                self.unknown.append(self._unknown(what, names, value))
        self._want(tokens)

    def words(self, text: str) -> None:
        """Demand words."""
        words = words_in(text)
        if text.strip() and not words:
            self.is_empty = True
        for word in words:
            is_last = word == words[-1] and len(word) >= SHORTEST_BEGINNING
            self.spoken.append(f'"{word}"*' if is_last else f'"{word}"')

    def place(self, *, is_cold: bool) -> None:
        """Demand that assets are cold, or hot."""
        cold = self._tokens((PLACE_FACET,), COLD)
        if is_cold:
            self._want(cold)
        else:
            self.unwanted += [*cold, *self._tokens((SIZE_FACET,), UNKNOWN)]

    def larger(self, size_bytes: int) -> None:
        """Demand a size."""
        low = step_of_size(size_bytes + 1)
        there = self._present(SIZE_FACET)
        inside = _chosen(there, covering(there, low=low))
        outside = _chosen(there, [*covering(there, high=low - 1), UNKNOWN])
        self._narrow(inside, outside)
        self._check("asset.size_bytes > ?", size_bytes)

    def made_before(self, time: datetime) -> None:
        """Demand a time of creation."""
        there = self._present(MADE_FACET)
        last = step_of_day(_before(time))
        inside = _chosen(there, covering(there, high=last))
        outside = _chosen(there, [*covering(there, low=last + 1), UNKNOWN])
        self._narrow(inside, outside)
        self._check("julianday(asset.created_at) < julianday(?)", _text(time))

    def unused_since(self, time: datetime) -> None:
        """Demand that nothing happened to assets since a time."""
        last = step_of_day(_before(time))
        there = self._present(MADE_FACET)
        inside = _chosen(there, [*covering(there, high=last), UNKNOWN])
        self._narrow(inside, _chosen(there, covering(there, low=last + 1)))
        used = self._present(USED_FACET)
        self.unwanted += _chosen(used, covering(used, low=last + 1))
        # Quicker than what follows, and enough for nearly all that were used.
        self._check(
            "NOT EXISTS (SELECT 1 FROM last_access WHERE last_access.id = {row} AND last_access.day > ?)",
            last,
        )
        self._check(
            "max(ifnull(julianday(asset.created_at), julianday(asset.last_used)),"
            " ifnull(julianday(asset.last_used), julianday(asset.created_at))) < julianday(?)"
            " AND NOT EXISTS (SELECT 1 FROM access WHERE access.cache_key = asset.cache_key"
            " AND access.day >= ? AND access.last_at >= ?)",
            _text(time),
            _text(time)[:10],
            _text(time),
        )

    def condition(self) -> Condition:
        """Return the whole."""
        match = self._match()
        where = " AND ".join([*self.where, EACH_ONCE])
        return Condition(
            match=match,
            # What the index itself knows spares SQLite the row.
            where=where.replace("{row}", "asset_text.rowid" if match else "asset.id"),
            values=tuple(self.values),
            is_empty=self.is_empty,
            unknown=tuple(self.unknown),
        )

    def _match(self) -> str | None:
        if self.unwanted and not self.wanted and not self.spoken:
            # NOT stands between two: first all assets, of whatever kind.
            self._want(_chosen(kinds := self._present("kind"), kinds))
        parts = [f"words : ({' AND '.join(self.spoken)})"] if self.spoken else []
        if self.wanted:  # the rarest first: the index goes from one of its assets to the next
            parts.append(f"facets : ({' AND '.join(group for _, group in sorted(self.wanted))})")
        match = " AND ".join(f"({part})" for part in parts)
        if self.unwanted:
            match = f"({match}) NOT (facets : ({' OR '.join(self.unwanted)}))"
        return match or None

    def _want(self, tokens: Mapping[str, int]) -> None:
        if tokens:
            self.wanted.append((sum(tokens.values()), f"({' OR '.join(tokens)})"))
        else:
            self.is_empty = True

    def _narrow(self, inside: Mapping[str, int], outside: Mapping[str, int]) -> None:
        """Demand the ones or exclude the others, whichever are fewer; where there are no others, nothing."""
        if not inside or sum(inside.values()) < sum(outside.values()):
            self._want(inside)
        else:
            self.unwanted += outside

    def _check(self, where: str, *values: object) -> None:
        self.where.append(where)
        self.values += values

    def _present(self, name: str) -> dict[str, tuple[str, int]]:
        """Return the values in use of a facet: value -> its word in the index, how many assets have it."""
        rows = self.database.rows("SELECT value, id, assets FROM facet WHERE name=? AND assets > 0", (name,))
        return {value: (f"f{number}", assets) for value, number, assets in rows}

    def _tokens(self, names: Sequence[str], value: str) -> dict[str, int]:
        """Return the words of a value in the index, with how many assets have it."""
        if not is_storable(value):
            return {}
        spellings = [value]
        if names == ("aspect_ratio",):
            spellings.append(value.replace(":", "x"))
        for spelling in spellings:
            found = {
                f"f{number}": assets
                for name in names
                for number, assets in self.database.rows(
                    "SELECT id, assets FROM facet WHERE name=? AND value=? AND assets > 0", (name, spelling)
                )
            }
            if found:
                return found
        return {}

    def _unknown(self, what: str, names: Sequence[str], value: str) -> UnknownValue:
        marks = ", ".join("?" * len(names))
        rows = self.database.rows(
            f"SELECT value FROM facet WHERE name IN ({marks}) AND assets > 0 ORDER BY assets DESC, value",  # noqa: S608
            names,
        )
        known = list(dict.fromkeys(row[0] for row in rows))
        folded = {name.lower(): name for name in known[:_COMPARED]}
        close = get_close_matches(value.lower(), folded, n=_CLOSE)
        return UnknownValue(
            what,
            value,
            close=tuple(folded[name] for name in close),
            frequent=tuple(known[:_SHOWN]),
            more=max(len(known) - _SHOWN, 0),
        )


def _chosen(there: Mapping[str, tuple[str, int]], values: Iterable[str]) -> dict[str, int]:
    return dict(there[value] for value in values if value in there)


def _before(time: datetime) -> datetime:
    """Return the last moment before a time, in UTC."""
    time = time.astimezone(UTC)
    step = timedelta(microseconds=1)
    return time - step if time > datetime.min.replace(tzinfo=UTC) + step else time


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds")
