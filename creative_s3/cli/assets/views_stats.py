"""What `assets stats` shows of the library: numbers of the core as rich renderables. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from creative_s3.cli.text import count, duration, printable, size
from creative_s3.cli.views.assets import inventory
from creative_s3.core.catalog.usage import DOWNLOADS, HITS, MISSES, UPLOADS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from creative_s3.core.catalog.runs import RunRecord
    from creative_s3.core.catalog.statistics import Holding, LibraryStatistics, Week
    from creative_s3.core.storage.inventory import Inventory

_SHOWN = 5
_CHART_ROWS = 5
_STEPS = " ▁▂▃▄▅▆▇█"
_BAR_WIDTH = 20


def stats(counted: Inventory | None, where: str, numbers: LibraryStatistics | None) -> RenderableType:
    """Show what a bucket holds, `where` being its address, and the numbers of a library."""
    parts: list[RenderableType] = [inventory(counted, where)] if counted else []
    if numbers:
        parts += [*([Text()] if parts else []), library(numbers)]
    return Group(*parts)


def library(numbers: LibraryStatistics) -> RenderableType:
    """Show the numbers of a library, section by section; what there is nothing of is left out."""
    parts: list[RenderableType] = []
    for title, shown in _sections(numbers):
        parts += [Text(), *([Text(title, style="bold")] if title else []), shown]
    return Group(*parts[1:])


def _sections(numbers: LibraryStatistics) -> Iterator[tuple[str, RenderableType]]:
    if not numbers.kinds:
        yield "Library", Text("No assets are known here")
    else:
        yield "", _holdings(numbers)
    yield "Use", _use(numbers)
    if numbers.campaigns:
        yield "Biggest campaigns", _campaigns(numbers)
    if any(week.assets for week in numbers.weeks):
        yield f"New assets a week, the last {len(numbers.weeks)} weeks", _chart(numbers.weeks)
    if numbers.most_used:
        yield "Used most", _most_used(numbers)
    if numbers.runs:
        yield "Last runs", _runs(numbers.runs[:_SHOWN])


def _holdings(numbers: LibraryStatistics) -> RenderableType:
    has_missing = bool(numbers.total.missing)
    table = _table(("Library", "Assets", "Hot", "On disk", "Cold", "In S3 only"), left=1)
    if has_missing:
        table.add_column("Missing", justify="right", no_wrap=True)
    for kind, holding in (*numbers.kinds.items(), ("total", numbers.total)):
        if kind == "total":
            table.add_section()
        cells = [count(holding.assets), *_amounts(holding)]
        if has_missing:
            cells.append(Text(count(holding.missing), style="yellow" if holding.missing else ""))
        table.add_row(str(kind), *cells, style="bold" if kind == "total" else "")
    return Group(table, Text(f"{count(numbers.s3_assets, 'asset')} in S3", style="dim"))


def _amounts(holding: Holding) -> list[RenderableType]:
    return [count(holding.hot), size(holding.hot_bytes), count(holding.cold), size(holding.cold_bytes)]


def _use(numbers: LibraryStatistics) -> RenderableType:
    hits, misses = numbers.tally(HITS).times, numbers.tally(MISSES).times
    reads = (
        f"{numbers.cache_hit_rate}% of {count(hits + misses, 'read')} from local disk,"
        f" {count(misses)} not there"
        if hits + misses
        else "no reads yet"
    )
    lines = [("Hit rate", reads)]
    for name, what in (("Uploaded", UPLOADS), ("Downloaded", DOWNLOADS)):
        tally = numbers.tally(what)
        lines.append((name, f"{count(tally.times, 'file')}, {size(tally.size_bytes)}"))
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, text in lines:
        table.add_row(name, text)
    return table


def _campaigns(numbers: LibraryStatistics) -> RenderableType:
    most = max(campaign.size_bytes for campaign in numbers.campaigns) or 1
    table = _table(("Campaign", "Assets", "Size", ""), left=1, folds=True)
    table.columns[-1].justify = "left"
    for campaign in numbers.campaigns[:_SHOWN]:
        bar = _bar(campaign.size_bytes / most)
        table.add_row(
            Text(printable(campaign.campaign_id)), count(campaign.assets), size(campaign.size_bytes), bar
        )
    return table


def _bar(share: float) -> Text:
    return Text("█" * round(share * _BAR_WIDTH), style="cyan")


def _chart(weeks: Sequence[Week]) -> RenderableType:
    """Draw a column for each week; with the highest number at its top and the weeks at its ends below."""
    most = max(week.assets for week in weeks)
    label = len(count(most))
    lines = []
    for row in range(_CHART_ROWS, 0, -1):
        cells = []
        for week in weeks:
            eighths = _eighths(week.assets / most) - 8 * (row - 1)
            cells.append(_STEPS[min(max(eighths, 0), 8)])
        edge = count(most) if row == _CHART_ROWS else "0" if row == 1 else ""
        lines.append(Text.assemble((f"{edge:>{label}} ", "dim"), (" ".join(cells).rstrip(), "cyan")))
    width = 2 * len(weeks) - 1
    first, last = weeks[0].name, weeks[-1].name
    below = f"{first}{last:>{width - len(first)}}" if width > len(first) + len(last) else last
    return Group(*lines, Text(f"{'':{label}} {below}", style="dim"))


def _eighths(share: float) -> int:
    """Return the height in eighths of a row; what is not nothing shows."""
    return max(round(share * _CHART_ROWS * 8), 1) if share else 0


def _most_used(numbers: LibraryStatistics) -> RenderableType:
    table = _table(("Asset", "Uses", "Last"), left=1, folds=True)
    for cache_key, access in numbers.most_used[:_SHOWN]:
        table.add_row(Text(printable(cache_key)), count(access.uses), _minute(access.last_at))
    return table


def _runs(runs: Sequence[RunRecord]) -> RenderableType:
    table = _table(("When (UTC)", "Command", "Files", "Size", "Took", "Failed", "Exit"), left=2)
    for run in runs:
        table.add_row(
            _minute(run.started_at),
            Text(printable(run.command)),
            count(run.files),
            size(run.size_bytes),
            duration(run.duration_s),
            Text(count(run.failed), style="red" if run.failed else ""),
            Text(str(run.exit_code), style="red" if run.exit_code else ""),
        )
    return table


def _table(names: Sequence[str], *, left: int, folds: bool = False) -> Table:
    """Make a table whose first columns are text and whose others are numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for place, name in enumerate(names):
        is_text = place < left
        table.add_column(
            name,
            justify="left" if is_text else "right",
            no_wrap=not (is_text and folds),
            overflow="fold" if is_text else "ellipsis",
        )
    return table


def _minute(moment: str) -> str:
    """Return an ISO 8601 time to the minute."""
    return printable(moment[:16].replace("T", " "))
