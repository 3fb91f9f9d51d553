"""`assets find`: which assets there are of some sort, or like another one. Offline, from the catalog."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creative_s3.cli.completion import values
from creative_s3.cli.declare.amounts import MOST_ITEMS
from creative_s3.cli.declare.options import CACHE, command
from creative_s3.cli.declare.selections import selecting, unknown_value
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM

if TYPE_CHECKING:
    from creative_s3.core.catalog.asset_rows import AssetRecord
    from creative_s3.core.library.library import Library
    from creative_s3.core.search.search import AssetSearch
    from creative_s3.core.search.selection import Selection

_SHOWN = 100
_SIMILAR = 20


def register(app: typer.Typer) -> None:
    """Add the command to the group."""
    command(
        app,
        "find",
        settings=CACHE,
        examples=(
            (
                "Winter backgrounds for the US or EMEA that show a kitchen",
                f"{PROGRAM} assets find --type background --season winter --region US --region EMEA kitchen",
            ),
            (
                "What could be used again in place of an asset, and is on this disk",
                f"{PROGRAM} assets find --like scene_summer_us_001 --type background --hot",
            ),
            (
                "Fetch what a campaign had",
                f"{PROGRAM} assets find --campaign summer_2025 -q | {PROGRAM} download - --output summer",
            ),
        ),
    )(find)


@selecting
def find(
    run: Run,
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT", help="Words that names, paths or descriptions have; of the last, the beginning."
        ),
    ] = None,
    *,
    selection: "Selection | None",
    hot: Annotated[
        bool | None,
        typer.Option("--hot/--cold", help="On local disk; or in S3 only.", show_default=False),
    ] = None,
    like: Annotated[
        str | None,
        typer.Option(
            "--like",
            metavar="KEY_OR_FILE",
            help="Described most like this asset, the best first.",
            autocompletion=values.keys,
        ),
    ] = None,
    max_results: Annotated[
        int | None,
        typer.Option(
            "--max-results",
            min=0,
            max=MOST_ITEMS,
            metavar="N",
            help=f"At most so many; 0 for all. [default: {_SHOWN}; with --like {_SIMILAR}; with -q all]",
        ),
    ] = None,
) -> Report:
    """Find assets by what they are, without touching the network.

    An option given several times means any of its values; different options must all be true. The newest come
    first. The catalog answers, after it has taken in what is new in index.json; where an asset is, the disk
    says. Nothing found is no error.

    --like compares style (0.25), season and category (0.20 each), region (0.15), palette and tags (0.10
    each), and goes with all other options. --quiet prints cache keys, all of them, for other commands to
    read with "-"; with --null, each ends with NUL, for names with line breaks:
    assets find -0 … | assets download -0 -

    Here --region is the asset's, and a use is what index.json or this machine recorded as one.
    """
    from dataclasses import replace

    from creative_s3.core.search.selection import Selection

    if run.output.look.null:
        run.output_lines_only()
    is_cold = None if hot is None else not hot
    wanted = replace(selection or Selection(), is_cold=is_cold, text=" ".join(text or ()))
    if like is not None:
        return _similar(run, wanted, like, max_results)
    if run.output.look.quiet and not run.output.look.json:
        return Report(lines=_names(run, wanted, max_results))
    return _page(run, wanted, max_results)


def _names(run: Run, selection: "Selection", limit: int | None) -> Iterator[str]:
    """Yield cache keys as they are found: a million of them need no room, and ``| head`` stops the search."""
    from itertools import islice

    from creative_s3.cli.declare.names import as_lines
    from creative_s3.core.library.library import open_library
    from creative_s3.core.search.search import AssetSearch

    with open_library(run.config) as library:
        names = AssetSearch(library.catalog, selection).cache_keys()
        yield from as_lines(islice(names, limit or None), run)


def _page(run: Run, selection: "Selection", limit: int | None) -> Report:
    from creative_s3.cli.assets import views_find as views
    from creative_s3.core.library.library import open_library
    from creative_s3.core.search.search import AssetSearch, Matches

    with run.live() as live, open_library(run.config, emit=live.emit) as library:
        search = AssetSearch(library.catalog, selection)
        if limit == 0:
            records = tuple(search.all())
            matches = Matches(len(records), is_exact=True)
        else:
            page = search.page(limit or _SHOWN)
            records, matches = page.records, page.matches
        found = library.placed(records)
        warnings = _warnings(library, search)
    is_cut = limit is None and matches.number > len(found)
    return Report(
        data={
            "matches": matches.number,
            "matches_is_exact": matches.is_exact,
            "assets": [one.to_dict() for one in found],
            "unknown": search.unknown,
        },
        human=lambda: views.page(found, matches),
        warnings=warnings,
        next_steps=(f"{run.again} --max-results 0  # shows all of them",) if is_cut else (),
    )


def _similar(run: Run, selection: "Selection", name: str, limit: int | None) -> Report:
    from creative_s3.cli.assets import views_find as views
    from creative_s3.cli.declare.names import as_lines
    from creative_s3.core.library.library import open_library
    from creative_s3.core.search.ranking import most_similar
    from creative_s3.core.search.search import AssetSearch
    from creative_s3.core.search.similarity import WEIGHTS
    from creative_s3.errors import UsageError

    if limit == 0:
        raise UsageError(
            "every asset is somehow like another one: all of them cannot be asked for",
            item="--max-results",
            hint=f"{PROGRAM} {run.command} --like KEY --max-results 1000",
        )
    with run.live() as live, open_library(run.config, emit=live.emit) as library:
        model = library.find(name, bucket=run.config.bucket_name)
        described = _description(model)
        search = AssetSearch(library.catalog, selection)
        ranking = most_similar(search, described, without=model.asset.file_path, limit=limit or _SIMILAR)
        found = library.placed(one.record for one in ranking.assets)
        warnings = _warnings(library, search)
    scores = [one.score for one in ranking.assets]
    return Report(
        data={
            "like": model.asset.cache_key,
            "weights": {part: weight / 100 for part, weight in WEIGHTS.items()},
            "is_exact": ranking.is_exact,
            "assets": [
                {**one.to_dict(), "score": round(score.value, 4), "parts": _rounded(score.shares)}
                for one, score in zip(found, scores, strict=True)
            ],
            "unknown": search.unknown,
        },
        human=lambda: views.similar(found, scores, model.asset.cache_key, is_exact=ranking.is_exact),
        lines=as_lines((one.record.asset.cache_key for one in found), run),
        warnings=warnings,
    )


def _description(model: "AssetRecord") -> Any:  # noqa: ANN401 - the type would be imported for its name only
    from creative_s3.errors import UsageError

    if model.asset.metadata is None:
        raise UsageError(
            f"nothing describes this asset ({model.asset.asset_type}), so that nothing can be like it",
            item=model.asset.cache_key,
            hint=f"{PROGRAM} assets find --type {model.asset.asset_type}",
        )
    return model.asset.metadata


def _rounded(shares: Mapping[str, float]) -> dict[str, float]:
    return {name: round(share, 4) for name, share in shares.items()}


def _warnings(library: "Library", search: "AssetSearch") -> list[str]:
    return [*library.warnings, *map(unknown_value, search.unknown)]
