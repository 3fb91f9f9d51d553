"""`cdn status`, `list`, `cost`, `setup` and `url`: a distribution, looked at and not changed."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from typing import Annotated

import typer

from creative_s3.cli.completion import values
from creative_s3.cli.declare.amounts import MOST_ITEMS
from creative_s3.cli.declare.options import AWS, CACHE, command
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM

DistributionOption = Annotated[
    str | None,
    typer.Option("--distribution", metavar="ID", help="Another one than CLOUDFRONT_DISTRIBUTION_ID."),
]
OriginPath = Annotated[
    str | None,
    typer.Option(
        "--origin-path",
        metavar="PATH",
        help="What CloudFront puts before a path, so that it need not be asked; '/' for nothing.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    settings = (*AWS, *CACHE)
    command(
        app,
        "status",
        settings=settings,
        examples=(
            ("Is CloudFront in step with the bucket?", f"{PROGRAM} cdn status"),
            (
                "What is still in progress, for a script",
                f"{PROGRAM} cdn status --json | jq .data.in_progress",
            ),
        ),
    )(status)
    command(
        app,
        "list",
        settings=settings,
        examples=(
            ("The last invalidations", f"{PROGRAM} cdn list"),
            ("More of them", f"{PROGRAM} cdn list --max-results 100"),
        ),
    )(list_invalidations)
    command(
        app,
        "cost",
        settings=settings,
        examples=(
            ("Paths this month against the free 1,000", f"{PROGRAM} cdn cost"),
            ("How many are left, for a script", f"{PROGRAM} cdn cost --json | jq .data.free_left"),
        ),
    )(cost)
    command(
        app,
        "setup",
        settings=settings,
        examples=(
            ("What does the distribution of the settings still need?", f"{PROGRAM} cdn setup"),
            ("Another one", f"{PROGRAM} cdn setup E2EXAMPLE1234"),
        ),
    )(setup)
    command(
        app,
        "url",
        settings=settings,
        examples=(
            (
                "The address that viewers use",
                f"{PROGRAM} cdn url creative-assets/products/original/dish_soap/power/product.png",
            ),
            ("By cache key", f"{PROGRAM} cdn url hero_soap"),
        ),
    )(url)


def status(run: Run, *, distribution: DistributionOption = None) -> Report:
    """Show the distribution, what is in progress, and what it was not told of yet.

    Exit code 0 also while something is in progress.
    """
    from creative_s3.cli.views import cdn as views
    from creative_s3.core.cdn.cdn import open_cdn
    from creative_s3.core.cdn.looking import standing_of

    with run.live() as live, open_cdn(run.connection(), distribution_id=distribution, emit=live.emit) as cdn:
        found = standing_of(cdn)
    return Report(
        data=found.to_dict(),
        human=lambda: views.standing(found),
        lines=(f"{sent.id} {sent.status} {len(sent.paths)}" for sent in found.in_progress),
        next_steps=(f"{PROGRAM} cdn invalidate --changed  # tells it of them",) if found.unannounced else (),
    )


def list_invalidations(
    run: Run,
    *,
    max_results: Annotated[
        int, typer.Option("--max-results", metavar="N", min=1, max=MOST_ITEMS, help="How many at most.")
    ] = 20,
    distribution: DistributionOption = None,
) -> Report:
    """List invalidations, the newest first, with the paths of each."""
    from creative_s3.cli.views import cdn as views
    from creative_s3.core.cdn.cdn import open_cdn
    from creative_s3.core.cdn.looking import latest

    with run.live() as live, open_cdn(run.connection(), distribution_id=distribution, emit=live.emit) as cdn:
        found = latest(cdn, max_results)
    return Report(
        data={
            "distribution": found.distribution_id,
            "invalidations": [found.to_dict(sent) for sent in found.sent],
        },
        human=lambda: views.invalidations(found),
        lines=(f"{sent.id} {sent.status} {len(sent.paths)}" for sent in found.sent),
    )


def cost(run: Run, *, distribution: DistributionOption = None) -> Report:
    """Count the paths that this account invalidated this month, and say what they and more would cost.

    The first 1,000 of a month are free, over all distributions together; a wildcard and a tag count as one.
    Months are those of UTC. Each invalidation is asked for once; its number of paths is remembered.
    """
    from creative_s3.cli.views import cdn as views
    from creative_s3.core.cdn.cdn import open_cdn
    from creative_s3.core.costs.price_store import current_book
    from creative_s3.core.costs.pricing import amount_text

    with run.live() as live, open_cdn(run.connection(), distribution_id=distribution, emit=live.emit) as cdn:
        month = cdn.month
    return Report(
        data={
            "month": month.begins.strftime("%Y-%m"),
            "paths": month.used,
            "by_distribution": dict(month.paths),
            "free": month.fee.free,
            "free_left": month.free_left,
            "price_per_path": amount_text(month.fee.price),
            "price": amount_text(month.price),
            "prices_as_of": current_book().as_of,
        },
        human=lambda: views.month(month, cdn.distribution_id),
        lines=(f"{name} {paths}" for name, paths in month.paths.items()),
        warnings=(f"not all could be counted: {month.problem.message}",) if month.problem else (),
        next_steps=(month.problem.hint,) if month.problem and month.problem.hint else (),
    )


def setup(
    run: Run,
    distribution: Annotated[
        str | None, typer.Argument(metavar="DISTRIBUTION", help="Its id; else the one of the settings.")
    ] = None,
) -> Report:
    """Check what a distribution in front of the bucket needs, with the commands that bring it about.

    Origin, origin path, origin access control, the bucket's policy, HTTPS, caching, cache tags. Changes
    nothing. Without any distribution, it shows how to make one. Exit code 4 or 5 names the first problem.
    """
    from creative_s3.cli.views import cdn as views
    from creative_s3.cli.views import checks
    from creative_s3.core.cdn.setup import examine_distribution, first_steps
    from creative_s3.core.checks.checks import Status

    connection = run.connection()
    name = distribution or run.config.cloudfront_distribution_id
    if name is None:
        steps = first_steps(connection)
        return Report(
            data={
                "distribution": None,
                "steps": [{"what": one.what, "command": one.command} for one in steps],
            },
            human=lambda: views.steps(steps),
            lines=(one.command for one in steps if one.command),
        )
    with run.live():
        diagnosis = examine_distribution(connection, name)
    return Report(
        data={"distribution": name, **checks.data_of(diagnosis)},
        human=lambda: checks.ChecksView(diagnosis),
        lines=(f"{one.name}: {one.detail}" for one in diagnosis.checks if one.status is Status.PROBLEM),
        exit_code=diagnosis.exit_code,
    )


def url(
    run: Run,
    keys: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY…",
            help="Keys of objects or of assets; - reads them from standard input.",
            autocompletion=values.keys,
        ),
    ],
    *,
    distribution: DistributionOption = None,
) -> Report:
    """Print the addresses by which viewers get objects through the distribution.

    The object itself is not looked for.
    """
    from creative_s3.cli.declare.names import names_of
    from creative_s3.cli.views.assets import addresses
    from creative_s3.core.cdn.cdn import open_cdn
    from creative_s3.core.cdn.looking import addresses_of

    names = names_of(keys, run)
    with run.live() as live, open_cdn(run.connection(), distribution_id=distribution, emit=live.emit) as cdn:
        found = addresses_of(cdn, names)
    return Report(
        data={"urls": [{"key": one.key, "url": one.url} for one in found]},
        human=lambda: addresses(one.url for one in found),
        lines=(one.url for one in found),
    )
