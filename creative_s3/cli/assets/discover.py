"""`assets discover`: what is in the bucket and not in this cache's index, and how it gets there."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from typing import TYPE_CHECKING, Annotated

import typer

from creative_s3.cli.declare.options import AWS, CACHE, command
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM, count
from creative_s3.core.shell_words import quoted

if TYPE_CHECKING:
    from creative_s3.core.discovery.discovered import Discovery


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    command(
        app,
        "discover",
        settings=(*AWS, *CACHE),
        examples=(
            ("What is in S3 that this machine does not know", f"{PROGRAM} assets discover"),
            ("Know it from now on, without downloading it", f"{PROGRAM} assets discover --sync"),
            (
                "A second machine, into a cache directory of its own",
                f"{PROGRAM} assets discover --sync --cache-dir cache",
            ),
        ),
    )(discover)


def discover(
    run: Run,
    *,
    sync: Annotated[
        bool,
        typer.Option(
            "--sync", help="Record what is new in catalog and index.json, as cold.", show_default=False
        ),
    ] = False,
) -> Report:
    """Compare the bucket with this cache: known, new in S3, changed, gone from S3.

    The published index says what most objects are; only the others are asked one by one. With --sync, what
    is new gets its entry in index.json and counts as cold: it is in S3 only, and fetched when it is needed.

    Objects that are not of our layout are left alone. One whose key or metadata leads outside the workspace,
    or to a file of another asset, is refused; a sync that had to refuse something ends with exit code 3.
    """
    from creative_s3.cli.views import discovery as views
    from creative_s3.core.discovery.discovered import Standing
    from creative_s3.core.discovery.syncing import compare_with_bucket, sync_with_bucket
    from creative_s3.core.storage.manager import S3StorageManager

    run.config.require_bucket()
    storage = S3StorageManager(connection=run.connection())
    cache_dir, prefix = run.config.cache_dir, run.config.prefix
    recorded = None
    with run.live() as live:
        if sync:
            found, recorded = sync_with_bucket(storage, cache_dir, prefix=prefix, emit=live.emit)
        else:
            found = compare_with_bucket(storage, cache_dir, prefix=prefix, emit=live.emit)
    return Report(
        data={
            "bucket": found.bucket,
            "prefix": found.prefix,
            "synced": sync,
            "counts": {
                standing: {"objects": amount.count, "size_bytes": amount.size_bytes}
                for standing, amount in found.amounts.items()
            },
            "new_entries": len(found.newcomers) + len(found.others),
            "archived": found.archived,
            "not_on_disk": len(found.cooled),
            "found": [one.to_dict() for one in found.found],
            "recorded": recorded,
            "requests": found.requests,
        },
        human=lambda: views.discovery(found, recorded),
        lines=(one.key for one in found.of(Standing.NEW)),
        exit_code=found.exit_code(synced=sync),
        warnings=_warnings(found),
        next_steps=_next_steps(found, synced=sync),
    )


def _warnings(found: "Discovery") -> list[str]:
    from creative_s3.core.discovery.discovered import Standing

    warnings = []
    if refused := len(found.of(Standing.REFUSED)):
        warnings.append(f"{count(refused, 'object')} refused and left out")
    if foreign := len(found.of(Standing.FOREIGN)):
        warnings.append(f"{count(foreign, 'object')} under the prefix not of our layout, left out")
    if found.archived:
        warnings.append(
            f"{count(found.archived, 'new object')} archived: it takes a restore before they can be read"
        )
    return warnings


def _next_steps(found: "Discovery", *, synced: bool) -> tuple[str, ...]:
    from creative_s3.core.discovery.discovered import Standing

    if changed := found.of(Standing.CHANGED):
        example = quoted(changed[0].key)
        return (
            f"{PROGRAM} assets show {example}  # what changed, and whether the file here is still the same",
        )
    if synced:
        return (f"{PROGRAM} assets find  # looks through everything that is known now",)
    if found.has_news:
        return (f"{PROGRAM} assets discover --sync  # records this, and downloads nothing",)
    return ()
