"""`tiers restore`: archived objects become readable for some days."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from typing import TYPE_CHECKING, Annotated

import typer

from creative_s3.cli.declare.options import DryRun, EngineOption, Yes, command
from creative_s3.cli.declare.selections import selected_names, selecting
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM, count, size
from creative_s3.cli.tiers.files import SETTINGS, Keys
from creative_s3.core.shell_words import joined

if TYPE_CHECKING:
    from creative_s3.core.search.selection import Selection
    from creative_s3.core.storage.manager import S3StorageManager
    from creative_s3.core.tiers.restoring import Restore
    from creative_s3.core.transfers.choice import EngineName
    from creative_s3.errors import CreativeS3Error


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    command(
        app,
        "restore",
        settings=SETTINGS,
        examples=(
            (
                "What would it cost, and how long does it take?",
                f"{PROGRAM} tiers restore hero_soap --dry-run",
            ),
            (
                "Cheaply, and bring it back when it is there",
                f"{PROGRAM} tiers restore hero_soap --tier bulk --wait",
            ),
        ),
    )(restore)


@selecting
def restore(
    run: Run,
    keys: Keys = None,
    *,
    selection: "Selection | None",
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=3650, help="How long the copy can be read.")
    ] = 7,
    tier: Annotated[
        str, typer.Option("--tier", metavar="standard|bulk|expedited", help="How fast, and for how much.")
    ] = "standard",
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Wait until all can be read, then bring them back.", show_default=False),
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    engine: EngineOption = "auto",
) -> Report:
    """Ask S3 for readable copies of archived objects; price and waiting time come first.

    Name the assets, or choose them as `assets find` does; --region is the asset's then. The objects stay
    in their class, and the copies go away after some days. With --wait, the assets are brought back to
    local disk as soon as they can be read.
    """
    from creative_s3.cli.tiers import views
    from creative_s3.cli.views import costs
    from creative_s3.core.costs.price_store import current_book
    from creative_s3.core.storage.manager import S3StorageManager
    from creative_s3.core.tiers.bills import planned_restores
    from creative_s3.core.tiers.restoring import (
        OPTIONS,
        RestoreState,
        await_restores,
        plan_restores,
        request_restores,
    )
    from creative_s3.errors import ExitCode

    names, warnings = selected_names(run, keys, selection)
    store = S3StorageManager(connection=run.connection())
    found, missing = plan_restores(store, _keys(store, names), option=tier.lower())
    needed = [one for one in found if one.state is RestoreState.NEEDED]
    region = current_book().region(run.config.region)
    bill = planned_restores(needed, region, option=OPTIONS[tier.lower()], days=days)
    data: dict[str, object] = {
        "bucket": store.bucket,
        "tier": tier.lower(),
        "days": days,
        "objects": [_plain(one) for one in found],
        "bill": bill.to_dict(),
        "failed": [
            {"key": key, "code": error.code, "message": error.message, "hint": error.hint}
            for key, error in missing.items()
        ],
    }
    if needed and not dry_run:
        run.output.show(lambda: costs.with_plan(views.restores(found, missing, days), bill))
        total = size(sum(one.stored.size_bytes for one in needed))
        run.confirm(
            f"Restore {count(len(needed), 'object')} ({total}) for {views.restore_price(needed)}?",
            assume_yes=yes,
        )
    errors, sent = dict(missing), bill
    if not dry_run:
        results = request_restores(store, needed, days=days, option=tier.lower())
        errors |= {one.restore.stored.key: one.error for one in results if one.error}
        accepted = [one.restore for one in results if not one.error]
        sent = planned_restores(accepted, region, option=OPTIONS[tier.lower()], days=days)
        data["sent"] = sent.to_dict()
    asked = [one for one in found if one.stored.key not in errors]
    if wait and not dry_run:
        await_restores(
            store,
            [one.stored.key for one in asked],
            note=lambda left: run.output.note(f"waiting for {count(left, 'object')}"),
        )
        errors |= _promote(run, store, [one.stored.key for one in asked], engine=engine)
        asked = [one for one in asked if one.stored.key not in errors]
    is_waiting = any(one.state is not RestoreState.READABLE for one in asked)
    codes = {error.exit_code for error in errors.values()}
    everything = bool(errors) and not asked
    code = codes.pop() if everything and len(codes) == 1 else ExitCode.ITEMS_FAILED
    return Report(
        data={"dry_run": dry_run, **data, "requested": 0 if dry_run else len(needed)},
        human=lambda: (
            costs.with_plan(views.restores(found, errors, days), bill)
            if dry_run
            else costs.with_comparison(
                views.restores(found, errors, days, done=True, is_back=wait), sent, bill
            )
        ),
        lines=(one.stored.key for one in asked),
        exit_code=code if errors else ExitCode.OK,
        warnings=warnings,
        next_steps=_next_steps(names) if is_waiting and not (wait or dry_run) else (),
    )


def _keys(store: "S3StorageManager", names: list[str]) -> list[str]:
    """Return the keys of the objects that names mean; a key that no asset has is taken as it is."""
    from creative_s3.core.tiers.library import open_tiers

    with open_tiers(store) as tiers:
        known: dict[str, str] = {}
        for file in tiers.look().files:
            if file.key:
                known |= dict.fromkeys((*file.cache_keys, file.file_path), file.key)
    return list(dict.fromkeys(known.get(name, name) for name in names))


def _promote(
    run: Run, store: "S3StorageManager", keys: list[str], *, engine: "EngineName"
) -> dict[str, "CreativeS3Error"]:
    """Bring files back; return why some could not be, by key."""
    from creative_s3.core.tiers.library import open_tiers
    from creative_s3.errors import ItemError

    with run.live() as live, open_tiers(store, engine=engine, emit=live.emit) as tiers:
        files = [file for file in tiers.look().files if file.key in keys and not file.is_hot]
        report = tiers.promote(files, command="tiers restore")
    return {item.file.key or "": item.error or ItemError(item.reason) for item in report.failures}


def _plain(one: "Restore") -> dict[str, object]:
    return {
        "key": one.stored.key,
        "size_bytes": one.stored.size_bytes,
        "storage_class": one.stored.storage_class,
        "state": one.state,
        "price": None if one.price is None else str(one.price),
        "wait": one.wait,
    }


def _next_steps(names: list[str]) -> tuple[str, ...]:

    shown = joined(names) if len(names) == 1 else "KEY…"
    return (f"{PROGRAM} tiers promote {shown}  # when it is there",)
