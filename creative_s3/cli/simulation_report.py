"""A simulation as a file to pass on: an SVG chart, or an HTML page with it. Pure; it loads nothing."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from creative_s3.cli.text import count, printable, size
from creative_s3.core.costs.pricing import money

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from creative_s3.core.lifecycle.outlook import Outlook

_WIDTH, _HEIGHT = 900, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 20, 40, 40
_AFTER, _BEFORE = "#1f77b4", "#ff7f0e"
_MOST_LABELS = 12
_FONT = 'font-family="system-ui, sans-serif" font-size="12"'
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .2rem .8rem; text-align: right }
th:first-child, td:first-child { text-align: left } tr:nth-child(even) { background: #f4f4f4 }
thead th { border-bottom: 1px solid #999; vertical-align: bottom } .note { color: #666; font-size: 13px }
svg { width: 100%; height: auto }
"""


def svg(found: Outlook) -> str:
    """Draw what has been paid by the end of each month, under both sets of rules."""
    made = found.comparison
    after, before = made.after.sums(), made.before.sums()
    most = max(*after, *before) if len(after) > 1 else max(after[0], before[0])
    names = [bill.month.name for bill in made.after.bills]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" {_FONT}>',
        f"<title>{_text(f'{found.bucket}: paid by the end of each month')}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        *_axes(names, most),
        _line(before, most, _BEFORE),
        _line(after, most, _AFTER),
        *_legend(((made.after.name, _AFTER), (made.before.name, _BEFORE))),
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
    )
    suggested = (
        _table(
            ("Cheapest policies", "Once", "In all", "Saved", "Reads"),
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
        f"<title>{_text(found.bucket)}: lifecycle simulation</title><style>{_STYLE}</style></head><body>\n"
        f"<h1>{_text(found.bucket)}</h1><p>{_text(what)}</p>\n{sums}"
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


def _table(head: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]) -> str:
    cells = "".join(f"<th>{_text(name)}</th>" for name in head)
    body = "\n".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>\n{body}\n</tbody></table>\n"


def _x(place: int, number: int) -> float:
    return _LEFT + (place + 1) / number * (_WIDTH - _LEFT - _RIGHT)


def _y(amount: Decimal, most: Decimal) -> float:
    share = float(amount / most) if most else 0.0
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _line(amounts: Sequence[Decimal], most: Decimal, colour: str) -> str:
    points = [f"{_LEFT},{_HEIGHT - _BOTTOM}"]
    points += [
        f"{_x(place, len(amounts)):.1f},{_y(amount, most):.1f}" for place, amount in enumerate(amounts)
    ]
    return f'<polyline fill="none" stroke="{colour}" stroke-width="2.5" points="{" ".join(points)}"/>'


def _axes(names: Sequence[str], most: Decimal) -> Iterator[str]:
    for quarter in range(5):
        amount = most * quarter / 4
        y = _y(amount, most)
        yield f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        label = _text(money(amount))
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{label}</text>'
    step = -(-len(names) // _MOST_LABELS)
    for place in range(0, len(names), step):
        x = _x(place, len(names))
        yield (
            f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="middle" fill="#555">'
            f"{_text(names[place])}</text>"
        )


def _legend(entries: Sequence[tuple[str, str]]) -> Iterator[str]:
    x = _LEFT
    for name, colour in entries:
        yield f'<rect x="{x}" y="14" width="14" height="4" fill="{colour}"/>'
        yield f'<text x="{x + 20}" y="20">{_text(name)}</text>'
        x += 60 + 7 * len(name)


def _text(text: str) -> str:
    return escape(printable(text))
