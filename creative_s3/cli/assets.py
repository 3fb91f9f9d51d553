"""The `assets` group: list, show, url, stats. What moves content is in `assets_files`."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

import re
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from creative_s3.cli import assets_files
from creative_s3.cli.options import AWS, CACHE, command, group, shortcut
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM
from creative_s3.core.models import Kind
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from creative_s3.core.finder import Finder
    from creative_s3.core.storage import S3StorageManager

_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}

app = group("assets", "List, show, fetch and add single assets in S3.")
assets_files.register(app)


def register(root: typer.Typer) -> None:
    """Add the group to the root, and its shortcuts."""
    root.add_typer(app)
    shortcut(root, "list", list_)
    shortcut(root, "download", assets_files.download)
    shortcut(root, "stats", stats)


@command(
    app,
    "list",
    settings=AWS,
    examples=(
        ("The first 100 assets", f"{PROGRAM} assets list"),
        (
            "Backgrounds with all that their metadata says",
            f"{PROGRAM} assets list --asset-type background --metadata",
        ),
        ("Every key, for a script", f"{PROGRAM} assets list --max-results 0 -q"),
    ),
)
def list_(
    run: Run,
    asset_type: Annotated[Kind | None, typer.Option("--asset-type", help="Only assets of this kind.")] = None,
    max_results: Annotated[
        int, typer.Option("--max-results", min=0, metavar="N", help="At most so many; 0 lists all.")
    ] = 100,
    metadata: Annotated[
        bool,
        typer.Option("--metadata", help="Ask for each object's metadata too.", show_default=False),
    ] = False,
) -> Report:
    """List the assets in S3.

    Lists what lies under the prefix, in the order of the keys. An object that is not of our layout is called
    "other".
    """
    from creative_s3.cli import views_assets as views
    from creative_s3.core.assets import AssetPage, first_page, list_assets, with_metadata
    from creative_s3.core.storage import S3StorageManager

    storage, prefix = S3StorageManager(connection=run.connection()), run.config.prefix
    listing = list_assets(storage, prefix, asset_type)
    if run.output.look.quiet and not run.output.look.json:
        # Streamed: the keys of a million objects need no room, and `| head` stops the listing.
        return Report(lines=(entry.stored.key for entry in islice(listing, max_results or None)))
    page = first_page(listing, max_results)
    if metadata:
        workers = run.config.max_parallel_uploads
        entries = tuple(with_metadata(storage, page.entries, prefix, workers=workers))
        page = AssetPage(entries, page.more, page.is_complete)
    hidden = page.more or not page.is_complete
    same = f"--asset-type {asset_type} " if asset_type else ""
    return Report(
        data={
            "bucket": storage.bucket,
            "prefix": prefix,
            "asset_type": asset_type,
            "objects": [entry.to_dict() for entry in page.entries],
            "more": page.more,
            "more_is_exact": page.is_complete,
        },
        human=lambda: views.listing(page, _where(storage.bucket, prefix)),
        next_steps=(f"{PROGRAM} {run.command} {same}--max-results 0  # lists all of them",) if hidden else (),
    )


@command(
    app,
    "show",
    settings=(*AWS, *CACHE),
    examples=(
        ("By key", f"{PROGRAM} assets show creative-assets/backgrounds/solid/ff0000/red.png"),
        ("By the name that the pipeline gave it", f"{PROGRAM} assets show dish-soap-us-001"),
    ),
)
def show(
    run: Run,
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="A key, with or without the prefix, or an asset's cache key.")
    ],
) -> Report:
    """Show everything that is known of one asset.

    What S3 says (checksum, tags, class), what the asset says of itself, whether its file is on local disk
    with the same content, and when the object was proved from here.
    """
    from creative_s3.cli import views_assets as views
    from creative_s3.core.assets import details

    storage, finder = _storage_and_finder(run)
    stored = finder.find(key)
    shown = details(storage, stored, prefix=run.config.prefix, cache_dir=run.config.cache_dir)
    return Report(
        data={"bucket": storage.bucket, **shown.to_dict()},
        human=lambda: views.details(shown, storage.bucket),
        lines=(stored.key,),
    )


@command(
    app,
    "url",
    settings=(*AWS, *CACHE),
    examples=(
        ("For an hour", f"{PROGRAM} assets url creative-assets/composites/c1/soap/1x1/a.png"),
        (
            "For a week, the longest there is",
            f"{PROGRAM} assets url creative-assets/composites/c1/soap/1x1/a.png --expires 7d",
        ),
    ),
)
def url(
    run: Run,
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="A key, with or without the prefix, or an asset's cache key.")
    ],
    expires: Annotated[
        str, typer.Option("--expires", metavar="TIME", help="Seconds, or such as 15m, 1h, 7d.")
    ] = "1h",
) -> Report:
    """Print an address that lets anybody read one object for a while.

    Only the address is on standard output. It needs no credentials and cannot be taken back before it ends.
    """
    from creative_s3.cli import views_assets as views
    from creative_s3.core.objects import is_archived

    expires_s = seconds(expires)
    storage, finder = _storage_and_finder(run)
    stored = finder.find(key)
    address = storage.presigned_url(stored.key, expires_s=expires_s)
    warnings = []
    if storage.has_temporary_credentials:
        warnings.append("your credentials are temporary: the address ends with them, if that is sooner")
    if is_archived(stored):
        warnings.append(
            f"the object is archived ({stored.storage_class}): nobody can read it before a restore"
        )
    return Report(
        data={"bucket": storage.bucket, "key": stored.key, "url": address, "expires_s": expires_s},
        human=lambda: views.address(address),
        lines=(address,),
        warnings=warnings,
    )


def seconds(text: str) -> int:
    """Read a time such as ``900``, ``15m``, ``1h`` or ``7d``.

    Raises:
        UsageError: It is none.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(f"this is no time: {text}", item="--expires", hint="write it as 900, 15m, 1h or 7d")
    return int(match[1]) * _SECONDS[match[2]]


@command(
    app,
    "stats",
    settings=(*AWS, *CACHE),
    examples=(
        ("What there is, in S3 and on local disk", f"{PROGRAM} assets stats"),
        ("The bytes in all", f"{PROGRAM} assets stats --json | jq .data.total.size_bytes"),
    ),
)
def stats(run: Run) -> Report:
    """Count objects and bytes by kind and storage class, and the files on local disk.

    One listing of the bucket, and the cache's index if there is a cache. "index" is the published index,
    "other" is what is not of our layout.
    """
    from creative_s3.cli import views_assets as views
    from creative_s3.core.inventory import take_inventory
    from creative_s3.core.storage import S3StorageManager

    storage, prefix = S3StorageManager(connection=run.connection()), run.config.prefix
    objects = storage.objects(f"{prefix}/" if prefix else "")
    counted = take_inventory(objects, prefix=prefix, cache_dir=run.config.cache_dir)
    amounts = ((sort, counted.stored(sort=sort)) for sort in counted.sorts)
    return Report(
        data={"bucket": storage.bucket, "prefix": prefix, **counted.to_dict()},
        human=lambda: views.inventory(counted, _where(storage.bucket, prefix)),
        lines=(f"{sort} {amount.count} {amount.size_bytes}" for sort, amount in amounts),
        warnings=(f"the local cache was not counted: {counted.local_problem}",)
        if counted.local_problem
        else (),
    )


def _storage_and_finder(run: Run) -> "tuple[S3StorageManager, Finder]":
    from creative_s3.core.finder import Finder
    from creative_s3.core.storage import S3StorageManager

    storage = S3StorageManager(connection=run.connection())
    return storage, Finder(storage, prefix=run.config.prefix, cache_dir=run.config.cache_dir)


def _where(bucket: str, prefix: str) -> str:
    return f"s3://{bucket}/{prefix}/" if prefix else f"s3://{bucket}/"
