"""What `lifecycle simulate` shows: an outlook as rich renderables, the chart as wide as the screen. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from creative_s3.cli.text import count, printable, size
from creative_s3.core.costs.pricing import money

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType

    from creative_s3.core.lifecycle.bills import MonthBill
    from creative_s3.core.lifecycle.outlook import Outlook
    from creative_s3.core.lifecycle.suggestions import Suggestion

_STEPS = " ▁▂▃▄▅▆▇█"
_EIGHTHS = 8
_ROWS = 8
_WIDE = 100
_MONTHS_PER_YEAR = 12
_SUGGESTED = 5


def outlook(found: Outlook) -> RenderableType:
    """Show the whole answer: the sums, the chart, the months, what to know."""
    parts: list[RenderableType] = [_head(found), Text(), _sums(found), Text(), *_verdict(found), Text()]
    parts += [Chart(found), Text(), Months(found)]
    if found.suggestions is not None:
        parts += [Text(), _suggestions(found.suggestions)]
    return Group(*parts, Text(), _small_print(found))


def _head(found: Outlook) -> Text:
    bills = found.comparison.after.bills
    return Text.assemble(
        (printable(found.bucket), "bold"),
        f": {count(found.objects, 'object')}, {size(found.size_bytes)};"
        f" {count(len(bills), 'month')}, {bills[0].month.name} to {bills[-1].month.name}",
    )


def _sums(found: Outlook) -> RenderableType:
    made = found.comparison
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 0, 0))
    table.add_column("")
    for scenario in (made.before, made.after):
        table.add_column(Text(printable(scenario.name), overflow="fold"), justify="right")
    rows = (
        ("storage and reads", made.before.recurring, made.after.recurring),
        ("transitions and early deletes, once", made.before.once, made.after.once),
        ("in all", made.before.total, made.after.total),
        ("the last month", made.before.bills[-1].recurring, made.after.bills[-1].recurring),
    )
    for name, before, after in rows:
        table.add_row(name, money(before), money(after), style="bold" if name == "in all" else "")
    return table


def _verdict(found: Outlook) -> Iterator[Text]:
    made, lost = found.comparison, found.losers
    if made.before.total:
        share = abs(made.saved / made.before.total * 100)
        percent = f" ({share:.1f} %)"
    else:
        percent = ""
    if made.saved > 0:
        yield Text.assemble(("✓ ", "green"), f"Saves {money(made.saved)}{percent}; {_repaid(found)}.")
    elif made.saved < 0:
        yield Text.assemble(
            ("! ", "bold red"), f"Costs {money(-made.saved)}{percent} more; {_repaid(found)}."
        )
    else:
        yield Text("Both cost the same.")
    if lost.objects:
        yield Text.assemble(
            ("! ", "bold yellow"),
            f"{count(lost.objects, 'object')} ({size(lost.size_bytes)}) lose {money(lost.lost)} by it; the"
            f" largest has {size(lost.largest_bytes)}.",
        )
    gone, before = (sum(bill.deleted_objects for bill in one.bills) for one in (made.after, made.before))
    if gone != before:
        freed = sum(bill.deleted_bytes for bill in made.after.bills)
        said = f"{count(round(gone), 'object')} ({size(float(freed))}) are deleted meanwhile"
        yield Text.assemble(("! ", "bold red"), f"{said}; without these rules {count(round(before))}.")


def _repaid(found: Outlook) -> str:
    made = found.comparison
    if made.after.once <= made.before.once:
        return "nothing has to be repaid"
    if made.break_even is not None:
        return f"what it costs once is repaid in {made.break_even}"
    months = made.months_to_repay
    if months is None:
        return "what it costs once is never repaid"
    if months > 2 * _MONTHS_PER_YEAR:
        return f"what it costs once is repaid after about {count(round(months / _MONTHS_PER_YEAR), 'year')}"
    return f"what it costs once is repaid after about {count(round(months), 'month')} like the last one"


class Chart:
    """Monthly bills as columns, with a line where the other rules' bills are."""

    def __init__(self, found: Outlook) -> None:
        self._found = found

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Draw it in the width there is."""
        del console
        made = self._found.comparison
        after, before = ([bill.total for bill in one.bills] for one in (made.after, made.before))
        most = max(*after, *before) if len(after) > 1 else max(after[0], before[0])
        label = len(money(most))
        room = options.max_width - label - 1
        step = -(-len(after) // room)
        names = [bill.month.name for bill in made.after.bills][::step]
        after, before = after[::step], before[::step]
        width = min(max(room // len(after), 1), 6)
        bar = max(width - 1, 1)
        yield Text.assemble(
            ("Each month's bill: ", "bold"),
            ("█", "cyan"),
            f" {printable(made.after.name)}, ",
            ("─", "yellow"),
            f" {printable(made.before.name)}",
        )
        for row in range(_ROWS, 0, -1):
            line = Text()
            edge = money(most) if row == _ROWS else "$0" if row == 1 else ""
            line.append(f"{edge:>{label}} ", "dim")
            for one, other in zip(after, before, strict=True):
                line.append_text(_cell(one, other, most, row, bar))
                line.append(" " * (width - bar))
            line.rstrip()
            yield line
        yield Text(f"{'':{label}} {_scale(names, width)}", style="dim")


def _cell(one: Decimal, other: Decimal, most: Decimal, row: int, bar: int) -> Text:
    level = _height(one, most) - _EIGHTHS * (row - 1)
    at = _height(other, most)
    is_line = at > 0 and -(-at // _EIGHTHS) == row
    if is_line and level < _EIGHTHS:
        return Text("─" * bar, style="yellow")
    return Text(_STEPS[min(max(level, 0), _EIGHTHS)] * bar, style="cyan")


def _height(amount: Decimal, most: Decimal) -> int:
    """Return the height in eighths of a row; what is not nothing shows."""
    return max(round(amount / most * _ROWS * _EIGHTHS), 1) if amount > 0 else 0


def _scale(names: Sequence[str], width: int) -> str:
    """Write the first month, every January and the last month under their columns, where there is room."""
    end = len(names) * width
    last = names[-1] if len(names) > 1 and end >= 2 * len(names[0]) + 1 else ""
    line = names[0]
    for place, name in enumerate(names[:-1]):
        at = place * width
        fits = len(line) < at and at + len(name) < end - len(last)
        if name.endswith("-01") and fits:
            line = line.ljust(at) + name
    return line.ljust(end - len(last)) + last if last else line


class Months:
    """The months one by one: what each class costs, what is paid once, and what is saved so far."""

    def __init__(self, found: Outlook) -> None:
        self._found = found

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Draw as many classes as there is room for."""
        del console
        made = self._found.comparison
        shown, has_others = _classes(made.after.bills, 6 if options.max_width >= _WIDE else 3)
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        table.add_column("Month", no_wrap=True)
        heads = [*(name.replace("_", "\n", 1) for name in shown), *(["others"] if has_others else [])]
        for name in (*heads, "Once", "In all", "Without", "Saved\nso far"):
            table.add_column(name, justify="right", no_wrap=True, vertical="bottom")
        rows = zip(made.after.bills, made.before.bills, made.saved_by_month, strict=True)
        for bill, other, saved in rows:
            costs = [bill.classes[name].recurring if name in bill.classes else Decimal(0) for name in shown]
            others = [bill.recurring - sum(costs, Decimal(0))] if has_others else []
            table.add_row(
                bill.month.name,
                *(_amount(cost) for cost in (*costs, *others)),
                _amount(bill.once),
                money(bill.total),
                money(other.total),
                Text(money(saved), style="red" if saved < 0 else "green" if saved > 0 else ""),
            )
        yield table


def _classes(bills: Sequence[MonthBill], most: int) -> tuple[list[str], bool]:
    """Return the dearest classes in S3's order, and whether there are others."""
    sums: dict[str, Decimal] = {}
    for bill in bills:
        for name, part in bill.classes.items():
            sums[name] = sums.get(name, Decimal(0)) + part.recurring
    paid = [name for name in sums if sums[name]]
    kept = set(sorted(paid, key=lambda name: -sums[name])[:most])
    return [name for name in paid if name in kept], len(paid) > len(kept)


def _amount(amount: Decimal) -> str:
    return money(amount) if amount else "-"


def _suggestions(found: Sequence[Suggestion]) -> RenderableType:
    if not found:
        return Text("No policy of the family is cheaper than leaving it as it is.", style="bold")
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("The cheapest policies", overflow="fold")
    for name in ("Once", "In all", "Saved"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Reads", no_wrap=True)
    for one in found[:_SUGGESTED]:
        reads = Text("restore first", style="yellow") if one.needs_restore else Text("at once")
        table.add_row(one.name, money(one.once), money(one.total), money(one.saved), reads)
    return table


def _small_print(found: Outlook) -> RenderableType:
    of = found.prices_region
    instead = "" if found.region == of else f", for want of {found.region}'s"
    lines = [
        f"Prices of {of}{instead}, as of {found.prices_as_of}, before tax. Growth: {found.growth}.",
        *(f"Assumed: {text}." for text in found.assumed),
        *(f"Left out: {text}." for text in found.left_out),
    ]
    return Text("\n".join(printable(line) for line in lines), style="dim")
