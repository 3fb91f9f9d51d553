"""Discoveries and catalogs as pictures. Pure; nothing is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from creative_s3.cli.text import count, printable, size
from creative_s3.cli.views.reports import ROWS_SHOWN, table

if TYPE_CHECKING:
    from pathlib import Path

    from creative_s3.core.catalog.state import CatalogState
    from creative_s3.core.discovery.discovered import Discovery, Found
    from creative_s3.core.discovery.rebuild import Rebuilt
    from creative_s3.core.discovery.recording import Recorded

# By the value of `core.discovery.discovered.Standing`.
_STYLES = {
    "known": "green",
    "new": "cyan",
    "changed": "yellow",
    "gone": "bold red",
    "foreign": "dim",
    "refused": "bold red",
}
_NAMES = {
    "known": "known",
    "new": "new in S3",
    "changed": "changed",
    "gone": "gone from S3",
    "foreign": "not ours",
    "refused": "refused",
}
_NEW_SHOWN = 10
_ALWAYS = frozenset({"known", "new", "changed", "gone"})


def discovery(found: Discovery, recorded: Recorded | None) -> RenderableType:
    """Show a discovery: one line a standing, the keys that are not simply known, and what follows."""
    shown = table("In S3", "Objects", "Size", right=("Objects", "Size"))
    for standing, amount in found.amounts.items():
        name = str(standing)
        if amount.count or name in _ALWAYS:
            shown.add_row(
                Text(_NAMES[name], style=_STYLES[name] if amount.count else "dim"),
                f"{amount.count:,}",
                size(amount.size_bytes) if amount.size_bytes else "",
            )
    parts: list[RenderableType] = [shown, Text("")]
    if found.found:
        parts += [_keys(found), Text("")]
    return Group(*parts, _verdict(found, recorded))


def _keys(found: Discovery) -> RenderableType:
    inside = f"{found.prefix}/" if found.prefix else ""
    listed = table(
        "State", "Size", f"Key below {inside}" if inside else "Key", "Asset", "Detail", right=("Size",)
    )
    # What needs somebody's eye comes first, and a million new objects do not hide it.
    new = [one for one in found.found if str(one.standing) == "new"]
    urgent = [one for one in found.found if str(one.standing) != "new"]
    rows = [*urgent[:ROWS_SHOWN], *new[:_NEW_SHOWN]]
    for one in rows:
        name = str(one.standing)
        listed.add_row(
            Text(_NAMES[name], style=_STYLES[name]),
            size(one.size_bytes) if one.size_bytes else "",
            Text(printable(one.key.removeprefix(inside))),
            Text(printable(", ".join(one.cache_keys))),
            Text(printable(_detail(one)), style="dim"),
        )
    more = len(found.found) - len(rows)
    return Group(listed, Text(f"… and {more:,} more: see --json", style="dim")) if more else listed


def _detail(one: Found) -> str:
    return f"{one.detail}; archived ({one.storage_class})" if one.is_archived else one.detail


def _verdict(found: Discovery, recorded: Recorded | None) -> Text:
    entries = len(found.newcomers) + len(found.others)
    news = [
        f"{count(entries, 'entry', 'entries')} in index.json" if entries else "",
        f"{count(len(found.cooled), 'known asset')} not on disk, cold" if found.cooled else "",
        f"{count(len(found.assignments), 'key')} of known assets" if found.assignments else "",
        f"{count(len(found.returned), 'cold asset')} back on disk" if found.returned else "",
    ]
    said = ", ".join(filter(None, news))
    if recorded is not None:
        return Text(f"Recorded: {said or 'nothing new'}. Nothing was downloaded.", "bold green")
    if said:
        return Text.assemble(("To record: ", "bold"), f"{said}. Nothing was changed yet.")
    differing = sum(found.amounts[name].count for name in found.amounts if str(name) in {"changed", "gone"})
    if differing:
        said = f"Nothing new to record, and {count(differing, 'object')} not as this cache knew it."
        return Text(said, "yellow")
    from creative_s3.core.discovery.discovered import Standing

    refused, foreign = len(found.of(Standing.REFUSED)), found.amounts[Standing.FOREIGN].count
    if refused:
        said = f"Nothing new to record, and {count(refused, 'object')} cannot become an entry."
        return Text(said, "yellow")
    others = f" but {count(foreign, 'object')} that are not of our layout" if foreign else ""
    return Text(f"This cache knows everything that is in the bucket{others}.", "bold green")


_SORTS = {
    "assets": "times that index.json names a file",
    "keys": "keys of assets",
    "proved": "objects proved",
    "seen": "objects seen",
    "files": "files with known checksums",
    "accesses": "days of use, by asset",
    "runs": "runs",
    "pending": "entries that index.json waits for",
}
RESCUED = {
    "access": "days of use, by asset",
    "daily": "daily counts",
    "run": "runs",
    "movement": "files demoted and brought back",
    "origin": "contents that files were sent or brought with",
    "change": "changes to objects",
    "invalidation": "requests to CloudFront",
    "journal": "entries for index.json",
    "assigned": "keys of assets",
}


def catalog_state(path: Path, state: CatalogState, *, exists: bool) -> RenderableType:
    """Show a catalog's state: what it holds, and whether it is whole."""
    if not exists:
        return Text(f"There is no catalog yet; the first upload makes it: {printable(str(path))}")
    shown = table("Catalog", "Number", right=("Number",))
    for name, number in state.counts.items():
        shown.add_row(_SORTS[name], f"{number:,}")
    if not state.problems:
        return Group(shown, Text(""), Text(f"It is whole: {printable(str(path))}", "bold green"))
    problems = [Text(printable(problem), style="red") for problem in state.problems]
    return Group(shown, Text(""), Text(f"It is damaged: {printable(str(path))}", "bold red"), *problems)


def rebuilt(made: Rebuilt) -> RenderableType:
    """Show what a rebuild kept, and what was lost."""
    lines: list[RenderableType] = []
    if made.set_aside:
        state = f"damaged: {made.problems[0]}" if made.problems else "not damaged"
        lines.append(_line("Old", f"{state}; set aside as {made.set_aside.name}"))
    lines.append(_line("Index", f"taken in; it names files {count(made.assets, 'time')}"))
    kept = [f"{number:,} {RESCUED[name]}" for name, number in made.rescued.items() if number]
    if made.set_aside:
        lines.append(_line("Kept", ", ".join(kept) or "nothing of the old one"))
    if made.pending:
        lines.append(_line("Pending", f"{count(made.pending, 'entry', 'entries')} written into index.json"))
    if made.discovery:
        cold = count(made.cold, "asset")
        lines.append(_line("Bucket", f"{count(made.proved, 'object')} proved again, {cold} in S3 only"))
    end = Text("The catalog is whole again.", "bold green")
    if made.incomplete:
        end = Text("The catalog is whole again. Not all of the old one could be read.", "bold yellow")
    return Group(*lines, Text(""), end)


def _line(title: str, text: str) -> Text:
    return Text.assemble((f"{title:<8} ", "bold"), printable(text))
