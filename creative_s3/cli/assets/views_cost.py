"""What `assets stats --cost` shows: the bucket's month by kind, class and campaign. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from creative_s3.cli.text import PROGRAM, count, printable, size
from creative_s3.cli.views.costs import prices_of
from creative_s3.cli.views.reports import table
from creative_s3.core.costs.pricing import money

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from rich.console import RenderableType

    from creative_s3.core.storage.bucket_cost import BucketCost, Cost

_CAMPAIGNS = 8
_BAR_WIDTH = 24
_YEAR_MONTHS = 12


def bucket_cost(found: BucketCost, where: str) -> RenderableType:
    """Show what a bucket costs a month, `where` being its address."""
    total = found.total
    parts: list[RenderableType] = [
        Text.assemble(
            ("This bucket costs ", "bold"),
            (f"{money(total.monthly)} a month", "bold green"),
            f", {money(_YEAR_MONTHS * total.monthly)} a year",
        ),
        Text(f"{printable(where)}   {prices_of(found.region)}", style="dim", overflow="fold"),
    ]
    if found.region.is_fallback:
        parts.append(Text(f"No prices are known for {found.region.requested}.", style="yellow"))
    parts += [Text(), _rows("Kind", found.kinds, total.monthly)]
    parts += [Text(), _rows("Class", found.classes, total.monthly)]
    if len(found.campaigns) > 1:
        shown = dict(list(found.campaigns.items())[:_CAMPAIGNS])
        parts += [Text(), _rows("Campaign", shown, total.monthly)]
        if len(found.campaigns) > _CAMPAIGNS:
            more = count(len(found.campaigns) - _CAMPAIGNS, "campaign")
            parts.append(Text(f"and {more} more: --json names all of them", style="dim"))
    hidden = {
        name: part
        for name, part in (
            ("older versions", found.versions),
            ("unfinished uploads", found.uploads),
        )
        if part.objects
    }
    if hidden:
        parts += [Text(), _rows("Not in a listing", hidden, total.monthly)]
    parts += [
        Text(),
        Text(f"Of it, {money(found.tags)} for tags." if found.tags else "No tags are counted.", style="dim"),
        Text(f"Not in these figures: {' '.join(found.left_out)}", style="dim"),
    ]
    return Group(*parts)


def _rows(title: str, costs: Mapping[str, Cost], total: Decimal) -> RenderableType:
    shown = table(title, "Objects", "Size", "Month", "", right=("Objects", "Size", "Month"))
    for name, part in costs.items():
        length = round(part.monthly / total * _BAR_WIDTH) if total else 0
        shown.add_row(
            printable(name),
            f"{part.objects:,}",
            size(part.size_bytes),
            money(part.monthly),
            Text("█" * length, style="cyan"),
        )
    return shown


def advice(found: BucketCost) -> tuple[str, ...]:
    """Return the command that looks for something cheaper."""
    if not found.total.objects:
        return ()
    return (f"{PROGRAM} migrate estimate  # what other storage classes would cost for these files",)
