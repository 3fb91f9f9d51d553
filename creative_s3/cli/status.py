"""The `status` command: cache, bucket, tiers, runs and team on one screen, once or again and again."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from typing import TYPE_CHECKING, Annotated

import typer

from creative_s3.cli.declare.options import AWS, CACHE, command
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from creative_s3.core.overview.overview import Overseer, Overview

EVERY_S = 5.0


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(
        app,
        "status",
        settings=(*AWS, *CACHE),
        examples=(
            ("How does everything stand, and what is to be done?", f"{PROGRAM} status"),
            ("Keep it on the screen", f"{PROGRAM} status --watch"),
            ("The next command, for a script", f"{PROGRAM} status --json | jq -r '.data.next[0].command'"),
        ),
    )(status)


def status(
    run: Run,
    *,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Draw it again every few seconds, until Ctrl-C.", show_default=False),
    ] = False,
) -> Report:
    """Show cache, bucket, tiers, the last runs, what the team published last, and what to do next.

    Changes nothing. What the catalog knows is offline; of the bucket, only the published index and its last
    versions are asked for. Exit code 0 also when there is something to do.
    """
    from creative_s3.core.overview.overview import Overseer

    if watch and not run.output.animated:
        raise UsageError(
            "--watch needs a terminal", item="--watch", hint=f"{PROGRAM} status --json  # for a script"
        )
    with run.live() as live:
        overseer = Overseer(run.config, run.connection, emit=live.emit)
        seen = overseer.look()
    return _report(_watch(run, seen, overseer) if watch else seen, shown=not watch)


def _report(seen: "Overview", *, shown: bool) -> Report:
    from creative_s3.cli.views import overview as views

    return Report(
        data=seen.to_dict(),
        human=(lambda: views.overview(seen)) if shown else None,
        lines=(step.command for step in seen.steps),
        next_steps=tuple(f"{step.command}  # {step.why}" for step in seen.steps) if shown else (),
    )


def _watch(run: Run, seen: "Overview", overseer: "Overseer") -> "Overview":
    """Draw until Ctrl-C, which is how watching ends; return what was seen last."""
    import time

    from rich.live import Live

    from creative_s3.cli import stops
    from creative_s3.cli.views import overview as views

    with (
        stops.announced_by(lambda _text: None),
        Live(
            views.watched(seen),
            console=run.output.err,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
        ) as screen,
    ):
        try:
            while True:
                screen.update(views.watched(seen), refresh=True)
                time.sleep(EVERY_S)
                seen = overseer.look()
        except KeyboardInterrupt:
            return seen
