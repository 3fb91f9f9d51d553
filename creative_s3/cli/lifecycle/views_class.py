"""What `lifecycle class` shows: a plan with its price, and what became of it. Pure."""

from __future__ import annotations

from collections import Counter
from os.path import commonprefix
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from creative_s3.cli.text import count, printable, size
from creative_s3.cli.views.costs import compared, planned
from creative_s3.cli.views.reports import PROOF_NAMES, failures, table
from creative_s3.core.classes.plan import LEFT_OUT
from creative_s3.core.costs.pricing import money

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from creative_s3.core.classes.changes import ClassChanged
    from creative_s3.core.classes.plan import ClassPlan, Refused
    from creative_s3.core.costs.bills import Bill
    from creative_s3.core.costs.pricing import ClassRules, RegionPrices

_SHOWN = 10
_YEAR_MONTHS = 12


def plan(made: ClassPlan, region: RegionPrices) -> RenderableType:
    """Show which objects move, what that costs once, and what it saves."""
    if not made.changes:
        said = "Nothing to do"
        if made.settled:
            said += f": {count(len(made.settled), 'object')} in {made.target} already"
        return Group(Text(f"{said}."), *_refused(made.refused))
    shown = table("From", "Objects", "Size", "To", right=("Objects", "Size"))
    for name, (number, size_bytes) in made.by_class.items():
        shown.add_row(printable(name), f"{number:,}", size(size_bytes), made.target)
    parts: list[RenderableType] = [shown, Text("")]
    largest = sorted(made.changes, key=lambda stored: -stored.size_bytes)[:_SHOWN]
    # Keys of one prefix are told by their ends.
    common = commonprefix([stored.key for stored in made.changes])  # noqa: RUF071 - keys are no paths
    common = common.rpartition("/")[0]
    listed = table("Size", f"Key below {printable(common)}/" if common else "Key", right=("Size",))
    for stored in largest:
        short = stored.key.removeprefix(f"{common}/") if common else stored.key
        listed.add_row(size(stored.size_bytes), printable(short), style="dim")
    parts.append(listed)
    if len(made.changes) > _SHOWN:
        parts.append(Text(f"and {count(len(made.changes) - _SHOWN)} smaller ones", style="dim"))
    parts += [Text(""), planned(made.bill), _storage(made)]
    if made.early:
        parts.append(
            Text(
                f"       {count(made.early, 'object')} billed for leaving a class before its minimum days",
                style="yellow",
            )
        )
    if region.is_fallback:
        parts.append(Text(f"No prices are known for {region.requested}.", style="yellow"))
    parts += [Text("Not in these figures: ", style="dim").append(" ".join(LEFT_OUT)), *_refused(made.refused)]
    return Group(*parts)


def _storage(made: ClassPlan) -> Text:
    saved = made.monthly_before - made.monthly_after
    text = Text.assemble(
        ("Month  ", "bold"), f"{money(made.monthly_before)} now, {money(made.monthly_after)} in {made.target}"
    )
    months = made.months_to_repay
    if months is None:
        more = "saves nothing" if not saved else f"costs {money(-saved)} more each month"
        return text.append(f"; this {more}", style="yellow")
    if months > _YEAR_MONTHS:
        return text.append(f"; pays for itself after {months / _YEAR_MONTHS:.1f} years", style="yellow")
    return text.append(f"; pays for itself after {months:.1f} months", style="green")


def notices(made: ClassPlan, rules: ClassRules, *, is_versioned: bool) -> tuple[str, ...]:
    """Return what somebody must know besides the numbers, as sentences."""
    if not made.changes:
        return ()
    said = []
    if rules.is_archive:
        said.append(f"in {made.target} they cannot be read before a restore: {rules.first_byte}")
    if rules.caution:
        said.append(f"{made.target}: {rules.caution}")
    if made.dearer:
        said.append(
            f"{count(made.dearer, 'object')} cost more in {made.target} than now, because of their size"
        )
    if rules.minimum_days:
        said.append(f"whoever deletes or moves them sooner pays for {rules.minimum_days} days")
    if is_versioned:
        said.append("the bucket keeps versions: what is replaced stays, and is billed, until it expires")
    said.append("a copy is a new object to S3: lifecycle rules count its age from now on")
    return tuple(said)


def proofs(results: Sequence[ClassChanged]) -> dict[str, int]:
    """Count the changed objects by how they were proved."""
    return dict(Counter(str(result.proof) for result in results if result.proof))


def outcome(made: ClassPlan, results: Sequence[ClassChanged], sent: Bill) -> RenderableType:
    """Show what became of a plan."""
    done = [result for result in results if result.proof]
    total = sum(result.before.size_bytes for result in done)
    ways = ", ".join(f"{number:,} by {PROOF_NAMES[way]}" for way, number in proofs(results).items())
    lines: list[RenderableType] = [
        Text.assemble(
            ("Moved    ", "bold"),
            (f"{count(len(done), 'object')}, {size(total)}", "bold green"),
            f" to {made.target}",
        ),
        Text.assemble(("Proved   ", "bold"), ways or "none"),
        compared(sent, made.bill),
    ]
    already = len(made.settled) + sum(result.after is not None and not result.proof for result in results)
    if already:
        lines.insert(
            1, Text.assemble(("There    ", "bold"), f"{count(already, 'object')} in this class already")
        )
    failed = [
        *((one.key, one.error.message, one.error.hint) for one in made.refused),
        *((one.before.key, one.error.message, one.error.hint) for one in results if one.error),
    ]
    return Group(*lines, *([Text(""), failures(failed)] if failed else []))


def _refused(refused: Sequence[Refused]) -> list[RenderableType]:
    if not refused:
        return []
    return [Text(""), failures((one.key, one.error.message, one.error.hint) for one in refused)]
