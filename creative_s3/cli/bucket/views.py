"""What the `bucket` commands show: changes with what goes, comes and stays; versions, uploads. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from creative_s3.cli.text import count, duration, printable, size
from creative_s3.cli.views.reports import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from rich.console import RenderableType

    from creative_s3.core.bucket.changes import Change, Done
    from creative_s3.core.bucket.setup import Part, SetupPlan
    from creative_s3.core.bucket.uploads import Abortion, UnfinishedUpload
    from creative_s3.core.bucket.versions import Version
    from creative_s3.errors import CreativeS3Error

_MARKS = {
    "unchanged": ("✓", "green", "is so already"),
    "proved": ("✓", "green", "done: S3 has it"),
    "different": ("✗", "bold red", "S3 accepted it, and has something else"),
}
_KEPT_SHOWN = 5


def changes(planned: Iterable[Change], left_out: Sequence[tuple[Part, str]] = ()) -> RenderableType:
    """Show what goes, what comes, and what of others stays."""
    parts: list[RenderableType] = []
    for change in planned:
        if not change.is_needed:
            parts.append(_line("✓", "green", _named(change), "is so already"))
            continue
        parts.append(
            _line("~", "bold yellow", _named(change), "would change" if change.before else "would be set")
        )
        parts += [Padding(_diff_line(line), (0, 0, 0, 4), expand=False) for line in change.diff]
        if change.kept:
            parts.append(Padding(Text(f"stays: {_some(change.kept)}", style="dim"), (0, 0, 0, 4)))
    parts += [_line("–", "dim", part.value, reason) for part, reason in left_out]  # noqa: RUF001 - the en dash is the mark
    return Group(*parts)


def results(
    done: Iterable[Done],
    failed: Iterable[tuple[Change, CreativeS3Error]] = (),
    left_out: Sequence[tuple[Part, str]] = (),
) -> RenderableType:
    """Show how each change ended."""
    parts: list[RenderableType] = []
    for one in done:
        mark, style, words = _MARKS[one.outcome.value]
        parts.append(_line(mark, style, _named(one.change), words))
        if one.outcome.value == "different":
            from creative_s3.core.bucket.changes import difference

            lines = difference(one.found, one.change.after)
            parts += [Padding(_diff_line(line), (0, 0, 0, 4), expand=False) for line in lines]
    for change, error in failed:
        parts.append(_line("✗", "bold red", _named(change), error.message))
        if error.hint:
            parts.append(Padding(Text(f"→ {printable(error.hint)}", style="cyan"), (0, 0, 0, 4)))
    parts += [_line("–", "dim", part.value, reason) for part, reason in left_out]  # noqa: RUF001 - the en dash is the mark
    return Group(*parts)


def plan(made: SetupPlan, *, creates: bool = False) -> RenderableType:
    """Show what a set-up would do."""
    parts: list[RenderableType] = []
    if creates:
        parts.append(_line("+", "bold green", made.bucket, "a new bucket"))
    return Group(*parts, changes(made.changes, made.left_out))


def versions(found: Sequence[Version]) -> RenderableType:
    """Show the versions of one key, the newest first."""
    if not found:
        return Text("There is nothing, and nothing was there.")
    shown = table("", "Version", "Written", "Size", "Class", right=("Size",))
    for number, one in enumerate(found):
        is_current = number == 0
        mark = Text("→" if is_current else "", style="bold cyan")
        amount = Text("deleted", style="yellow") if one.is_delete_marker else Text(size(one.size_bytes))
        shown.add_row(
            mark,
            Text(printable(one.version_id), overflow="fold"),
            Text(moment(one.last_modified)),
            amount,
            Text("" if one.is_delete_marker else one.storage_class),
        )
    return shown


def uploads(found: Sequence[UnfinishedUpload], now: datetime) -> RenderableType:
    """Show unfinished uploads with what their parts hold."""
    if not found:
        return Text("No unfinished uploads.")
    shown = table("Key", "Begun", "Parts hold", right=("Begun", "Parts hold"))
    for one in found:
        age = "?" if one.begun is None else f"{duration((now - one.begun).total_seconds())} ago"
        shown.add_row(Text(printable(one.key), overflow="fold"), age, size(one.size_bytes or 0))
    total = sum(one.size_bytes or 0 for one in found)
    return Group(shown, Text(), Text(f"{count(len(found), 'unfinished upload')}, {size(total)} of parts"))


def abortions(found: Sequence[Abortion]) -> RenderableType:
    """Show what became of uploads that were to be aborted."""
    parts = [_line("✗", "bold red", one.upload.key, one.error.message) for one in found if one.error]
    gone = [one.upload for one in found if one.error is None]
    total = sum(one.size_bytes or 0 for one in gone)
    return Group(*parts, Text(f"{count(len(gone), 'upload')} aborted, {size(total)} freed."))


def facts(rows: Mapping[str, str]) -> RenderableType:
    """Show names and values, one a line."""
    from rich.table import Table

    shown = Table.grid(padding=(0, 2))
    shown.add_column(style="bold", no_wrap=True)
    shown.add_column(overflow="fold")
    for name, value in rows.items():
        shown.add_row(name, Text(printable(value)))
    return shown


def moment(at: datetime | None) -> str:
    """Return a time to the second, in UTC."""
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M:%SZ")


def _named(change: Change) -> str:
    return change.aspect.label if change.bucket is None else f"{change.aspect.label} of {change.bucket}"


def _line(mark: str, style: str, name: str, words: str) -> Text:
    return Text.assemble((mark, style), " ", (printable(name), "bold"), ": ", printable(words))


def _diff_line(line: str) -> Text:
    style = "green" if line.startswith("+") else "red" if line.startswith("-") else "dim"
    return Text(printable(line), style=style, overflow="fold")


def _some(names: Sequence[str]) -> str:
    more = len(names) - _KEPT_SHOWN
    shown = ", ".join(printable(name) for name in names[:_KEPT_SHOWN])
    return shown + (f" and {more:,} more" if more > 0 else "")
