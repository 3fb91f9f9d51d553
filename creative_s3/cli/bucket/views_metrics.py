"""What `bucket metrics` shows: series of numbers as a table with small curves. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from creative_s3.cli.text import count, printable, size
from creative_s3.core.bucket.metrics import REQUEST_METRICS
from creative_s3.core.costs.price_store import current_book
from creative_s3.core.costs.pricing import money

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from creative_s3.core.bucket.metrics import BucketMetrics, Series

_STEPS = "▁▂▃▄▅▆▇█"
_MOST_BARS = 60
_LEAST_BARS = 7
_LEAST_TAKEN = 20

_Row = tuple[str, str, str, "Series | None"]
"""Name, newest value, change, and the series; None for a sum."""


def metrics(found: BucketMetrics) -> RenderableType:
    """Show all there is."""
    first, last = found.days[0], found.days[-1]
    parts: list[RenderableType] = [
        Text(f"{printable(found.bucket)}, {first:%Y-%m-%d} to {last:%Y-%m-%d} (UTC)", style="bold")
    ]
    if not found.objects.points and not found.storage:
        parts += [
            Text(),
            Text("CloudWatch has no numbers yet: they come once a day, the first after a day or two."),
        ]
    else:
        parts += [Text(), _Curves(found)]
        parts.append(
            Text(
                "Older versions and unfinished uploads are counted too. Overhead holds no content.",
                style="dim",
            )
        )
    parts += [Text(), _about_requests(found)]
    return Group(*parts)


class _Curves:
    """The table; the curves take what room there is."""

    def __init__(self, found: BucketMetrics) -> None:
        self._found = found

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        found = self._found
        sections = self._sections()
        cells = [row for section in sections for row in section]
        taken = sum(max((len(str(row[place])) for row in cells), default=0) + 2 for place in range(3))
        bars = max(
            min(options.max_width - max(taken, _LEAST_TAKEN), _MOST_BARS, len(found.days)), _LEAST_BARS
        )
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        table.add_column("", no_wrap=True)
        table.add_column("Newest", justify="right", no_wrap=True)
        table.add_column("Change", justify="right", no_wrap=True)
        table.add_column(f"{len(found.days)} days", no_wrap=True)
        for number, section in enumerate(sections):
            if number:
                table.add_row()
            for name, newest, change, one in section:
                values = one.by_day(found.days) if one else []
                style = "red" if name == "5xxErrors" and one and one.total else "cyan"
                drawn = Text(curve(values, bars), style=style)
                table.add_row(name, newest, Text(change, style="dim"), drawn, style="" if one else "bold")
        yield table

    def _sections(self) -> list[list[_Row]]:
        found = self._found
        content = [self._row("objects", found.objects, _number)] if found.objects.points else []
        content += [self._row(_named(one), one, size) for one in found.storage if not one.is_overhead]
        overhead = [
            self._row(f"{_named(one)} overhead", one, size) for one in found.storage if one.is_overhead
        ]
        total = found.payload_bytes + found.overhead_bytes
        sums: list[_Row] = [("all bytes", size(total), "", None)] if found.storage else []
        if overhead:
            sums.append(("of them overhead", size(found.overhead_bytes), "", None))
        requests = [
            self._row(name, one, _latency if "Latency" in name else _number)
            for name, one in found.requests.items()
        ]
        return [section for section in (content, overhead, sums, requests) if section]

    def _row(self, name: str, one: Series, shown: Callable[[float], str]) -> _Row:
        known = [value for value in one.by_day(self._found.days) if value is not None]
        change = known[-1] - known[0] if len(known) > 1 else 0.0
        sign = "+" if change > 0 else ""
        return name, shown(known[-1]) if known else "", f"{sign}{shown(change)}" if change else "", one


def curve(values: Sequence[float | None], bars: int) -> str:
    """Draw values as bars of eight heights, the newest at the right; a gap is a day without data.

    Where there are more values than bars, a bar is the highest of its days.
    """
    groups = (
        [
            [
                value
                for value in values[len(values) * bar // bars : len(values) * (bar + 1) // bars]
                if value is not None
            ]
            for bar in range(min(bars, len(values)))
        ]
        if len(values) > bars
        else [[value] if value is not None else [] for value in values]
    )
    known = [value for group in groups for value in group]
    lowest, highest = min(known, default=0.0), max(known, default=0.0)
    # A curve that hardly moves shall not look as if it did: the scale begins at zero if that is near.
    lowest = 0.0 if lowest < highest / 2 else lowest - (highest - lowest or highest)
    spread = highest - lowest
    return "".join(
        " " if not group else _STEPS[min(int((max(group) - lowest) / spread * 8), 7)] if spread else _STEPS[0]
        for group in groups
    )


def _about_requests(found: BucketMetrics) -> Text:
    if found.requests:
        return Text("Requests are sums of a day; latencies are averages of a day.", style="dim")
    if found.is_measured:
        return Text(
            "Requests are measured; CloudWatch has no numbers yet (the first after about 15 minutes)."
        )
    if found.is_measured is None:
        return Text("Whether requests are measured is not known: it takes s3:GetMetricsConfiguration on AWS.")
    return Text("Requests, errors and latency are not measured: that takes a configuration, and is billed.")


def enabling(bucket: str, there: str | None, price: Decimal) -> RenderableType:
    """Show what measuring requests means."""
    if there is not None:
        return Text(f"The requests of {printable(bucket)} are measured already, by {printable(there)}.")
    return Group(
        Text(f"CloudWatch would measure every request of {printable(bucket)}, minute by minute:"),
        Text(", ".join(REQUEST_METRICS), style="dim"),
        Text(
            f"Up to {money(price)} a month: {len(REQUEST_METRICS)} custom metrics"
            f" of {money(price / len(REQUEST_METRICS))} each"
            f" (an unverified price, {current_book().as_of}); one without data costs nothing."
        ),
    )


def enabled(bucket: str, name: str) -> RenderableType:
    """Show that requests are measured."""
    return Text(f"The requests of {printable(bucket)} are measured from now on, by {printable(name)}.")


def _named(one: Series) -> str:
    detail = one.name.removesuffix("Storage")
    tier = detail.removeprefix("IntelligentTiering")
    if one.storage_class == "INTELLIGENT_TIERING" and tier != detail:
        return f"{one.storage_class} {tier}"
    return f"{one.storage_class} unfinished" if "Staging" in one.name else one.storage_class


def _number(value: float) -> str:
    return count(round(value))


def _latency(value: float) -> str:
    return f"{value:,.0f} ms"
