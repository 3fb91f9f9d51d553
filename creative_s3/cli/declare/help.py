"""The look of ``--help``: commands first, then options by their headings, then examples.

Typer has a look of its own; it loads a Markdown parser and a syntax highlighter for it, which costs as much
time as all the rest of the program's start.
"""

from __future__ import annotations

import inspect
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType
    from typer.core import TyperCommand, TyperGroup

WIDEST = 100
"""Columns; longer lines are hard to read."""
_NARROW = 60
_MARGIN = 2
_LEFT_MOST = 32
_NO_SHORT_FORM = " " * len("-n, ")

Row = tuple[Text, Text]


def render(command: TyperCommand | TyperGroup, context: Any, *, width: int) -> RenderableType:  # noqa: ANN401
    """Return a command's or group's help; `context` is Typer's, `width` is the screen's, in columns."""
    sections = [*_commands(command), *_parameters(command, context)]
    left = max((row[0].cell_len for _, rows in sections for row in rows), default=0)
    parts: list[RenderableType] = [_usage(command, context), *_purpose(command.help or "")]
    for title, rows in sections:
        parts += [
            Text(),
            Text(title, style="bold"),
            _rows(rows, min(left, _LEFT_MOST), narrow=width < _NARROW),
        ]
    if command.epilog:
        parts += [Text(), *_epilog(command.epilog)]
    return Group(*parts)


def _usage(command: TyperCommand | TyperGroup, context: Any) -> Text:  # noqa: ANN401
    pieces = ["[OPTIONS]"]
    for parameter in command.get_params(context):
        if parameter.param_type_name == "argument":
            name = _argument_name(parameter)
            pieces.append(name if parameter.required else f"[{name}]")
    if getattr(command, "commands", None):
        pieces.append("COMMAND")
    return Text("Usage: ", style="bold").append(" ".join([context.command_path, *pieces]), style="not bold")


def _purpose(help_text: str) -> Iterable[RenderableType]:
    for paragraph in inspect.cleandoc(help_text).split("\n\n"):
        yield Text()
        yield Text(paragraph)


def _commands(command: TyperCommand | TyperGroup) -> list[tuple[str, list[Row]]]:
    sections: defaultdict[str, list[Row]] = defaultdict(list)
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            purpose = (child.short_help or child.help or "").split("\n\n", 1)[0]
            title = child.rich_help_panel if isinstance(child.rich_help_panel, str) else "Commands"
            sections[title].append((Text(name, style="cyan"), Text(purpose.replace("\n", " "))))
    return sorted(sections.items(), key=lambda section: section[0] != "Commands")


def _parameters(command: TyperCommand | TyperGroup, context: Any) -> list[tuple[str, list[Row]]]:  # noqa: ANN401
    sections: dict[str, list[Row]] = {"Arguments": [], "Options": []}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None:  # a hidden one
            continue
        is_argument = parameter.param_type_name == "argument"
        panel = getattr(parameter, "rich_help_panel", None)
        title = panel if isinstance(panel, str) else "Arguments" if is_argument else "Options"
        names = Text(_argument_name(parameter), style="cyan") if is_argument else _option_names(record[0])
        explanation = _explanation(record[1])
        if names.cell_len > _LEFT_MOST:  # a long list of choices reads better as a sentence
            names, choices = _without_choices(names, parameter.name)
            explanation.append(f"  One of: {choices}.", style="dim")
        sections.setdefault(title, []).append((names, explanation))
    return [(title, rows) for title, rows in sections.items() if rows]


def _argument_name(parameter: Any) -> str:  # noqa: ANN401
    name = parameter.metavar or parameter.name.upper()
    return f"{name}..." if parameter.nargs != 1 and not name.endswith("...") else name


def _option_names(names: str) -> Text:
    """Colour ``-o, --output PATH``: the forms, then the kind of value if it takes one."""
    words = names.split(" ")
    forms = [word for word in words if word.startswith("-") or word == "/"]
    text = Text(_NO_SHORT_FORM if names.startswith("--") else "").append(" ".join(forms), style="cyan")
    kind = " ".join(words[len(forms) :]).removeprefix("<").removesuffix(">")
    return text.append(f" {kind}", style="dim") if kind else text


def _without_choices(names: Text, name: str) -> tuple[Text, str]:
    forms, _, kind = names.plain.rpartition(" ")
    return _option_names(f"{forms.strip()} {name.upper()}"), kind.replace("|", ", ")


def _explanation(text: str) -> Text:
    """Return the help with what stands in brackets at its end, such as a default, dimmed."""
    start = text.rfind("[") if text.endswith("]") else -1
    return Text(text) if start < 0 else Text(text[:start]).append(text[start:], style="dim")


def _rows(rows: Sequence[Row], left: int, *, narrow: bool) -> RenderableType:
    if narrow:
        return Group(
            *(Padding(Group(name, Padding(text, (0, 0, 0, _MARGIN))), (0, 0, 0, 1)) for name, text in rows)
        )
    table = Table.grid(padding=(0, 2, 0, 0), expand=False)
    table.add_column(width=left, overflow="fold")
    table.add_column()
    for row in rows:
        table.add_row(*row)
    return Padding(table, (0, 0, 0, _MARGIN), expand=False)


def _epilog(epilog: str) -> Iterable[RenderableType]:
    title, *lines = epilog.split("\n")
    yield Text(title, style="bold")
    for line in lines:
        is_command = line.startswith("     ")
        yield Text(line, style="cyan" if is_command else "")
