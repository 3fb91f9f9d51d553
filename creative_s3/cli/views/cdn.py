"""What the `cdn` commands show: values of the core as rich renderables. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from creative_s3.cli.text import broken_command, count, printable
from creative_s3.core.cdn.planning import PATH_LIMIT, WILDCARD_LIMIT
from creative_s3.core.costs.price_store import current_book
from creative_s3.core.costs.pricing import money

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from creative_s3.core.cdn.allowance import MonthOfPaths
    from creative_s3.core.cdn.looking import Listed, Standing
    from creative_s3.core.cdn.proposal import Proposal
    from creative_s3.core.cdn.sending import Accepted
    from creative_s3.core.cdn.setup import Step

_SHOWN_PATHS = 10
_SHOWN_IN_LIST = 2


def proposal(made: Proposal, month: MonthOfPaths) -> RenderableType:
    """Show what would be sent, and for how much."""
    if not made.paths:
        return Text(_nothing(made))
    parts: list[RenderableType] = [_paths(made.paths), Text(), Text(_summary(made))]
    parts.append(_allowance(made, month))
    return Group(*parts)


def _nothing(made: Proposal) -> str:
    if made.not_served:
        number = count(len(made.not_served), "changed object")
        return f"Nothing to invalidate: the distribution has no path to {number}."
    if made.refused:
        return "Nothing can be invalidated."
    return "Nothing to invalidate: nothing was replaced that CloudFront was not told of."


def _summary(made: Proposal) -> str:
    text = count(len(made.paths), "path")
    if made.wildcards:
        text += f" ({count(made.wildcards, 'wildcard')})"
    if made.objects:
        text += f" for {count(made.objects, 'object')}"
    if made.dropped:
        text += f"; the wildcards also drop {count(made.dropped, 'object')} that did not change"
    if len(made.requests) > 1:
        text += (
            f"; in {count(len(made.requests), 'request')}, one after the other as CloudFront's quota allows"
        )
    if made.resumed:
        text += "; goes on with an earlier call, of which nothing is paid twice"
    return text


def _allowance(made: Proposal, month: MonthOfPaths) -> Text:
    if month.problem:
        return Text(f"Price: at most {money(made.price)}; how many paths are still free is not known")
    return Text(
        f"Price: {money(made.price)}; {count(month.free_left)} of this month's {count(month.fee.free)}"
        f" free paths are left, then {money(month.fee.price)} each"
    )


def foreseen(made: Proposal, month: MonthOfPaths) -> RenderableType:
    """Show in a line what an upload will have invalidated, besides the published index if that changes."""
    if not made.paths:
        return Text("CloudFront has nothing to forget: no object is replaced, and new ones are in no cache.")
    return Text(f"Then CloudFront forgets {_summary(made)}. {_allowance(made, month)}")


def price_of(made: Proposal) -> str:
    """Return the price in a question."""
    return money(made.price)


def _paths(paths: Sequence[str]) -> RenderableType:
    lines: list[RenderableType] = [
        Text(printable(path), style="cyan" if path.endswith("*") else "", overflow="fold")
        for path in paths[:_SHOWN_PATHS]
    ]
    if len(paths) > _SHOWN_PATHS:
        lines.append(
            Text(f"and {count(len(paths) - _SHOWN_PATHS)} more; --json has all of them", style="dim")
        )
    return Group(*lines)


def warnings(made: Proposal, month: MonthOfPaths) -> tuple[str, ...]:
    """Say what could not be planned."""
    said = [f"{one.key}: {one.error.message}; {one.error.hint}" for one in made.refused[:_SHOWN_PATHS]]
    if len(made.refused) > _SHOWN_PATHS:
        said.append(f"{count(len(made.refused) - _SHOWN_PATHS)} more cannot be invalidated")
    if made.not_served and made.paths:
        said.append(
            f"{count(len(made.not_served), 'changed object')} left out:"
            f" no path of the distribution leads there, such as {made.not_served[0]}"
        )
    if month.problem:
        said.append(
            f"this month's paths were not all counted: {month.problem.message} ({month.problem.hint})"
        )
    return tuple(said)


def accepted(sent: Sequence[Accepted], made: Proposal, *, waited: bool) -> RenderableType:
    """Show what CloudFront took."""
    if not sent:
        return Text(_nothing(made))
    table = _table("Invalidation", "Status", "Paths")
    table.columns[2].justify = "right"
    for one in sent:
        table.add_row(one.sent.id, _status(one.sent.status), count(len(one.request.paths)))
    ending = (
        "Every edge has forgotten them."
        if waited
        else "It takes effect within minutes, and cannot be taken back."
    )
    return Group(table, Text(), Text(ending))


def standing(found: Standing) -> RenderableType:
    """Show how a distribution stands."""
    distribution = found.distribution
    paths, wildcards = found.quota
    state = "enabled" if distribution.enabled else "disabled"
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    table.add_row("Distribution", f"{distribution.id}, {state}, {distribution.status}")
    table.add_row("Address", ", ".join(filter(None, (*distribution.aliases, distribution.domain_name))))
    origins = distribution.origins_of(found.bucket)
    table.add_row(
        "Origin",
        ", ".join(f"{one.domain_name}{one.path}" for one in origins)
        if origins
        else Text(f"none is the bucket {found.bucket}", style="yellow"),
    )
    busy = f"{count(len(found.in_progress), 'invalidation')}"
    if found.in_progress:
        busy += f": {count(paths)} of {count(PATH_LIMIT)} paths, {wildcards} of {WILDCARD_LIMIT} wildcards"
    table.add_row("In progress", busy)
    if found.last:
        table.add_row("Last one", f"{found.last.id}, {found.last.status}, {_minute(found.last.created_at)}")
    missing = len(found.unannounced)
    told = Text("everything that was replaced from here", style="green")
    if missing:
        told = Text(
            f"not yet of {count(missing, 'replaced object')}, such as {found.unannounced[0]}", "yellow"
        )
    table.add_row("Told", told)
    return table


def invalidations(found: Listed) -> RenderableType:
    """Show a list of invalidations."""
    if not found.sent:
        return Text("There are no invalidations.")
    table = _table("Created (UTC)", "Invalidation", "Status", "Paths", "")
    table.columns[3].justify = "right"
    table.columns[4].overflow = "fold"
    table.columns[4].no_wrap = False
    for sent in found.sent:
        shown = ", ".join(printable(path) for path in sent.paths[:_SHOWN_IN_LIST])
        more = len(sent.paths) - _SHOWN_IN_LIST
        named = Text(shown + (f" and {count(more)} more" if more > 0 else ""), style="dim")
        mark = "" if sent.id in found.ours else " (not from here)"
        table.add_row(
            _minute(sent.created_at),
            sent.id,
            _status(sent.status),
            count(len(sent.paths)),
            named.append(mark),
        )
    return table


def month(counted: MonthOfPaths, distribution_id: str) -> RenderableType:
    """Show what a month's paths cost."""
    fee = counted.fee
    table = _table("Distribution", "Paths")
    table.columns[1].justify = "right"
    for name, paths in counted.paths.items():
        table.add_row(Text(name, style="bold" if name == distribution_id else ""), count(paths))
    table.add_section()
    table.add_row("all", count(counted.used), style="bold")
    unsure = ", an unverified price" if fee.is_assumed else ""
    return Group(
        Text(f"Paths invalidated since {counted.begins:%Y-%m-%d}", style="bold"),
        table,
        Text(),
        Text(
            f"{money(counted.price)} until now; {count(counted.free_left)} of {count(fee.free)} free paths"
            f" are left, then {money(fee.price)} each{unsure}"
        ),
        Text(f"Prices: AWS, {current_book().as_of}", style="dim"),
    )


def steps(todo: Iterable[Step]) -> RenderableType:
    """Show numbered steps with their commands."""
    parts: list[RenderableType] = [Text("No distribution is set. To make one:", style="bold")]
    for number, step in enumerate(todo, start=1):
        parts.append(Text(f"{number}. {step.what}"))
        if step.command:
            parts.append(Padding(_Command(step.command), (0, 0, 0, 3)))
    return Group(*parts)


class _Command:
    """A command to paste; where it is too long for the screen, a shell joins its lines again."""

    def __init__(self, command: str) -> None:
        self._line, _, self._remark = command.partition("  # ")

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        text = "\n".join(broken_command(self._line, options.max_width))
        if self._remark:
            fits = len(self._line) + len(self._remark) + len("  # ") <= options.max_width
            text += ("  # " if fits else "\n# ") + self._remark
        yield Text(text, style="cyan", overflow="fold")


def _status(status: str) -> Text:
    return Text(status, style="green" if status.lower() == "completed" else "yellow")


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


def _table(*names: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in names:
        table.add_column(name, no_wrap=True)
    return table
