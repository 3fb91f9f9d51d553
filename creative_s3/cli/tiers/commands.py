"""The `tiers` group: status, manage, log. What moves named assets is in `tiers.files`."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creative_s3.cli.declare.amounts import MOST_DAYS, MOST_ITEMS
from creative_s3.cli.declare.options import AWS, CACHE, DryRun, EngineOption, Yes, command, group, shortcut
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM, count, size
from creative_s3.cli.tiers import files, pins, restore
from creative_s3.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from creative_s3.core.tiers.groundwork import Groundwork
    from creative_s3.core.tiers.status import TierStatus
    from creative_s3.core.tiers.tiers import Policy, TierPlan

app = group("tiers", "Keep hot assets on local disk, cold ones in S3 only.")

ColdDays = Annotated[
    int,
    typer.Option("--cold-days", metavar="N", min=0, max=MOST_DAYS, help="Not used for so many days is cold."),
]
Limit = Annotated[
    str | None, typer.Option("--limit", metavar="SIZE", help="How large the cache may be, such as 10GiB.")
]
MinFree = Annotated[
    str | None,
    typer.Option("--min-free", metavar="SIZE", help="How much of the disk shall stay free, such as 5GiB."),
]


def register(root: typer.Typer) -> None:
    """Add the group to the root, and the guide's own command beside it."""
    root.add_typer(app)
    shortcut(root, "tier-manage", manage)


@command(
    app,
    "status",
    settings=(*AWS, *CACHE),
    examples=(
        ("What is hot, what is cold, what is at risk", f"{PROGRAM} tiers status"),
        ("With a limit: what would a run do?", f"{PROGRAM} tiers status --limit 10GiB"),
        ("Are the objects of all cold assets still there?", f"{PROGRAM} tiers status --deep"),
    ),
)
def status(
    run: Run,
    *,
    cold_days: ColdDays = 30,
    limit: Limit = None,
    min_free: MinFree = None,
    deep: Annotated[
        bool,
        typer.Option("--deep", help="Also list the bucket, and look for every object.", show_default=False),
    ] = False,
) -> Report:
    """Show what is hot and cold, what `tiers manage` would do, and what is at risk.

    Changes nothing. Without --deep, one request is sent, for the bucket's lifecycle rules. Exit code 7 means
    that the object of a cold asset is gone.
    """
    policy = _policy(cold_days, limit, min_free)
    with ExitStack() as stack:
        return _status(run, policy, None if deep else _begun(run, stack), deep=deep)


def _begun(run: Run, stack: ExitStack) -> "Groundwork | None":
    """Have the catalog looked through, before the modules that need boto3 are loaded."""
    from creative_s3.core.tiers.groundwork import begun

    return stack.enter_context(begun(run.config))


def _status(run: Run, policy: "Policy", groundwork: "Groundwork | None", *, deep: bool) -> Report:
    from creative_s3.cli.tiers import views
    from creative_s3.core.lifecycle.fates import Fates
    from creative_s3.core.storage.manager import S3StorageManager
    from creative_s3.core.tiers.library import open_tiers
    from creative_s3.core.tiers.status import status_by_census, status_of
    from creative_s3.errors import CreativeS3Error

    store = S3StorageManager(connection=run.connection())
    warnings: tuple[str, ...] = ()
    with run.live() as live, open_tiers(store, emit=live.emit, groundwork=groundwork) as tiers:
        try:
            fates = tiers.fates
        except CreativeS3Error as error:
            if deep:
                raise
            fates = Fates()
            warnings = (f"the bucket's lifecycle rules are not known: {error.message}",)
        if deep:
            inside = f"{run.config.prefix}/" if run.config.prefix else ""
            listing = {stored.key: stored for stored in store.objects(inside)}
            found = status_of(tiers.survey(), policy, fates, terms=tiers.terms, listing=listing)
        else:
            with tiers.census(with_rules=not warnings) as census:
                found = status_by_census(census, policy, fates, terms=tiers.terms)
    return Report(
        data={"bucket": store.bucket, "prefix": run.config.prefix, **found.to_dict()},
        human=lambda: views.status(found),
        lines=(f"{one.kind} {one.hot.files} {one.cold.files}" for one in found.kinds),
        exit_code=ExitCode.DIFFERENT if found.lost else ExitCode.OK,
        warnings=warnings,
        next_steps=_after_status(found, run),
    )


def _after_status(found: "TierStatus", run: Run) -> tuple[str, ...]:
    options = run.again.partition(" tiers status")[2].replace(" --deep", "").replace(" --json", "")
    if found.outlook.demotions.files or found.outlook.promotions.files:
        return (f"{PROGRAM} tiers manage{options} --dry-run  # every file with its reason",)
    return ()


@command(
    app,
    "manage",
    settings=(*AWS, *CACHE),
    examples=(
        ("Which files would go and come back, and why?", f"{PROGRAM} tiers manage --dry-run"),
        ("Keep the cache below 10 GiB", f"{PROGRAM} tiers manage --limit 10GiB"),
        ("Every night, without being asked", f"{PROGRAM} tiers manage --cold-days 60 --yes"),
    ),
)
def manage(
    run: Run,
    *,
    cold_days: ColdDays = 30,
    limit: Limit = None,
    min_free: MinFree = None,
    no_promote: Annotated[
        bool, typer.Option("--no-promote", help="Bring nothing back.", show_default=False)
    ] = False,
    no_demote: Annotated[
        bool, typer.Option("--no-demote", help="Remove nothing.", show_default=False)
    ] = False,
    max_evict: Annotated[
        str,
        typer.Option(
            "--max-evict", metavar="PERCENT", help="The most of the local bytes that may go at once."
        ),
    ] = "50%",
    accept_expiry: files.AcceptExpiry = None,
    assume_closed: files.AssumeClosed = False,
    keep_expiring: Annotated[
        bool,
        typer.Option(
            "--keep-expiring",
            help="Leave out files whose copies in S3 a rule will delete, instead of stopping.",
            show_default=False,
        ),
    ] = False,
    explain: Annotated[
        list[str] | None,
        typer.Option("--explain", metavar="KEY", help="Only say what is decided about this asset, and why."),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    engine: EngineOption = "auto",
) -> Report:
    """Remove cold files from local disk, and bring back what is used often.

    Files that were not used for so many days go. If that is not enough for the limit or the free disk, others
    go, the least regretted first, until 10 % below. Assets used 3 times in 30 days come back, while the limit
    allows.

    A file goes only after S3 was proved, in this run, to have its content, readable and not about to expire.
    Pinned, open, changed and unproved files stay, and so does everything outside the cache directory. `tiers
    undo` brings back what went.
    """
    policy = _policy(cold_days, limit, min_free, promotes=not no_promote, demotes=not no_demote)
    allowed = _share(max_evict)
    accepted = tuple(accept_expiry or ())
    with ExitStack() as stack:
        groundwork = None if explain else _begun(run, stack)
        from creative_s3.cli.tiers import views
        from creative_s3.cli.views import costs
        from creative_s3.core.costs.price_store import current_book
        from creative_s3.core.storage.manager import S3StorageManager
        from creative_s3.core.tiers.bills import planned_moves, sent_moves
        from creative_s3.core.tiers.library import open_tiers
        from creative_s3.core.tiers.report import intended
        from creative_s3.core.transfers.verification import reading_before_demotion

        store = S3StorageManager(connection=run.connection())
        live = stack.enter_context(run.live())
        tiers = stack.enter_context(
            open_tiers(
                store,
                accepted=accepted,
                assume_closed=assume_closed,
                makes_room=not (dry_run or explain),
                emit=live.emit,
                groundwork=groundwork,
            )
        )
        if explain:
            survey = tiers.survey()
            return files.explained(run, tiers.plan_of(survey, policy), survey, explain)
        plan = tiers.plan(policy)
        if plan.demotions:
            tiers.check_visible()
        tiers.check_bucket()
    refusal = _refusal(plan, allowed, keep_expiring=keep_expiring)
    region = current_book().region(run.config.region)
    moves = ((move.action, move.file) for move in (*plan.demotions, *plan.promotions))
    bill = planned_moves(
        moves,
        region,
        sent=store.requests,
        reads=partial(reading_before_demotion, store.connection),
    )
    if dry_run:
        return Report(
            data=lambda: {**intended(plan).to_dict(), "plan": _plan_data(plan), "bill": bill.to_dict()},
            human=lambda: costs.with_plan(views.plan(plan), bill),
            lines=(move.file.cache_keys[0] for move in (*plan.demotions, *plan.promotions)),
            exit_code=refusal.exit_code if refusal else ExitCode.OK,
            warnings=_would_be_refused(refusal),
            next_steps=_after_dry_run(plan, run, is_refused=refusal is not None),
        )
    if refusal:
        raise refusal
    if plan.demotions:
        run.output.show(lambda: costs.with_plan(views.plan(plan), bill))
        run.confirm(_question(plan), assume_yes=yes)
    with (
        run.live() as live,
        open_tiers(
            store,
            accepted=accepted,
            assume_closed=assume_closed,
            makes_room=True,
            engine=engine,
            emit=live.emit,
        ) as tiers,
    ):
        report = tiers.apply(plan)
    sent = sent_moves(report, region)
    return Report(
        data={
            **report.to_dict(),
            "plan": _plan_data(plan),
            "bill": bill.to_dict(),
            "sent": sent.to_dict(),
        },
        human=lambda: (
            costs.with_comparison(views.report(report), sent, bill)
            if report.settled
            else views.report(report)
        ),
        lines=(item.file.cache_keys[0] for item in report.settled if item.done),
        exit_code=report.exit_code,
        warnings=(*report.warnings, *_shortfall(plan)),
        next_steps=(f"{PROGRAM} tiers undo {report.run}  # brings back what went",) if report.demoted else (),
    )


@command(
    app,
    "log",
    settings=(*AWS, *CACHE),
    examples=(
        ("The last runs", f"{PROGRAM} tiers log"),
        ("The run whose files are still in S3 only", f"{PROGRAM} tiers log --json | jq '.data.runs[0].run'"),
    ),
)
def log(
    run: Run,
    *,
    max_results: Annotated[
        int, typer.Option("--max-results", min=1, max=MOST_ITEMS, metavar="N", help="At most so many runs.")
    ] = 20,
) -> Report:
    """Show what earlier runs demoted and promoted, the newest first."""
    from creative_s3.cli.tiers import views
    from creative_s3.core.library.library import open_library
    from creative_s3.core.tiers.movements import Movements

    with open_library(run.config) as library:
        runs = Movements(library.catalog.database).runs(max_results)
    undoable = next((one.run for one in runs if one.still_cold), None)
    return Report(
        data={"runs": runs},
        human=lambda: views.log(runs),
        lines=(f"{one.run} {one.at} {one.demoted} {one.promoted}" for one in runs),
        next_steps=(f"{PROGRAM} tiers undo {undoable}  # brings back what it demoted",)
        if undoable is not None
        else (),
    )


files.register(app)
pins.register(app)
restore.register(app)


def _policy(
    cold_days: int, limit: str | None, min_free: str | None, *, promotes: bool = True, demotes: bool = True
) -> "Policy":
    from creative_s3.cli.declare.amounts import size_in_bytes
    from creative_s3.core.tiers.tiers import Policy

    return Policy(
        cold_days=cold_days,
        limit_bytes=None if limit is None else size_in_bytes(limit, option="--limit"),
        min_free_bytes=None if min_free is None else size_in_bytes(min_free, option="--min-free"),
        promotes=promotes,
        demotes=demotes,
    )


def _share(text: str) -> float:
    """Read ``50%`` or ``50``."""
    number = text.strip().removesuffix("%").strip()
    if not number.isascii() or not number.replace(".", "", 1).isdigit() or not 0 <= float(number) <= 100:  # noqa: PLR2004 - per cent
        raise UsageError(f"this is no percentage: {text}", item="--max-evict", hint="write it as 50%")
    return float(number) / 100


def _refusal(plan: "TierPlan", allowed: float, *, keep_expiring: bool) -> Any:  # noqa: ANN401 - an error or None
    from creative_s3.core.tiers.policy import check_share
    from creative_s3.core.tiers.surroundings import check_expiry
    from creative_s3.errors import RefusedError

    try:
        if not keep_expiring:
            check_expiry(plan)
        check_share(plan, allowed)
    except RefusedError as error:
        return error
    return None


def _would_be_refused(refusal: Any) -> tuple[str, ...]:  # noqa: ANN401 - an error or None
    if refusal is None:
        return ()
    message = refusal.message.removesuffix("; nothing was removed")  # goes without saying in a dry run
    return (f"would be refused: {message}; {refusal.hint}",)


def _question(plan: "TierPlan") -> str:
    files = count(len(plan.demotions), "file")
    return f"Remove {files} ({size(plan.freed_bytes)}) from local disk, after each is proved in S3?"


def _shortfall(plan: "TierPlan") -> tuple[str, ...]:
    if not plan.shortfall_bytes:
        return ()
    return (f"{size(plan.shortfall_bytes)} more would have to go, and nothing else may",)


def _after_dry_run(plan: "TierPlan", run: Run, *, is_refused: bool) -> tuple[str, ...]:
    if is_refused or not (plan.demotions or plan.promotions):
        return ()
    command_line = run.in_earnest
    return (f"{command_line}  # carries out exactly this plan",)


def _plan_data(plan: "TierPlan") -> dict[str, Any]:
    policy = plan.policy
    return {
        "cold_days": policy.cold_days,
        "limit_bytes": policy.limit_bytes,
        "min_free_bytes": policy.min_free_bytes,
        "cache_bytes": plan.room.used_bytes,
        "disk_free_bytes": plan.room.free_bytes,
        "needed_bytes": plan.needed_bytes,
        "freed_bytes": plan.freed_bytes,
        "shortfall_bytes": plan.shortfall_bytes,
        "share": round(plan.share, 4),
        "return_price": str(sum((move.price for move in plan.demotions), start=_zero())),
    }


def _zero() -> Any:  # noqa: ANN401 - a Decimal, imported only when needed
    from decimal import Decimal

    return Decimal(0)
