"""What `lifecycle prices` shows: a region's prices, and what a refresh changed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.text import Text

from creative_s3.cli.text import printable, size
from creative_s3.cli.views.reports import table
from creative_s3.core.costs.pricing import GB, amount_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from decimal import Decimal

    from rich.console import RenderableType

    from creative_s3.core.costs.price_figures import RefreshedRow
    from creative_s3.core.costs.price_store import Prices
    from creative_s3.core.costs.pricing import RegionPrices, Tier

_FEES = {
    "tags": "object tags",
    "monitoring": "INTELLIGENT_TIERING monitoring",
    "inventory": "inventory",
    "storage_class_analysis": "storage class analysis",
    "batch_job": "Batch Operations",
    "batch_object": "Batch Operations",
    "invalidation_path": "CloudFront invalidation",
}
"""The fees that are shown; --json has all of them."""


def prices(
    region: RegionPrices,
    used: Prices,
    made: RefreshedRow | None,
    *,
    dropped: Sequence[str],
    is_reset: bool,
    dry_run: bool,
) -> RenderableType:
    """Show a region's prices, after what a refresh or a reset did to them."""
    parts: list[RenderableType] = []
    if made:
        verb = "would change" if dry_run else "changed"
        parts += [
            Text(
                f"{made.found} figures of {made.region} in the price list of {made.row['as_of']},"
                f" {len(made.changes)} {verb}.",
                style="green",
            ),
            *([changes(made)] if made.changes else []),
            *_kept(made),
            Text(""),
        ]
    if is_reset:
        said = f"Back to the bundled prices: {', '.join(dropped)}" if dropped else "Nothing was refreshed"
        parts += [Text(f"{said}.", style="green"), Text("")]
    where = f"{region.requested} (no prices are known: these are of {region.name})"
    title = where if region.is_fallback else region.name
    origin = "refreshed" if region.name in used.refreshed else "bundled"
    parts += [
        Text.assemble((title, "bold"), f"   prices of {region.as_of}, {origin}, {region.currency}"),
        Text(region.source, style="dim"),
        Text(""),
        _classes(region),
        Text(""),
        _restores(region),
        Text(""),
        *_others(region),
        Text(""),
        Text("GB is 2^30 bytes. Before tax, without discounts and the free tier.", style="dim"),
        *(Text(f"Assumed: {sentence}", style="dim") for sentence in region.assumed.values()),
    ]
    return Group(*parts)


def _classes(region: RegionPrices) -> RenderableType:
    names = ("GB-month", "PUT", "GET", "Move to", "Read GB", "Min size", "Min days", "Extra")
    shown = table("Class", *names, right=names)
    shown.columns[0].no_wrap = True
    for name, one in region.classes.items():
        rules = one.rules
        extra = f"+{(rules.own_overhead_bytes + rules.standard_overhead_bytes) // 1024} KB"
        shown.add_row(
            name,
            _plain(one.per_gb_month),
            _plain(one.put * 1000),
            _plain(one.get * 1000),
            "" if one.transition is None else _plain(one.transition * 1000),
            _plain(one.retrieval_per_gb) if one.retrieval_per_gb else "",
            size(rules.minimum_bytes) if rules.minimum_bytes else "",
            str(rules.minimum_days or ""),
            extra if rules.own_overhead_bytes else "",
        )
    return Group(
        shown, Text("PUT, GET and Move to: per 1,000. LIST costs STANDARD's PUT price.", style="dim")
    )


def _restores(region: RegionPrices) -> RenderableType:
    shown = table("Restore", "Option", "Per 1,000", "Per GB", "Wait", right=("Per 1,000", "Per GB"))
    for name, one in region.classes.items():
        for option, price in one.restores.items():
            shown.add_row(name, option, _plain(price.request * 1000), _plain(price.per_gb), price.wait)
    return shown


def _others(region: RegionPrices) -> Iterator[RenderableType]:
    if len(region.of("STANDARD").tiers) > 1:
        yield _labelled("STANDARD by volume", _tiers(region.of("STANDARD").tiers))
    tiers = ", ".join(f"{name} {_plain(amount)}" for name, amount in region.intelligent_tiers.items())
    yield _labelled("INTELLIGENT_TIERING", f"FA as STANDARD, {tiers}")
    yield _labelled("Out to the internet", _tiers(region.egress))
    for key, name in _FEES.items():
        fee = region.fees[key]
        per = f"{fee.per:,} of: " if fee.per > 1 else ""
        yield _labelled(
            name, f"{_plain(fee.price)} per {per}{fee.unit}{' (assumed)' if fee.is_assumed else ''}"
        )


def _labelled(name: str, text: str) -> Text:
    return Text.assemble((f"{name:<31}", ""), text)


def _tiers(tiers: Sequence[Tier]) -> str:
    return ", ".join(
        f"{_plain(tier.price)}" + (f" from {size(int(tier.from_gb) * GB)}" if tier.from_gb else "")
        for tier in tiers
    )


def changes(made: RefreshedRow) -> RenderableType:
    """List what a price list has otherwise; the implausible in red."""
    shown = table("Figure", "Was", "Is", right=("Was", "Is"))
    for change in made.changes:
        mark = Text(f"{printable(change.name)}{'  implausible' if change.is_implausible else ''}")
        shown.add_row(
            mark,
            "" if change.before is None else _plain(change.before),
            _plain(change.after),
            style="red" if change.is_implausible else "",
        )
    return shown


def _kept(made: RefreshedRow) -> list[RenderableType]:
    if not made.kept:
        return []
    return [Text(f"Not in the price list, so as before: {', '.join(made.kept)}", style="yellow")]


def figures(region: RegionPrices) -> Iterator[tuple[str, str]]:
    """Yield the names and amounts of a region's prices, for scripts."""
    for name, one in region.classes.items():
        for tier in one.tiers:
            yield f"{name}.gb_month.from_{tier.from_gb}_gb", amount_text(tier.price)
        yield f"{name}.put", amount_text(one.put)
        yield f"{name}.get", amount_text(one.get)
        if one.transition is not None:
            yield f"{name}.transition", amount_text(one.transition)
        yield f"{name}.retrieval_per_gb", amount_text(one.retrieval_per_gb)
        for option, price in one.restores.items():
            yield f"{name}.restore.{option}.request", amount_text(price.request)
            yield f"{name}.restore.{option}.per_gb", amount_text(price.per_gb)
    for tier in region.egress:
        yield f"egress.from_{tier.from_gb}_gb", amount_text(tier.price)
    for tier_name, amount in region.intelligent_tiers.items():
        yield f"INTELLIGENT_TIERING.{tier_name}.gb_month", amount_text(amount)
    for key, fee in region.fees.items():
        yield f"fee.{key}.per_{fee.per}", amount_text(fee.price)


def facts(region: RegionPrices) -> dict[str, Any]:
    """Return what ``--json`` says of a region's prices."""
    return {
        "region": region.requested,
        "prices_region": region.name,
        "prices_as_of": region.as_of,
        "source": region.source,
        "currency": region.currency,
        "prices": dict(figures(region)),
        "rules": {
            name: {
                "minimum_bytes": one.rules.minimum_bytes,
                "minimum_days": one.rules.minimum_days,
                "own_overhead_bytes": one.rules.own_overhead_bytes,
                "standard_overhead_bytes": one.rules.standard_overhead_bytes,
                "monitored_from_bytes": one.rules.monitored_from_bytes,
            }
            for name, one in region.classes.items()
        },
        "assumed": list(region.assumed.values()),
    }


def refresh_facts(made: RefreshedRow, *, dry_run: bool) -> dict[str, Any]:
    """Return what ``--json`` says of a refresh."""
    return {
        "dry_run": dry_run,
        "found": made.found,
        "as_of": made.row["as_of"],
        "kept": list(made.kept),
        "changes": [
            {
                "figure": change.name,
                "before": None if change.before is None else str(change.before),
                "after": str(change.after),
                "implausible": change.is_implausible,
            }
            for change in made.changes
        ],
    }


def _plain(amount: Decimal) -> str:
    """Return an amount without a currency: as the price list has it."""
    text = f"{amount.normalize():f}"
    return text if "." in text else f"{text}.00"
