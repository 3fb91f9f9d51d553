"""What `assets find` shows: assets as two lines each, on screens of any width. Pure.

The first line ends with the name and is never cut, so that it can be copied; the second, which describes the
asset, ends where the screen does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from creative_s3.cli.text import count, printable, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderResult

    from creative_s3.core.assets.models import Asset
    from creative_s3.core.library.library import PlacedAsset
    from creative_s3.core.search.search import Matches
    from creative_s3.core.search.similarity import Score

_PLACES = {"hot": "green", "cold": "cyan", "missing": "yellow", "unusable": "red"}
_PLACE_WIDTH = 9
_DAY = len("2026-03-01")


class Entries:
    """Lines that stay whole, and lines that may be cut at the edge of the screen."""

    def __init__(self, lines: Iterable[tuple[Text, bool]]) -> None:
        self._lines = tuple(lines)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Print the lines from within, each in its own way."""
        for line, is_whole in self._lines:
            if is_whole:
                console.print(line, soft_wrap=True)
            else:
                console.print(line, no_wrap=True, overflow="ellipsis")
        return ()


def page(found: Sequence[PlacedAsset], matches: Matches) -> Entries:
    """Show assets, and how many there are in all."""
    if not found:
        return Entries([(Text("Nothing matches"), True)])
    lines = [(Text(_head(), style="bold"), True)]
    for one in found:
        lines += [(_first(one), True), (_second(one.record.asset, indent=2), False)]
    return Entries([*lines, (Text(_summary(found, matches), style="dim"), True)])


def similar(found: Sequence[PlacedAsset], scores: Sequence[Score], model: str, *, is_exact: bool) -> Entries:
    """Show assets with how alike they are to the model, and why."""
    if not found:
        return Entries([(Text(f"Nothing is like {printable(model)}"), True)])
    lines = [(Text(f"Score  {_head()}", style="bold"), True)]
    for one, score in zip(found, scores, strict=True):
        lines += [
            (Text(f" {score.value:4.2f}  ", style="bold").append_text(_first(one)), True),
            (_second(one.record.asset, indent=7), False),
            (_reasons(score), False),
        ]
    summary = f"{count(len(found), 'asset')} most like {printable(model)}"
    if not is_exact:
        summary += "; so many are described alike that only the newest of them were compared"
    return Entries([*lines, (Text(summary, style="dim"), True)])


def _head() -> str:
    return f"{'Place':<{_PLACE_WIDTH}}{'Size':>10}  {'Made':<{_DAY}}  Asset"


def _first(one: PlacedAsset) -> Text:
    asset = one.record.asset
    line = Text(f"{one.place:<{_PLACE_WIDTH}}", style=f"not bold {_PLACES[str(one.place)]}")
    line.append(f"{'-' if one.size_bytes is None else size(one.size_bytes):>10}  ", style="default")
    line.append(f"{printable(asset.created_at or '-')[:_DAY]:<{_DAY}}  ", style="dim default")
    return line.append(printable(asset.cache_key), style="default not dim")


def _second(asset: Asset, *, indent: int) -> Text:
    return Text(f"{'':<{indent}}{printable(' · '.join(_facts(asset)))}", style="dim")


def _facts(asset: Asset) -> Iterator[str]:
    semantic = asset.metadata
    yield str(asset.asset_type)
    if semantic:
        season = None if semantic.season == "none" else semantic.season
        said = (
            semantic.product_category,
            semantic.region,
            season,
            semantic.visual_style,
            semantic.aspect_ratio,
        )
        yield from (str(value) for value in said if value)
    if asset.product_slug:
        yield f"product {asset.product_slug}"
    if asset.campaign_id:
        yield f"campaign {asset.campaign_id}"
    if semantic and semantic.tags:
        yield f"tags {', '.join(semantic.tags)}"


def _reasons(score: Score) -> Text:
    shares = " + ".join(f"{name} {share:.2f}" for name, share in score.shares.items() if share)
    return Text(f"{'':<7}{shares or 'nothing in common'}", style="dim")


def _summary(found: Sequence[PlacedAsset], matches: Matches) -> str:
    places: dict[str, int] = {}
    for one in found:
        places[str(one.place)] = places.get(str(one.place), 0) + 1
    where = ", ".join(f"{places[place]:,} {place}" for place in _PLACES if place in places)
    if len(found) == matches.number and matches.is_exact:
        return f"{count(matches.number, 'asset')}: {where}"
    total = count(matches.number) if matches.is_exact else f"more than {count(matches.number)}"
    return f"The newest {count(len(found))} of {total} assets: {where}"
