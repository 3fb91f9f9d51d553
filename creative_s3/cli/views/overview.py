"""What `status` shows: one screen of what matters. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from creative_s3.cli.text import count, duration, home_short, printable, size, speed
from creative_s3.cli.views.history import change_text, minute

if TYPE_CHECKING:
    from rich.console import RenderableType

    from creative_s3.core.catalog.runs import RunRecord
    from creative_s3.core.overview.overview import Overview
    from creative_s3.core.published.team import IndexVersion

_BAR = 24
_WORTH_A_SPEED = 1 << 20


def overview(seen: Overview) -> RenderableType:
    """Show everything, a line or a few for each side."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("Cache", _cache(seen))
    table.add_row("Bucket", _bucket(seen))
    if seen.library is not None:
        table.add_row("Tiers", _tiers(seen))
    for number, run in enumerate(seen.runs):
        table.add_row("Runs" if number == 0 else "", _run(run))
    for number, version in enumerate(seen.bucket.versions):
        table.add_row("Team" if number == 0 else "", _version(version))
    if seen.distribution:
        table.add_row("CDN", _cdn(seen))
    if not seen.steps:
        table.add_row("Next", Text("nothing to do, as far as the catalog knows", style="green"))
    return table


def watched(seen: Overview) -> RenderableType:
    """Show it for watching: with the time, and what to do."""
    now = datetime.now(UTC)
    parts: list[RenderableType] = [
        Text(f"creative-s3 status, {now:%H:%M:%S} UTC; Ctrl-C ends", style="dim"),
        Text(),
        overview(seen),
        Text(),
    ]
    for step in seen.steps:
        line = Text("→ ", style="bold cyan").append(printable(step.command), style="default not bold")
        parts.append(line.append(f"  # {printable(step.why)}", style="dim"))
    return Group(*parts)


def _cache(seen: Overview) -> Text:
    where = home_short(seen.cache_dir)
    if seen.library is None:
        reason = printable(seen.problem.message) if seen.problem else "not known"
        return Text(f"{where}: {reason}", style="red")
    total = seen.library.total
    text = Text(f"{where}: {count(total.assets, 'asset')}, {size(total.hot_bytes)} on local disk")
    if total.missing:
        text.append(f", {count(total.missing)} missing", style="yellow")
    return text


def _bucket(seen: Overview) -> Text:
    bucket = seen.bucket
    if bucket.name is None:
        return Text("none is set", style="yellow")
    text = Text(
        f"{printable(bucket.name)}: {count(bucket.proved_objects, 'object')} proved from here,"
        f" {size(bucket.proved_bytes)}"
    )
    if seen.unplaced:
        text.append(f", {count(seen.unplaced, 'file')} not there yet", style="yellow")
    if bucket.problem:
        text.append(f"; {printable(bucket.problem.message)}", style="red")
    return text


def _tiers(seen: Overview) -> Text:
    total = seen.library.total if seen.library else None
    if total is None or not total.assets:
        return Text("no assets are known here")
    share = total.hot / total.assets
    hot = round(share * _BAR)
    text = Text("█" * hot, style="yellow").append("█" * (_BAR - hot), style="blue")
    cold = f"{count(total.cold)} cold ({size(total.cold_bytes)} in S3 only)"
    text.append(f"  {count(total.hot)} hot, {cold}", "default")
    rate = seen.library.cache_hit_rate if seen.library else 0.0
    return text.append(f", {rate}% hits", style="default") if rate else text


def _run(run: RunRecord) -> Text:
    text = Text(f"{minute(run.started_at)}  {printable(run.command)}: ")
    if not run.has_ended:
        return text.append("at work, or killed", style="yellow")
    text.append(f"{count(run.files, 'file')}, {size(run.size_bytes)} in {duration(run.duration_s)}")
    if run.size_bytes >= _WORTH_A_SPEED:
        text.append(f" ({speed(run.bytes_per_s)})", style="dim")
    if run.failed or run.exit_code:
        text.append(f", {count(run.failed)} failed, exit {run.exit_code}", style="red")
    return text


def _version(version: IndexVersion) -> Text:
    machine = printable(version.machine) if version.machine else "unknown machine"
    return Text(f"{version.at:%Y-%m-%d %H:%M}  {machine}: {change_text(version)}")


def _cdn(seen: Overview) -> Text:
    name = printable(seen.distribution or "")
    if seen.unannounced:
        return Text(f"{name}: not told of {count(seen.unannounced, 'replaced object')}", style="yellow")
    return Text(f"{name}: told of everything that was replaced from here")
