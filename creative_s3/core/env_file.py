"""The ``.env`` file: putting settings in it, and keeping every other line byte for byte.

Reading settings is `settings`'s. The file is replaced whole or not at all, and only its owner can read it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.files import write_private
from creative_s3.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ASSIGNMENT = r"(?P<before>\s*(?:export\s+)?{name}\s*=\s*)"
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
    text = ""
    is_new = not path.exists()
    if not is_new:
        try:
            text = path.read_bytes().decode("utf-8")
        except UnicodeDecodeError:
            raise SettingsError(
                f"{path} is not UTF-8 text", item=str(path), hint="save it as UTF-8"
            ) from None
        except OSError as error:
            raise SettingsError(
                f"{path} cannot be read: {error.strerror}", item=str(path), hint=f"ls -l {path}"
            ) from error
    lines = text.splitlines(keepends=True)
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    changed: list[str] = []
    for name, value in values.items():
        place = _last_assignment(lines, name)
        line = f"{name}={quoted(value)}{ending}"
        if place is None:
            if lines and not lines[-1].endswith(("\n", "\r")):
                lines[-1] += ending
            lines.append(line)
            changed.append(name)
        else:
            match = re.match(_ASSIGNMENT.format(name=name), lines[place])
            line = f"{match['before'] if match else f'{name}='}{quoted(value)}{ending}"
            if lines[place] != line:
                lines[place] = line
                changed.append(name)
    return EnvFile(
        path=path,
        text="".join(lines),
        changed=tuple(changed),
        kept=sum(bool(line.strip()) for line in lines) - len(values),
        is_new=is_new,
    )


def write(file: EnvFile) -> None:
    """Write the file, readable by its owner alone; a link stays a link.

    Raises:
        CreativeS3Error: It cannot be written.
    """
    write_private(file.path.resolve(), file.text.encode())


def quoted(value: str) -> str:
    """Return a value so that dotenv and a shell read exactly it.

    Raises:
        SettingsError: It has a line break or both kinds of quotation marks.
    """
    if _PLAIN.fullmatch(value):
        return value
    if "'" not in value and "\n" not in value and "\r" not in value and "\\" not in value:
        return f"'{value}'"
    raise SettingsError(
        "the value cannot be written into an env file", item=value, hint="set it in the environment"
    )


def _last_assignment(lines: list[str], name: str) -> int | None:
    pattern = re.compile(_ASSIGNMENT.format(name=name))
    found = [place for place, line in enumerate(lines) if pattern.match(line)]
    return found[-1] if found else None
