"""`lifecycle prices`: the price book, shown, refreshed from the AWS Price List, and set back."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from typing import TYPE_CHECKING, Annotated, Any

import typer

from creative_s3.cli.declare.options import command
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM, count
from creative_s3.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from creative_s3.core.costs.price_figures import RefreshedRow


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    command(
        app,
        "prices",
        settings=("region",),
        examples=(
            ("What is a region charged?", f"{PROGRAM} lifecycle prices --region eu-central-1"),
            (
                "Take today's prices from AWS's own files, without credentials",
                f"{PROGRAM} lifecycle prices --refresh --from aws",
            ),
            ("Back to the prices that came with this version", f"{PROGRAM} lifecycle prices --reset"),
        ),
    )(prices)


def prices(
    run: Run,
    *,
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh", help="Take the region's prices from the AWS Price List.", show_default=False
        ),
    ] = False,
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="With --refresh: offer files in JSON, or their https addresses; 'aws' for AWS's own."
            " [default: the query API]",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="With --refresh: believe prices that more than doubled or halved.",
            show_default=False,
        ),
    ] = False,
    reset: Annotated[
        bool,
        typer.Option("--reset", help="Go back to the bundled prices of all regions.", show_default=False),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", "-n", help="With --refresh: only show what would change.", show_default=False
        ),
    ] = False,
) -> Report:
    """Show what S3 charges in a region, as of which date, and where that comes from.

    All estimates use these prices. --refresh asks the AWS Price List (needs pricing:GetProducts, or --from)
    and stores what it says for this region; what it lacks stays as it was and is named. Prices that more than
    doubled or halved are refused with exit code 8, unless --force is given.
    """
    from creative_s3.cli.lifecycle import views_prices as views
    from creative_s3.core.costs.price_store import current_prices, store_path

    if reset and refresh:
        raise UsageError(
            "--refresh and --reset exclude each other", hint=f"{PROGRAM} lifecycle prices --reset"
        )
    if source and not refresh:
        raise UsageError("--from says where to refresh from", item="--from", hint=f"{run.again} --refresh")
    name = run.config.region
    made: RefreshedRow | None = None
    dropped: tuple[str, ...] = ()
    if refresh:
        made = _refreshed(run, name, source or [], force=force, dry_run=dry_run)
    elif reset:
        from creative_s3.core.costs.price_store import forget_rows

        dropped = forget_rows()
    used = current_prices()
    region = used.book.region(name)
    is_refreshed = name in used.refreshed
    return Report(
        data={
            **views.facts(region),
            "refreshed": is_refreshed,
            "refreshed_regions": list(used.refreshed),
            "outdated_regions": list(used.outdated),
            "store": str(store_path()),
            "dropped": list(dropped),
            "refresh": views.refresh_facts(made, dry_run=dry_run) if made else None,
        },
        human=lambda: views.prices(region, used, made, dropped=dropped, is_reset=reset, dry_run=dry_run),
        lines=(f"{key} {amount}" for key, amount in views.figures(region)),
        warnings=_warnings(used.problem, used.outdated),
        next_steps=_next_steps(run, is_refreshed=is_refreshed, changed=bool(made and dry_run)),
    )


def _refreshed(run: Run, name: str, places: list[str], *, force: bool, dry_run: bool) -> "RefreshedRow":
    from creative_s3.cli.lifecycle import views_prices as views
    from creative_s3.core.costs.price_figures import refresh_row
    from creative_s3.core.costs.price_source import pricing_client, quotes_by_query, quotes_from
    from creative_s3.core.costs.price_store import current_row, store_row
    from creative_s3.core.costs.pricing import bundled_data
    from creative_s3.core.events import PhaseStarted

    with run.live() as live:
        live.emit(PhaseStarted("fetching the price list"))
        quotes = quotes_from(places, name) if places else quotes_by_query(pricing_client(), name)
    made = refresh_row(quotes, name, bundled=bundled_data(), current=current_row(name))
    if made.implausible and not force and not dry_run:
        run.output.show(lambda: views.changes(made))
        raise RefusedError(
            f"{count(len(made.implausible), 'price')} more than doubled or halved, so nothing was stored:"
            f" {', '.join(change.name for change in made.implausible[:3])}",
            item=name,
            hint=f"{run.again} --force  # if they are right",
        )
    if not dry_run:
        store_row(name, made.row)
    return made


def _warnings(problem: str | None, outdated: tuple[str, ...]) -> tuple[str, ...]:
    said = []
    if problem:
        said.append(f"the refreshed prices are not used: {problem}")
    if outdated:
        said.append(
            f"older than the bundled prices, so not used: the refreshed ones of {', '.join(outdated)}"
        )
    return tuple(said)


def _next_steps(run: Run, *, is_refreshed: bool, changed: bool) -> tuple[Any, ...]:
    if changed:
        return (f"{run.in_earnest}  # stores them",)
    if is_refreshed:
        return (f"{PROGRAM} lifecycle prices --reset  # goes back to the bundled prices",)
    return (f"{PROGRAM} lifecycle prices --refresh  # takes today's prices from the AWS Price List",)
