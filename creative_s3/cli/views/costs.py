"""Money on the screen: bills, prices with their date, bars. Pure: values to rich renderables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from creative_s3.cli.text import count
from creative_s3.core.costs.bills import LEFT_OUT
from creative_s3.core.costs.pricing import money

if TYPE_CHECKING:
    from rich.console import RenderableType

    from creative_s3.core.costs.bills import Bill
    from creative_s3.core.costs.pricing import RegionPrices


def planned(bill: Bill) -> Text:
    """Say what a plan sends and costs, on one line; with what is paid besides requests."""
    text = Text.assemble(("Price  ", "bold"), f"{money(bill.total)} for {count(bill.number, 'request')}")
    extras = [f"{name} {money(amount)}" for name, amount in bill.extras.items()]
    if extras:
        text.append(f", of it {', '.join(extras)}")
    return text.append(f"  ({prices_of(bill)})", style="dim")


def not_in_it() -> Text:
    """Say what is in no bill."""
    return Text(f"Not in it: {' '.join(LEFT_OUT)}", style="dim")


def compared(sent: Bill, plan: Bill) -> Text:
    """Say what a run really sent and cost, beside its plan."""
    return Text.assemble(
        ("Cost     ", "bold"),
        f"{money(sent.total)} for {count(sent.number, 'request')}; "
        f"planned were {money(plan.total)} for {plan.number:,}",
    )


def with_plan(shown: RenderableType, bill: Bill) -> RenderableType:
    """Put a plan's price under what it does."""
    return Group(shown, Text(), planned(bill), not_in_it())


def with_comparison(shown: RenderableType, sent: Bill, plan: Bill) -> RenderableType:
    """Put what was sent under what a run did; nothing where nothing was sent."""
    return Group(shown, compared(sent, plan)) if sent.number else shown


def prices_of(prices: Bill | RegionPrices) -> str:
    """Name region and date of prices, as every output with money does."""
    region = getattr(prices, "name", None) or getattr(prices, "region", "")
    return f"AWS {region}, prices of {prices.as_of}"
