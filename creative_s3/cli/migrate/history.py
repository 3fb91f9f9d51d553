"""`migrate history`: what earlier runs did, with speed, requests, price and failures."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from typing import TYPE_CHECKING, Annotated

import typer

from creative_s3.cli.declare.amounts import MOST_ITEMS
from creative_s3.cli.declare.options import AWS, CACHE, command
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM
from creative_s3.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from creative_s3.core.catalog.runs import Change, RunRecord


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    command(
        app,
        "history",
        settings=(*AWS, *CACHE),
        examples=(
            ("The last runs", f"{PROGRAM} migrate history"),
            ("All of one run: what it changed, what failed", f"{PROGRAM} migrate history 12"),
            (
                "What the whole team published, by the versions of the index",
                f"{PROGRAM} migrate history --team",
            ),
        ),
    )(history)


def history(
    run: Run,
    number: Annotated[
        int | None,
        typer.Argument(metavar="RUN", help="Show this run with all it changed.", min=1, max=2**63 - 1),
    ] = None,
    *,
    team: Annotated[
        bool,
        typer.Option(
            "--team",
            help="What every machine published: versions of the shared index. Asks S3.",
            show_default=False,
        ),
    ] = False,
    max_results: Annotated[
        int, typer.Option("--max-results", metavar="N", min=1, max=MOST_ITEMS, help="How many at most.")
    ] = 20,
) -> Report:
    """Show what earlier runs did: files, speed, requests, price, failures by reason.

    It comes from the catalog of this cache, offline. Runs of other machines are in their catalogs; what they
    published shows with --team, if the bucket keeps versions.
    """
    if team:
        if number is not None:
            raise UsageError("RUN and --team exclude each other", hint=f"{PROGRAM} migrate history --team")
        return _of_team(run, max_results)
    from creative_s3.cli.views import history as views

    runs, changes = _recorded(run, number, max_results)
    if number is not None:
        (one,) = runs
        return Report(
            data={"run": one.to_dict(), "changes": [_plain(change) for change in changes]},
            human=lambda: views.one_run(one, changes),
            lines=(change.key for change in changes),
            next_steps=(f"{PROGRAM} cdn invalidate --changed {number}  # tells CloudFront what it replaced",)
            if any(change.replaced and not change.invalidation for change in changes)
            else (),
        )
    return Report(
        data={"runs": [one.to_dict() for one in runs]},
        human=lambda: views.Runs(runs),
        lines=(f"{one.number} {one.started_at} {one.command} {one.files} {one.exit_code}" for one in runs),
    )


def _recorded(run: Run, number: int | None, limit: int) -> "tuple[list[RunRecord], list[Change]]":
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.catalog.places import NOWHERE, catalog_path
    from creative_s3.errors import ObjectNotFoundError

    path = catalog_path(run.config.cache_dir)
    known: list[RunRecord] = []
    changes: list[Change] = []
    if path.is_file():
        with Catalog(path, bucket=NOWHERE) as catalog:
            if number is None:
                return catalog.runs.all(limit), []
            one = catalog.runs.get(number)
            known = [one] if one else []
        if known:
            with Catalog(path, bucket=known[0].bucket) as catalog:
                changes = catalog.runs.changes(number or 0)
    if number is not None and not known:
        raise ObjectNotFoundError(
            "there is no such run here", item=str(number), hint=f"{PROGRAM} migrate history  # lists them"
        )
    return known, changes


def _of_team(run: Run, limit: int) -> Report:
    from creative_s3.cli.views import history as views
    from creative_s3.core.published.team import team_history
    from creative_s3.core.s3.object_store import ObjectStore

    store = ObjectStore(connection=run.connection())
    with run.live():
        found = team_history(store, prefix=run.config.prefix, limit=limit)
    return Report(
        data={"bucket": store.bucket, "versions": [one.to_dict() for one in found]},
        human=lambda: views.team(found),
        lines=(f"{one.version_id} {one.at:%Y-%m-%dT%H:%M:%SZ} {one.machine or '-'}" for one in found),
        exit_code=ExitCode.OK,
    )


def _plain(change: "Change") -> dict[str, object]:
    return {
        "key": change.key,
        "replaced": change.replaced,
        "told_to_cdn": change.invalidation is not None,
    }
