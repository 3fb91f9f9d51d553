"""The table of commands: what the engine knows of them without loading any.

It is made of the declarations and kept in ``table.json``; a test compares the two.
``python -m creative_s3.cli.completion.table`` writes it anew after an option or a command has changed.
"""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from typer.models import ArgumentInfo, OptionInfo

from creative_s3.cli.completion.engine import DIRECTORIES, FILES

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Iterator

    from typer import Typer

TABLE_PATH = Path(__file__).with_name("table.json")
_DIRECTORY = "DIR"
"""What an option that takes a directory calls its value."""
_HELP = {"names": ["--help", "-h"], "help": "Show what the command does, and its options"}


def table_of(app: Typer) -> dict[str, Any]:
    """Return what completion has to know of a root or group and of all below."""
    callback = app.registered_callback
    commands: dict[str, Any] = {}
    for command in app.registered_commands:
        if command.callback and command.name and not command.hidden:
            commands[command.name] = {
                "help": _sentence(command.help or ""),
                **_parameters(command.callback),
            }
    for group in app.registered_groups:
        below = group.typer_instance
        if below and isinstance(below.info.name, str):
            commands[below.info.name] = table_of(below)
    return {
        "help": _sentence(app.info.help if isinstance(app.info.help, str) else ""),
        **(_parameters(callback.callback) if callback and callback.callback else {}),
        "commands": commands,
    }


def text_of(value: Any, indent: str = "") -> str:  # noqa: ANN401 - JSON
    """Return a table, or a part of one, as it is kept: JSON with one option to a line."""
    inside = f"{indent} "
    if isinstance(value, dict) and any(isinstance(part, dict | list) for part in value.values()):
        if "names" not in value and "values" not in value:
            parts = (f"{json.dumps(name)}: {text_of(part, inside)}" for name, part in value.items())
            return "".join(("{\n", inside, f",\n{inside}".join(parts), f"\n{indent}}}"))
    elif isinstance(value, list) and any(isinstance(part, dict) for part in value):
        parts = (text_of(part, inside) for part in value)
        return "".join(("[\n", inside, f",\n{inside}".join(parts), f"\n{indent}]"))
    return json.dumps(value, ensure_ascii=False)


def _parameters(callback: Callable[..., Any]) -> dict[str, Any]:
    options: list[dict[str, Any]] = []
    arguments: list[dict[str, Any]] = []
    signature: inspect.Signature = callback.__signature__  # type: ignore[attr-defined]
    for parameter in signature.parameters.values():
        for info in getattr(parameter.annotation, "__metadata__", ()):
            described = _values(parameter.annotation.__origin__, info)
            if isinstance(info, OptionInfo):
                names = sorted(_names(info), key=lambda name: not name.startswith("--"))
                options.append({"names": names, **described})
            elif isinstance(info, ArgumentInfo):
                arguments.append(described)
    return {"options": [*options, _HELP]} | ({"arguments": arguments} if arguments else {})


def _names(info: OptionInfo) -> Iterator[str]:
    for declared in (info.default, *(info.param_decls or ())):
        if isinstance(declared, str):
            yield from declared.split("/")


def _values(annotation: Any, info: OptionInfo | ArgumentInfo) -> dict[str, Any]:  # noqa: ANN401 - a type's form
    """Return what a parameter is and takes."""
    kind, is_list = _without_list(_without_none(annotation))
    takes_value = kind is not bool
    described: dict[str, Any] = {"value": True} if takes_value and isinstance(info, OptionInfo) else {}
    if is_list:
        described["many"] = True
    if isinstance(info, OptionInfo) and info.hidden:
        described["hidden"] = True
    if get_origin(kind) is Literal:
        described["values"] = list(get_args(kind))
    elif isinstance(kind, type) and issubclass(kind, Enum):
        described["values"] = [str(member.value) for member in kind]
    elif "|" in (info.metavar or ""):
        described["values"] = str(info.metavar).split("|")
    elif info.autocompletion is not None:
        described["completer"] = info.autocompletion.__name__
    elif isinstance(kind, type) and issubclass(kind, PurePath):
        described["paths"] = DIRECTORIES if info.metavar == _DIRECTORY else FILES
    if info.help and "hidden" not in described:
        described["help"] = _sentence(info.help)
    return described


def _without_none(annotation: Any) -> Any:  # noqa: ANN401 - a type's form
    kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    return kinds[0] if type(None) in get_args(annotation) else annotation


def _without_list(annotation: Any) -> tuple[Any, bool]:  # noqa: ANN401 - a type's form
    is_list = get_origin(annotation) is list
    return (get_args(annotation)[0] if is_list else annotation), is_list


def _sentence(text: str) -> str:
    """Return the first sentence of a help, on one line and without its full stop."""
    first = " ".join(text.split("\n\n", 1)[0].split())
    return first.split(". ", 1)[0].removesuffix(".")


def main() -> None:
    """Write the table of the program's own commands."""
    from creative_s3.cli.app import app

    TABLE_PATH.write_text(f"{text_of(table_of(app))}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
