"""The ``.env`` file: putting settings in it, and keeping every other line byte for byte.

Reading is `dotenv.values`'s. The file is replaced whole or not at all, and only its owner can read it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.files.local_files import write_private
from creative_s3.dotenv.lines import assignments
from creative_s3.dotenv.reading import decoded, lines_of, read_bytes
from creative_s3.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ASSIGNMENT = re.compile(r"\ufeff?[ \t]*(?:export[ \t]+)?[^=\s]+[ \t]*=[ \t]*")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]*")


@dataclass(frozen=True, slots=True)
class EnvFile:
    """A file as it would be.

    Attributes:
        path: Where it is, or will be.
        text: The whole new content.
        changed: The settings that get another value than they had there.
        kept: How many other lines stay.
        is_new: Whether there was no file.
    """

    path: Path
    text: str
    changed: tuple[str, ...]
    kept: int
    is_new: bool


def outvoted(values: Mapping[str, str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the settings that have another value in the environment, which wins over the file."""
    return tuple(name for name, value in values.items() if environment.get(name) not in {None, "", value})


def edited(path: Path, values: Mapping[str, str]) -> EnvFile:
    """Return an env file with these values set; nothing is written.

    Args:
        path: The file; it need not exist.
        values: Settings by their environment names. The last line that sets one is changed; the others stay.

    Raises:
        SettingsError: It is not UTF-8 text, or cannot be read.
    """
    content = read_bytes(path)
    text = decoded(path, content or b"")
    if content is not None and not path.is_file():
        raise SettingsError(
            f"{path} is a pipe or a device, and cannot be changed",
            item=str(path),
            hint="write a file of its own",
        )
    places = {one.name.upper(): one.line - 1 for one in assignments(path, text, values)}
    lines = lines_of(text)
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    changed: list[str] = []
    for name, value in values.items():
        if name not in places:
            if lines and not lines[-1].endswith("\n"):
                lines[-1] += ending
            lines.append(f"{name}={quoted(value)}{ending}")
            changed.append(name)
            continue
        place = places[name]
        match = _ASSIGNMENT.match(lines[place])
        line = f"{match[0] if match else f'{name}='}{quoted(value)}{ending}"
        if lines[place] != line:
            lines[place] = line
            changed.append(name)
    return EnvFile(
        path=path,
        text="".join(lines),
        changed=tuple(changed),
        kept=sum(bool(line.strip()) for line in lines) - len(values),
        is_new=content is None,
    )


def write(file: EnvFile) -> None:
    """Write the file, readable by its owner alone; a link stays a link.

    Raises:
        CreativeS3Error: It cannot be written.
    """
    write_private(file.path.resolve(), file.text.encode())


def quoted(value: str) -> str:
    """Return a value so that every program that reads env files, shells included, reads exactly it.

    Raises:
        SettingsError: There is no such form, as with a line break or with both kinds of quotation marks.
    """
    if _PLAIN.fullmatch(value):
        return value
    if not re.search(r"[\r\n\0]", value):
        if not re.search(r"'|\$\{|\\\\|\\$", value):
            return f"'{value}'"
        if not re.search(r"[\\\"$`]", value):
            return f'"{value}"'
    raise SettingsError(
        "the value cannot be written into an env file", item=value, hint="set it in the environment"
    )
