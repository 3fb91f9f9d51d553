"""The census of the tiers: every file that the catalog names, counted and chosen in SQLite. Reads only.

A hundred thousand files are counted without a value for each; what a decision needs becomes a `TierFile`.
Whatever is out of the ordinary becomes one at once, by `tiers.facts`, as all files do in `tiers.survey`: a
file with several assets, a link, a pin, a file that a rule will delete or that lies outside the cache.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from functools import cached_property
from heapq import nlargest, nsmallest
from typing import TYPE_CHECKING, NamedTuple, Self

from creative_s3.core.catalog.asset_table import is_storable
from creative_s3.core.files.times import instant, storable
from creative_s3.core.lifecycle.fates import Fates
from creative_s3.core.tiers import census_sql as sql
from creative_s3.core.tiers.cache_walk import is_regular, look, walk
from creative_s3.core.tiers.facts import (
    Facts,
    Place,
    microseconds,
    microseconds_of,
    signature,
)
from creative_s3.core.tiers.groundwork import Groundwork
from creative_s3.core.tiers.open_files import open_files
from creative_s3.core.tiers.policy import (
    GRACE,
    comes_back,
    is_due,
    is_fresh,
    make_plan,
    needed_bytes,
    promotions,
    space_for_promotions,
)
from creative_s3.core.tiers.tiers import HOT_USES, Amount, Evidence, Hold, Room, TierFile

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.files.workspace import Workspace
    from creative_s3.core.tiers.open_files import FileId
    from creative_s3.core.tiers.returning import ReturnTerms
    from creative_s3.core.tiers.tiers import Policy, TierPlan

_EVIDENCE = (Evidence.ACCESS, Evidence.INDEX, Evidence.RETURN, Evidence.FILE)
"""In the order of the numbers that the table has for them."""
_NOTHING = _EVIDENCE.index(Evidence.FILE)
_DAY_US = 86_400_000_000
_GRACE_US = GRACE // timedelta(microseconds=1)
_ALWAYS_US = 2**61


class _Group(NamedTuple):
    """Ordinary files that are counted together."""

    kind: str
    is_hot: bool
    hold: Hold | None
    is_archiving: bool
    amount: Amount


class Census:
    """Every file, counted. Use it as a context manager, and by one thread at a time.

    Args:
        catalog: Up to date with index.json.
        workspace: Where.
        now: With time zone.
        fates: What the bucket's lifecycle rules do; None when that is not known here.
        accepted: IDs of rules whose deletions shall not hold a file back.
        hides: Tells whether somebody may have a file open unseen.
        groundwork: Begun earlier; used if the catalog is still what it was.

    Attributes:
        room: The whole cache directory and its disk.
        unindexed_bytes: Files in the cache directory that no asset names.
        unusual: The files that were put together at once, by path.
        now: When it was made.

    Raises:
        RefusedError: The list of pins cannot be read.
        CatalogError: The catalog cannot be used; also from every method.
    """

    def __init__(  # noqa: PLR0913 - all that a count depends on
        self,
        catalog: Catalog,
        workspace: Workspace,
        *,
        now: datetime,
        fates: Fates | None = None,
        accepted: Collection[str] = (),
        hides: Callable[[os.stat_result], bool] = lambda _: False,
        groundwork: Groundwork | None = None,
    ) -> None:
        self.now = now
        self._workspace = workspace
        self._bucket = catalog.bucket
        self._unnamed_bytes = 0
        if groundwork is None:
            groundwork = self._begin(catalog)
        try:
            folders: set[str] = set()
            opened = open_files()
            seen = sorted(self._seen(folders, opened, hides))  # an index grows quickly in its own order
            if not groundwork.holds(catalog.path, bucket=catalog.bucket, now=now):
                groundwork.close()
                groundwork = self._begin(catalog)
            self._database = groundwork.finish()
            self._facts = Facts(
                inside=f"{workspace.cache_dir.name}/",
                fates=fates or Fates(),
                accepted=accepted,
                pins=groundwork.pins,
                opened=opened,
                hides=hides,
                returns=groundwork.returns,
            )
            self._take(seen, folders)
        except BaseException:
            groundwork.close()
            raise
        self._groundwork = groundwork

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._groundwork.close()

    def kinds(self) -> dict[str, tuple[Amount, Amount]]:
        """Return what is on local disk and what is in S3 only, by kind, in the order of their names."""
        found: defaultdict[tuple[str, bool], Amount] = defaultdict(Amount)
        for group in self._groups:
            found[group.kind, group.is_hot] += group.amount
        for file in self.unusual:
            if file.is_hot or file.is_cold:
                found[file.kind, file.is_hot] += Amount(1, file.size_bytes)
        kinds = sorted({kind for kind, _ in found})
        return {kind: (found[kind, True], found[kind, False]) for kind in kinds}

    @property
    def hot_bytes(self) -> int:
        """The local files inside the cache directory that are assets, in bytes."""
        unusual = sum(file.size_bytes for file in self.unusual if file.is_hot and file.in_cache)
        return unusual + sum(group.amount.size_bytes for group in self._groups if group.is_hot)

    def due(self, policy: Policy) -> Amount:
        """Return what may go and is cold by its age."""
        files, size_bytes = self._database.row(
            sql.DUE, {"due_us": self._due_us(policy), "fresh_us": microseconds_of(self.now) - _GRACE_US}
        )
        unusual = [
            file.size_bytes
            for file in self.unusual
            if file.is_hot and file.in_cache and file.hold is None
            if is_due(file, policy, self.now) and not is_fresh(file, self.now)
        ]
        return Amount(files, size_bytes) + Amount(len(unusual), sum(unusual))

    def plan(self, policy: Policy, *, terms: Mapping[str, ReturnTerms]) -> TierPlan:
        """Decide what should be moved; changes nothing.

        Args:
            policy: What is wanted.
            terms: What coming back takes, by storage class.
        """
        return make_plan(
            self.candidates(policy, needed_bytes=needed_bytes(policy, self.room)),
            policy,
            self.room,
            now=self.now,
            terms=terms,
            hot_bytes=self.hot_bytes,
        )

    def candidates(self, policy: Policy, *, needed_bytes: int) -> tuple[TierFile, ...]:
        """Return every file that a plan could name, and maybe some more.

        Args:
            policy: What is wanted.
            needed_bytes: What has to go for the limit and for the minimum of free disk.
        """
        chosen = list(self.unusual)
        if policy.demotes:
            is_tight = needed_bytes > self.due(policy).size_bytes
            before = _ALWAYS_US if is_tight else self._due_us(policy)
            chosen += self._files(
                f"{sql.FILES} WHERE is_hot AND last_use >> 2 <= :before", {"before": before}
            )
        if policy.promotes:
            chosen += self.promotable()
        return tuple(chosen)

    def promotable(self) -> tuple[TierFile, ...]:
        """Return the ordinary files in S3 only that are used often enough to come back."""
        return tuple(self._files(f"{sql.FILES} WHERE {sql.OFTEN_USED}", {"uses": HOT_USES}))

    def coming(
        self, policy: Policy, room: Room, *, is_tight: bool, terms: Mapping[str, ReturnTerms]
    ) -> Amount:
        """Return what comes back: see `tiers.policy.promotions`. Who has room for all need not choose."""
        unusual = [file.size_bytes for file in self.unusual if comes_back(file)]
        files, size_bytes = self._database.row(sql.OFTEN, {"uses": HOT_USES})
        every = Amount(files, size_bytes) + Amount(len(unusual), sum(unusual))
        space, disk = space_for_promotions(policy, room, is_tight=is_tight)
        if every.size_bytes <= min(space, disk):
            return every
        often = (*self.unusual, *self.promotable())
        moves = promotions(often, policy, room, is_tight=is_tight, terms=terms)
        return Amount(len(moves), sum(move.file.size_bytes for move in moves))

    def coldest(self, number: int) -> tuple[TierFile, ...]:
        """Return the local files that were not used for longest."""
        query = f"{sql.FILES} WHERE is_hot ORDER BY last_us, file_path LIMIT :number"
        local = [file for file in self.unusual if file.is_hot and file.in_cache]
        local += self._files(query, {"number": number})
        return tuple(nsmallest(number, local, key=lambda file: (file.last_used_at, file.file_path)))

    def hottest(self, number: int) -> tuple[TierFile, ...]:
        """Return the files with the most uses of late, wherever they are."""
        query = (
            f"{sql.FILES} WHERE tier.recent_uses > 0"
            " ORDER BY tier.recent_uses DESC, last_us DESC, file_path DESC LIMIT :number"
        )
        used = [file for file in self.unusual if file.recent_uses]
        used += self._files(query, {"number": number})
        return tuple(
            nlargest(number, used, key=lambda file: (file.recent_uses, file.last_used_at, file.file_path))
        )

    def held(self, hold: Hold, *, is_hot: bool) -> tuple[Amount, TierFile] | None:
        """Return how many ordinary files have such a reason to stay, and the first; None when none has."""
        groups = [one for one in self._groups if one.is_hot is is_hot and one.hold is hold]
        first = self._database.row(sql.FIRST_HELD, (is_hot, sql.HOLDS.index(hold)))[0] if groups else None
        return None if first is None else (_sum(groups), self._one(first, is_away=not is_hot))

    def archiving(self) -> tuple[Amount, TierFile] | None:
        """Return how many ordinary files in S3 only a rule will archive there, and the first; or None."""
        groups = [one for one in self._groups if one.is_archiving and not one.is_hot]
        first = self._database.row(sql.FIRST_ARCHIVING)[0] if groups else None
        return None if first is None else (_sum(groups), self._one(first, is_away=True))

    @cached_property
    def _groups(self) -> tuple[_Group, ...]:
        groups = []
        for kind, is_hot, held, is_archiving, files, size_bytes in self._database.rows(sql.GROUPS):
            hold = None if held is None else sql.HOLDS[held]
            groups.append(_Group(kind, bool(is_hot), hold, bool(is_archiving), Amount(files, size_bytes)))
        return tuple(groups)

    def _one(self, file_path: str, *, is_away: bool) -> TierFile:
        with self._database.temporary() as database:
            database.execute("DELETE FROM unusual")
            database.execute("INSERT INTO unusual VALUES (?, ?, ?)", (file_path, not is_away, is_away))
        return self._put_together()[0]

    def _files(self, query: str, values: Mapping[str, object]) -> Iterator[TierFile]:
        # By position: this may be done a hundred thousand times.
        for row in self._database.rows(query, values):
            path, cache_key, key, kind, size, is_hot, last, known_by, uses, recent, changed, *more = row
            storage_class, later_class, held, owner = more
            hold, detail = None, ""
            if held is not None:
                hold = sql.HOLDS[held]
                detail = {
                    Hold.UNPROVED: cache_key,
                    Hold.SHARED_OBJECT: owner,
                    Hold.ARCHIVED: storage_class,
                }.get(hold, "")
            yield TierFile(
                path,
                (cache_key,),
                key,
                kind,
                size,
                bool(is_hot),
                not is_hot,
                True,  # noqa: FBT003 - what lies outside is out of the ordinary
                instant(last),
                _EVIDENCE[known_by] if is_hot or known_by != _NOTHING else Evidence.NOTHING,
                uses,
                recent,
                None if changed is None else instant(changed),
                storage_class,
                later_class,
                hold,
                detail,
            )

    def _due_us(self, policy: Policy) -> int:
        """Return when a file that is cold by its age was used at the latest."""
        return microseconds_of(self.now) - policy.cold_days * _DAY_US if policy.cold_days > 0 else _ALWAYS_US

    def _begin(self, catalog: Catalog) -> Groundwork:
        return Groundwork(catalog.path, self._workspace.cache_dir, bucket=catalog.bucket, now=self.now)

    def _take(self, seen: Iterable[tuple[object, ...]], folders: Iterable[str]) -> None:
        self._database.function("last_use", 5, _last_use)
        with self._database.temporary() as database:
            for statement in sql.TABLES:
                database.execute(statement)
            database.executemany(sql.SEE, seen)
            database.executemany("INSERT INTO folder VALUES (?)", [(folder,) for folder in folders])
            query, values = sql.take(self._facts.fates, self._facts.accepted)
            database.execute(query, {**values, "inside": self._facts.inside})
            for statement in sql.SET_APART:
                database.execute(statement)
        used, named = self._database.row(sql.BYTES)
        self.room = Room(used + self._unnamed_bytes, shutil.disk_usage(self._workspace.cache_dir).free)
        self.unindexed_bytes = self.room.used_bytes - named
        self.unusual = self._put_together()

    def _seen(
        self, folders: set[str], opened: Collection[FileId], hides: Callable[[os.stat_result], bool]
    ) -> Iterator[tuple[object, ...]]:
        """Yield what the walk comes by, as rows."""
        last = ""
        for file_path, status in walk(self._workspace):
            folder = file_path[: file_path.rfind("/") + 1]
            if folder != last:
                folders.add(folder)
                last = folder
            regular = is_regular(status)
            if not file_path.isascii() and not is_storable(file_path):
                self._unnamed_bytes += status.st_size if regular else 0
                continue
            is_sole = status.st_nlink == 1 and (status.st_dev, status.st_ino) not in opened
            plain = regular and is_sole and not hides(status)
            yield file_path, regular, plain, *signature(status), storable(status.st_atime_ns)

    def _put_together(self) -> tuple[TierFile, ...]:
        """Make the files in the table ``unusual``, by path."""
        database = self._database
        values = (self._bucket,)
        facts = replace(
            self._facts,
            uses={row[0]: row[1:] for row in database.rows(sql.UNUSUAL_USES)},
            changed={row[0]: row[1:] for row in database.rows(sql.UNUSUAL_CHANGED, values)},
        )
        grouped: dict[str, list[Place]] = {}
        for row in map(Place._make, database.rows(sql.UNUSUAL_PLACES, values)):
            grouped.setdefault(row.file_path, []).append(row)
        files = []
        query = "SELECT file_path, is_walked, is_away FROM unusual ORDER BY file_path"
        for file_path, is_walked, is_away in database.rows(query):
            status = None if is_away else look(f"{self._workspace.root}/{file_path}")
            files.append(facts.file(grouped[file_path], status, is_walked=bool(is_walked)))
        return tuple(files)


def _sum(groups: Iterable[_Group]) -> Amount:
    return sum((group.amount for group in groups), start=Amount())


def _last_use(mtime_ns: int | None, atime_ns: int | None, *recorded: str | None) -> int:
    """Return the last use as ``tier`` has it: what `Facts` says of a file with one asset.

    Args:
        mtime_ns: When the file was written; None when there is none.
        atime_ns: When it was read.
        recorded: The last recorded use, the index's, the last return.
    """
    latest, known_by = 0, _NOTHING
    for number, text in enumerate(recorded):
        if text and (time := microseconds(text)) and time > latest:
            latest, known_by = time, number
    if known_by == _NOTHING and mtime_ns is not None and atime_ns is not None:
        latest = max(mtime_ns, atime_ns) // 1000
    return latest << 2 | known_by
