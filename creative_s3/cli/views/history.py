"""What `migrate history` shows: runs and the team's versions of the index as rich renderables. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from creative_s3.cli.text import count, duration, printable, size, speed
from creative_s3.core.costs.pricing import money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from creative_s3.core.catalog.runs import Change, RunRecord
    from creative_s3.core.published.retire import Retired
    from creative_s3.core.published.team import IndexVersion

_SHOWN_CHANGES = 20
_SHOWN_NAMES = 3
_MIDDLE, _WIDE = 90, 116


class Runs:
    """Runs, the newest first; a narrow screen gets fewer columns."""

    def __init__(self, found: Sequence[RunRecord]) -> None:
        self._found = found

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the table."""
        if not self._found:
            yield Text("No run is recorded here yet.")
            return
        is_wide, has_time = options.max_width >= _WIDE, options.max_width >= _MIDDLE
        columns = [("Run", True), ("When (UTC)", False), ("Command", False), ("Files", True), ("Size", True)]
        columns += [("Took", True)] if has_time else []
        columns += [("Speed", True), ("Requests", True)] if is_wide else []
        table = table_of(*columns, ("Price", True), ("Exit", False))
        for run in self._found:
            moment = minute(run.started_at)
            table.add_row(
                str(run.number),
                moment if is_wide else moment[5:],
                Text(printable(run.command)),
                count(run.files),
                size(run.size_bytes),
                *([duration(run.duration_s) if run.has_ended else ""] if has_time else []),
                *([speed(run.bytes_per_s) if run.size_bytes else ""] if is_wide else []),
                *([count(sum(run.requests.values()))] if is_wide else []),
                price(run),
                ending(run),
            )
        yield table


def one_run(run: RunRecord, changes: Sequence[Change]) -> RenderableType:
    """Show one run with all that is known of it."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rows: list[tuple[str, RenderableType]] = [
        ("Run", f"{run.number}, {printable(run.command)}"),
        ("Began", f"{run.started_at.replace('T', ' ').replace('+00:00', ' UTC')}"),
        ("Ended", _ended(run)),
        ("Bucket", printable(run.bucket.replace("|", " "))),
        ("Moved", f"{count(run.files, 'file')}, {size(run.size_bytes)}"),
    ]
    if run.size_bytes and run.duration_s:
        rows.append(("Speed", f"{speed(run.bytes_per_s)}, {run.files / run.duration_s:,.0f} files/s"))
    if run.created or run.replaced:
        rows.append(("Objects", f"{count(run.created)} new, {count(run.replaced)} replaced"))
    if run.requests:
        ordered = sorted(run.requests.items(), key=lambda item: (-item[1], item[0]))
        rows.append(("Requests", ", ".join(f"{count(number)} {name}" for name, number in ordered)))
    if run.price is not None:
        rows.append(("Price", f"{price(run)} for the requests, by the prices of that day"))
    for reason, number in sorted(run.failures.items(), key=lambda item: (-item[1], item[0])):
        rows.append(("Failed", Text(f"{count(number)} {printable(reason)}", style="red")))
    for row in rows:
        table.add_row(*row)
    return Group(table, *_changes(changes))


def _ended(run: RunRecord) -> Text:
    if not run.has_ended:
        return Text("not yet; or it was killed", style="yellow")
    return Text(
        f"after {duration(run.duration_s)}, exit code {run.exit_code}", style="red" if run.exit_code else ""
    )


def _changes(changes: Sequence[Change]) -> list[RenderableType]:
    if not changes:
        return []
    parts: list[RenderableType] = [Text(), Text("Stored", style="bold")]
    # What was replaced first: it is what others may have to be told of.
    for change in sorted(changes, key=lambda one: (not one.replaced, one.key))[:_SHOWN_CHANGES]:
        mark = "replaced" if change.replaced else "new"
        told = ", CloudFront told" if change.invalidation else ""
        parts.append(
            Text(f"{mark:>8}  ", style="yellow" if change.replaced else "green")
            .append(printable(change.key), style="default")
            .append(told, style="dim")
        )
    if len(changes) > _SHOWN_CHANGES:
        parts.append(Text(f"and {count(len(changes) - _SHOWN_CHANGES)} more; -q lists all", style="dim"))
    return parts


def team(found: Sequence[IndexVersion]) -> RenderableType:
    """Show who published what."""
    if not found:
        return Text("Nobody has published an index in this bucket.")
    parts: list[RenderableType] = []
    for one in found:
        head = Text(f"{one.at:%Y-%m-%d %H:%M} UTC", style="bold")
        head.append(
            f"  {printable(one.machine) if one.machine else 'unknown machine'}", style="default not bold"
        )
        head.append(f"  {change_text(one)}", style="default not bold")
        parts.append(head)
        names = [*one.added, *one.changed, *one.removed]
        if names and not one.is_first:
            shown = ", ".join(printable(name) for name in names[:_SHOWN_NAMES])
            more = f" and {count(len(names) - _SHOWN_NAMES)} more" if len(names) > _SHOWN_NAMES else ""
            parts.append(Text(f"    {shown}{more}", style="dim", overflow="fold"))
    return Group(*parts)


def retired(found: Sequence[Retired], *, done: bool) -> RenderableType:
    """Show what is taken out of the team's index."""
    lines: list[RenderableType] = [
        Text(printable(".".join(filter(None, (one.section, one.entry)))), overflow="fold")
        for one in found[:_SHOWN_CHANGES]
    ]
    if len(found) > _SHOWN_CHANGES:
        lines.append(Text(f"and {count(len(found) - _SHOWN_CHANGES)} more", style="dim"))
    if done:
        number = count(len(found), "entry", "entries")
        lines.append(Text(f"Taken out of the team's index: {number}. Objects and files stay."))
    return Group(*lines)


def change_text(one: IndexVersion) -> str:
    """Say in a few words what a version changed."""
    if one.problem:
        return one.problem
    if one.is_first:
        return f"the oldest version known, {count(len(one.added), 'entry', 'entries')}"
    parts = [
        f"{sign}{count(len(names))}"
        for sign, names in (("+", one.added), ("~", one.changed), ("-", one.removed))
        if names
    ]
    return " ".join(parts) + " entries" if parts else "no entry changed"


def price(run: RunRecord) -> str:
    """Return what a run's requests cost."""
    return "" if run.price is None else money(Decimal(run.price))


def ending(run: RunRecord) -> Text:
    """Return the exit code, or that there is none."""
    if not run.has_ended:
        return Text("none", style="yellow")
    failed = f", {count(run.failed)} failed" if run.failed else ""
    return Text(f"{run.exit_code}{failed}", style="red" if run.exit_code else "")


def minute(moment: str) -> str:
    """Return an ISO 8601 time to the minute."""
    return printable(moment[:16].replace("T", " "))


def table_of(*columns: tuple[str, bool]) -> Table:
    """Make a table; a column is a name, and whether it holds numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name, is_number in columns:
        table.add_column(name, justify="right" if is_number else "left", no_wrap=True, overflow="ellipsis")
    return table
