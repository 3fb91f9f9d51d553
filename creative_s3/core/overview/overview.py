"""`Overview`: how cache, bucket, runs and team stand, and what is worth doing next."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.layout import published_key
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.intake import take_in
from creative_s3.core.catalog.places import catalog_path, remote_side
from creative_s3.core.catalog.statistics import LibraryStatistics, library_statistics
from creative_s3.core.events import Emit, ignore
from creative_s3.core.files.workspace import Workspace
from creative_s3.core.published.team import IndexVersion, team_history
from creative_s3.core.s3.object_store import ObjectStore
from creative_s3.core.tiers.surroundings import check_cache
from creative_s3.errors import CreativeS3Error

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from creative_s3.core.catalog.runs import RunRecord
    from creative_s3.core.s3.connection import Connection
    from creative_s3.settings import S3Config

RUNS, VERSIONS = 3, 3
REMOTE_EVERY_S = 30.0
"""How often a watcher asks S3 at most: one HEAD, and more only if somebody has published."""
_NOWHERE = "nowhere"
_UNPLACED = (
    "SELECT count(DISTINCT asset.file_path) FROM asset WHERE is_cold=0 AND size_bytes IS NOT NULL"
    " AND NOT EXISTS (SELECT 1 FROM assigned JOIN asset other ON other.cache_key = assigned.cache_key"
    " WHERE assigned.bucket=? AND other.file_path = asset.file_path)"
)
_PROVED = "SELECT count(*), ifnull(sum(size_bytes), 0) FROM object WHERE bucket=?"


@dataclass(frozen=True, slots=True)
class Step:
    """A command worth running.

    Attributes:
        command: Ready to be pasted.
        why: In a few words.
    """

    command: str
    why: str


@dataclass(frozen=True, slots=True)
class BucketSide:
    """What is known of the bucket.

    Attributes:
        name: Its address; None when none is set.
        proved_objects: Objects that this cache proved there.
        proved_bytes: Their size.
        versions: What the team published last, the newest first.
        problem: Why the bucket could not be asked; None when it was.
    """

    name: str | None = None
    proved_objects: int = 0
    proved_bytes: int = 0
    versions: tuple[IndexVersion, ...] = ()
    problem: CreativeS3Error | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """How everything stands.

    Attributes:
        cache_dir: The cache.
        library: The numbers of its catalog; None when there is no cache that can be read.
        problem: Why there is none.
        unplaced: Local assets that were never seen in the bucket.
        bucket: The other side.
        runs: The last runs, also one that has not ended, the newest first.
        distribution: CloudFront's name for the distribution; None when none is set.
        unannounced: Replaced objects that CloudFront was not told of.
    """

    cache_dir: Path
    library: LibraryStatistics | None
    problem: CreativeS3Error | None
    unplaced: int
    bucket: BucketSide
    runs: tuple[RunRecord, ...]
    distribution: str | None
    unannounced: int

    @property
    def steps(self) -> tuple[Step, ...]:
        """What to do next, the most urgent first."""
        return steps_of(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``."""
        total = self.library.total if self.library else None
        return {
            "cache_dir": str(self.cache_dir),
            "cache": None
            if total is None
            else {
                "assets": total.assets,
                "hot": total.hot,
                "hot_bytes": total.hot_bytes,
                "cold": total.cold,
                "cold_bytes": total.cold_bytes,
                "missing": total.missing,
                "not_in_bucket": self.unplaced,
            },
            "bucket": {
                "name": self.bucket.name,
                "proved_objects": self.bucket.proved_objects,
                "proved_bytes": self.bucket.proved_bytes,
                "problem": self.bucket.problem.message if self.bucket.problem else None,
            },
            "runs": [run.to_dict() for run in self.runs],
            "team": [version.to_dict() for version in self.bucket.versions],
            "distribution": self.distribution,
            "not_told_to_cdn": self.unannounced,
            "next": [{"command": step.command, "why": step.why} for step in self.steps],
        }


_ALONE = frozenset({"migrate upload", "tiers manage"})
"""The commands that take up what failed; others have to be told which assets."""


def steps_of(seen: Overview) -> tuple[Step, ...]:
    """Decide what is worth doing. Pure."""
    steps: list[Step] = []
    if seen.problem is not None:
        return (Step(seen.problem.hint or "creative-s3 doctor", seen.problem.message),)
    if seen.bucket.name is None:
        steps.append(Step("creative-s3 config", "no bucket is set: S3_BUCKET_NAME"))
    elif seen.bucket.problem is not None:
        steps.append(Step("creative-s3 doctor", f"the bucket cannot be asked: {seen.bucket.problem.message}"))
    last = seen.runs[0] if seen.runs else None
    if last is not None and last.has_ended and last.exit_code:
        again = last.command if last.command in _ALONE else f"migrate history {last.number}"
        steps.append(Step(f"creative-s3 {again}", f"{last.command} ended with {last.exit_code}"))
    if seen.unplaced:
        steps.append(Step("creative-s3 migrate upload --dry-run", f"{_files(seen.unplaced)} not in S3 yet"))
    if seen.library and seen.library.total.missing:
        missing = _files(seen.library.total.missing)
        steps.append(Step("creative-s3 assets discover", f"{missing} missing here; what is in S3?"))
    if seen.distribution and seen.unannounced:
        steps.append(
            Step("creative-s3 cdn invalidate --changed", f"tells CloudFront of {seen.unannounced:,} objects")
        )
    return tuple(steps)


def _files(number: int) -> str:
    return f"{number:,} file{'' if number == 1 else 's'}"


class Overseer:
    """Gathers overviews, one after the other; asks S3 only now and then.

    Args:
        config: The settings.
        connect: Makes the connection when it is needed first.
        emit: Takes events.
        clock: A steady clock, in seconds.
    """

    def __init__(
        self,
        config: S3Config,
        connect: Callable[[], Connection],
        *,
        emit: Emit = ignore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._connect = connect
        self._emit = emit
        self._clock = clock
        self._connection: Connection | None = None
        self._problem: CreativeS3Error | None = None
        self._versions: tuple[IndexVersion, ...] = ()
        self._etag: str | None = None
        self._asked_at: float | None = None

    def look(self) -> Overview:
        """Gather everything; what cannot be looked at is part of the result."""
        self._ask_bucket()
        name = f"s3://{self._config.bucket_name}/{self._config.prefix}" if self._config.bucket_name else None
        side = remote_side(self._connection, self._config.prefix) if self._connection else _NOWHERE
        workspace = Workspace(self._config.cache_dir)
        library: LibraryStatistics | None = None
        problem: CreativeS3Error | None = None
        runs: tuple[RunRecord, ...] = ()
        unplaced = unannounced = objects = size_bytes = 0
        try:
            check_cache(workspace)
            with Catalog(catalog_path(self._config.cache_dir), bucket=side) as catalog:
                take_in(catalog, workspace, emit=self._emit)
                library = library_statistics(catalog)
                runs = tuple(catalog.runs.all(RUNS))
                unannounced = len(catalog.runs.unannounced())
                if self._connection is not None:
                    unplaced = int(catalog.database.row(_UNPLACED, (side,))[0])
                    objects, size_bytes = catalog.database.row(_PROVED, (side,))
        except CreativeS3Error as error:
            problem = error
        return Overview(
            cache_dir=self._config.cache_dir,
            library=library,
            problem=problem,
            unplaced=unplaced,
            bucket=BucketSide(name, objects, size_bytes, self._versions, self._problem),
            runs=runs,
            distribution=self._config.cloudfront_distribution_id,
            unannounced=unannounced,
        )

    def _ask_bucket(self) -> None:
        now = self._clock()
        if self._config.bucket_name is None:
            return
        if self._asked_at is not None and now - self._asked_at < REMOTE_EVERY_S:
            return
        self._asked_at = now
        try:
            self._connection = self._connection or self._connect()
            store = ObjectStore(connection=self._connection)
            stored = store.head(published_key(self._config.prefix))
            if stored is None:
                next(
                    store.objects(self._config.prefix), None
                )  # no index, or no bucket: LIST tells them apart
                self._etag, self._versions = None, ()
            elif stored.etag != self._etag:
                self._versions = team_history(store, prefix=self._config.prefix, limit=VERSIONS)
                self._etag = stored.etag
            self._problem = None
        except CreativeS3Error as error:
            self._problem = error
