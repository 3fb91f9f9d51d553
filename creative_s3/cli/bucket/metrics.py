"""`bucket metrics`: what CloudWatch counts of the bucket, and switching on what it does not count yet."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from typing import Annotated, Literal

import typer

from creative_s3.cli.declare.options import AWS, command
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    command(
        app,
        "metrics",
        settings=AWS,
        examples=(
            ("The last two weeks", f"{PROGRAM} bucket metrics"),
            ("A quarter, for a script", f"{PROGRAM} bucket metrics --days 90 --json"),
            (
                "Measure requests, errors and latency too; the price comes first",
                f"{PROGRAM} bucket metrics enable",
            ),
        ),
    )(metrics)


def metrics(
    run: Run,
    action: Annotated[
        Literal["enable"] | None,
        typer.Argument(
            metavar="[enable]", help="Measure the requests of the whole bucket from now on; billed."
        ),
    ] = None,
    *,
    days: Annotated[
        int, typer.Option("--days", metavar="N", min=1, max=455, help="How many days back.")
    ] = 14,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="With enable: only show the price.", show_default=False)
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", show_default=False)] = False,
) -> Report:
    """Show objects, bytes by storage class, requests, errors and latency, as CloudWatch counts them.

    Objects and bytes come once a day and are free; they include older versions and unfinished uploads, and
    what is billed without holding content is told apart. Requests are measured only after `bucket metrics
    enable`, which is billed.
    """
    from datetime import UTC, datetime

    from creative_s3.cli.bucket import views_metrics as views
    from creative_s3.core.bucket.metrics import measure

    if action is not None:
        return _enable(run, dry_run=dry_run, yes=yes)
    with run.live():
        found = measure(run.connection(), days=days, now=datetime.now(UTC))
    return Report(
        data=found.to_dict(),
        human=lambda: views.metrics(found),
        lines=(f"{one.storage_class} {one.name} {one.last or 0:.0f}" for one in found.storage),
        next_steps=(f"{PROGRAM} bucket metrics enable  # requests, errors, latency: shows the price first",)
        if found.is_measured is False
        else (),
    )


def _enable(run: Run, *, dry_run: bool, yes: bool) -> Report:
    from creative_s3.cli.bucket import views_metrics as views
    from creative_s3.core.bucket.metrics import REQUEST_METRICS, enable, monthly_price, whole_bucket
    from creative_s3.core.costs.pricing import amount_text, money

    connection = run.connection()
    there = whole_bucket(connection)
    price = monthly_price()
    data = {
        "bucket": connection.bucket,
        "dry_run": dry_run,
        "already_there": there,
        "metrics": list(REQUEST_METRICS),
        "price_per_month": amount_text(price),
    }
    if there is not None or dry_run:
        return Report(
            data={**data, "configuration": there},
            human=lambda: views.enabling(connection.bucket, there, price),
            lines=(there,) if there else (),
        )
    run.output.show(lambda: views.enabling(connection.bucket, None, price))
    run.confirm(
        f"Measure the requests of {connection.bucket} for up to {money(price)} a month?", assume_yes=yes
    )
    name = enable(connection)
    return Report(
        data={**data, "configuration": name},
        human=lambda: views.enabled(connection.bucket, name),
        lines=(name,),
        next_steps=(f"{PROGRAM} bucket metrics  # in about a quarter of an hour",),
    )
