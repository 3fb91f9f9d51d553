"""`assets retire`: take assets out of the team's shared index, for every machine."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from typing import Annotated

import typer

from creative_s3.cli.completion import values
from creative_s3.cli.declare.options import AWS, DryRun, Yes, command
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM, count


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    command(
        app,
        "retire",
        settings=AWS,
        examples=(
            ("What would be taken out?", f"{PROGRAM} assets retire hero_soap --dry-run"),
            (
                "Everything of a campaign",
                f"{PROGRAM} assets find --campaign old -q | {PROGRAM} assets retire - --yes",
            ),
        ),
    )(retire)


def retire(
    run: Run,
    keys: Annotated[
        list[str],
        typer.Argument(
            metavar="KEY…",
            help="Cache keys or keys of objects; - reads them from standard input.",
            autocompletion=values.keys,
        ),
    ],
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> Report:
    """Take assets out of the published index, so that no machine of the team gets them any more.

    Nothing else is touched: the objects stay in the bucket, and files and index.json on every machine. A
    machine that has an older copy of the entry does not bring it back; one that makes or uses the asset later
    does.
    """
    from creative_s3.cli.declare.names import names_of
    from creative_s3.cli.views import history as views
    from creative_s3.core.published.retire import look_up, retire
    from creative_s3.core.s3.object_store import ObjectStore

    names = names_of(keys, run)
    store = ObjectStore(connection=run.connection())
    found = look_up(store, names, prefix=run.config.prefix)
    if not dry_run:
        run.output.show(lambda: views.retired(found, done=False))
        number = count(len(found), "entry", "entries")
        run.confirm(f"Take {number} out of the team's index in {store.bucket}?", assume_yes=yes)
        found = retire(store, names, prefix=run.config.prefix)
    return Report(
        data={
            "bucket": store.bucket,
            "dry_run": dry_run,
            "entries": [
                {"section": one.section, "entry": one.entry, "keys": list(one.keys)} for one in found
            ],
        },
        human=lambda: views.retired(found, done=not dry_run),
        lines=(one.entry for one in found),
        next_steps=() if dry_run else (f"{PROGRAM} migrate history --team  # who changed what",),
    )
