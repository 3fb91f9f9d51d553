"""What the `tiers` commands show: plans and reports of the core as rich renderables. Pure.

A plan is a table. Elsewhere a file is two lines: what moves, with the name at the end and never cut; and why,
which may be wrapped.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from creative_s3.cli.text import count, printable, size
from creative_s3.core.costs.pricing import money
from creative_s3.core.tiers.reasons import briefly, days, evidence_of, explain, held_because
from creative_s3.core.tiers.report import count_by_hold
from creative_s3.core.tiers.restoring import RestoreState
from creative_s3.core.tiers.status import Risk
from creative_s3.core.tiers.tiers import Action, TierFile, TierPlan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import RenderableType

    from creative_s3.core.tiers.movements import RunSummary
    from creative_s3.core.tiers.pins import Pins
    from creative_s3.core.tiers.report import Settled, TierReport
    from creative_s3.core.tiers.restoring import Restore
    from creative_s3.core.tiers.status import AtRisk, TierStatus
    from creative_s3.core.tiers.tiers import Move, Outlook
    from creative_s3.errors import CreativeS3Error

_MOST = 50
_RISKS: Mapping[Risk, str] = {
    Risk.UNPROVED: "on local disk only: no copy in S3 was proved",
    Risk.CHANGED: "on local disk and changed since they were proved in S3",
    Risk.LOST: "in S3 only, and their objects are gone",
    Risk.MISSING: "neither on local disk nor recorded as in S3 only",
    Risk.ARCHIVED: "in S3 only and archived: a restore comes first",
    Risk.EXPIRING: "in S3 only, and a lifecycle rule will delete them",
    Risk.ARCHIVING: "in S3 only, and a lifecycle rule will archive them",
}
_RESTORES = {
    RestoreState.NEEDED: "needs a restore",
    RestoreState.UNDER_WAY: "being restored already",
    RestoreState.READABLE: "can be read now",
}
_ASKED = {
    RestoreState.NEEDED: "asked for",
    RestoreState.UNDER_WAY: "being restored already",
    RestoreState.READABLE: "can be read now",
}
_GRAVE = frozenset({Risk.LOST, Risk.EXPIRING})


def plan(made: TierPlan) -> RenderableType:
    """Show what a run would do, file by file."""
    parts: list[RenderableType] = []
    if made.demotions:
        title = f"Goes: {_amount(len(made.demotions), made.freed_bytes)}"
        parts += [_moves(title, made.demotions, made), Text()]
    if made.promotions:
        title = f"Comes back: {_amount(len(made.promotions), made.brought_bytes)}"
        parts += [_moves(title, made.promotions, made), Text()]
    if not parts:
        going = "Nothing may go" if made.shortfall_bytes or made.held else "Nothing has to go"
        parts = [Text(f"{going}, and nothing has to come back."), Text()]
    if made.held:
        parts += [_held(file for files in made.held.values() for file in files), Text()]
    return Group(*parts, _room(made.outlook))


def report(done: TierReport) -> RenderableType:
    """Show what a run did."""
    lines: list[RenderableType] = []
    for number, size_bytes, verb in (
        (done.demoted, done.demoted_bytes, "Removed from local disk, proved in S3"),
        (done.promoted, done.promoted_bytes, "Brought back and verified"),
    ):
        if number:
            lines.append(
                Text("✓ ", style="green").append(f"{verb}: {_amount(number, size_bytes)}", "default")
            )
    stayed = [item for item in done.settled if not item.done]
    if stayed:
        lines += [Text(f"Stayed as they were: {count(len(stayed), 'file')}", style="bold"), _settled(stayed)]
    if done.held:
        lines.append(_held(done.held))
    return Group(*lines) if lines else Text("Nothing had to be moved.")


def asked(moves: Sequence[Move]) -> RenderableType:
    """Show what would be done with files that somebody named."""
    if not moves:
        return Text("Nothing would be moved.")
    lines: list[RenderableType] = []
    for move in moves[:_MOST]:
        lines.append(_line(move.file))
        if move.action is Action.DEMOTE and not move.file.is_hot:
            said = "it is not on local disk"
        elif move.action is Action.PROMOTE and move.file.is_hot:
            said = "it is on local disk already"
        elif move.action is Action.DEMOTE and move.file.hold:
            said = f"may have to stay: {held_because(move.file)}"
        elif move.action is Action.DEMOTE:
            said = f"would go; comes back {_return(move)}"
        else:
            said = f"would come back, for {money(move.price)}"
        lines.append(_because(said))
    return Group(*lines, *_more(len(moves)))


def explained(made: TierPlan, files: Sequence[TierFile]) -> RenderableType:
    """Show what is decided about some files, with the facts behind it."""
    lines: list[RenderableType] = []
    for file in files:
        where = "on local disk" if file.is_hot else "in S3 only" if file.is_cold else "nowhere that is known"
        known_size = f", {size(file.size_bytes)}" if file.is_hot or file.key else ""
        uses = "no use recorded"
        if file.uses:
            uses = (
                f"{count(file.uses, 'use')} recorded, {count(file.recent_uses)} of them in the last 30 days"
            )
        stored = f"object {file.key}, {file.storage_class}" if file.key else "no object"
        lines += [
            Text(printable(file.cache_keys[0]), style="bold"),
            _because(explain(made, file)),
            _because(f"{where}{known_size}, {evidence_of(file, made.now)}, {uses}"),
            _because(f"{stored}; file {file.file_path}"),
        ]
    return Group(*lines)


def status(found: TierStatus) -> RenderableType:
    """Show how the tiers stand."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("Kind", no_wrap=True)
    for name in ("Hot", "On disk", "Cold", "In S3 only"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.kinds:
        table.add_row(
            one.kind,
            count(one.hot.files),
            size(one.hot.size_bytes),
            count(one.cold.files),
            size(one.cold.size_bytes),
        )
    table.add_section()
    table.add_row(
        "total",
        count(sum(one.hot.files for one in found.kinds)),
        size(sum(one.hot.size_bytes for one in found.kinds)),
        count(sum(one.cold.files for one in found.kinds)),
        size(sum(one.cold.size_bytes for one in found.kinds)),
        style="bold",
    )
    parts: list[RenderableType] = [table, Text(), _room(found.outlook, unindexed=found.unindexed_bytes)]
    would = found.outlook
    if would.demotions.files or would.promotions.files:
        parts.append(Text(f"A run would {_said(would)}."))
    now = found.now
    if found.coldest:
        parts += [Text(), Text("Longest unused", style="bold")]
        parts += [_short(file, f"{days(file.idle_days(now))}") for file in found.coldest]
    if found.hottest:
        parts += [Text(), Text("Used most in the last 30 days", style="bold")]
        parts += [_short(file, count(file.recent_uses, "use")) for file in found.hottest]
    if found.risks:
        parts += [Text(), Text("At risk", style="bold"), *map(_risk, found.risks)]
    if not found.is_deep:
        parts.append(Text("The bucket was not listed; --deep looks for the objects.", style="dim"))
    return Group(*parts)


def log(runs: Sequence[RunSummary]) -> RenderableType:
    """Show earlier runs."""
    if not runs:
        return Text("No run has moved anything yet.")
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("Run", justify="right", no_wrap=True)
    table.add_column("When (UTC)", no_wrap=True)
    table.add_column("Command", overflow="fold")
    for name in ("Demoted", "Still cold", "Promoted"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in runs:
        table.add_row(
            str(one.run),
            one.at[:16].replace("T", " "),
            printable(one.command),
            f"{count(one.demoted)} ({size(one.demoted_bytes)})" if one.demoted else "-",
            count(one.still_cold) if one.demoted else "-",
            f"{count(one.promoted)} ({size(one.promoted_bytes)})" if one.promoted else "-",
        )
    return table


def pins(now: Pins, changed: int, *, asked: bool) -> RenderableType:
    """Show what is pinned."""
    lines: list[RenderableType] = []
    if asked:
        lines.append(Text(f"{count(changed, 'pin')} changed" if changed else "Nothing changed"))
    if not now:
        return Group(*lines, Text("Nothing is pinned."))
    lines += [Text(f"campaign  {printable(name)}") for name in sorted(now.campaigns)]
    keys = sorted(now.keys)
    lines += [Text(f"asset     {printable(name)}") for name in keys[:_MOST]]
    return Group(*lines, *_more(len(keys)))


def restores(
    found: Sequence[Restore],
    errors: Mapping[str, CreativeS3Error],
    days_readable: int,
    *,
    done: bool = False,
    is_back: bool = False,
) -> RenderableType:
    """Show what restoring objects takes, or what was asked for."""
    said = _ASKED if done else _RESTORES
    lines: list[RenderableType] = []
    shown = [one for one in found if one.stored.key not in errors]
    for one in shown[:_MOST]:
        price = "" if one.price is None else f", {money(one.price)}"
        wait = "" if is_back or str(one.state) == "readable" else f", {one.wait}"
        state = "can be read now" if is_back else said[one.state]
        lines += [
            Text(f"{size(one.stored.size_bytes):>11}  ").append(printable(one.stored.key)),
            _because(f"{one.stored.storage_class}: {state}{price}{wait}"),
        ]
    for key, error in errors.items():
        lines += [
            Text(f"{'-':>11}  ").append(printable(key)),
            _because(f"{error.message}; {error.hint or ''}"),
        ]
    needed = [one for one in shown if str(one.state) == "needed"]
    if needed and not done:
        lines.append(
            Text(
                f"The copies can be read for {count(days_readable, 'day')}; their storage is priced, too",
                style="dim",
            )
        )
    return Group(*lines, *_more(len(shown)))


def restore_price(needed: Sequence[Restore]) -> str:
    """Return what restores cost together."""
    return money(sum((one.price for one in needed if one.price is not None), start=Decimal(0)))


def facts(file: TierFile) -> dict[str, Any]:
    """Return what ``--json`` says of a file."""
    return {
        "cache_key": file.cache_keys[0],
        "cache_keys": list(file.cache_keys),
        "file_path": file.file_path,
        "key": file.key,
        "kind": file.kind,
        "size_bytes": file.size_bytes,
        "place": "hot" if file.is_hot else "cold" if file.is_cold else "missing",
        "storage_class": file.storage_class,
        "last_used_at": file.last_used_at,
        "uses": file.uses,
        "recent_uses": file.recent_uses,
    }


def _moves(title: str, moves: Sequence[Move], made: TierPlan) -> RenderableType:
    # The columns are close together: a name that is cut in two cannot be copied from the screen.
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("Size", justify="right", no_wrap=True)
    table.add_column("Class", no_wrap=True)
    table.add_column("Back", max_width=12)
    table.add_column("Price", justify="right", no_wrap=True)
    table.add_column("Asset, and why", overflow="fold")
    for move in moves[:_MOST]:
        table.add_row(
            size(move.file.size_bytes),
            move.file.storage_class,
            move.wait,
            money(move.price),
            Text(printable(move.file.cache_keys[0])).append(
                f"\n  {printable(briefly(move, made.now))}", style="dim"
            ),
        )
    return Group(Text(title, style="bold"), table, *_more(len(moves)))


def _settled(items: Sequence[Settled]) -> RenderableType:
    lines: list[RenderableType] = []
    for item in items[:_MOST]:
        lines += [_line(item.file), _because(item.reason)]
        if item.error and item.error.hint:
            lines.append(_because(f"→ {item.error.hint}"))
    return Group(*lines, *_more(len(items)))


def _held(files: Iterable[TierFile]) -> RenderableType:
    every = list(files)
    lines: list[RenderableType] = [Text(f"Due, and stays: {count(len(every), 'file')}", style="bold")]
    examples = {file.hold: file for file in reversed(every)}
    for hold, (number, size_bytes) in count_by_hold(every).items():
        example = examples[hold]
        because = held_because(example._replace(detail=""))
        lines.append(_because(f"{_amount(number, size_bytes)}: {because}"))
        lines.append(_because(f"  {_such_as(example, example.detail)}"))
    return Group(*lines)


def _room(made: Outlook, *, unindexed: int = 0) -> RenderableType:
    policy, room = made.policy, made.room
    text = f"Cache directory: {size(room.used_bytes)}"
    if made.demotions.files or made.promotions.files:
        text += f", afterwards {size(made.used_bytes)}"
    if policy.limit_bytes is not None:
        text += f"; limit {size(policy.limit_bytes)}"
    if unindexed:
        text += f"; {size(unindexed)} of it in no index entry"
    text += f"; {size(room.free_bytes)} free on the disk"
    if policy.min_free_bytes is not None:
        text += f", {size(policy.min_free_bytes)} wanted"
    lines: list[RenderableType] = [Text(text)]
    if made.shortfall_bytes:
        lines.append(
            Text(f"{size(made.shortfall_bytes)} more would have to go, and nothing else may.", "yellow")
        )
    return Group(*lines)


def _said(would: Outlook) -> str:
    """Say what a run would do, without what it would not."""
    moves = (("remove", would.demotions), ("bring back", would.promotions))
    return " and ".join(f"{verb} {_amount(one.files, one.size_bytes)}" for verb, one in moves if one.files)


def _line(file: TierFile) -> Text:
    return Text(f"{size(file.size_bytes):>11}  ", style="default").append(printable(file.cache_keys[0]))


def _short(file: TierFile, said: str) -> Text:
    line = Text(f"{said:>12}  ", style="default").append(f"{size(file.size_bytes):>10}  ", style="dim")
    return line.append(printable(file.cache_keys[0]), style="default not dim")


def _risk(one: AtRisk) -> RenderableType:
    style = "red" if one.risk in _GRAVE else "yellow"
    files, size_bytes = one.amount.files, one.amount.size_bytes
    amount = (
        _amount(files, size_bytes) if size_bytes else count(files, "file")
    )  # of what is lost, 0 says nothing
    text = Text("! ", style=style).append(f"{amount} {_RISKS[one.risk]}", style="default")
    return Group(text, _because(_such_as(one.example, one.detail)))


def _such_as(example: TierFile, detail: str) -> str:
    """Name one of many, with what is said of it besides its name."""
    name = example.cache_keys[0]
    return f"such as {name}" + (f" ({detail})" if detail and detail != name else "")


def _because(text: str) -> RenderableType:
    return Padding(Text(printable(text), style="dim"), (0, 0, 0, 4), expand=False)


def _return(move: Move) -> str:
    return f"{'after a restore, ' if move.hours else ''}{move.wait}, for {money(move.price)}"


def _amount(number: int, size_bytes: int) -> str:
    return f"{count(number, 'file')} ({size(size_bytes)})"


def _more(number: int) -> tuple[Text, ...]:
    if number <= _MOST:
        return ()
    return (Text(f"and {count(number - _MOST)} more; --json names all of them", style="dim"),)
