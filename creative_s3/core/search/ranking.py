"""`most_similar`: the assets of the catalog that are described most like a model, the best first.

Style, season, category and region make up most of a score, and assets share few combinations of them: their
"looks". The looks are taken from the best down, and the search ends where palette and tags could no longer
lift an asset of the next look among the best. What it finds is what comparing everything would find.
"""

from __future__ import annotations

import heapq
import json
from dataclasses import dataclass, field
from itertools import combinations, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from creative_s3.core.catalog.asset_rows import LOOK_FACET, TAG_FACET
from creative_s3.core.search.similarity import FULL, LOOK_PARTS, WEIGHTS, Likeness, Score

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from creative_s3.core.assets.models import SemanticMetadata
    from creative_s3.core.catalog.asset_rows import AssetRecord
    from creative_s3.core.search.search import AssetSearch
    from creative_s3.core.search.similarity import Look

_PALETTE_COST = 2
"""Comparing a palette takes as long as comparing so many assets otherwise."""
_CHUNK = 500
_GROWTH = 4
_MOST_LOOKS = 200
_MOST_TAGS = 8
_LAST_NUMBER = 2**63 - 1
_LEFT_OUT = -FULL * sum(WEIGHTS.values())
# The plus keeps SQLite from an index of its own choice.
_SEMANTIC = "+asset.kind IN ('product', 'background', 'composite')"
_COLUMNS = "id, visual_style, season, product_category, region, color_palette, tags"


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is compared at once, and at most.

    Attributes:
        few: When a search finds no more than so many assets, all of them are compared.
        together: Looks are compared together up to so many assets; more are divided by their tags first.
        first: So many assets are compared before it is asked again whether others could be better.
        most: So many are compared at most, or half as many palettes: about a tenth of a second.
    """

    few: int = 4000
    together: int = 8000
    first: int = 250
    most: int = 10_000


_USUAL = Effort()


@dataclass(frozen=True, slots=True)
class Similar:
    """An asset, and how alike it is."""

    record: AssetRecord
    score: Score


@dataclass(frozen=True, slots=True)
class Ranking:
    """The most similar assets.

    Attributes:
        assets: The best first; of equal ones the newest.
        is_exact: Whether all that could be among them were compared. Otherwise too many assets are described
            almost alike (see `Effort.most`), and the newest of them were compared.
    """

    assets: tuple[Similar, ...]
    is_exact: bool


def most_similar(
    search: AssetSearch, model: SemanticMetadata, *, without: str, limit: int, effort: Effort = _USUAL
) -> Ranking:
    """Rank what a search finds.

    Args:
        search: Which assets may be found at all.
        model: The description to compare with.
        without: The model's own file, relative to the workspace: its assets are left out.
        limit: At most so many, and at least one.
        effort: How much to compare.

    Raises:
        CatalogError: The catalog cannot be used.
    """
    if search.condition.is_empty:
        return Ranking((), is_exact=True)
    comparison = _Comparison(search, model, without, _Best(limit), effort)
    is_exact = comparison.run()
    scores = {number: score for _, number, score in comparison.best.ranked()}
    records = search.catalog.assets.by_id(list(scores))
    ranked = (Similar(record, scores[record.id]) for record in records if record.id is not None)
    return Ranking(tuple(ranked), is_exact)


@dataclass(slots=True)
class _Batch:
    """Looks that are compared together.

    Attributes:
        points: Of the best of the looks.
        words: Their words in the index.
        assets: How many assets have them, at most.
    """

    points: int
    words: list[str] = field(default_factory=list)
    assets: int = 0


@dataclass(slots=True)
class _Best:
    """The best so far: by points, then the newest."""

    limit: int
    _heap: list[tuple[int, int, Score]] = field(default_factory=list)

    def admits(self, points: int, number: int) -> bool:
        """Tell whether an asset would be among them."""
        return len(self._heap) < self.limit or (points, number) > self._heap[0][:2]

    def take(self, number: int, score: Score) -> None:
        """Take in an asset that is good enough."""
        add = heapq.heappush if len(self._heap) < self.limit else heapq.heapreplace
        add(self._heap, (score.points, number, score))

    def ranked(self) -> list[tuple[int, int, Score]]:
        """Return points, number and score, the best first."""
        return sorted(self._heap, key=lambda entry: entry[:2], reverse=True)


class _Comparison:
    """One ranking on its way."""

    def __init__(
        self, search: AssetSearch, model: SemanticMetadata, without: str, best: _Best, effort: Effort
    ) -> None:
        self.best = best
        self._effort = effort
        self._search = search
        self._database = search.catalog.database
        self._likeness = Likeness(model)
        self._model = model
        self._without = without
        self._room = effort.most
        self._looks: dict[Look, Mapping[str, int]] = {}
        self._tags: dict[str | None, int] = {}

    def run(self) -> bool:
        """Compare what must be compared; return whether that was all of it."""
        few = self._numbers(self._effort.few + 1)
        if len(few) <= self._effort.few:
            self._compare(self._rows_of(few))
            return True
        tags = self._tag_words()
        for batch in self._batches():
            if not self.best.admits(batch.points + self._likeness.most_beside_look, _LAST_NUMBER):
                return True
            for words, most in self._portions(batch, tags):
                if not self._walk(words, batch.points + most):
                    return False
        return True

    def _batches(self) -> Iterator[_Batch]:
        """Yield the looks from the best down: small ones together, and large ones that are equally good."""
        size = self._effort.few
        batch: _Batch | None = None
        for points, same in groupby(self._ranked_looks(), key=itemgetter(0)):
            looks = list(same)
            assets = sum(number for _, _, number in looks)
            if batch and batch.assets + assets > size:
                yield batch
                size, batch = min(size * 2, self._effort.together), None
            for start in range(0, len(looks), _MOST_LOOKS):
                some = looks[start : start + _MOST_LOOKS]
                batch = batch or _Batch(points)
                batch.words += [word for _, word, _ in some]
                batch.assets += sum(number for _, _, number in some)
                if len(batch.words) >= _MOST_LOOKS:
                    yield batch
                    batch = None
        if batch:
            yield batch

    def _ranked_looks(self) -> list[tuple[int, str, int]]:
        """Return the points, the word and the number of assets of each look that the selection allows."""
        chosen = self._search.selection
        allowed = [
            {value.lower() for value in values}
            for values in (chosen.styles, chosen.seasons, chosen.categories, chosen.regions)
        ]
        rows = self._database.rows(
            "SELECT value, id, assets FROM facet WHERE name=? AND assets > 0", (LOOK_FACET,)
        )
        # There may be many thousands, of few values each.
        looks: list[Look] = json.loads(f"[{','.join(row[0] for row in rows)}]")
        points = [
            {value: self._points(name, value, some) for value in set(values)}
            for name, values, some in zip(LOOK_PARTS, zip(*looks, strict=True), allowed, strict=False)
        ]
        ranked = []
        for look, (_, number, assets) in zip(looks, rows, strict=True):
            total = sum(part[value] for part, value in zip(points, look, strict=True))
            if total >= 0:
                ranked.append((total, f"f{number}", assets))
        return sorted(ranked, reverse=True)

    def _points(self, name: str, value: str | None, allowed: Collection[str]) -> int:
        """Return the points of a part of a look; far below zero for one that the selection leaves out."""
        is_chosen = not allowed or (value or "").lower() in allowed
        return self._likeness.part_points(name, value) if is_chosen else _LEFT_OUT

    def _portions(self, batch: _Batch, tags: Sequence[str]) -> Iterator[tuple[str, int]]:
        """Yield queries that divide a batch, and the most that palette and tags can add for their assets."""
        look = f"({' OR '.join(batch.words)})"
        beside = self._likeness.most_beside_look
        if batch.assets <= self._effort.together or not tags:
            yield f"facets : ({look})", beside
            return
        # Those that share most tags come first: after them, the rest can hardly win any more.
        palette = self._likeness.most_palette
        any_tag = f"({' OR '.join(tags)})"
        levels = [(len(tags), f"({' AND '.join(tags)})")]
        if 2 < len(tags) <= _MOST_TAGS:  # noqa: PLR2004 - of two tags, all but one is any
            most = (f"({' AND '.join(some)})" for some in combinations(tags, len(tags) - 1))
            levels.append((len(tags) - 1, f"({' OR '.join(most)})"))
        if len(tags) > 1:
            levels.append((levels[-1][0] - 1, any_tag))
        done = ""
        for shared, level in levels:
            without = f" NOT {done}" if done else ""
            yield (
                f"facets : (({look} AND {level}){without})",
                palette + self._likeness.most_tag_points(shared),
            )
            done = level
        yield f"facets : ({look} NOT {any_tag})", palette

    def _walk(self, words: str, points: int) -> bool:
        """Compare assets that can have so many points at most; return whether no other of them counts."""
        size, last = self._effort.first, _LAST_NUMBER
        while self.best.admits(points, last - 1):
            if self._room <= 0:
                return False
            rows = self._rows(words, size, last)
            self._compare(rows)
            if len(rows) < size:
                break
            last = rows[-1][0]
            # The room may be overdrawn a little: many small queries would cost more.
            left = max(self._room // _PALETTE_COST, self._effort.first)
            size = min(size * _GROWTH, max(self._effort.few, 1), left)
        return True

    def _compare(self, rows: Iterable[tuple[Any, ...]]) -> None:
        likeness = self._likeness
        for number, style, season, category, region, palette, tags in rows:
            parts = self._look_parts((style, season, category, region))
            tag_points = self._tags.get(tags)
            if tag_points is None:
                tag_points = self._tags[tags] = likeness.tag_points(json.loads(tags or "[]"))
            points = sum(parts.values()) + tag_points
            self._room -= 1
            # Comparing colours costs most: only where it can matter.
            if not self.best.admits(points + likeness.most_palette, number):
                continue
            if likeness.most_palette:
                self._room -= _PALETTE_COST - 1
            palette_points = likeness.palette_points(json.loads(palette or "[]"))
            if self.best.admits(points + palette_points, number):
                self.best.take(number, likeness.total(parts, palette_points, tag_points))

    def _look_parts(self, look: Look) -> Mapping[str, int]:
        parts = self._looks.get(look)
        if parts is None:
            parts = self._looks[look] = self._likeness.look_parts(look)
        return parts

    def _numbers(self, limit: int) -> list[int]:
        """Return the numbers of some of the assets that may be found."""
        source, values = self._search.source()
        condition = f"{_SEMANTIC} AND asset.file_path <> ?"
        rows = self._database.rows(
            f"SELECT asset.id {source} AND {condition} LIMIT ?", (*values, self._without, limit)
        )
        return [row[0] for row in rows]

    def _rows_of(self, numbers: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        for start in range(0, len(numbers), _CHUNK):
            chunk = numbers[start : start + _CHUNK]
            marks = ", ".join("?" * len(chunk))
            query = f"SELECT {_COLUMNS} FROM asset WHERE id IN ({marks})"  # noqa: S608 - marks only
            yield from self._database.rows(query, chunk)

    def _rows(self, words: str, limit: int, before: int) -> list[tuple[Any, ...]]:
        """Return the newest assets before one that match a query of the index as well."""
        source, values = self._search.source(words)
        columns = ", ".join(f"asset.{name}" for name in _COLUMNS.split(", "))
        return self._database.rows(
            f"SELECT {columns} {source} AND asset.file_path <> ? AND asset_text.rowid < ?"
            " ORDER BY asset_text.rowid DESC LIMIT ?",
            (*values, self._without, before, limit),
        )

    def _tag_words(self) -> list[str]:
        """Return the words of the model's tags in the index, as far as assets have them."""
        rows = (
            self._database.row(
                "SELECT id FROM facet WHERE name=? AND value=? AND assets > 0", (TAG_FACET, tag)
            )
            for tag in self._model.tags
        )
        return list(dict.fromkeys(f"f{row[0]}" for row in rows if row))
