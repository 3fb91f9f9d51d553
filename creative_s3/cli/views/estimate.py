"""What `migrate estimate` shows: what there is, each storage class for these files, what is best. Pure."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from creative_s3.cli.text import count, size
from creative_s3.cli.views.reports import table
from creative_s3.core.costs.pricing import money

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from creative_s3.core.costs.costs import KindTotals
    from creative_s3.core.migration.estimates import ClassEstimate, MigrationEstimate
    from creative_s3.core.migration.planning import MigrationPlan

_MB = 2**20
_BAR_WIDTH = 36
_FEW = Decimal("0.01")
_PARTS = (
    ("content", "█", "cyan"),
    ("minimum size and overhead", "▓", "yellow"),
    ("monitoring and tags", "▒", "magenta"),
    ("reads", "░", "green"),
    ("egress", "·", "red"),
)
"""The parts of a bar: name, character, colour. The characters tell them apart without colours."""
_REQUESTS = {
    "put": "PUT",
    "create_multipart": "CreateMultipartUpload",
    "upload_part": "UploadPart",
    "complete_multipart": "CompleteMultipartUpload",
    "list": "LIST",
    "head": "HEAD",
    "get": "GET",
    "copy": "COPY",
}


def estimate(made: MigrationEstimate, plan: MigrationPlan) -> RenderableType:
    """Show an estimate: what there is, each storage class with its real costs, and what is left out."""
    left_out = Text("Not in these figures: ", style="dim").append(" ".join(made.left_out))
    return Group(
        _summary(made, plan),
        Text(""),
        _kinds(made),
        Text(""),
        _once(made),
        Text(""),
        class_costs(made),
        Text(""),
        left_out,
        Text(f"Assumed: {' '.join(made.assumed)}", style="dim"),
    )


def _summary(made: MigrationEstimate, plan: MigrationPlan) -> RenderableType:
    current, stored = made.current, made.total.stored
    return Group(
        Text.assemble(
            ("Total to migrate: ", "bold"),
            f"{plan.total_size_bytes / _MB:.2f} MB in {count(plan.total_files, 'file')}",
            (
                f"  ({count(stored.objects, 'object')}, {size(stored.size_bytes)} in all)",
                "dim",
            ),
        ),
        Text.assemble(
            ("Estimated monthly cost: ", "bold"),
            f"{money(current.monthly)} in {current.storage_class}",
            (f"  ({where(made)})", "dim"),
        ),
    )


def where(made: MigrationEstimate) -> str:
    """Name region and date of an estimate's prices."""
    if made.is_fallback:
        return (
            f"no prices are known for {made.region}; these are of {made.prices_region}, {made.prices_as_of}"
        )
    return f"AWS {made.prices_region}, prices of {made.prices_as_of}"


def _kinds(made: MigrationEstimate) -> RenderableType:
    """Show each kind: sizes, what is to be uploaded in how many requests, and what both cost."""
    numbers = ("Objects", "<128 KB", "Size", "To upload", "Requests", "Once", "Month")
    shown = table("Kind", *numbers, right=numbers)
    shown.padding = (0, 1, 0, 0)
    shown.columns[0].no_wrap = True
    costs = {kind.kind: kind for kind in made.current.kinds}
    for part in made.kinds:
        cost = costs[part.kind]
        shown.add_row(part.kind, *_numbers(part), money(cost.upload), money(cost.monthly))
    rest = made.current.upload - sum((cost.upload for cost in costs.values()), Decimal(0))
    besides = made.total.requests.total - sum(part.requests.total for part in made.kinds)
    if besides:
        shown.add_row("look, index", "", "", "", "", f"{besides:,}", money(rest), "", style="dim")
    shown.add_row(
        "total", *_numbers(made.total), money(made.current.upload), money(made.current.monthly), style="bold"
    )
    return shown


def _numbers(part: KindTotals) -> tuple[str, ...]:
    return (
        f"{part.stored.objects:,}",
        f"{part.stored.objects - part.stored.large_objects:,}",
        size(part.stored.size_bytes),
        size(part.upload_bytes),
        f"{part.requests.total:,}",
    )


def _once(made: MigrationEstimate) -> RenderableType:
    requests = made.total.requests
    numbers = [
        f"{getattr(requests, field):,} {name}"
        for field, name in _REQUESTS.items()
        if getattr(requests, field)
    ]
    return Text.assemble(
        ("Once   ", "bold"),
        f"{money(made.current.upload)} for {count(requests.total, 'request')}: {', '.join(numbers)}",
    )


def class_costs(made: MigrationEstimate) -> RenderableType:
    """Compare the storage classes for these very files, with a bar for each, and name the best."""
    numbers = ("Month", "1st year", "Upload", "Read all", "Even at", "Days")
    shown = table("Class", *numbers[:-1], "Readable", numbers[-1], right=numbers)
    shown.padding = (0, 1, 0, 0)
    shown.columns[0].no_wrap = True
    for entry in made.classes:
        name = Text(entry.storage_class)
        if entry.storage_class == made.storage_class:
            name.append("*", style="bold cyan")
        advised = entry.storage_class == made.cheapest_readable
        shown.add_row(
            name,
            money(entry.monthly),
            money(entry.first_year),
            money(entry.upload),
            money(entry.read_once),
            _reads(entry),
            _first_byte(entry.first_byte),
            str(entry.minimum_days or ""),
            style="dim" if entry.caution else ("green" if advised else ""),
        )
    return Group(
        shown,
        Text(
            f"* S3_STORAGE_CLASS, {where(made)}\n"
            "Even at: so many full reads a month make it as dear as STANDARD",
            style="dim",
        ),
        Text(""),
        *_bars(made),
        Text(""),
        *_advice(made),
    )


def _reads(entry: ClassEstimate) -> str:
    if entry.break_even_reads is None:
        return ""
    return f"{entry.break_even_reads:.2f}" if entry.break_even_reads >= _FEW else f"<{_FEW}"


def _bars(made: MigrationEstimate) -> Iterator[RenderableType]:
    """Draw the parts of each class's month, to one scale."""
    most = max((entry.monthly for entry in made.classes), default=Decimal(0))
    if not most:
        return
    present = {name for entry in made.classes for name, amount in _amounts(entry).items() if amount}
    legend = Text("Month  ", style="bold")
    for name, mark, style in _PARTS:
        if name in present:
            legend.append(mark, style=style).append(f" {name}   ", style="dim not bold")
    yield legend
    for entry in made.classes:
        line = Text(f"{entry.storage_class:<20} ", style="dim" if entry.caution else "")
        line.append_text(_bar(entry, most))
        yield line.append(f" {money(entry.monthly)}", style="not dim")


def _bar(entry: ClassEstimate, most: Decimal) -> Text:
    """Return a stacked bar; its whole length is rounded once, so that equal months have equal bars."""
    bar = Text()
    reached = Decimal(0)
    drawn = 0
    for name, mark, style in _PARTS:
        reached += _amounts(entry)[name]
        end = round(reached / most * _BAR_WIDTH)
        bar.append(mark * (end - drawn), style=style)
        drawn = max(end, drawn)
    return bar


def _amounts(entry: ClassEstimate) -> dict[str, Decimal]:
    return {
        "content": entry.content,
        "minimum size and overhead": entry.padding,
        "monitoring and tags": entry.monitoring + entry.tags,
        "reads": entry.reads,
        "egress": entry.egress,
    }


def _advice(made: MigrationEstimate) -> Iterator[RenderableType]:
    best, standard = made.of(made.cheapest_readable), made.of("STANDARD")
    text = Text.assemble(
        ("Best, read at once: ", "bold"),
        (best.storage_class, "green"),
        f", {money(best.first_year)} in the first year with the upload",
    )
    if best.break_even_reads is not None:
        often = (
            f"up to {_reads(best)} full reads a month" if best.break_even_reads >= _FEW else "if hardly read"
        )
        text.append(f"; {often} it beats STANDARD")
    elif best is not standard:
        text.append(f"; STANDARD {money(standard.first_year)}")
    yield text
    if made.cheapest != made.cheapest_readable:
        cold = made.of(made.cheapest)
        yield Text.assemble(
            ("Cheapest: ", "bold"),
            f"{cold.storage_class}, {money(cold.first_year)} in the first year; readable {_sentence(cold)}",
        )


def _sentence(entry: ClassEstimate) -> str:
    usual = _first_byte(entry.first_byte)
    return usual if usual == "at once" else f"after a restore of {usual}"


def _first_byte(text: str) -> str:
    """Return the usual wait of an archive class; the estimate names those of all restore tiers."""
    usual = re.search(r"([^,:]+) \(Standard\)", text)
    return usual[1].strip() if usual else "at once"
