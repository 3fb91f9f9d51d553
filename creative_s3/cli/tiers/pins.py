"""`tiers pin` and `tiers unpin`: what stays on local disk whatever happens."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from typing import TYPE_CHECKING

import typer

from creative_s3.cli.declare.options import CACHE, command
from creative_s3.cli.declare.selections import selected_names, selecting
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM
from creative_s3.cli.tiers.files import Keys
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from creative_s3.core.search.selection import Selection


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    command(
        app,
        "pin",
        settings=CACHE,
        examples=(
            ("One asset", f"{PROGRAM} tiers pin hero_soap"),
            ("A campaign, with all that it will make", f"{PROGRAM} tiers pin --campaign spring"),
            ("What is pinned", f"{PROGRAM} tiers pin"),
        ),
    )(pin)
    command(
        app,
        "unpin",
        settings=CACHE,
        examples=(
            ("One asset", f"{PROGRAM} tiers unpin hero_soap"),
            ("A campaign", f"{PROGRAM} tiers unpin --campaign spring"),
        ),
    )(unpin)


@selecting
def pin(run: Run, keys: Keys = None, *, selection: "Selection | None") -> Report:
    """Keep assets on local disk: what is pinned is never demoted. Without a name, show what is pinned.

    A pinned campaign has all of its assets pinned, also those that it will make. With any other option,
    what is there now and matches all of them is pinned, asset by asset. Pins are no promise to bring
    anything back: for that there is `tiers promote`.
    """
    return _change_pins(run, keys, selection, adds=True)


@selecting
def unpin(run: Run, keys: Keys = None, *, selection: "Selection | None") -> Report:
    """Let assets be demoted again.

    --campaign alone takes back the pin of the campaign; with any other option, the pins of single assets go.
    """
    if not keys and selection is None:
        raise UsageError("nothing is chosen", hint=f"{PROGRAM} {run.command} KEY…  # or --campaign ID")
    return _change_pins(run, keys, selection, adds=False)


def _change_pins(run: Run, keys: list[str] | None, selection: "Selection | None", *, adds: bool) -> Report:
    from creative_s3.cli.tiers import views
    from creative_s3.core.tiers.pins import change_pins, read_pins

    warnings: tuple[str, ...] = ()
    wanted: list[str] = []
    campaigns = _campaigns(selection)
    if selection is not None and not campaigns:
        wanted, warnings = selected_names(run, keys, selection)
    elif keys:
        wanted = _cache_keys(run, keys, adds=adds)
    if wanted or campaigns:
        before, after = change_pins(
            run.config.cache_dir,
            lambda pins: (
                pins.with_more(keys=wanted, campaigns=campaigns)
                if adds
                else pins.without(keys=wanted, campaigns=campaigns)
            ),
        )
    else:
        before = after = read_pins(run.config.cache_dir)
    changed = len(before.keys ^ after.keys) + len(before.campaigns ^ after.campaigns)
    return Report(
        data={"keys": sorted(after.keys), "campaigns": sorted(after.campaigns), "changed": changed},
        human=lambda: views.pins(after, changed, asked=bool(keys or selection)),
        lines=sorted(after.keys),
        warnings=warnings,
    )


def _campaigns(selection: "Selection | None") -> tuple[str, ...]:
    """Return the campaigns that are chosen as such: when nothing else is asked for."""
    from dataclasses import replace

    from creative_s3.core.search.selection import Selection

    if selection is None or replace(selection, campaigns=()) != Selection():
        return ()
    return selection.campaigns


def _cache_keys(run: Run, keys: list[str], *, adds: bool) -> list[str]:
    """Return the cache keys that names mean; what is pinned and no asset any more can be named, too."""
    from creative_s3.cli.declare.names import names_of
    from creative_s3.core.library.library import open_library
    from creative_s3.core.tiers.pins import read_pins

    present = read_pins(run.config.cache_dir).keys
    with open_library(run.config) as library:
        return [
            name
            if not adds and name in present
            else library.find(name, bucket=run.config.bucket_name).asset.cache_key
            for name in names_of(keys, run)
        ]
