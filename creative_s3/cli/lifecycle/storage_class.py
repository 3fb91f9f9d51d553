"""`lifecycle class`: another storage class for objects that are there, by copies in place."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from contextlib import closing, nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creative_s3.cli.completion import values
from creative_s3.cli.declare.options import AWS, CACHE, DryRun, Yes, command
from creative_s3.cli.declare.selections import selected_names, selecting
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM, count, size
from creative_s3.errors import ExitCode, ObjectNotFoundError
from creative_s3.setting_checks import StorageClass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.classes.changes import ClassChanged
    from creative_s3.core.classes.plan import ClassPlan, Refused
    from creative_s3.core.costs.bills import Bill
    from creative_s3.core.search.selection import Selection
    from creative_s3.core.storage.manager import S3StorageManager
    from creative_s3.errors import CreativeS3Error


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    command(
        app,
        "class",
        settings=tuple(name for name in (*AWS, *CACHE) if name not in {"prefix", "region"}),
        examples=(
            (
                "What would it cost and save?",
                f"{PROGRAM} lifecycle class --type composite --older 90d --to STANDARD_IA --dry-run",
            ),
            ("One asset", f"{PROGRAM} lifecycle class scene_summer_us --to GLACIER_IR"),
            (
                "What another command chose",
                f"{PROGRAM} assets find --cold -q | {PROGRAM} lifecycle class - --to GLACIER_IR --yes",
            ),
        ),
    )(change_class)


@selecting
def change_class(
    run: Run,
    keys: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY",
            help="Cache keys of assets, or keys of objects; - reads standard input.",
            autocompletion=values.keys,
        ),
    ] = None,
    *,
    selection: "Selection | None",
    to: Annotated[
        StorageClass,
        typer.Option("--to", metavar="CLASS", help="The class they shall have, such as STANDARD_IA."),
    ],
    prefix: Annotated[
        str | None,
        typer.Option(
            "--prefix",
            metavar="P",
            help="Also every object whose full key begins with P.",
            autocompletion=values.key_prefixes,
        ),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> Report:
    """Change the storage class of objects that are in the bucket; price and saving come first.

    Each object is copied onto itself on the server, unless it changed since the plan, with its metadata, tags
    and encryption, and proved afterwards by its checksum. Archived objects have to be restored first and are
    told with exit code 10 or 3. To S3, a copy is a new object: lifecycle rules count its age from now on.

    Name objects, or choose assets as `assets find` does; --region is the asset's then. --prefix stands for
    objects that are no assets, too.
    """
    from creative_s3.cli.lifecycle import views_class as views
    from creative_s3.core.classes.plan import plan_class_change
    from creative_s3.core.classes.selection import split_archived
    from creative_s3.core.costs.price_store import current_book
    from creative_s3.core.s3.told_checksums import expected_reads
    from creative_s3.core.storage.manager import S3StorageManager

    target, region = str(to), current_book().region(run.config.region)
    store = S3StorageManager(connection=run.connection())
    chosen, missing, warnings = _chosen(run, store, keys, selection, prefix)
    with run.live():
        movable = [stored for stored in chosen if stored.storage_class != target]
        ready, archived = split_archived(store, movable, workers=run.config.max_parallel_uploads)
    settled = [stored for stored in chosen if stored.storage_class == target]
    plan = plan_class_change(
        (*ready, *settled),
        target,
        region,
        now=datetime.now(UTC),
        refused=(*missing, *archived),
        reads=partial(expected_reads, store.connection),
    )
    if not plan.changes and len(plan.refused) == 1 and not settled:
        raise plan.refused[0].error
    is_versioned = _is_versioned(store, plan)
    notices = (*warnings, *views.notices(plan, region.of(target).rules, is_versioned=is_versioned))
    data = {"bucket": store.bucket, **plan.to_dict()}
    if dry_run or not plan.changes:
        return Report(
            data={
                "dry_run": dry_run,
                **data,
                "failed": [_failure(one.key, one.error) for one in plan.refused],
            },
            human=lambda: views.plan(plan, region),
            lines=(stored.key for stored in plan.changes),
            exit_code=_exit_code([one.error for one in plan.refused]),
            warnings=notices,
            next_steps=_after_dry_run(run, plan),
        )
    run.output.show(lambda: views.plan(plan, region))
    for notice in notices:
        run.output.warn(notice)
    run.confirm(
        f"Change {count(len(plan.changes), 'object')} ({size(plan.size_bytes)}) to {target}?", assume_yes=yes
    )
    results, bill = _carry_out(run, store, plan)
    errors = [one.error for one in plan.refused]
    errors += [result.error for result in results if result.error]
    if run.output.look.quiet and not run.output.look.json:
        for error in errors:
            run.output.fail(run.command, error)
    return Report(
        data={
            "dry_run": False,
            **data,
            "changed": sum(result.proof is not None for result in results),
            "proofs": views.proofs(results),
            "sent": bill.to_dict(),
            "failed": [
                _failure(key, error)
                for key, error in (
                    *((one.key, one.error) for one in plan.refused),
                    *((result.before.key, result.error) for result in results if result.error),
                )
            ],
        },
        human=lambda: views.outcome(plan, results, bill),
        lines=(result.before.key for result in results if result.proof),
        exit_code=_exit_code(errors),
        next_steps=(f"{PROGRAM} assets stats --cost  # what the bucket costs now",) if not errors else (),
    )


def _chosen(
    run: Run,
    store: "S3StorageManager",
    keys: "list[str] | None",
    selection: "Selection | None",
    prefix: str | None,
) -> "tuple[list[StoredObject], list[Refused], tuple[str, ...]]":
    """Find the objects that are meant, the names that mean none, and what to warn of."""
    from creative_s3.core.catalog.places import existing_catalog
    from creative_s3.core.classes.plan import Refused
    from creative_s3.core.classes.selection import Choice, choice_of, choose
    from creative_s3.core.search.finder import Finder

    names: list[str] = []
    warnings: tuple[str, ...] = ()
    if keys or selection is not None or prefix is None:
        names, warnings = selected_names(run, keys, selection)
    if not names and selection is not None and prefix is None:
        for warning in warnings:
            run.output.warn(warning)
        raise ObjectNotFoundError("no asset is like that", hint=f"{PROGRAM} assets find  # looks around")
    our_prefix, cache_dir = run.config.prefix, run.config.cache_dir
    choice = Choice(tuple(names), prefix=prefix)
    if selection is not None:
        catalog = existing_catalog(store.connection, prefix=our_prefix, cache_dir=cache_dir)
        with closing(catalog) if catalog else nullcontext():
            choice = choice_of(catalog, names, prefix)
    finder = Finder(store, prefix=our_prefix, cache_dir=cache_dir)
    with run.live() as live:
        found, misses = choose(store, finder, choice, our_prefix=our_prefix, emit=live.emit)
    return found, [Refused(name, error) for name, error in misses.items()], warnings


def _carry_out(run: Run, store: "S3StorageManager", plan: "ClassPlan") -> "tuple[list[ClassChanged], Bill]":
    """Make the copies; what was proved is written into the catalog, also when the run is cut short."""
    from creative_s3.core.catalog.ledger import Ledger, Moved
    from creative_s3.core.catalog.places import catalog_path, remote_side
    from creative_s3.core.classes.changes import ClassChanger, change_classes
    from creative_s3.core.classes.plan import bill_of_changes
    from creative_s3.core.classes.record import record_changes
    from creative_s3.core.costs.price_store import current_book

    results: list[ClassChanged] = []
    changer = ClassChanger(store, plan.target)
    path, side = catalog_path(run.config.cache_dir), remote_side(store.connection, run.config.prefix)

    def moved() -> Moved:
        done = [result for result in results if result.proof]
        errors = [result.error for result in results if result.error]
        return Moved(
            files=len(done),
            size_bytes=sum(result.before.size_bytes for result in done),
            failed=len(errors),
            exit_code=_exit_code([*(one.error for one in plan.refused), *errors]),
            requests=bill().requests,
        )

    def bill() -> "Bill":
        done = [result.before for result in results if result.proof]
        region = current_book().region(run.config.region)
        return bill_of_changes(changer.sent, done, region, now=datetime.now(UTC))

    with run.live() as live, Ledger(path, side).run("lifecycle class", moved):
        try:
            change_classes(
                changer,
                plan.changes,
                workers=run.config.max_parallel_uploads,
                note=results.append,
                emit=live.emit,
            )
        finally:
            record_changes(path, side, results)
    return results, bill()


def _is_versioned(store: "S3StorageManager", plan: "ClassPlan") -> bool:
    from creative_s3.core.classes.selection import keeps_versions

    return bool(plan.changes) and keeps_versions(store)


def _exit_code(errors: "Sequence[CreativeS3Error]") -> ExitCode:
    """Return the one code that all of them have where it says more, else that some items failed."""
    codes = {error.exit_code for error in errors}
    if not codes:
        return ExitCode.OK
    return codes.pop() if codes <= {ExitCode.ARCHIVED} else ExitCode.ITEMS_FAILED


def _failure(key: str, error: "CreativeS3Error") -> dict[str, Any]:
    return {"key": key, "code": error.code, "message": error.message, "hint": error.hint}


def _after_dry_run(run: Run, plan: "ClassPlan") -> tuple[str, ...]:
    if not plan.changes:
        return ()
    again = run.in_earnest
    return (f"{again}  # carries out exactly this plan",)
