"""What an env file gives each setting: the value that every program reads there, or a refusal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.dotenv.lines import BLANK, Assignment, LeftOut, parsed, refused
from creative_s3.dotenv.reading import LARGEST_BYTES, decoded, read_bytes
from creative_s3.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path


_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}$`\\\"']*))?\}")
_EXPANDED = re.compile(r"\$(?=[A-Za-z0-9_{(*@#?$!'\"\0-])|`")
"""What a shell replaces and python-dotenv does not, where it is no reference of the usual form."""


@dataclass(frozen=True, slots=True)
class Value:
    """What an env file gives a setting, and the line that does."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class EnvValues:
    """What an env file says.

    Attributes:
        settings: The value of each setting that it sets, by its name in capitals.
        others: The lines of all other names that it sets, as written.
        left_out: The lines that set nothing, and what they are.
    """

    settings: Mapping[str, Value]
    others: Mapping[str, int]
    left_out: tuple[LeftOut, ...] = ()


def read(path: Path, ours: Collection[str], environment: Mapping[str, str]) -> EnvValues:
    """Read an env file; one that does not exist gives nothing.

    Args:
        path: The file, or a pipe, which is read once in a process.
        ours: The names of settings, in capitals.
        environment: What ``${NAME}`` means where the file itself does not set it before.

    Raises:
        SettingsError: It cannot be read, or programs would not agree on a line or a value; names line and
            setting.
    """
    content = read_bytes(path)
    if content is None:
        return EnvValues({}, {})
    lines = parsed(path, decoded(path, content), ours)
    found = [one for one in lines if isinstance(one, Assignment)]
    left_out = tuple(one for one in lines if isinstance(one, LeftOut))
    others = {one.name: one.line for one in found if one.name.upper() not in ours}
    return EnvValues(_values(path, found, ours, environment), others, left_out)


def _values(
    path: Path, found: Iterable[Assignment], ours: Collection[str], environment: Mapping[str, str]
) -> dict[str, Value]:
    """Return the value of each setting that the file sets, by its name in capitals; the last one counts."""
    last: dict[str, Assignment] = {}
    above: dict[str, str | SettingsError] = {}
    for one in found:
        try:
            above[one.name] = _value(path, one, above, environment)
        except SettingsError as error:
            above[one.name] = error  # no matter unless a setting is this one, or needs it
        if one.name.upper() in ours:
            last[one.name.upper()] = one
    given: dict[str, Value] = {}
    for name, one in last.items():
        text = above[one.name]
        if isinstance(text, SettingsError):
            raise text
        given[name] = Value(text, one.line)
    return given


def _value(
    path: Path, one: Assignment, above: Mapping[str, str | SettingsError], environment: Mapping[str, str]
) -> str:
    """Return the value that every program reads there."""
    if problem := _problem(one):
        raise refused(path, one.line, one.name, problem, hint="put the value in '…'")
    if one.quote == "'":
        return one.raw

    def meant(name: str, default: str | None) -> str:
        text = above[name] if name in above else environment.get(name)
        if isinstance(text, SettingsError):
            raise text
        if text is None and default is None:
            raise refused(path, one.line, one.name, f"needs {name}, which is not set")
        if not text and text is not None and default:
            problem = f"needs {name}, which is empty: programs differ on its default then"
            raise refused(path, one.line, one.name, problem)
        return (default or "") if text is None else text

    value = "".join(
        meant(match["name"], match["default"])
        if (match := _REFERENCE.fullmatch(piece))
        else _unescaped(piece, one.quote)
        for piece in re.split(r"(\$\{[^}]*\})", one.raw)
    )
    if len(value) > LARGEST_BYTES:
        raise refused(path, one.line, one.name, "is too long")
    return value


def _problem(one: Assignment) -> str | None:
    """Say why programs would differ on this value, if they would."""
    raw, form = one.raw, None
    if not re.fullmatch(rf"{BLANK}+#.*|{BLANK}*", one.tail):
        return "has more after the closing quotation mark"
    if one.quote != "'" and _EXPANDED.search(_REFERENCE.sub("\0", raw)):
        return "has a $ or ` that only some programs replace; all replace ${NAME}"
    if one.quote:
        pattern = r"\$\{|\\[\\']" if one.quote == "'" else r"\\[abfnrtv'$`]"
        form = re.search(pattern, raw if one.quote == "'" else raw.replace("\\\\", ""))
    elif raw != raw.strip():
        return "begins or ends with a blank that is no space"
    elif re.search(r"\s", raw):
        return "has blanks and stands in no quotes"
    else:
        form = re.search(r"[\\'\";&|<>()]|(?:^|:)~", raw)
    where = {"": "without quotes", "'": "in single quotes", '"': "in double quotes"}[one.quote]
    return f"has {form[0]} {where}, which programs read differently" if form else None


def _unescaped(text: str, quote: str) -> str:
    return re.sub(r"\\([\\\"])", r"\1", text) if quote else text
