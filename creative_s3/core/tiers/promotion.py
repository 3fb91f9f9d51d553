"""Promotion: cold files come back to their places, many at once, each verified before it gets its name.

An object that belongs to another asset by now, or has to be restored first, is told and left. Over a file
that is in the place already, nothing is ever put.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from creative_s3.core.assets.layout import owner_of
from creative_s3.core.catalog.catalog import ProvedObject
from creative_s3.core.catalog.usage import DOWNLOADS, Tally
from creative_s3.core.concurrency.lookahead import in_order
from creative_s3.core.events import Emit, PhaseStarted, TotalsKnown, ignore
from creative_s3.core.faults.translation import ends_run
from creative_s3.core.files import local_files
from creative_s3.core.files.local_files import sweep_partials
from creative_s3.core.files.workspace import FileState
from creative_s3.core.s3.objects import is_archived
from creative_s3.core.storage.landing import landing_in
from creative_s3.core.storage.retrieval import archived
from creative_s3.core.tiers.movements import Movement, Movements
from creative_s3.core.tiers.older_versions import fetch_version, find_version
from creative_s3.core.tiers.reasons import why
from creative_s3.core.tiers.report import Settled, done, failed, stayed
from creative_s3.core.tiers.tiers import Action, Hold, Move, TierFile
from creative_s3.core.transfers.engine import TransferEngine
from creative_s3.core.transfers.outcomes import Download, Outcome, Proof
from creative_s3.errors import (
    CreativeS3Error,
    ItemError,
    ObjectNotFoundError,
    WouldOverwriteError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.files.workspace import Workspace
    from creative_s3.core.s3.object_store import ObjectStore
    from creative_s3.core.transfers.choice import EngineName

_COMMIT_FILES = 50


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A file to fetch: where from and where to, or why not; `older` where another version is current now."""

    move: Move
    path: Path | None = None
    stored: StoredObject | None = None
    error: CreativeS3Error | None = None
    older: Movement | None = None


class Promoter:
    """Fetches cold files; used from one thread. The caller holds the cache's lock.

    Args:
        catalog: Takes the marks.
        workspace: Where to.
        store: Where from.
        run: The run's number.
        command: What was run, for the record.
        now: When the plan was made.
        engine: Which transfer engine.
        emit: Takes events.
    """

    def __init__(  # noqa: PLR0913 - each of them is a choice of the caller
        self,
        catalog: Catalog,
        workspace: Workspace,
        store: ObjectStore,
        *,
        run: int,
        command: str,
        now: datetime,
        engine: EngineName = "auto",
        emit: Emit = ignore,
    ) -> None:
        self._catalog = catalog
        self._workspace = workspace
        self._store = store
        self._run = run
        self._command = command
        self._now = now
        self._engine: EngineName = engine
        self._emit = emit
        self._movements = Movements(catalog.database)
        self._exact: Mapping[str, Movement] = {}
        self._landing = landing_in(workspace, catalog)

    def promote(
        self, moves: Sequence[Move], *, exact: Mapping[str, Movement] | None = None
    ) -> Iterator[Settled]:
        """Fetch files; yield what became of each, not in order.

        Args:
            moves: Which ones.
            exact: What was demoted, by file path: then only that very content comes back.

        Raises:
            CreativeS3Error: Nothing more can be fetched (no bucket, no valid credentials).
        """
        self._exact = exact or {}
        self._emit(PhaseStarted("promoting"))
        self._emit(TotalsKnown(len(moves), sum(move.file.size_bytes for move in moves)))
        ready: list[_Wanted] = []
        workers = self._store.connection.config.max_parallel_uploads
        for wanted in in_order(self._look, moves, workers=workers):
            if wanted.error is not None:
                if ends_run(wanted.error):
                    raise wanted.error
                yield failed(wanted.move, wanted.error)
            elif wanted.stored is None:
                self._mark([wanted.move.file])
                yield stayed(wanted.move, Hold.HERE)
            else:
                ready.append(wanted)
        yield from self._fetch([wanted for wanted in ready if wanted.older is None])
        yield from self._fetch_older([wanted for wanted in ready if wanted.older is not None])

    def _look(self, move: Move) -> _Wanted:
        """Find out where a file goes and what its object is now; one that is back already needs nothing."""
        try:
            path = self._landing.place(move.file.file_path)
            state = self._workspace.locate(move.file.file_path).state
            if state is FileState.PRESENT:
                return _Wanted(move, path)
            if os.path.lexists(path):
                return _Wanted(
                    move,
                    error=WouldOverwriteError(
                        "something that is no readable file is in its place",
                        item=str(path),
                        hint=f"ls -ld {path}",
                    ),
                )
            return self._current_or_older(move, path)
        except CreativeS3Error as error:
            return _Wanted(move, error=error)

    def _current_or_older(self, move: Move, path: Path) -> _Wanted:
        """Find a file's object; for an undo of what was overwritten or deleted since, the version that went.

        Raises:
            CreativeS3Error: There is none of them.
        """
        try:
            return _Wanted(move, path, self._stored(move.file))
        except (ItemError, ObjectNotFoundError):
            known = self._exact.get(move.file.file_path)
            older = find_version(self._store, known) if known is not None else None
            if older is None:
                raise
            return _Wanted(move, path, older, older=known)

    def _stored(self, file: TierFile) -> StoredObject:
        """Ask for a file's object, and make sure that it is the file's.

        Raises:
            CreativeS3Error: It is not, or is gone, or archived.
        """
        key = file.key
        if key is None:
            raise ItemError("this asset was never stored in S3", item=file.cache_keys[0])
        stored = self._store.head(key)
        if stored is None:
            raise self._store.missing(key)
        if is_archived(stored):
            raise archived(stored, self._store.connection)
        known = self._exact.get(file.file_path)
        if known is not None and not _is_same(stored, known):
            raise ItemError(
                "the object was overwritten since the file was demoted",
                item=key,
                hint=f"take what is there now: creative-s3 tiers promote {file.cache_keys[0]}",
            )
        owner = owner_of(stored.metadata)
        if known is None and owner is not None and owner not in file.cache_keys:
            other = self._catalog.assets.get(owner)
            if other is not None and other.asset.file_path != file.file_path and self._differs(stored):
                raise ItemError(
                    f"the object belongs to another asset by now: {owner}",
                    item=key,
                    hint="see what is there: creative-s3 assets discover",
                )
        return stored

    def _differs(self, stored: StoredObject) -> bool:
        """Tell whether an object is not what we proved under its key."""
        known = self._catalog.object(stored.key)
        return known is None or (known.etag != stored.etag and known.crc64nvme != stored.crc64nvme)

    def _fetch(self, ready: Sequence[_Wanted]) -> Iterator[Settled]:
        by_path = {wanted.path: wanted.move for wanted in ready}
        waiting: list[tuple[Move, Outcome]] = []
        self._remember_origins(ready)

        def take_late(outcome: Outcome) -> None:
            move = by_path.pop(outcome.request.path, None)
            if move is not None:
                waiting.append((move, outcome))

        with TransferEngine(self._store.connection, engine=self._engine, emit=self._emit) as transfers:
            try:
                with transfers.drained(take_late):
                    for outcome in transfers.download(self._downloads(ready)):
                        move = by_path[outcome.request.path]
                        error = outcome.error
                        if error is None:
                            waiting.append((move, outcome))
                        del by_path[outcome.request.path]
                        if error is None:
                            yield done(move, self._now)
                        elif ends_run(error):
                            raise error
                        else:
                            yield failed(move, error)
                        if len(waiting) >= _COMMIT_FILES:
                            self._commit(waiting)
            finally:
                self._commit(waiting)
                self._store.count(transfers.requests)

    def _downloads(self, ready: Iterable[_Wanted]) -> Iterator[Download]:
        """Yield what to fetch, with the times and permissions that the same content had here before.

        What a killed download left in a folder is removed before the first file goes there.
        """
        seen: set[Path] = set()
        for wanted in ready:
            if wanted.path is None or wanted.stored is None:
                continue
            folder = wanted.path.parent
            if folder not in seen:
                seen.add(folder)
                if folder.is_dir():
                    sweep_partials(folder)
            before = self._before(wanted)
            yield Download(
                wanted.stored.key,
                wanted.path,
                stored=wanted.stored,
                check=self._landing.checker(wanted.move.file.file_path),
                mode=before.mode if before else None,
                mtime_ns=before.mtime_ns if before else None,
                crc64nvme=self._expected(wanted),
                below=self._landing.root(wanted.move.file.file_path),
            )

    def _before(self, wanted: _Wanted) -> Movement | None:
        """Return how the file was when it was removed here; None when it had other content, or never was."""
        path = wanted.move.file.file_path
        before = self._exact.get(path) or self._movements.last_demotion_of(path)
        return before if before is not None and before.crc64nvme == self._content(wanted) else None

    def _fetch_older(self, ready: Sequence[_Wanted]) -> Iterator[Settled]:
        waiting: list[tuple[Move, Outcome]] = []
        self._remember_origins(ready)
        for wanted in ready:
            assert wanted.path is not None  # noqa: S101 - only those get here
            assert wanted.stored is not None  # noqa: S101 - the same
            assert wanted.older is not None  # noqa: S101 - the same
            file_path = wanted.move.file.file_path
            request = Download(
                wanted.stored.key,
                wanted.path,
                stored=wanted.stored,
                check=self._landing.checker(file_path),
                below=self._landing.root(file_path),
            )
            outcome = fetch_version(self._store, request, known=wanted.older)
            if outcome.error is not None:
                yield failed(wanted.move, outcome.error)
            else:
                waiting.append((wanted.move, outcome))
                self._commit(waiting, is_current=False)
                yield done(wanted.move, self._now)

    def _remember_origins(self, ready: Sequence[_Wanted]) -> None:
        """Record what files come back with before they are there: nothing else tells a copy from an edit."""
        contents = (
            (wanted.move.file.file_path, wanted.older.crc64nvme if wanted.older else self._content(wanted))
            for wanted in ready
        )
        self._catalog.remember(origins=[(path, crc) for path, crc in contents if crc])

    def _content(self, wanted: _Wanted) -> str | None:
        """Return the checksum of what is fetched, as S3 has it or as it was proved here."""
        if wanted.stored is None or wanted.stored.crc64nvme is not None:
            return wanted.stored.crc64nvme if wanted.stored else None
        known = self._catalog.object(wanted.stored.key)
        return known.crc64nvme if known is not None and known.etag == wanted.stored.etag else None

    def _expected(self, wanted: _Wanted) -> str | None:
        """Return what we know an object to hold of which S3 has no checksum; None where nothing is known."""
        assert wanted.stored is not None  # noqa: S101 - only those get here
        known = self._exact.get(wanted.move.file.file_path) or self._catalog.object(wanted.stored.key)
        return known.crc64nvme if known is not None else None

    def _commit(self, waiting: list[tuple[Move, Outcome]], *, is_current: bool = True) -> None:
        """Record what arrived; of a file that has been edited or removed by now, only that it came."""
        if not waiting:
            return
        at = datetime.now(UTC)
        here = [(move, outcome) for move, outcome in waiting if os.path.lexists(outcome.request.path)]
        known, proved = [], []
        for move, outcome in here:
            if is_current and outcome.proof is Proof.CHECKSUM and outcome.stored and outcome.stored.crc64nvme:
                proved.append(_proved(outcome.stored, at))
            stored = outcome.stored or self._catalog.object(outcome.request.key)
            signature = local_files.unchanged(outcome.request.path, outcome.fingerprint)
            if signature is not None and stored is not None and stored.crc64nvme is not None:
                known.append((move.file.file_path, signature, stored.crc64nvme))
        with self._catalog.database.transaction():
            self._mark([move.file for move, _ in here])
            self._catalog.remember(files=known, objects=proved)
            self._movements.record(self._movement(move, outcome, at) for move, outcome in waiting)
            size_bytes = sum(move.file.size_bytes for move, _ in waiting)
            self._catalog.usage.record({}, {DOWNLOADS: Tally(len(waiting), size_bytes)}, at=at)
        waiting.clear()

    def _movement(self, move: Move, outcome: Outcome, at: datetime) -> Movement:
        stored = outcome.stored
        return Movement(
            run=self._run,
            file_path=move.file.file_path,
            at=at.isoformat(timespec="seconds"),
            action=str(Action.PROMOTE),
            command=self._command,
            bucket=self._catalog.bucket,
            cache_key=move.file.cache_keys[0],
            key=outcome.request.key,
            version_id=stored.version_id if stored else None,
            size_bytes=stored.size_bytes if stored else move.file.size_bytes,
            crc64nvme=(stored.crc64nvme if stored else None) or "",
            mode=0,
            mtime_ns=0,
            reason=why(move, self._now),
        )

    def _mark(self, brought: Iterable[TierFile]) -> None:
        self._catalog.assets.set_cold((key for file in brought for key in file.cache_keys), is_cold=False)


def _proved(stored: StoredObject, at: datetime) -> ProvedObject:
    return ProvedObject(
        key=stored.key,
        size_bytes=stored.size_bytes,
        etag=stored.etag,
        crc64nvme=stored.crc64nvme or "",
        version_id=stored.version_id,
        storage_class=stored.storage_class,
        owner=owner_of(stored.metadata),
        proof=str(Proof.CHECKSUM),
        proved_at=at.isoformat(timespec="seconds"),
    )


def _is_same(stored: StoredObject, known: Movement) -> bool:
    if stored.size_bytes != known.size_bytes:
        return False
    if stored.crc64nvme is not None:
        return stored.crc64nvme == known.crc64nvme
    return True  # there is no checksum: what arrives is compared
