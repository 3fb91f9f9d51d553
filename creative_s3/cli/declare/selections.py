"""The options that choose assets by what they are: for `assets find` and what acts on assets."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from creative_s3.cli.completion import values
from creative_s3.cli.declare.option_groups import giving
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from creative_s3.core.search.selection import Selection, UnknownValue

PANEL = "Assets by what they are"


def _any_of(name: str, metavar: str, purpose: str, completion: Any) -> Any:  # noqa: ANN401 - Typer's own
    option = typer.Option(
        name, metavar=metavar, help=purpose, autocompletion=completion, rich_help_panel=PANEL
    )
    return Annotated[list[str] | None, option]


def _text(name: str, metavar: str, purpose: str) -> Any:  # noqa: ANN401 - the same
    return Annotated[str | None, typer.Option(name, metavar=metavar, help=purpose, rich_help_panel=PANEL)]


_OPTIONS: Final[Mapping[str, Any]] = {
    "asset_type": _any_of("--type", "TYPE", "An asset type, or a kind.", values.asset_types),
    "category": _any_of("--category", "NAME", "A product category.", values.categories),
    "region": _any_of("--region", "NAME", "Such as US.", values.regions),
    "season": _any_of("--season", "NAME", "Or none, which suits all.", values.seasons),
    "style": _any_of("--style", "NAME", "A visual style.", values.styles),
    "campaign": _any_of("--campaign", "ID", "The campaign that made it.", values.campaigns),
    "product": _any_of("--product", "SLUG", "The product on it.", values.products),
    "tag": _any_of("--tag", "WORD", "A whole tag.", values.tags),
    "aspect_ratio": _any_of("--aspect-ratio", "WxH", "Such as 16x9.", values.aspect_ratios),
    "larger": _text("--larger", "SIZE", "Larger than that: 500KB, 5MB, 1.5GiB."),
    "older": _text("--older", "TIME", "Made before: 30d ago, 12h, 2w, or on 2026-03-01 (UTC)."),
    "unused_since": _text("--unused-since", "TIME", "Neither made nor used since: as for --older."),
}


def selecting(function: Callable[..., Report]) -> Callable[..., Report]:
    """Give a command the options: it gets their `Selection`, or None, as the parameter ``selection``."""

    def meaning(chosen: dict[str, Any]) -> "Selection | None":
        # An empty text is a slip, and told.
        is_chosen = any(value or value == "" for value in chosen.values())
        return _selection_of(**chosen) if is_chosen else None

    return giving(function, _OPTIONS, parameter="selection", meaning=meaning)


def selected_names(
    run: Run, keys: list[str] | None, selection: "Selection | None"
) -> tuple[list[str], tuple[str, ...]]:
    """Return the assets that are named (``-`` reads standard input) or chosen, and what to warn of.

    Raises:
        UsageError: Nothing is named or chosen, or both are.
    """
    from creative_s3.cli.declare.names import names_of
    from creative_s3.core.library.library import open_library
    from creative_s3.core.search.search import AssetSearch

    if keys and selection is not None:
        raise UsageError(
            "name assets, or choose them by what they are: both together say two things",
            hint=f"{PROGRAM} assets find … -q | {PROGRAM} {run.command} -",
        )
    if keys:
        return names_of(keys, run), ()
    if selection is None:
        raise UsageError(
            "nothing is chosen",
            hint=f"{PROGRAM} {run.command} KEY…  # or - for standard input, or such as --campaign ID",
        )
    with open_library(run.config) as library:
        search = AssetSearch(library.catalog, selection)
        return list(search.cache_keys()), (*library.warnings, *map(unknown_value, search.unknown))


def unknown_value(value: "UnknownValue") -> str:
    """Say that no asset has a value that was asked for, and which there are."""
    there = ", ".join(value.frequent) or "none at all"
    more = f" and {value.more:,} more" if value.more else ""
    close = f"; did you mean {' or '.join(value.close)}?" if value.close else ""
    return f"no {value.what} '{value.value}'; there are {there}{more}{close}"


def _selection_of(
    *,
    asset_type: list[str] | None = None,
    category: list[str] | None = None,
    region: list[str] | None = None,
    season: list[str] | None = None,
    style: list[str] | None = None,
    campaign: list[str] | None = None,
    product: list[str] | None = None,
    tag: list[str] | None = None,
    aspect_ratio: list[str] | None = None,
    larger: str | None = None,
    older: str | None = None,
    unused_since: str | None = None,
) -> "Selection":
    """Return what the options mean.

    Raises:
        UsageError: A size or a time is none.
    """
    from creative_s3.cli.declare.amounts import moment, size_in_bytes
    from creative_s3.core.search.selection import Selection

    now = datetime.now(UTC)
    return Selection(
        types=tuple(asset_type or ()),
        categories=tuple(category or ()),
        regions=tuple(region or ()),
        seasons=tuple(season or ()),
        styles=tuple(style or ()),
        campaigns=tuple(campaign or ()),
        products=tuple(product or ()),
        tags=tuple(tag or ()),
        aspect_ratios=tuple(aspect_ratio or ()),
        larger_than_bytes=None if larger is None else size_in_bytes(larger, option="--larger"),
        made_before=None if older is None else moment(older, option="--older", now=now),
        unused_since=None if unused_since is None else moment(unused_since, option="--unused-since", now=now),
    )
