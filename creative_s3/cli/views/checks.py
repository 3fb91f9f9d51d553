"""What the checks of `doctor` and `bucket check` look like: a mark, a name, what was found, a remedy."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from creative_s3.cli.text import broken_command, count, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console, ConsoleOptions, RenderResult

    from creative_s3.cli.run import Run
    from creative_s3.core.checks.checks import Check
    from creative_s3.core.checks.doctor import Diagnosis

# By the value of `core.checks.checks.Status`, which is not imported while the program starts.
_MARKS: Final = {
    "ok": ("✓", "green"),
    "warning": ("!", "bold yellow"),
    "problem": ("✗", "bold red"),
    "not-tried": ("–", "dim"),  # noqa: RUF001 - the en dash is the mark
}
_HEADINGS: Final = {
    "settings": "Settings",
    "connection": "Connection",
    "bucket": "Bucket",
    "set-up": "Set-up of the bucket",
    "local": "This machine",
    "cdn": "Distribution",
}
_PROGRAMS: Final = (
    "aws ",
    "chmod ",
    "creative-s3 ",
    "eval ",
    "find ",
    "mv ",
    "pipx ",
    "timedatectl ",
    "ulimit ",
)
_INDENT: Final = 4
_ROOM_FOR_NAME: Final = 50
"""Narrower screens get the detail on a line of its own."""


def with_flags(diagnosis: Diagnosis, run: Run) -> Diagnosis:
    """Give the commands that mend something the options that this call was given."""
    return replace(
        diagnosis,
        checks=tuple(
            replace(check, fix=run.with_flags(check.fix)) if check.fix else check
            for check in diagnosis.checks
        ),
    )


def data_of(diagnosis: Diagnosis) -> dict[str, object]:
    """Return the form of ``--json``."""
    return {
        "checks": [
            {
                "group": check.group,
                "name": check.name,
                "status": check.status,
                "detail": check.detail,
                "fix": check.fix,
            }
            for check in diagnosis.checks
        ],
        "counts": {status.value: number for status, number in diagnosis.counts.items()},
    }


class ChecksView:
    """The report as a person sees it."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        self._diagnosis = diagnosis

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        checks = self._diagnosis.checks
        width = max(len(check.name) for check in checks)
        for group, members in groupby(checks, key=lambda check: check.group):
            yield Text(_HEADINGS[group.value], style="bold")
            for check in _folded(members):
                yield from _lines(check, width, options.max_width)
            yield Text()
        yield _summary(self._diagnosis)


def _folded(checks: Iterable[Check]) -> Iterator[Check]:
    """Make one line of neighbours that were not tried for one reason."""
    for (status, detail), run in groupby(checks, key=lambda check: (check.status, check.detail)):
        members = tuple(run)
        if status.value == "not-tried" and len(members) > 1 and not any(check.fix for check in members):
            names = ", ".join(check.name for check in members)
            yield replace(members[0], name="not tried", detail=f"{names}: {detail}")
        else:
            yield from members


def _lines(check: Check, name_width: int, screen_width: int) -> Iterator[Table | Padding]:
    mark, style = _MARKS[check.status.value]
    quiet = "dim" if check.status.value == "not-tried" else ""
    detail = Text(printable(check.detail), style=quiet, overflow="fold")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, width=1)
    if screen_width >= _ROOM_FOR_NAME:
        table.add_column(width=name_width)
        table.add_column(overflow="fold")
        table.add_row(Text(mark, style=style), Text(check.name), detail)
    else:
        table.add_column(overflow="fold")
        table.add_row(Text(mark, style=style), Text.assemble(check.name, ": ", detail))
    yield Padding(table, (0, 0, 0, 2), expand=False)
    if check.fix:
        yield Padding(_fix(check.fix, screen_width - _INDENT - 3), (0, 0, 0, _INDENT + 1), expand=False)


def _fix(fix: str, width: int) -> Table:
    """Show what to do; a command that is too long for the screen is broken so that a shell joins it again."""
    line, _, reason = printable(fix).partition("  # ")
    lines = list(broken_command(line, width)) if line.startswith(_PROGRAMS) else [line]
    text = Text("\n".join(lines), overflow="fold")
    if reason and len(lines[-1]) + len(reason) + 4 <= width:
        text.append(f"  # {reason}", style="dim")
    elif reason:
        remarks = (f"\n# {part}" for part in wrap(reason, max(width - 2, 1)))
        text.append("".join(remarks), style="dim")
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True, width=1)
    table.add_column(overflow="fold")
    table.add_row(Text("→", style="bold cyan"), text)
    return table


def _summary(diagnosis: Diagnosis) -> Text:
    numbers = {status.value: number for status, number in diagnosis.counts.items()}
    told = [
        (numbers["problem"], count(numbers["problem"], "problem"), "bold red"),
        (numbers["warning"], count(numbers["warning"], "warning"), "yellow"),
        (numbers["ok"], f"{numbers['ok']} ok", "green"),
        (numbers["not-tried"], f"{numbers['not-tried']} not tried", "dim"),
    ]
    return Text(", ").join(Text(words, style=style) for number, words, style in told if number)
