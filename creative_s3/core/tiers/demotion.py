"""Demotion: a local file goes only after S3 was proved, in this run, to have its content.

For each group of files: proof; then the journal, the record for ``tiers undo`` and the mark "cold", durable
in one transaction; then the removal of each file, if it is still the one that was proved; then the folders'
fsync; then the journal's end. A crash between any two of these leaves the file here, or gone and proved:
`core.tiers.replay` finds out which.
"""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from creative_s3.core.concurrency.limits import files_at_once
from creative_s3.core.concurrency.lookahead import in_order
from creative_s3.core.events import (
    Emit,
    Failed,
    Finished,
    PhaseStarted,
    Progressed,
    Skipped,
    TotalsKnown,
    ignore,
)
from creative_s3.core.faults.translation import ends_run, translate
from creative_s3.core.tiers.leaving import ObjectGoneError, StaysError, StrandedError, aside_name
from creative_s3.core.tiers.movements import Movement, Movements, Pending
from creative_s3.core.tiers.reasons import why
from creative_s3.core.tiers.replay import Ending, end, settle
from creative_s3.core.tiers.report import Settled, done, failed, stayed
from creative_s3.core.tiers.tiers import Action, Cause, Hold, Move
from creative_s3.errors import CreativeS3Error, FileVanishedError, RefusedError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.files.workspace import Workspace
    from creative_s3.core.tiers.proving import ProvedFile, Prover

_FILES_EACH = 2
"""A file that goes and its folder are held open."""
GROUP_FILES = 32
"""So few files to a transaction that the proof of the first is a moment old when it goes."""
_GROUP_BYTES = 256 * 2**20
_SUSPICIOUS = 3
"""So many files, and none of their objects there: that is another bucket, or one that was emptied."""
_PATIENCE = 5
"""So many temporary failures, each after all of its retries, end the run."""


@dataclass(frozen=True, slots=True)
class _Tried:
    """A file that was to be proved: the proof, or why there is none."""

    move: Move
    proved: ProvedFile | None = None
    stays: StaysError | None = None
    error: CreativeS3Error | None = None


class Demoter:
    """Removes local files in groups; used from one thread. The caller holds the cache's lock.

    Args:
        catalog: Takes the journal and the marks.
        workspace: Where.
        prover: Proves, in several threads.
        run: The run's number.
        command: What was run, for the record.
        now: When the plan was made.
        workers: Proofs at once.
        emit: Takes events.
        before_leaving: Called before files go, to have the catalog know the latest uses.
    """

    def __init__(  # noqa: PLR0913 - each of them is a choice of the caller
        self,
        catalog: Catalog,
        workspace: Workspace,
        prover: Prover,
        *,
        run: int,
        command: str,
        now: datetime,
        workers: int,
        emit: Emit = ignore,
        before_leaving: Callable[[], object] = lambda: None,
    ) -> None:
        self._catalog = catalog
        self._workspace = workspace
        self._prover = prover
        self._run = run
        self._command = command
        self._now = now
        self._workers = workers
        self._emit = emit
        self._before_leaving = before_leaving
        self._movements = Movements(catalog.database)
        self._temporary = 0

    def demote(self, moves: Sequence[Move]) -> Iterator[Settled]:
        """Prove and remove files; yield what became of each.

        Raises:
            CreativeS3Error: Nothing more can be proved (no bucket, no valid credentials, no server): nothing
                of the group under way was removed.
        """
        self._emit(PhaseStarted("demoting"))
        self._emit(TotalsKnown(len(moves), sum(move.file.size_bytes for move in moves)))
        most = files_at_once(GROUP_FILES, each=_FILES_EACH, beside=self._workers)
        for number, group in enumerate(_groups(moves, most)):
            tried = self._prove(group)
            if not number:
                self._check_bucket(tried)
            # What the plans rely on is not so any more: the next one lets other files go.
            self._catalog.forget_proofs(
                one.stays.refuted for one in tried if one.stays is not None and one.stays.refuted is not None
            )
            proved: list[_Tried] = []
            for one in tried:
                if one.proved is not None:
                    proved.append(one)
                else:
                    yield self._told(self._kept(one))
            for settled in self._remove(proved):
                yield self._told(settled)

    def _check_bucket(self, tried: Sequence[_Tried]) -> None:
        """Make sure that the bucket is the one in which these files were proved: some objects must be there.

        Raises:
            RefusedError: None of them is.
        """
        if len(tried) >= _SUSPICIOUS and all(isinstance(one.stays, ObjectGoneError) for one in tried):
            raise RefusedError(
                f"of the first {len(tried)} files that are to go, not one has its object in the bucket"
                " any more; nothing was removed",
                item=f"s3://{self._prover.bucket}",
                hint="check --bucket, --prefix and --endpoint-url (creative-s3 config); if the objects were"
                " deleted: creative-s3 migrate upload",
            )

    def _prove(self, group: Sequence[Move]) -> list[_Tried]:
        """Prove a group.

        Raises:
            CreativeS3Error: Nothing more can be proved; all files of the group are let go of.
        """
        with ExitStack() as letting_go:
            tried = []
            for one in in_order(self._try, group, workers=self._workers):
                if one.proved is not None:
                    letting_go.callback(one.proved.leaving.close)
                tried.append(one)
            for one in tried:
                if isinstance(one.error, TemporaryError):
                    self._temporary += 1
                if one.error is not None and (ends_run(one.error) or self._temporary >= _PATIENCE):
                    raise one.error
            letting_go.pop_all()
        return tried

    def _try(self, move: Move) -> _Tried:
        path = move.file.file_path
        try:
            return _Tried(move, proved=self._prover.prove(path))
        except StaysError as error:
            return _Tried(move, stays=error)
        except CreativeS3Error as error:
            return _Tried(move, error=error)
        except OSError as error:
            return _Tried(move, error=translate(error, item=path))

    def _kept(self, one: _Tried) -> Settled:
        if one.stays is not None:
            return stayed(one.move, one.stays.hold, one.stays.detail)
        error = one.error or CreativeS3Error("it failed without a reason")
        if isinstance(error, FileVanishedError):
            if self._went_meanwhile(one.move.file.file_path):
                return stayed(one.move, Hold.AWAY)
            error.hint = "it is gone, and not by this run; if it was moved: run the same command again"
        return failed(one.move, error)

    def _went_meanwhile(self, path: str) -> bool:
        """Tell whether another run has demoted a file since our plan was made."""
        last = self._movements.last_demotion_of(path)
        return last is not None and datetime.fromisoformat(last.at) >= self._now.replace(microsecond=0)

    def _remove(self, proved: Sequence[_Tried]) -> list[Settled]:
        """Remove a group of proved files, each if it is still the one that was proved."""
        with ExitStack() as letting_go:
            for one in proved:
                assert one.proved is not None  # noqa: S101 - only those get here
                letting_go.callback(one.proved.leaving.close)
            ready, results = self._without_used(proved)
            pending = self._begin(ready)
            gone: list[Pending] = []
            kept: list[Pending] = []
            untouched = list(pending)
            try:
                for one, begun in zip(ready, pending, strict=True):
                    settled, ending = self._leave(one, begun)
                    untouched.remove(begun)
                    results.append(settled)
                    if ending is not None:
                        (gone if ending is Ending.GONE else kept).append(begun)
            finally:
                # Also on the way out of an interruption: what was begun is settled, the rest was not touched.
                for begun in untouched:
                    ending, _ = settle(begun, self._workspace)
                    if ending is not Ending.ASIDE:
                        (gone if ending is Ending.GONE else kept).append(begun)
                _sync_folders(ready)
                end(self._catalog, gone=gone, stayed=kept)
        return results

    def _without_used(self, proved: Sequence[_Tried]) -> tuple[list[_Tried], list[Settled]]:
        """Take out the files of which the plan did not know the last use: somebody relies on them now.

        Uses reach the catalog a moment later than they happen, so the plan's time says nothing here.
        """
        self._before_leaving()
        ready: list[_Tried] = []
        used: list[Settled] = []
        for one in proved:
            accesses = (self._catalog.usage.access(key) for key in one.move.file.cache_keys)
            latest = max((datetime.fromisoformat(found.last_at) for found in accesses if found), default=None)
            is_news = latest is not None and latest > one.move.file.last_used_at
            if is_news and one.move.cause is not Cause.ASKED:
                used.append(stayed(one.move, Hold.USED))
            else:
                ready.append(one)
        return ready, used

    def _begin(self, ready: Sequence[_Tried]) -> list[Pending]:
        """Make everything durable that has to be known if this process dies in the next moment."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        with self._catalog.database.transaction():
            for one in ready:
                if one.proved is not None:
                    self._catalog.remember(objects=one.proved.objects, assignments=one.proved.keys)
                    self._catalog.assets.set_cold(one.proved.keys, is_cold=True)
            return self._movements.begin(
                [
                    (self._movement(one.move, one.proved, at), tuple(one.proved.keys))
                    for one in ready
                    if one.proved is not None
                ]
            )

    def _movement(self, move: Move, proved: ProvedFile, at: str) -> Movement:
        status, first = proved.leaving.status, proved.objects[0]
        return Movement(
            run=self._run,
            file_path=move.file.file_path,
            at=at,
            action=str(Action.DEMOTE),
            command=self._command,
            bucket=self._catalog.bucket,
            cache_key=next(iter(proved.keys)),
            key=first.key,
            version_id=first.version_id,
            size_bytes=status.st_size,
            crc64nvme=proved.crc64nvme,
            mode=status.st_mode & 0o7777,
            mtime_ns=status.st_mtime_ns,
            reason=why(move, self._now),
        )

    def _leave(self, one: _Tried, begun: Pending) -> tuple[Settled, Ending | None]:
        """Remove one file; return what became of it, and how its journal entry ends; None leaves it open."""
        move, proved = one.move, one.proved
        assert proved is not None  # noqa: S101 - only those get here
        try:
            proved.leaving.leave(aside_name(proved.leaving.name, begun.number))
        except StaysError as error:
            return stayed(move, error.hold, error.detail), Ending.STAYED
        except StrandedError as error:
            detail = f"another file has its name now; it is kept beside it as {error}"
            return stayed(move, Hold.CHANGED, detail), None
        except OSError as error:
            ours = translate(error, item=move.file.file_path)
            ending, _ = settle(begun, self._workspace)
            if ending is Ending.ASIDE:
                aside = aside_name(proved.leaving.name, begun.number)
                ours.hint = f"it is kept beside its own name as {aside}; the next run gives that back"
                return failed(move, ours), None
            return failed(move, ours), ending
        return done(move, self._now), Ending.GONE

    def _told(self, settled: Settled) -> Settled:
        file = settled.file
        if settled.done:
            self._emit(Progressed(file.file_path, file.size_bytes))
            self._emit(Finished(file.file_path, file.size_bytes))
        elif settled.error is not None:
            self._emit(Failed(file.file_path, settled.reason))
        else:
            self._emit(Skipped(file.file_path, settled.reason))
        return settled


def _groups(moves: Sequence[Move], most: int) -> Iterator[list[Move]]:
    """Yield moves in order, `most` to a group, and fewer where reading them takes long."""
    remaining = iter(moves)
    for first in remaining:
        group, size_bytes = [first], first.file.size_bytes
        for move in itertools.islice(remaining, most - 1):
            group.append(move)
            size_bytes += move.file.size_bytes
            if size_bytes >= _GROUP_BYTES:
                break
        yield group


def _sync_folders(ready: Sequence[_Tried]) -> None:
    seen = set()
    for one in ready:
        if one.proved is not None and one.proved.leaving.folder_id not in seen:
            seen.add(one.proved.leaving.folder_id)
            one.proved.leaving.sync_folder()
