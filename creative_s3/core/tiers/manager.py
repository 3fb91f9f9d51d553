"""`TierManager`: plan, demote, promote, undo. Joins the survey, the policy, the proof and the movements.

Whatever it changes, it changes while it holds the cache's lock, and after what a killed run left was settled.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.costs.price_store import current_book
from creative_s3.core.events import Emit, PhaseStarted, ignore
from creative_s3.core.files.locks import exclusive
from creative_s3.core.tiers.census import Census
from creative_s3.core.tiers.demotion import Demoter
from creative_s3.core.tiers.movements import Movement, Movements
from creative_s3.core.tiers.pins import read_pins
from creative_s3.core.tiers.policy import asked, is_tried, make_plan
from creative_s3.core.tiers.promotion import Promoter
from creative_s3.core.tiers.proving import Prover
from creative_s3.core.tiers.recording import Recording
from creative_s3.core.tiers.replay import Replayed, replay
from creative_s3.core.tiers.report import Settled, TierReport, held_files, stayed
from creative_s3.core.tiers.returning import return_terms
from creative_s3.core.tiers.surroundings import check_bucket, check_cache, check_visible, read_fates
from creative_s3.core.tiers.survey import TierSurvey, measure_room, survey_tiers
from creative_s3.core.tiers.tiers import Action, Hold, Move, Policy, TierFile, TierPlan
from creative_s3.core.tiers.visibility import Visibility
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.files.workspace import Workspace
    from creative_s3.core.lifecycle.fates import Fates
    from creative_s3.core.s3.object_store import ObjectStore
    from creative_s3.core.tiers.groundwork import Groundwork
    from creative_s3.core.tiers.returning import ReturnTerms
    from creative_s3.core.transfers.choice import EngineName


@dataclass(frozen=True, slots=True)
class _Work:
    """One run that holds the lock.

    Attributes:
        command: What was run.
        now: When its plan was made.
        replayed: What an earlier run had left.
        recording: Keeps it for the history.
    """

    command: str
    now: datetime
    replayed: Replayed
    recording: Recording

    @property
    def run(self) -> int:
        """Its number, from when it begins to move files."""
        return self.recording.begin()


class TierManager:
    """The tiers of one cache and one bucket. One thread at a time.

    Args:
        catalog: Up to date with index.json; for the bucket and prefix of `store`.
        workspace: The cache and its parent.
        store: The bucket.
        prefix: What the keys begin with.
        accepted: IDs of lifecycle rules that will delete objects and whose deletions are accepted;
            ``unreadable`` accepts that the rules may not be read.
        assume_closed: Whether files may go of which nobody can tell who has them open.
        engine: Which transfer engine.
        emit: Takes events.
        before_leaving: Called before files go, to have the catalog know the latest uses.
        groundwork: Begun earlier, for the first census.
        clock: Says what time it is, with time zone.
    """

    def __init__(  # noqa: PLR0913 - each of them is a choice of the caller
        self,
        catalog: Catalog,
        workspace: Workspace,
        store: ObjectStore,
        *,
        prefix: str,
        accepted: Collection[str] = (),
        assume_closed: bool = False,
        engine: EngineName = "auto",
        emit: Emit = ignore,
        before_leaving: Callable[[], object] = lambda: None,
        groundwork: Groundwork | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._catalog = catalog
        self._workspace = workspace
        self._store = store
        self._prefix = prefix
        self._accepted = frozenset(accepted)
        self._assumes_closed = assume_closed
        self._engine: EngineName = engine
        self._emit = emit
        self._before_leaving = before_leaving
        self._groundwork = groundwork
        self._clock = clock
        self._movements = Movements(catalog.database)
        self._fates: Fates | None = None
        self.terms: Mapping[str, ReturnTerms] = return_terms(current_book().region(store.connection.region))

    @property
    def fates(self) -> Fates:
        """What the bucket's lifecycle rules do; asked once.

        Raises:
            RefusedError: The rules may not be read, or have a part that this version does not know.
            CreativeS3Error: The request failed.
        """
        if self._fates is None:
            self._fates = read_fates(self._store, self._accepted)
        return self._fates

    def survey(self) -> TierSurvey:
        """Look at every file; sends one request, for the bucket's rules.

        Raises:
            CreativeS3Error: See `fates`; or the cache cannot be looked at.
        """
        check_cache(self._workspace)
        self._emit(PhaseStarted("looking at the cache"))
        return survey_tiers(
            self._catalog,
            self._workspace,
            now=self._clock(),
            fates=self.fates,
            accepted=self._accepted,
            hides=self._hides(),
        )

    def look(self) -> TierSurvey:
        """Look at every file, without asking the bucket for its rules: enough for bringing files back.

        Raises:
            CreativeS3Error: The cache cannot be looked at.
        """
        check_cache(self._workspace)
        self._emit(PhaseStarted("looking at the cache"))
        return survey_tiers(self._catalog, self._workspace, now=self._clock())

    @contextmanager
    def census(self, *, with_rules: bool = True) -> Iterator[Census]:
        """Count every file, for as long as the block lasts: enough for a plan, and much quicker.

        Args:
            with_rules: Whether to ask the bucket for its rules, by one request.

        Raises:
            CreativeS3Error: See `survey`.
        """
        check_cache(self._workspace)
        self._emit(PhaseStarted("looking at the cache"))
        fates = self.fates if with_rules else None
        groundwork, self._groundwork = self._groundwork, None
        with Census(
            self._catalog,
            self._workspace,
            now=self._clock(),
            fates=fates,
            accepted=self._accepted,
            hides=self._hides(),
            groundwork=groundwork,
        ) as census:
            yield census

    def plan(self, policy: Policy) -> TierPlan:
        """Decide what should be moved; changes nothing.

        Raises:
            CreativeS3Error: See `survey`.
        """
        with self.census() as census:
            return census.plan(policy, terms=self.terms)

    def plan_of(self, survey: TierSurvey, policy: Policy) -> TierPlan:
        """Decide what should be moved, from a survey; changes nothing."""
        return make_plan(survey.files, policy, survey.room, now=survey.now, terms=self.terms)

    def check_bucket(self) -> None:
        """Make sure that the bucket is the one that the catalog knows.

        Raises:
            RefusedError: It holds nothing under the prefix.
            CreativeS3Error: It cannot be listed.
        """
        check_bucket(self._store, self._prefix)

    def check_visible(self) -> None:
        """Make sure that it can be told who has files of the cache open, or need not be.

        Raises:
            RefusedError: It cannot.
        """
        if not self._assumes_closed:
            check_visible(self._workspace)

    def apply(self, plan: TierPlan, *, command: str = "tiers manage") -> TierReport:
        """Carry out a plan. Every file is proved before it goes; one that cannot be stays, and is told.

        Args:
            plan: From `plan`.
            command: For the record.

        Raises:
            RefusedError: The bucket or the cache looks wrong; nothing was removed.
            LockedError: Another run works on this cache.
            CreativeS3Error: Nothing more can be proved; what was removed before is recorded and proved.
        """
        with self._working(command, plan.now) as work:
            if plan.demotions:
                self.check_visible()
                self.check_bucket()
            settled = list(self._demote(plan.demotions, work))
            promotions, left_out = self._affordable(plan)
            settled += left_out
            settled += self._promote(promotions, work)
            return self._report(settled, work, plan=plan)

    def demote(self, files: Sequence[TierFile], *, command: str = "tiers demote") -> TierReport:
        """Demote files that somebody named, whatever their age; each is proved first.

        Raises:
            CreativeS3Error: As for `apply`.
        """
        every = asked(files, Action.DEMOTE, self.terms)
        moves = [move for move in every if is_tried(move.file)]
        stays = [_not_demoted(move) for move in every if not is_tried(move.file)]
        with self._working(command, self._clock()) as work:
            if moves:
                self.check_visible()
                self.check_bucket()
            return self._report([*stays, *self._demote(moves, work)], work)

    def promote(self, files: Sequence[TierFile], *, command: str = "tiers promote") -> TierReport:
        """Bring files back that somebody named, verified.

        Raises:
            CreativeS3Error: As for `apply`.
        """
        with self._working(command, self._clock()) as work:
            return self._report(self._promote(asked(files, Action.PROMOTE, self.terms), work), work)

    def undo(self, run: int | None = None, *, command: str = "tiers undo") -> TierReport:
        """Bring back what a run demoted, exactly that content.

        Args:
            run: Its number; None for the last of which anything is still in S3 only.
            command: For the record.

        Raises:
            UsageError: There is no such run.
            CreativeS3Error: As for `apply`.
        """
        undone = self.undoable(run)
        with self._working(command, self._clock()) as work:
            known = {movement.file_path: movement for movement in self._movements.demoted_by(undone)}
            files = [
                file._replace(key=known[file.file_path].key)
                for file in self.look().files
                if file.file_path in known
            ]
            settled = self._promote(asked(files, Action.PROMOTE, self.terms), work, exact=known)
            unknown = sorted(known.keys() - {file.file_path for file in files})
            warnings = tuple(f"{path} is in no index entry any more, and was left in S3" for path in unknown)
            return self._report(settled, work, warnings=warnings)

    def undoable(self, run: int | None = None) -> int:
        """Return the number of the run that `undo` would take back.

        Raises:
            UsageError: There is none.
        """
        number = self._movements.last_undoable_run() if run is None else run
        if number is None or not self._movements.demoted_by(number):
            raise UsageError(
                "no run has demoted anything that is still in S3 only"
                if run is None
                else f"no run of this number has demoted anything: {run}",
                hint="see what there was: creative-s3 tiers log",
            )
        return number

    def undoable_paths(self, run: int | None = None) -> frozenset[str]:
        """Return the files that `undo` would bring back, those that are back already among them.

        Raises:
            UsageError: There is no such run.
        """
        return frozenset(movement.file_path for movement in self._movements.demoted_by(self.undoable(run)))

    @contextmanager
    def _working(self, command: str, now: datetime) -> Iterator[_Work]:
        """Hold the lock, with everything that a killed run left settled."""
        with exclusive(catalog_path(self._workspace.cache_dir).with_name("lock")):
            check_cache(self._workspace)
            recording = Recording(self._catalog, command)
            replayed = replay(self._catalog, self._workspace)
            work = _Work(command, now, replayed, recording)
            try:
                yield work
            except BaseException as error:
                recording.stop(error, self._movements.amount_of, self._store.requests)
                raise

    def _demote(self, moves: Sequence[Move], work: _Work) -> Iterator[Settled]:
        if not moves:
            return
        prover = Prover(
            self._catalog,
            self._workspace,
            self._store,
            fates=self.fates,
            pins=read_pins(self._workspace.cache_dir),
            accepted=self._accepted,
            assume_closed=self._assumes_closed,
        )
        demoter = Demoter(
            self._catalog,
            self._workspace,
            prover,
            run=work.run,
            command=work.command,
            now=work.now,
            workers=self._store.connection.config.max_parallel_uploads,
            emit=self._emit,
            before_leaving=self._before_leaving,
        )
        yield from demoter.demote(moves)

    def _promote(
        self, moves: Sequence[Move], work: _Work, *, exact: Mapping[str, Movement] | None = None
    ) -> list[Settled]:
        if not moves:
            return []
        promoter = Promoter(
            self._catalog,
            self._workspace,
            self._store,
            run=work.run,
            command=work.command,
            now=work.now,
            engine=self._engine,
            emit=self._emit,
        )
        return list(promoter.promote(moves, exact=exact))

    def _hides(self) -> Callable[[os.stat_result], bool]:
        return (lambda _: False) if self._assumes_closed else Visibility.of(self._workspace.cache_dir).hides

    def _affordable(self, plan: TierPlan) -> tuple[list[Move], list[Settled]]:
        """Take out promotions for which the room was not made after all."""
        limit = plan.policy.limit_bytes
        if limit is None or not plan.promotions:
            return list(plan.promotions), []
        room = limit - measure_room(self._workspace).used_bytes
        fitting: list[Move] = []
        left_out: list[Settled] = []
        for move in plan.promotions:
            if not move.file.in_cache or move.file.size_bytes <= room:
                fitting.append(move)
                room -= move.file.size_bytes if move.file.in_cache else 0
            else:
                left_out.append(stayed(move, Hold.ROOM))
        return fitting, left_out

    def _report(
        self,
        settled: Iterable[Settled],
        work: _Work,
        *,
        plan: TierPlan | None = None,
        warnings: tuple[str, ...] = (),
    ) -> TierReport:
        settled = tuple(settled)
        report = TierReport(
            settled=settled,
            run=work.run if any(item.done for item in settled) else None,
            plan=plan,
            held=held_files(plan) if plan else (),
            warnings=(*work.replayed.sentences, *warnings),
            requests=Counter(self._store.requests),
        )
        work.recording.end(report)
        return report


def _not_demoted(move: Move) -> Settled:
    hold = move.file.hold if move.file.is_hot else None
    return stayed(move, hold or Hold.AWAY, move.file.detail)
