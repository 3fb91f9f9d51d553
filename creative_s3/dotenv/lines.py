"""What the lines of an env file are: the assignments, and the lines that set nothing.

An env file is read by several programs: python-dotenv, ``docker --env-file``, compose, and shells that
source it. What they agree on is read. What they read differently is refused with its line: a setting that
means one bucket here and another one there is worse than none. `dotenv.values` says what a value is,
`dotenv.reading` reads the file, and `core.env_file` writes it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.dotenv.reading import lines_of
from creative_s3.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

BLANK = r"[ \t]"
_ASSIGNMENT = re.compile(rf"{BLANK}*(?:export{BLANK}+)?(?P<name>[^=#\s'\"]+){BLANK}*=(?P<gap>{BLANK}*)")
_BARE = re.compile(rf"{BLANK}*(?:export{BLANK}+)?(?P<name>\w+){BLANK}*(?:#.*)?")
_OTHER_FILE = re.compile(rf"{BLANK}*(?:source|\.){BLANK}+\S")
_FIRST_WORD = re.compile(
    r"\W*(?:(?:export|set|setenv|unset|declare|typeset|local|readonly)\s+(?:-\w+\s+)?)?\W?(?P<name>\w+)"
)


@dataclass(frozen=True, slots=True)
class Assignment:
    """A line, or a few, that give a name a value.

    Attributes:
        name: As written.
        line: Where it begins; the first line is 1.
        lines: How many lines it has.
        quote: The quotation mark around the value; empty for none.
        raw: The value between the marks, or without its comment, as written.
        tail: What follows the closing mark.
    """

    name: str
    line: int
    lines: int
    quote: str
    raw: str
    tail: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A line that sets nothing, which some program may take for more.

    Attributes:
        line: Which one; the first line is 1.
        problem: What it is, without its text: that may be a secret.
    """

    line: int
    problem: str


def assignments(path: Path, text: str, ours: Collection[str]) -> tuple[Assignment, ...]:
    """Return the assignments of an env file, in their order, as `parsed` does."""
    return tuple(one for one in parsed(path, text, ours) if isinstance(one, Assignment))


def parsed(path: Path, text: str, ours: Collection[str]) -> tuple[Assignment | LeftOut, ...]:
    """Return the assignments of an env file and the lines that are left out, in their order.

    A bare name of another program's is neither: Docker gives it on, and nobody sets it.

    Args:
        path: For the messages.
        text: The whole text.
        ours: The names of settings, in capitals. A line that is about one of them and does not set it is
            refused; other lines that set nothing are another program's.

    Raises:
        SettingsError: A quotation mark is missing, or a line's meaning is not certain; names both.
    """
    lines = [line.removesuffix("\n").removesuffix("\r") for line in lines_of(text.removeprefix("\ufeff"))]
    found: list[Assignment | LeftOut] = []
    at = 0
    while at < len(lines):
        one = _assignment(path, lines, at, ours)
        if one is not None:
            found.append(one)
        elif problem := _left_out(lines[at], ours):
            found.append(LeftOut(at + 1, problem))
        at += 1 if one is None else one.lines
    return tuple(found)


def _left_out(line: str, ours: Collection[str]) -> str | None:
    """Say what a line is that sets nothing; None where it means nothing to any program."""
    if not line.strip() or line.lstrip().startswith("#"):
        return None
    if _OTHER_FILE.match(line):
        return "names another file, which only a shell reads"
    if (bare := _BARE.fullmatch(line)) is not None:
        name = bare["name"].upper()
        return f"names {name} and gives it no value" if name in ours else None
    return "is no assignment"


def refused(path: Path, line: int, name: str, problem: str, *, hint: str | None = None) -> SettingsError:
    """Return the error for a line of an env file; it never has the value."""
    return SettingsError(
        f"{path}, line {line}: {name} {problem}",
        item=name,
        hint=hint or f"correct line {line} of {path}, then run: creative-s3 config",
    )


def _assignment(path: Path, lines: list[str], at: int, ours: Collection[str]) -> Assignment | None:
    line = lines[at]
    if not line.strip() or line.lstrip().startswith("#"):
        return None
    match = _ASSIGNMENT.match(line)
    mentioned = _mentioned(line, ours)
    if match is None or (mentioned and match["name"].upper() != mentioned):
        if mentioned and _BARE.fullmatch(line) is None:
            raise refused(path, at + 1, mentioned, "is not set by this line", hint=f"write {mentioned}=VALUE")
        return None
    name, rest = match["name"], line[match.end() :]
    is_exported = match[0].lstrip().startswith(("export ", "export\t"))
    is_close = match[0].rstrip(" \t").removesuffix("=")[-1:] not in {" ", "\t"}
    is_read = name.upper() in ours and rest[:1] not in {"", "#"}
    if match["gap"] and is_read and (is_exported or is_close):
        problem = "is empty to a shell, for a blank follows its '='"
        raise refused(path, at + 1, name, problem, hint="leave the blank out")
    if rest[:1] in {"'", '"'}:
        return _quoted(path, lines, at, match, ours)
    raw = "" if match["gap"] and rest.startswith("#") else re.sub(rf"{BLANK}+#.*", "", rest)
    raw = raw.strip(" \t")
    if raw.endswith("\\"):
        raise refused(path, at + 1, name, "ends with a backslash: some programs read the next line, too")
    if other := re.search(rf"[\s;&]({'|'.join(map(re.escape, ours))})=", raw, re.IGNORECASE):
        raise refused(path, at + 1, other[1], "is set within another value", hint="write one setting a line")
    return Assignment(name, at + 1, 1, "", raw, "")


def _mentioned(line: str, ours: Collection[str]) -> str | None:
    """Return the setting that a line is about, whether or not it sets it."""
    first = _FIRST_WORD.match(line)
    if first and first["name"].upper() in ours:
        return first["name"].upper()
    if _ASSIGNMENT.match(line):
        return None
    inside = re.search(rf"(?<![\w-])({'|'.join(map(re.escape, ours))})[ \t]*[=:]", line, re.IGNORECASE)
    return inside[1].upper() if inside else None


def _quoted(path: Path, lines: list[str], at: int, match: re.Match[str], ours: Collection[str]) -> Assignment:
    name, begin, quote = match["name"], match.end() + 1, lines[at][match.end()]
    text = "\n".join((lines[at][begin:], *lines[at + 1 :]))
    inside = re.match(rf"(?:\\.|[^{quote}\\])*", text, re.DOTALL)
    raw = inside[0] if inside else ""
    count = raw.count("\n") + 1
    tail, _, _ = text[len(raw) + 1 :].partition("\n")
    swallows = any(_mentioned(line, ours) for line in lines[at + 1 : at + count])
    has_more = bool(tail.strip()) and not tail.lstrip().startswith("#")
    if text[len(raw) : len(raw) + 1] != quote or (
        count > 1 and (swallows or has_more or name.upper() in ours)
    ):
        raise refused(path, at + 1, name, f"lacks the closing quotation mark ({quote})")
    return Assignment(name, at + 1, count, quote, raw, tail)
