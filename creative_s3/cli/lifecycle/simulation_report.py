"""A simulation as a file to pass on: an SVG chart, or an HTML page with it. Pure; it loads nothing."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from html import escape
from typing import TYPE_CHECKING

from creative_s3.cli.text import count, printable, size
from creative_s3.core.costs.pricing import money

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from creative_s3.core.lifecycle.outlook import Outlook

_WIDTH, _HEIGHT = 720, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 92, 24, 72, 44
_MOST_LABELS = 9
_MOST_TICKS = 6
_CHART_STYLE = """
.chart { font: 13px system-ui, sans-serif; color-scheme: light dark }
.chart .paper { fill: #fff } .chart text { fill: #444 } .chart .grid { stroke: #ddd }
.chart .line { fill: none; stroke-width: 2.5; stroke-linejoin: round }
.chart .after { stroke: #0b62b5 } .chart .before { stroke: #c25a00; stroke-dasharray: 7 4 }
@media (max-width: 560px) { .chart { font-size: 21px } .chart .spare { display: none } }
@media (prefers-color-scheme: dark) {
  .chart .paper { fill: #16181c } .chart text { fill: #c4c7cc } .chart .grid { stroke: #3a3d42 }
  .chart .after { stroke: #6cb6ff } .chart .before { stroke: #ffac5c }
}
"""
"""Nothing but the dashes and the shades tells the lines apart, so both do."""
_STYLE = """
:root { color-scheme: light dark; --text: #1c1e21; --quiet: #5f6368; --line: #999; --stripe: #f3f4f6 }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e6ea; --quiet: #a0a4ab; --line: #666; --stripe: #22252a } body { background: #16181c }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--text); max-width: 68rem; margin: 2rem auto;
  padding: 0 1rem }
h1 { line-height: 1.2; overflow-wrap: anywhere }
h1 small { display: block; font-size: 1rem; font-weight: normal; color: var(--quiet) }
.wide { overflow-x: auto; margin: 1rem 0 } table { border-collapse: collapse }
th, td { padding: .2rem .7rem; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
th:first-child, td:first-child { text-align: left; padding-left: 0 }
tbody tr:nth-child(even) { background: var(--stripe) } thead th { border-bottom: 1px solid var(--line) }
.sums tr:last-child { font-weight: bold } .note { color: var(--quiet); font-size: 13px; padding-left: 1.2rem }
svg { display: block; width: 100%; max-width: 52rem; height: auto }
@media (max-width: 560px) { th, td { padding: .2rem .45rem } .sums td, .policies td { white-space: normal } }
"""


def svg(found: Outlook) -> str:
    """Draw what has been paid by the end of each month, under both sets of rules."""
    made = found.comparison
    after, before = made.after.sums(), made.before.sums()
    most = max(*after, *before) if len(after) > 1 else max(after[0], before[0])
    names = [bill.month.name for bill in made.after.bills]
    top, step = _scale(most)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" class="chart">',
        f"<title>{_text(f'{found.bucket}: paid by the end of each month')}</title>",
        f"<style>{_CHART_STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{_HEIGHT}"/>',
        *_axes(names, top, step),
        _line(before, top, "before"),
        _line(after, top, "after"),
        *_legend(((made.after.name, "after"), (made.before.name, "before"))),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def html(found: Outlook) -> str:
    """Write a page: the sums, the chart, every month, what was assumed and left out."""
    made, lost = found.comparison, found.losers
    bills = made.after.bills
    what = (
        f"{count(found.objects, 'object')}, {size(found.size_bytes)}; {bills[0].month.name} to"
        f" {bills[-1].month.name}; prices of {found.prices_region} as of {found.prices_as_of}"
    )
    losing = (
        f"<p>{_text(count(lost.objects, 'object'))} ({_text(size(lost.size_bytes))}) lose"
        f" {_text(money(lost.lost))} by these rules.</p>"
        if lost.objects
        else ""
    )
    sums = _table(
        ("", made.before.name, made.after.name),
        (
            ("Storage and reads", money(made.before.recurring), money(made.after.recurring)),
            ("Transitions and early deletes, once", money(made.before.once), money(made.after.once)),
            ("In all", money(made.before.total), money(made.after.total)),
        ),
        name="sums",
    )
    suggested = (
        "<h2>Cheapest policies</h2>\n"
        + _table(
            ("Policy", "Once", "In all", "Saved", "Reads"),
            (
                (
                    one.name,
                    money(one.once),
                    money(one.total),
                    money(one.saved),
                    "restore first" if one.needs_restore else "at once",
                )
                for one in found.suggestions
            ),
            name="policies",
        )
        if found.suggestions
        else ""
    )
    notes = "".join(
        f"<li>{_text(text)}</li>"
        for text in (
            f"Growth: {found.growth}.",
            *(f"Assumed: {one}." for one in found.assumed),
            *(f"Left out: {one}." for one in found.left_out),
        )
    )
    even = f" Break-even: {_text(made.break_even)}." if made.break_even else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(found.bucket)}: lifecycle simulation</title><style>{_STYLE}</style></head><body>\n"
        f"<h1><small>Lifecycle simulation</small>{_text(found.bucket)}</h1><p>{_text(what)}</p>\n{sums}"
        f"<p>Saved: <b>{_text(money(made.saved))}</b>.{even}</p>{losing}\n<h2>Paid so far</h2>\n{svg(found)}"
        f"{suggested}<h2>Month by month</h2>\n{_months(found)}"
        f'<ul class="note">{notes}</ul>\n</body></html>\n'
    )


def _months(found: Outlook) -> str:
    made = found.comparison
    classes = list(dict.fromkeys(name for bill in made.after.bills for name in bill.classes))
    rows = zip(made.after.bills, made.before.bills, made.saved_by_month, strict=True)
    return _table(
        ("Month", "Objects", "Stored", *classes, "Once", "In all", "Without", "Saved so far"),
        (
            (
                bill.month.name,
                count(round(bill.objects)),
                size(float(bill.size_bytes)),
                *(money(bill.classes[name].recurring) if name in bill.classes else "-" for name in classes),
                money(bill.once),
                money(bill.total),
                money(other.total),
                money(saved),
            )
            for bill, other, saved in rows
        ),
    )


def _table(
    head: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]], *, name: str = "rows"
) -> str:
    """Write a table that scrolls by itself where the screen is narrow."""
    cells = "".join(f'<th scope="col">{_text(title)}</th>' for title in head)
    body = "\n".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<div class="wide"><table class="{name}"><thead><tr>{cells}</tr></thead><tbody>\n{body}\n'
        "</tbody></table></div>\n"
    )


def _scale(most: Decimal) -> tuple[Decimal, Decimal]:
    """Return where the axis ends and the step of its ticks: 1, 2 or 5 times a power of ten."""
    if not most:
        return Decimal(1), Decimal(1)
    power = Decimal(10) ** (most.adjusted() - 1)
    step = next(power * factor for factor in (1, 2, 5, 10, 20) if most <= power * factor * (_MOST_TICKS - 1))
    return (most / step).to_integral_value(ROUND_CEILING) * step, step


def _x(place: int, number: int) -> float:
    return _LEFT + (place + 1) / number * (_WIDTH - _LEFT - _RIGHT)


def _y(amount: Decimal, most: Decimal) -> float:
    share = float(amount / most) if most else 0.0
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _line(amounts: Sequence[Decimal], most: Decimal, name: str) -> str:
    points = [f"{_LEFT},{_HEIGHT - _BOTTOM}"]
    points += [
        f"{_x(place, len(amounts)):.1f},{_y(amount, most):.1f}" for place, amount in enumerate(amounts)
    ]
    return f'<polyline class="line {name}" points="{" ".join(points)}"/>'


def _axes(names: Sequence[str], most: Decimal, step: Decimal) -> Iterator[str]:
    for tick in range(int(most / step) + 1):
        y = _y(tick * step, most)
        yield f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        label = _text(money(tick * step).removesuffix(".00"))
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    every = -(-len(names) // _MOST_LABELS)
    for number, place in enumerate(range(0, len(names), every)):
        spare = ' class="spare"' if number % 3 else ""  # what a narrow screen has no room for
        yield (
            f'<text x="{_x(place, len(names)):.1f}" y="{_HEIGHT - _BOTTOM + 26}" text-anchor="middle"{spare}>'
            f"{_text(names[place])}</text>"
        )


def _legend(entries: Sequence[tuple[str, str]]) -> Iterator[str]:
    for number, (title, name) in enumerate(entries):
        y = 20 + 24 * number
        yield f'<line class="line {name}" x1="{_LEFT}" x2="{_LEFT + 36}" y1="{y}" y2="{y}"/>'
        yield f'<text x="{_LEFT + 46}" y="{y + 5}">{_text(title)}</text>'


def _text(text: str) -> str:
    return escape(printable(text))
