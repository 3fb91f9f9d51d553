"""The `assets` group: list, show, url, stats. What moves content is in `assets.files`."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from creative_s3.cli.assets import discover, files, find, retire, stats
from creative_s3.cli.completion import values
from creative_s3.cli.declare.amounts import MOST_ITEMS, seconds
from creative_s3.cli.declare.names import STDIN, as_lines, look_up, names_of
from creative_s3.cli.declare.options import AWS, CACHE, command, group, shortcut
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM
from creative_s3.core.assets.models import Kind
from creative_s3.errors import ExitCode

if TYPE_CHECKING:
    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.search.finder import Finder
    from creative_s3.core.storage.manager import S3StorageManager

AssetKeys = Annotated[
    list[str],
    typer.Argument(
        metavar="KEY",
        help="A key, with or without the prefix, or an asset's cache key; several; - reads standard input.",
        autocompletion=values.keys,
    ),
]

app = group("assets", "List, show, fetch and add single assets in S3.")
files.register(app)
discover.register(app)
find.register(app)
stats.register(app)
retire.register(app)


def register(root: typer.Typer) -> None:
    """Add the group to the root, and its shortcuts."""
    root.add_typer(app)
    shortcut(root, "list", list_)
    shortcut(root, "download", files.download)
    shortcut(root, "stats", stats.stats)
    shortcut(root, "discover", discover.discover)


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
        int,
        typer.Option(
            "--max-results", min=0, max=MOST_ITEMS, metavar="N", help="At most so many; 0 lists all."
        ),
    ] = 100,
    metadata: Annotated[
        bool,
        typer.Option("--metadata", help="Ask for each object's metadata too.", show_default=False),
    ] = False,
) -> Report:
    """List the assets in S3.

    Lists what lies under the prefix, in the server's order. An object that is not of our layout is called
    "other".
    """
    from creative_s3.cli.views import assets as views
    from creative_s3.core.storage.assets import AssetPage, first_page, list_assets, with_metadata
    from creative_s3.core.storage.manager import S3StorageManager

    storage, prefix = S3StorageManager(connection=run.connection()), run.config.prefix
    listing = list_assets(storage, prefix, asset_type)
    if run.output.look.null:
        run.output_lines_only()
    if run.output.look.quiet and not run.output.look.json:
        # Streamed: the keys of a million objects need no room, and `| head` stops the listing.
        keys = (entry.stored.key for entry in islice(listing, max_results or None))
        return Report(lines=as_lines(keys, run))
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
        ("What a search found", f"{PROGRAM} assets find --tag hero -q | {PROGRAM} assets show -"),
    ),
)
def show(run: Run, keys: AssetKeys) -> Report:
    """Show everything that is known of an asset.

    What S3 says (checksum, tags, class), what the asset says of itself, whether its file is on local disk
    with the same content, and when the object was proved from here. On a terminal with colours, and with the
    extra creative-s3[preview], a small picture of the local file.
    """
    from creative_s3.cli.assets.preview import preview
    from creative_s3.cli.views import assets as views
    from creative_s3.core.concurrency.lookahead import in_order
    from creative_s3.core.storage.assets import AssetDetails, details

    storage, finder = _storage_and_finder(run)

    def detailed(stored: "StoredObject") -> AssetDetails:
        return details(storage, stored, prefix=run.config.prefix, cache_dir=run.config.cache_dir)

    if _is_one(keys):
        shown = detailed(finder.find(keys[0]))
        file = shown.local.file.path if shown.local and shown.local.temperature == "hot" else None
        return Report(
            data={"bucket": storage.bucket, **shown.to_dict()},
            human=lambda: views.details(
                shown, storage.bucket, picture=preview(file, run.output.out) if file else None
            ),
            lines=(shown.listed.stored.key,),
        )
    objects, misses = look_up(run, finder, names_of(keys, run))
    several = tuple(in_order(detailed, objects, workers=run.config.max_parallel_uploads))
    return Report(
        data={
            "bucket": storage.bucket,
            "assets": [one.to_dict() for one in several],
            "failed": misses.to_plain(),
        },
        human=lambda: views.several_details(several, storage.bucket),
        lines=(one.listed.stored.key for one in several),
        exit_code=misses.exit_code,
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
    keys: AssetKeys,
    expires: Annotated[
        str, typer.Option("--expires", metavar="TIME", help="Seconds, or such as 15m, 1h, 7d.")
    ] = "1h",
) -> Report:
    """Print an address that lets anybody read an object for a while.

    Only the address is on standard output, one a line for several objects. It needs no credentials and cannot
    be taken back before it ends.
    """
    from creative_s3.cli.views import assets as views
    from creative_s3.core.s3.objects import is_archived

    expires_s = seconds(expires)
    storage, finder = _storage_and_finder(run)
    if _is_one(keys):
        objects, misses = [finder.find(keys[0])], None
    else:
        objects, misses = look_up(run, finder, names_of(keys, run))
    addresses = {
        stored.key: storage.get_presigned_url(stored.key, expiration=expires_s) for stored in objects
    }
    warnings = []
    if storage.has_temporary_credentials:
        warnings.append("your credentials are temporary: the address ends with them, if that is sooner")
    warnings += [
        f"the object is archived ({stored.storage_class}): nobody can read it before a restore"
        + ("" if misses is None else f" ({stored.key})")
        for stored in objects
        if is_archived(stored)
    ]
    made = [{"key": key, "url": address} for key, address in addresses.items()]
    some = made[0] if misses is None else {"addresses": made, "failed": misses.to_plain()}
    return Report(
        data={"bucket": storage.bucket, **some, "expires_s": expires_s},
        human=lambda: views.addresses(addresses.values()),
        lines=addresses.values(),
        exit_code=misses.exit_code if misses else ExitCode.OK,
        warnings=warnings,
    )


def _is_one(keys: list[str]) -> bool:
    return len(keys) == 1 and keys[0] != STDIN


def _storage_and_finder(run: Run) -> "tuple[S3StorageManager, Finder]":
    from creative_s3.core.search.finder import Finder
    from creative_s3.core.storage.manager import S3StorageManager

    storage = S3StorageManager(connection=run.connection())
    return storage, Finder(storage, prefix=run.config.prefix, cache_dir=run.config.cache_dir)


def _where(bucket: str, prefix: str) -> str:
    return f"s3://{bucket}/{prefix}/" if prefix else f"s3://{bucket}/"
