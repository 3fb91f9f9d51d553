"""`assets download` and `assets upload`: the commands of the `assets` group that move content."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from creative_s3.cli.completion import values
from creative_s3.cli.declare.amounts import bytes_per_second
from creative_s3.cli.declare.names import STDIN, names_of
from creative_s3.cli.declare.options import AWS, CACHE, DryRun, EngineOption, MaxBandwidth, command
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM
from creative_s3.core.assets.models import AssetType, ProductCategory, Season, VisualStyle
from creative_s3.core.shell_words import quoted
from creative_s3.errors import UsageError

_IMAGE = "creative-assets/composites/spring/dish-soap/1x1/hero.png"


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    command(
        app,
        "download",
        settings=tuple(name for name in (*AWS, *CACHE) if name != "prefix"),
        examples=(
            (
                "One object into the current directory",
                f"{PROGRAM} assets download {_IMAGE}",
            ),
            (
                "Everything below a key prefix",
                f"{PROGRAM} assets download --prefix creative-assets/products/ --output ./local",
            ),
            (
                "What another command chose",
                f"{PROGRAM} list --asset-type composite -q | {PROGRAM} assets download - --output ./local",
            ),
        ),
    )(download)
    command(
        app,
        "upload",
        settings=tuple(name for name in (*AWS, *CACHE) if name != "region"),
        examples=(
            (
                "See the key, the metadata and the price",
                f"{PROGRAM} assets upload red.png --type solid_background --color '#ff0000' --dry-run",
            ),
            (
                "A product's cut-out",
                f"{PROGRAM} assets upload soap.png --type product_transparent --product dish-soap",
            ),
            (
                "A new version of an asset",
                f"{PROGRAM} assets upload soap.png --type product_transparent --cache-key soap --replace",
            ),
        ),
    )(upload)


def download(
    run: Run,
    keys: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KEY",
            help="Keys, with or without the prefix, or cache keys of assets; - reads standard input.",
            autocompletion=values.keys,
        ),
    ] = None,
    *,
    prefix: Annotated[
        str | None,
        typer.Option(
            "--prefix",
            metavar="P",
            help="Also every object whose full key begins with P.",
            autocompletion=values.key_prefixes,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="PATH", help="A file for one KEY, else a directory. [default: here]"
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that have other content.", show_default=False)
    ] = False,
    engine: EngineOption = "auto",
    max_bandwidth: MaxBandwidth = None,
) -> Report:
    """Download objects, many at once, each verified before its file gets its name.

    One KEY is saved under its own last part. Several keep their path below the prefix, under the output
    directory: creative-assets/products/a.png becomes products/a.png.

    Here --prefix selects objects. The setting of that name (what all keys begin with) is given before the
    command's name, or as S3_PREFIX.
    """
    from creative_s3.cli.views import assets as views
    from creative_s3.core.catalog.ledger import Ledger
    from creative_s3.core.catalog.places import catalog_path, remote_side
    from creative_s3.core.search.finder import Finder, recorded_contents
    from creative_s3.core.storage.manager import S3StorageManager
    from creative_s3.core.storage.placement import Destination
    from creative_s3.core.storage.retrieval import retrieve, select

    given = keys or []
    if not given and prefix is None:
        raise UsageError(
            "nothing is chosen",
            hint=f"{PROGRAM} {run.command} KEY…  # or --prefix P, or - for standard input",
        )
    limit = bytes_per_second(max_bandwidth, option="--max-bandwidth") if max_bandwidth else None
    names = names_of(given, run)
    alone = len(given) == 1 and prefix is None and given != [STDIN]
    storage = S3StorageManager(connection=run.connection())
    finder = Finder(storage, prefix=run.config.prefix, cache_dir=run.config.cache_dir)
    side = remote_side(storage.connection, run.config.prefix)
    destination = Destination(output, alone=alone, prefix=run.config.prefix)
    with run.live() as live:
        selection = select(storage, finder, names, prefix=prefix, emit=live.emit)
        if alone and selection.misses:
            raise selection.misses[0].error
        with recorded_contents(storage, prefix=run.config.prefix, cache_dir=run.config.cache_dir) as known:
            report = retrieve(
                storage.connection,
                selection,
                destination,
                replace_files=force,
                engine=engine,
                max_bandwidth=limit,
                ledger=Ledger(catalog_path(run.config.cache_dir), side, root=run.config.workspace),
                looked=storage.requests,
                known=known,
                emit=live.emit,
            )
    if alone and report.misses:
        raise report.misses[0].error
    if run.output.look.quiet and not run.output.look.json:
        for miss in report.misses:
            run.output.fail(run.command, miss.error)
    return Report(
        data={"bucket": storage.bucket, **report.to_dict()},
        human=lambda: views.retrieval(report, alone=alone),
        lines=(item.key for item in report.retrieved),
        exit_code=report.exit_code,
        warnings=(f"S3 holds no checksum of {report.unverified} of them, so that only the size was compared",)
        if report.unverified
        else (),
    )


def upload(
    run: Run,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="The file.", exists=True, dir_okay=False, readable=True)
    ],
    *,
    asset_type: Annotated[AssetType, typer.Option("--type", help="What it is; decides the key.")],
    category: Annotated[
        ProductCategory | None, typer.Option("--category", help="The product category.")
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            "--region",
            metavar="NAME",
            help="The region it suits, such as US or EMEA.",
            autocompletion=values.regions,
        ),
    ] = None,
    season: Annotated[Season, typer.Option("--season", help="The season it suits.")] = Season.NONE,
    style: Annotated[VisualStyle | None, typer.Option("--style", help="Its look.")] = None,
    campaign: Annotated[
        str | None,
        typer.Option(
            "--campaign",
            metavar="ID",
            help="The campaign it was made for.",
            autocompletion=values.campaigns,
        ),
    ] = None,
    product: Annotated[
        str | None,
        typer.Option(
            "--product",
            metavar="SLUG",
            help="The product it belongs to.",
            autocompletion=values.products,
        ),
    ] = None,
    aspect_ratio: Annotated[
        str | None,
        typer.Option(
            "--aspect-ratio",
            metavar="WxH",
            help="For example 16x9.",
            autocompletion=values.aspect_ratios,
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            "--tag", metavar="WORD", help="A free word; may be repeated.", autocompletion=values.tags
        ),
    ] = None,
    color: Annotated[
        list[str] | None, typer.Option("--color", metavar="#RRGGBB", help="A colour; may be repeated.")
    ] = None,
    cache_key: Annotated[
        str | None,
        typer.Option(
            "--cache-key",
            metavar="NAME",
            help="Its identity. [default: the file's name without extension]",
            autocompletion=values.cache_keys,
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Replace the same asset's other content.", show_default=False),
    ] = False,
    dry_run: DryRun = False,
    engine: EngineOption = "auto",
) -> Report:
    """Upload one file as an asset, and prove it.

    The description decides the key. Another asset's object there is left alone: the new one gets a key with
    digits of its content. The same content is not sent again. index.json is not changed.

    Here --region is the asset's. The setting of that name (the bucket's region) is given before the command's
    name, or as S3_REGION.
    """
    from creative_s3.cli.views import assets as views
    from creative_s3.core.assets.models import SemanticMetadata
    from creative_s3.core.catalog.storing import StoringRun
    from creative_s3.core.storage.additions import Description, FileAdder, describe
    from creative_s3.core.storage.manager import S3StorageManager

    storage = S3StorageManager(connection=run.connection())
    metadata = SemanticMetadata(
        asset_type,
        product_category=category,
        region=region,
        visual_style=style,
        season=season,
        color_palette=tuple(color or ()),
        tags=tuple(tag or ()),
        aspect_ratio=aspect_ratio,
    )
    asset = describe(
        file,
        Description(metadata, cache_key=cache_key, product_slug=product, campaign_id=campaign),
        cache_dir=run.config.cache_dir,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    adder = FileAdder(
        storage,
        file,
        asset,
        prefix=run.config.prefix,
        cache_dir=run.config.cache_dir,
        run=StoringRun("assets upload"),
        replaces=replace,
    )
    plan = adder.plan()
    if dry_run:
        return Report(
            data={"dry_run": True, "bucket": storage.bucket, **plan.to_dict()},
            human=lambda: views.addition(plan, storage.bucket),
            lines=(plan.operation.key,),
        )
    with run.live() as live:
        result = adder.add(plan, engine=engine, emit=live.emit)
    key = result.addition.operation.key
    return Report(
        data={
            "dry_run": False,
            "bucket": storage.bucket,
            **result.addition.to_dict(),
            "sent": result.sent,
            "proof": result.outcome.proof if result.outcome else None,
        },
        human=lambda: views.added(result),
        lines=(key,),
        next_steps=(f"{PROGRAM} assets show {quoted(key)}",),
    )
