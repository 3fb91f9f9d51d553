"""The `cdn` group: invalidate. What only looks is in `cdn.status`."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from typing import TYPE_CHECKING, Annotated

import typer

from creative_s3.cli.cdn import status
from creative_s3.cli.cdn.status import DistributionOption, OriginPath
from creative_s3.cli.completion import values
from creative_s3.cli.declare.options import AWS, CACHE, DryRun, Yes, command, group
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM, count
from creative_s3.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from creative_s3.core.cdn.cdn import Cdn
    from creative_s3.core.cdn.proposal import Proposal

app = group("cdn", "Keep CloudFront in step with the bucket: invalidate, watch, price, set up.")


def register(root: typer.Typer) -> None:
    """Add the group to the root."""
    status.register(app)
    root.add_typer(app)


@command(
    app,
    "invalidate",
    settings=(*AWS, *CACHE),
    examples=(
        (
            "Everything that was replaced and CloudFront was not told of",
            f"{PROGRAM} cdn invalidate --changed",
        ),
        ("What run 12 replaced; see them with migrate history", f"{PROGRAM} cdn invalidate --changed 12"),
        ("A folder, as viewers name it, and wait for it", f"{PROGRAM} cdn invalidate '/products/*' --wait"),
    ),
)
def invalidate(
    run: Run,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH… | RUN…]",
            help="What viewers ask for, such as '/products/*'; with --changed, numbers of runs.",
            show_default=False,
        ),
    ] = None,
    *,
    changed: Annotated[
        bool,
        typer.Option(
            "--changed",
            help="What runs replaced: those named, else all that CloudFront was not told of.",
            show_default=False,
        ),
    ] = False,
    include_new: Annotated[
        bool,
        typer.Option(
            "--include-new",
            help="With --changed RUN, also new objects: for long-lived 404 answers.",
            show_default=False,
        ),
    ] = False,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            metavar="products|backgrounds|composites|cache|unsorted",
            help="All objects of a kind.",
        ),
    ] = None,
    campaign: Annotated[
        str | None,
        typer.Option(
            "--campaign",
            metavar="ID",
            help="All objects of a campaign.",
            autocompletion=values.campaigns,
        ),
    ] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option("--tags", metavar="TAG", help="Objects with a cache tag; may be given often."),
    ] = None,
    exact: Annotated[
        bool,
        typer.Option("--exact", help="Use no wildcard, whatever the paths cost.", show_default=False),
    ] = False,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Wait until every edge has forgotten them.", show_default=False),
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    distribution: DistributionOption = None,
    origin_path: OriginPath = None,
) -> Report:
    """Tell CloudFront to forget objects, so that viewers get the new ones; price first.

    Keys become paths by CloudFront's rules, without the distribution's origin path. Paths become folders
    (/products/*) where that is cheaper or where CloudFront's quota needs it: 3,000 paths and 15 wildcards at
    a time. While its quota is full, it is waited for. A run is told once: a repetition is not paid again.
    """
    from creative_s3.cli.views import cdn as views
    from creative_s3.core.cdn.cdn import open_cdn

    given = list(paths or ())
    _check(given, changed=changed, include_new=include_new, kind=kind, campaign=campaign, tags=tags)
    connection = run.connection()
    with (
        run.live() as live,
        open_cdn(connection, distribution_id=distribution, origin_path=origin_path, emit=live.emit) as cdn,
    ):
        made = _propose(
            cdn,
            given,
            changed=changed,
            include_new=include_new,
            kind=kind,
            campaign=campaign,
            tags=tags or [],
            exact=exact,
        )
        month = cdn.month
    data = {"dry_run": dry_run, **made.to_dict(), "paths_this_month": month.used}
    warnings = (*views.warnings(made, month), *_misplaced(given if not changed else [], run))
    code = ExitCode.ITEMS_FAILED if made.refused else ExitCode.OK
    if dry_run or not (made.requests or made.changes):
        return Report(
            data={**data, "invalidations": []},
            human=lambda: views.proposal(made, month),
            lines=made.paths,
            exit_code=code,
            warnings=warnings,
            next_steps=(run.in_earnest + "  # sends exactly this",) if made.requests else (),
        )
    if made.requests:
        run.output.show(lambda: views.proposal(made, month))
        number = count(len(made.paths), "path")
        run.confirm(
            f"Invalidate {number} of {made.distribution_id} for {views.price_of(made)}?", assume_yes=yes
        )
    with (
        run.live() as live,
        open_cdn(connection, distribution_id=distribution, origin_path=origin_path, emit=live.emit) as cdn,
    ):
        accepted = cdn.send(made, wait=wait)
    return Report(
        data={
            **data,
            "invalidations": [
                {"id": one.sent.id, "status": one.sent.status, "paths": len(one.request.paths)}
                for one in accepted
            ],
        },
        human=lambda: views.accepted(accepted, made, waited=wait),
        lines=(one.sent.id for one in accepted),
        exit_code=code,
        warnings=warnings,
        next_steps=() if wait or not accepted else (f"{PROGRAM} cdn status  # are the edges done?",),
    )


def _check(
    given: list[str],
    *,
    changed: bool,
    include_new: bool,
    kind: str | None,
    campaign: str | None,
    tags: list[str] | None,
) -> None:
    ways = [changed, bool(kind or campaign), bool((given or tags) and not changed)]
    if sum(ways) != 1:
        raise UsageError(
            "nothing is chosen"
            if not any(ways)
            else "paths, --changed and --kind or --campaign exclude each other",
            hint=f"{PROGRAM} cdn invalidate --changed  # or PATH…, --kind, --campaign, --tags",
        )
    if changed and tags:
        raise UsageError("--changed and --tags exclude each other", hint="use one of them")
    if changed and not all(word.isdecimal() for word in given):
        raise UsageError(
            "with --changed, only numbers of runs can be named",
            item=next(word for word in given if not word.isdecimal()),
            hint=f"{PROGRAM} migrate history  # lists them",
        )
    if include_new and not (changed and given):
        raise UsageError("--include-new belongs to --changed RUN", hint=f"{PROGRAM} migrate history")


def _propose(
    cdn: "Cdn",
    given: list[str],
    *,
    changed: bool,
    include_new: bool,
    kind: str | None,
    campaign: str | None,
    tags: list[str],
    exact: bool,
) -> "Proposal":
    if changed:
        return cdn.propose_changed([int(word) for word in given], include_new=include_new, exact=exact)
    if kind or campaign:
        return cdn.propose_selection(kind=kind, campaign=campaign, exact=exact)
    return cdn.propose_paths(given, tags)


def _misplaced(given: list[str], run: Run) -> tuple[str, ...]:
    """Warn of what looks like a key: viewers' paths rarely begin with the prefix."""
    inside = f"/{run.config.prefix}/"
    like_keys = [path for path in given if run.config.prefix and f"/{path.lstrip('/')}".startswith(inside)]
    if not like_keys:
        return ()
    why = "if that is the distribution's origin path, viewers ask without it"
    return (f"{like_keys[0]} begins with the prefix: {why}",)
