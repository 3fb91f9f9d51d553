"""`assets stats`: what the bucket holds, and what the library has and how it is used."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from typing import TYPE_CHECKING, Annotated

import typer

from creative_s3.cli.declare.options import AWS, CACHE, command
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM
from creative_s3.errors import CreativeS3Error, UsageError

if TYPE_CHECKING:
    from creative_s3.core.catalog.statistics import LibraryStatistics
    from creative_s3.core.events import Emit
    from creative_s3.core.storage.inventory import Inventory

_EMPTY = {"total": None, "by_kind": None, "by_storage_class": None, "local": None}
"""The bucket's part of the data where it was not counted."""


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    command(
        app,
        "stats",
        settings=(*AWS, *CACHE),
        examples=(
            ("What there is, in S3 and on local disk, and how it is used", f"{PROGRAM} assets stats"),
            ("What the bucket costs a month, and what costs most", f"{PROGRAM} assets stats --cost"),
            (
                "The hit rate, for a script",
                f"{PROGRAM} stats --local --json | jq .data.library.cache_hit_rate",
            ),
        ),
    )(stats)


def stats(
    run: Run,
    *,
    local: Annotated[
        bool, typer.Option("--local", help="Only the library: send nothing to S3.", show_default=False)
    ] = False,
    cost: Annotated[
        bool,
        typer.Option(
            "--cost",
            help="What the bucket costs a month, old versions and unfinished uploads included.",
            show_default=False,
        ),
    ] = False,
) -> Report:
    """Count objects and bytes by kind and storage class, and say how the library is used.

    The bucket is listed once; "index" is the published index, "other" is what is not of our layout. The
    library's numbers come from the catalog: hot and cold assets, hit rate, what was moved, the biggest
    campaigns, growth by week, the last runs. Without a bucket, or while it cannot be reached, they are shown
    alone.
    """
    from creative_s3.cli.assets import views_stats
    from creative_s3.core.catalog.places import NOWHERE

    if cost:
        if local:
            raise UsageError("--local asks nobody, and --cost asks S3", item="--local")
        return _cost(run)
    counted, side, obstacle = (None, NOWHERE, None) if local else _in_bucket(run)
    if obstacle and run.output.look.quiet and not run.output.look.json:
        raise obstacle  # the bucket's lines are what a script waits for, and not the library's
    with run.live() as live:
        numbers, problem = _of_library(run, side, live.emit)
    if counted is None and numbers is None:
        raise obstacle or problem or CreativeS3Error("there is nothing to count")
    config = run.config
    where = f"s3://{config.bucket_name}/{config.prefix}/" if config.prefix else f"s3://{config.bucket_name}/"
    warnings = []
    if obstacle:
        warnings.append(f"the bucket was not counted: {obstacle.message}")
    if counted and counted.local_problem:
        warnings.append(f"the local cache was not counted: {counted.local_problem}")
    elif problem and config.cache_dir.is_dir():
        warnings.append(f"the library was not counted: {problem.message}")
    return Report(
        data={
            "bucket": config.bucket_name,
            "prefix": config.prefix,
            **(counted.to_dict() if counted else _EMPTY),
            "library": numbers.to_dict() if numbers else None,
        },
        human=lambda: views_stats.stats(counted, where, numbers),
        lines=_lines(counted, numbers),
        warnings=warnings,
        next_steps=(obstacle.hint,) if obstacle and obstacle.hint else (),
    )


def _cost(run: Run) -> Report:
    """Price what is in the bucket today; anything that cannot be read is named and left out."""
    from creative_s3.cli.assets import views_cost as views
    from creative_s3.core.costs.price_store import current_book
    from creative_s3.core.events import PhaseStarted
    from creative_s3.core.storage.bucket_cost import CostTally
    from creative_s3.core.storage.hidden_bytes import hidden_bytes
    from creative_s3.core.storage.manager import S3StorageManager

    run.config.require_bucket()
    storage, prefix = S3StorageManager(connection=run.connection()), run.config.prefix
    inside = f"{prefix}/" if prefix else ""
    tally = CostTally(prefix)
    with run.live() as live:
        live.emit(PhaseStarted("listing the bucket"))
        for _ in tally.through(storage.objects(inside)):
            pass
        hidden = hidden_bytes(storage, inside)
    found = tally.cost(current_book().region(run.config.region), hidden)
    where = f"s3://{storage.bucket}/{inside}"
    return Report(
        data={"bucket": storage.bucket, "prefix": prefix, "cost": found.to_dict()},
        human=lambda: views.bucket_cost(found, where),
        lines=(
            f"{name} {part.objects} {part.size_bytes} {part.monthly:.6f}"
            for name, part in found.kinds.items()
        ),
        warnings=hidden.problems,
        next_steps=views.advice(found),
    )


def _in_bucket(run: Run) -> "tuple[Inventory | None, str, CreativeS3Error | None]":
    """Count what is in the bucket, and name it, or say why it cannot be counted."""
    from creative_s3.core.catalog.places import NOWHERE, remote_side
    from creative_s3.core.storage.inventory import take_inventory
    from creative_s3.core.storage.manager import S3StorageManager

    try:
        run.config.require_bucket()
        storage, prefix = S3StorageManager(connection=run.connection()), run.config.prefix
        objects = storage.objects(f"{prefix}/" if prefix else "")
        counted = take_inventory(objects, prefix=prefix, cache_dir=run.config.cache_dir)
        return counted, remote_side(storage.connection, prefix), None
    except CreativeS3Error as error:
        return None, NOWHERE, error


def _of_library(
    run: Run, side: str, emit: "Emit"
) -> "tuple[LibraryStatistics | None, CreativeS3Error | None]":
    """Gather the library's numbers, or say why there are none."""
    from creative_s3.core.catalog.statistics import statistics_of

    try:
        return statistics_of(run.config.cache_dir, bucket=side, emit=emit), None
    except CreativeS3Error as error:
        return None, error


def _lines(counted: "Inventory | None", numbers: "LibraryStatistics | None") -> list[str]:
    """Return one line for each kind: in the bucket, else in the library."""
    if counted:
        amounts = ((sort, counted.stored(sort=sort)) for sort in counted.sorts)
        return [f"{sort} {amount.count} {amount.size_bytes}" for sort, amount in amounts]
    kinds = numbers.kinds if numbers else {}
    return [
        f"{kind} {holding.assets} {holding.hot_bytes + holding.cold_bytes}" for kind, holding in kinds.items()
    ]
