"""What a word on the command line may become, asked of the catalog: its keys and the values of its facets.

Written for shell completion: every question is a few seeks in an index, however many assets there are, and
this module imports next to nothing. It only reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from creative_s3.core.catalog.database import Database

MOST = 100
"""So many values are offered at once; of more, only how they go on."""
WORD_ENDS = " -_./:"
"""Where names are shortened when there are too many of them."""
FOLDER_ENDS = "/"
_AFTER_ALL = "\U0010ffff"


class Beginning(str):
    """What several longer values begin with: more is to be typed after it."""

    __slots__ = ()


class Column:
    """An indexed column with text.

    Args:
        table: Its table.
        name: Its name.
        where: What selects its rows besides; with the values, the index begins with it.
        values: For the question marks of `where`.
        ignores_case: Whether the index does, for ASCII letters.
    """

    def __init__(  # noqa: PLR0913 - an index has so many sides
        self,
        database: Database,
        table: str,
        name: str,
        *,
        where: str = "1",
        values: tuple[str, ...] = (),
        ignores_case: bool = False,
    ) -> None:
        self._database = database
        self._values = values
        collation = " COLLATE NOCASE" if ignores_case else ""
        self._select = f"SELECT DISTINCT {name} FROM {table}"  # noqa: S608 - names of our own
        self._range = f"WHERE {where} AND {name} >= ?{collation} AND {name} < ?{collation} ORDER BY {name}"
        self.ignores_case = ignores_case

    def first(self, low: str, high: str, limit: int) -> list[str]:
        """Return the first values from `low` on and before `high`."""
        query = f"{self._select} {self._range} LIMIT ?"
        return [row[0] for row in self._database.rows(query, (*self._values, low, high, limit))]

    def last(self, low: str, high: str) -> str:
        """Return the last value from `low` on and before `high`, which must be there."""
        value: str = self._database.row(
            f"{self._select} {self._range} DESC LIMIT 1", (*self._values, low, high)
        )[0]
        return value


class Suggestions:
    """Finds what begins in some way, in one open catalog."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def cache_keys(self, beginning: str) -> list[str]:
        """Return identities of assets; where there are too many, how they go on, as `Beginning`."""
        return suggest(Column(self._database, "asset", "cache_key"), beginning, WORD_ENDS)

    def keys(self, beginning: str, bucket: str | None = None) -> list[str]:
        """Return S3 keys that assets were given or that were seen, folder by folder where they are many.

        Args:
            beginning: How they begin.
            bucket: Only this bucket's, by its name.
        """
        found = {
            value: None
            for table in ("assigned", "listed")
            for side in self._sides(table)
            if bucket in {None, _bucket_of(side)}
            for value in suggest(
                Column(self._database, table, "key", where="bucket = ?", values=(side,)),
                beginning,
                FOLDER_ENDS,
            )
        }
        return list(found)

    def folders(self, beginning: str, bucket: str | None = None) -> list[str]:
        """Return the folders that S3 keys are in, one level at a time, as `Beginning`."""
        found: dict[str, None] = {}
        for table in ("assigned", "listed"):
            for side in self._sides(table):
                if bucket in {None, _bucket_of(side)}:
                    column = Column(self._database, table, "key", where="bucket = ?", values=(side,))
                    found |= dict.fromkeys(_folders(column, beginning))
        return [Beginning(folder) for folder in list(found)[:MOST]]

    def buckets(self) -> list[str]:
        """Return the names of the buckets that the catalog knows."""
        sides = (side for table in ("assigned", "listed") for side in self._sides(table))
        return list(dict.fromkeys(map(_bucket_of, sides)))

    def facet(self, name: str, beginning: str) -> list[str]:
        """Return the values of a facet, in whatever case they begin; see `core.catalog.asset_rows.FACETS`."""
        column = Column(
            self._database,
            "facet",
            "value",
            where="name = ? AND assets > 0",
            values=(name,),
            ignores_case=True,
        )
        return suggest(column, beginning, WORD_ENDS)

    def _sides(self, table: str) -> Iterator[str]:
        """Yield the remote sides in a table, with one seek for each."""
        side = ""
        while row := self._database.row(
            f"SELECT bucket FROM {table} WHERE bucket > ? ORDER BY bucket LIMIT 1",  # noqa: S608 - our names
            (side,),
        ):
            side = row[0]
            yield side


def suggest(column: Column, beginning: str, ends: str) -> list[str]:
    """Return the values that begin so: all of them, or of too many how they go on up to one of `ends`.

    Whole values are plain text; what is to be continued is a `Beginning`.
    """
    high = beginning + _AFTER_ALL
    values = column.first(beginning, high, MOST + 1)
    if len(values) <= MOST:
        return values
    shared = _shared(values[0], column.last(beginning, high), ignores_case=column.ignores_case)
    groups = list(_groups(column, beginning, shared, ends))
    if len(groups) > MOST:
        groups = list(_groups(column, beginning, shared, None))
    # A value may look like the beginning of others: then it is offered as such.
    return list({str(group): group for group in groups[:MOST]}.values())


def _groups(column: Column, beginning: str, start: int, ends: str | None) -> Iterator[str]:
    """Yield each different beginning up to one of `ends` after `start`, at most one more than `MOST`.

    Without `ends`, one character more than `start`. One seek for each.
    """
    low, high = beginning, beginning + _AFTER_ALL
    for _ in range(MOST + 1):
        values = column.first(low, high, 2)
        if not values:
            return
        group = values[0][: _end(values[0], start, ends)]
        following = _folded(values[1], column) if len(values) > 1 else ""
        if group == values[0] or not following.startswith(_folded(group, column)):
            yield values[0]
            if len(values) < 2:  # noqa: PLR2004 - there is no other
                return
            low = values[1]
        else:
            yield Beginning(group)
            low = group + _AFTER_ALL


def _folders(column: Column, beginning: str) -> Iterator[str]:
    """Yield the folders at one level."""
    low, high = beginning, beginning + _AFTER_ALL
    for _ in range(MOST):
        values = column.first(low, high, 1)
        if not values:
            return
        folder = values[0][: _end(values[0], len(beginning), FOLDER_ENDS)]
        if folder.endswith(FOLDER_ENDS):
            yield folder
        low = folder + (_AFTER_ALL if folder.endswith(FOLDER_ENDS) else "\0")


def _end(value: str, start: int, ends: str | None) -> int:
    if ends is None:
        return start + 1
    places = [place for end in ends if (place := value.find(end, start)) >= 0]
    return min(places) + 1 if places else len(value)


def _shared(first: str, last: str, *, ignores_case: bool) -> int:
    """Return how many characters two values begin with alike."""
    for number, (one, other) in enumerate(zip(first, last, strict=False)):
        if one != other and not (ignores_case and one.lower() == other.lower()):
            return number
    return min(len(first), len(last))


def _folded(value: str, column: Column) -> str:
    return value.lower() if column.ignores_case else value


def _bucket_of(side: str) -> str:
    """Return the bucket's name in a remote side (see `core.catalog.catalog.remote_side`)."""
    return side.split("|")[1] if side.count("|") > 1 else side
