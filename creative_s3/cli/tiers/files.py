"""`tiers demote`, `promote`, `undo`: the commands of the group that move named or chosen assets."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from creative_s3.cli.completion import values
from creative_s3.cli.declare.options import AWS, CACHE, DryRun, EngineOption, Yes, command
from creative_s3.cli.declare.selections import selected_names, selecting
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM, count, size
from creative_s3.core.shell_words import quoted

if TYPE_CHECKING:
    from creative_s3.core.costs.bills import Bill
    from creative_s3.core.search.selection import Selection
    from creative_s3.core.storage.manager import S3StorageManager
    from creative_s3.core.tiers.report import TierReport
    from creative_s3.core.tiers.survey import TierSurvey
    from creative_s3.core.tiers.tiers import Move, TierFile, TierPlan

Keys = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY",
        help="Cache keys of assets, keys of objects, or paths; - reads standard input.",
        autocompletion=values.keys,
    ),
]
AcceptExpiry = Annotated[
    list[str] | None,
    typer.Option(
        "--accept-expiry",
        metavar="RULE",
        help="Let files go although this lifecycle rule will delete their copies; 'unreadable' where the"
        " rules may not or cannot be read.",
    ),
]
AssumeClosed = Annotated[
    bool,
    typer.Option(
        "--assume-closed",
        help="Also remove files that another user or machine may have open unseen.",
        show_default=False,
    ),
]
SETTINGS = (*(name for name in AWS if name != "region"), *CACHE)
"""Where --region is the asset's, the bucket's is given before the group."""


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    command(
        app,
        "demote",
        settings=SETTINGS,
        examples=(
            ("One asset", f"{PROGRAM} tiers demote scene_summer_us"),
            ("What a campaign had", f"{PROGRAM} tiers demote --campaign spring"),
            (
                "What another command names",
                f"{PROGRAM} assets find --hot kitchen -q | {PROGRAM} tiers demote - --yes",
            ),
        ),
    )(demote)
    command(
        app,
        "promote",
        settings=SETTINGS,
        examples=(
            ("One asset", f"{PROGRAM} tiers promote scene_summer_us"),
            ("What a campaign needs", f"{PROGRAM} tiers promote --campaign spring"),
            (
                "What another command names",
                f"{PROGRAM} assets find --cold kitchen -q | {PROGRAM} tiers promote -",
            ),
        ),
    )(promote)
    command(
        app,
        "undo",
        settings=(*AWS, *CACHE),
        examples=(
            ("Bring back what the last run removed", f"{PROGRAM} tiers undo"),
            ("An earlier run, by its number in `tiers log`", f"{PROGRAM} tiers undo 7 --dry-run"),
        ),
    )(undo)


@selecting
def demote(
    run: Run,
    keys: Keys = None,
    *,
    selection: "Selection | None",
    accept_expiry: AcceptExpiry = None,
    assume_closed: AssumeClosed = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> Report:
    """Remove the local files of some assets, each after it was proved in S3.

    Name them, or choose them as `assets find` does; --region is the asset's then. Their age does not
    matter, everything else does: see `tiers manage`. What is not demoted is told, and ends with exit code
    3, or 8 if a lifecycle rule stands against all of it.
    """
    from creative_s3.core.costs.pricing import money
    from creative_s3.core.tiers.library import open_tiers
    from creative_s3.core.tiers.policy import asked
    from creative_s3.core.tiers.tiers import Action
    from creative_s3.core.transfers.verification import reading_before_demotion

    names, warnings = selected_names(run, keys, selection)
    store = _store(run)
    accepted = tuple(accept_expiry or ())
    with (
        run.live() as live,
        open_tiers(
            store, accepted=accepted, assume_closed=assume_closed, makes_room=not dry_run, emit=live.emit
        ) as tiers,
    ):
        files = _found(names, tiers.survey())
        if selection is not None:
            files = tuple(file for file in files if file.is_hot)
        moves = asked(files, Action.DEMOTE, tiers.terms)
    hot = [file for file in files if file.is_hot]
    bill = _bill(run, moves, store.requests, partial(reading_before_demotion, store.connection))
    if dry_run:
        return _asked_report(run, moves, bill, warnings)
    if hot:
        total = size(sum(file.size_bytes for file in hot))
        run.confirm(
            f"Remove {count(len(hot), 'file')} ({total}) from local disk, after each is proved in S3"
            f" ({count(bill.number, 'request')}, {money(bill.total)})?",
            assume_yes=yes,
        )
    with (
        run.live() as live,
        open_tiers(
            store, accepted=accepted, assume_closed=assume_closed, makes_room=True, emit=live.emit
        ) as tiers,
    ):
        report = tiers.demote(files)
    return _report(run, report, bill, warnings)


@selecting
def promote(
    run: Run,
    keys: Keys = None,
    *,
    selection: "Selection | None",
    dry_run: DryRun = False,
    engine: EngineOption = "auto",
) -> Report:
    """Bring cold assets back to local disk, many at once, each verified before its file gets its name.

    Name them, or choose them as `assets find` does; --region is the asset's then. An archived object has
    to be restored first (`tiers restore`), and is told with exit code 10 or 3. Over a file that is there,
    nothing is put.
    """
    from creative_s3.core.tiers.library import open_tiers
    from creative_s3.core.tiers.policy import asked
    from creative_s3.core.tiers.tiers import Action

    names, warnings = selected_names(run, keys, selection)
    with run.live() as live, open_tiers(_store(run), engine=engine, emit=live.emit) as tiers:
        files = _found(names, tiers.look())
        if selection is not None:
            files = tuple(file for file in files if not file.is_hot)
        moves = asked(files, Action.PROMOTE, tiers.terms)
        bill = _bill(run, moves, {})
        if dry_run:
            return _asked_report(run, moves, bill, warnings)
        report = tiers.promote(files)
    return _report(run, report, bill, warnings)


def undo(
    run: Run,
    number: Annotated[
        int | None,
        typer.Argument(
            metavar="RUN", min=1, max=2**63 - 1, help="Its number in `tiers log`. [default: the last]"
        ),
    ] = None,
    *,
    dry_run: DryRun = False,
    engine: EngineOption = "auto",
) -> Report:
    """Bring back what a run demoted: exactly that content, with its times and permissions.

    What was overwritten in S3 since is told and left.
    """
    from creative_s3.core.tiers.library import open_tiers
    from creative_s3.core.tiers.policy import asked
    from creative_s3.core.tiers.tiers import Action

    with run.live() as live, open_tiers(_store(run), engine=engine, emit=live.emit) as tiers:
        paths = tiers.undoable_paths(number)
        files = [file for file in tiers.look().files if file.file_path in paths and not file.is_hot]
        moves = asked(files, Action.PROMOTE, tiers.terms)
        bill = _bill(run, moves, {})
        if dry_run:
            return _asked_report(run, moves, bill)
        report = tiers.undo(number)
    return _report(run, report, bill)


def explained(run: Run, plan: "TierPlan", survey: "TierSurvey", names: Sequence[str]) -> Report:
    """Say what a plan does with some files, and why."""
    from creative_s3.cli.declare.names import names_of
    from creative_s3.cli.tiers import views
    from creative_s3.core.tiers.reasons import evidence_of, explain

    files = _found(names_of(names, run), survey)
    sentences = {file.cache_keys[0]: explain(plan, file) for file in files}
    return Report(
        data={
            "assets": [
                {
                    "cache_key": file.cache_keys[0],
                    "decision": sentences[file.cache_keys[0]],
                    "last_use": evidence_of(file, plan.now),
                    **views.facts(file),
                }
                for file in files
            ]
        },
        human=lambda: views.explained(plan, files),
        lines=(f"{key}: {sentence}" for key, sentence in sentences.items()),
    )


def _found(names: Sequence[str], survey: "TierSurvey") -> tuple["TierFile", ...]:
    from creative_s3.core.tiers.survey import find_files

    return find_files(names, survey.files)


def _store(run: Run) -> "S3StorageManager":
    from creative_s3.core.storage.manager import S3StorageManager

    return S3StorageManager(connection=run.connection())


def _bill(
    run: Run,
    moves: "Sequence[Move]",
    sent: Mapping[str, int],
    reads: Callable[[int], int] = lambda _: 0,
) -> "Bill":
    """Price what moving files will send; what has nothing to move sends nothing."""
    from creative_s3.core.costs.price_store import current_book
    from creative_s3.core.tiers.bills import planned_moves
    from creative_s3.core.tiers.tiers import Action

    real = (
        (move.action, move.file)
        for move in moves
        if move.file.hold is None and move.file.is_hot == (move.action is Action.DEMOTE)
    )
    region = current_book().region(run.config.region)
    return planned_moves(real, region, sent=sent, reads=reads)


def _asked_report(run: Run, moves: "Sequence[Move]", bill: "Bill", warnings: Sequence[str] = ()) -> Report:
    """Show what a command would do with files that were named."""
    from creative_s3.cli.tiers import views
    from creative_s3.cli.views import costs
    from creative_s3.core.tiers.reasons import held_because

    again = run.in_earnest
    return Report(
        data={
            "dry_run": True,
            "files": [
                {
                    **views.facts(move.file),
                    "action": str(move.action),
                    "held": held_because(move.file) or None,
                }
                for move in moves
            ],
            "bill": bill.to_dict(),
        },
        human=lambda: costs.with_plan(views.asked(moves), bill),
        lines=(move.file.cache_keys[0] for move in moves),
        warnings=warnings,
        next_steps=(f"{again}  # does it",) if moves else (),
    )


def _report(run: Run, report: "TierReport", bill: "Bill", warnings: Sequence[str] = ()) -> Report:
    from creative_s3.cli.tiers import views
    from creative_s3.cli.views import costs
    from creative_s3.core.costs.price_store import current_book
    from creative_s3.core.tiers.bills import sent_moves
    from creative_s3.errors import CreativeS3Error

    sent = sent_moves(report, current_book().region(run.config.region))

    if run.output.look.quiet and not run.output.look.json:
        for item in report.failures:
            error = item.error or CreativeS3Error(item.reason, item=item.file.cache_keys[0])
            run.output.fail(run.command, error)
    if report.demoted:
        steps: tuple[str, ...] = (f"{PROGRAM} tiers undo {report.run}  # brings back what went",)
    elif any(item.error and item.error.code == "archived" for item in report.failures):
        first = next(item.file for item in report.failures if item.error and item.error.code == "archived")
        steps = (f"{PROGRAM} tiers restore {quoted(first.cache_keys[0])}",)
    else:
        steps = ()
    return Report(
        data={**report.to_dict(), "bill": bill.to_dict(), "sent": sent.to_dict()},
        human=lambda: costs.with_comparison(views.report(report), sent, bill),
        lines=(item.file.cache_keys[0] for item in report.settled if item.done),
        exit_code=report.exit_code,
        warnings=(*warnings, *report.warnings),
        next_steps=steps,
    )
