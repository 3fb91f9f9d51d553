"""The options that say what is wanted of lifecycle rules: the same for `set` and `simulate`."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from creative_s3.cli.run import Run
    from creative_s3.core.lifecycle.known_use import KnownUse
    from creative_s3.core.lifecycle.rules import Rule
    from creative_s3.core.lifecycle.wanted import Wanted
    from creative_s3.core.object_store import ObjectStore

Transitions = Annotated[
    list[str] | None,
    typer.Option(
        "--transition",
        metavar="CLASS:DAYS",
        help="Move objects of this age, such as GLACIER:90d; repeatable.",
    ),
]
Expire = Annotated[str | None, typer.Option("--expire", metavar="DAYS", help="Delete objects of this age.")]
NoncurrentExpire = Annotated[
    str | None,
    typer.Option(
        "--noncurrent-expire", metavar="DAYS", help="Delete old versions so long after they were replaced."
    ),
]
AbortUploads = Annotated[
    str | None,
    typer.Option("--abort-uploads", metavar="DAYS", help="Abort unfinished uploads of this age."),
]
MinSize = Annotated[
    str | None,
    typer.Option("--min-size", metavar="SIZE", help="Only objects of at least this size, such as 128KiB."),
]
KindOption = Annotated[
    str | None,
    typer.Option(
        "--kind", metavar="KIND", help="Only products, backgrounds, composites, cache or an asset type."
    ),
]
Campaign = Annotated[
    str | None, typer.Option("--campaign", metavar="ID", help="Only this campaign's assets.")
]
Under = Annotated[
    str | None,
    typer.Option("--under", metavar="KEYS", help="Keys that begin so, such as logs/, instead of assets."),
]
Name = Annotated[
    str | None, typer.Option("--name", metavar="ID", help="The rule's ID; by default one of ours.")
]


def wanted_of(
    transitions: list[str] | None,
    expire: str | None,
    noncurrent_expire: str | None,
    abort_uploads: str | None,
    min_size: str | None,
) -> "Wanted":
    """Read what the options want."""
    from creative_s3.cli.amounts import size_in_bytes
    from creative_s3.core.lifecycle.wanted import make_wanted

    return make_wanted(
        transitions=transitions or (),
        expire=expire,
        noncurrent_expire=noncurrent_expire,
        abort_uploads=abort_uploads,
        minimum_bytes=None if min_size is None else size_in_bytes(min_size, option="--min-size"),
    )


def wanted_rules(  # noqa: PLR0917 - the options, in their order
    run: "Run",
    store: "ObjectStore",
    wanted: "Wanted",
    kind: str | None,
    campaign: str | None,
    under: str | None,
    name: str | None,
) -> "tuple[Rule, ...]":
    """Return the rules that the options want."""
    from creative_s3.core.lifecycle.holdings import cache_types
    from creative_s3.core.lifecycle.planning import folders_for
    from creative_s3.core.lifecycle.wanted import rules_of
    from creative_s3.errors import UsageError

    prefix = run.config.prefix
    if under is not None:
        if kind is not None or campaign is not None:
            raise UsageError("--under stands alone", item="--under", hint="leave out --kind and --campaign")
        folders: tuple[str, ...] = (under,)
    else:
        types = () if campaign is None else cache_types(store, prefix)
        folders = folders_for(prefix, kind=kind, campaign=campaign, cache_types=types)
    return rules_of(wanted, folders, name=name)


def use_of(run: "Run", store: "ObjectStore") -> "KnownUse":
    """Return what the catalog knows of the bucket's objects."""
    from datetime import UTC, datetime

    from creative_s3.core.catalog.catalog import remote_side
    from creative_s3.core.lifecycle.known_use import known_use

    side = remote_side(store.connection, run.config.prefix)
    return known_use(run.config.cache_dir, side, now=datetime.now(UTC))
