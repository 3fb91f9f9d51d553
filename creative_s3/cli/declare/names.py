"""Names on the way between commands: one a line or before each NUL, into ``-`` and out of ``--quiet``."""

from __future__ import annotations

import codecs
import sys
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from creative_s3.cli.terminal import is_terminal
from creative_s3.cli.text import PROGRAM, count, printable
from creative_s3.errors import ExitCode, ItemError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from creative_s3.cli.run import Run
    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.search.finder import Finder
    from creative_s3.errors import CreativeS3Error

STDIN = "-"
_BLOCK_BYTES = 1 << 16
_LONGEST_NAME_BYTES = 1 << 20
"""A key has at most 1,024 bytes, a cache key may be longer."""


class UnwritableNameError(ItemError):
    """A name cannot be a line of text, so that the next command would read another one."""

    code = "unwritable-name"


def names_of(given: Sequence[str], run: Run) -> list[str]:
    """Return the names that were given, each once, those on standard input in the place of ``-``.

    Raises:
        UsageError: Standard input is a terminal, is no list of names, or names nothing.
    """
    names: dict[str, None] = {}
    for one in dict.fromkeys(given):
        names.update(dict.fromkeys(_names_from_stdin(run)) if one == STDIN else {one: None})
    return list(names)


def as_lines(names: Iterable[str], run: Run) -> Iterator[str]:
    """Yield the names that can be lines; with ``--null``, all of them.

    Args:
        names: Such as cache keys.
        run: The command that prints them.

    Raises:
        UnwritableNameError: Some could not; raised after all others were yielded.
    """
    if run.output.look.null:
        yield from names
        return
    refused: list[str] = []
    for name in names:
        if printable(name) == name:
            yield name
        else:
            refused.append(name)
    if refused:
        raise UnwritableNameError(
            f"{count(len(refused), 'name')} left out: a line break or another control character is in "
            f"{'it' if len(refused) == 1 else 'them'}",
            item=refused[0],
            hint=f"{run.again} --json  # has every name whole; -0 ends each with NUL, and `- -0` reads them",
        )


@dataclass(frozen=True, slots=True)
class Misses:
    """Names that mean no object, each with why."""

    errors: dict[str, CreativeS3Error]

    @property
    def exit_code(self) -> ExitCode:
        """What the process should end with: the one code that they all have, else that some items failed."""
        codes = {error.exit_code for error in self.errors.values()}
        return ExitCode.OK if not codes else codes.pop() if len(codes) == 1 else ExitCode.ITEMS_FAILED

    def to_plain(self) -> list[dict[str, str | None]]:
        """Return the form of ``--json``."""
        return [
            {"key": name, "code": error.code, "message": error.message, "hint": error.hint}
            for name, error in self.errors.items()
        ]


def look_up(run: Run, finder: Finder, names: Iterable[str]) -> tuple[list[StoredObject], Misses]:
    """Find the objects that names mean; for people, say at once which of them mean none.

    Raises:
        CreativeS3Error: Nothing can be found any more, such as without valid credentials.
    """
    from creative_s3.core.faults.translation import ends_run
    from creative_s3.errors import CreativeS3Error

    objects: list[StoredObject] = []
    errors: dict[str, CreativeS3Error] = {}
    for name, found in finder.find_all(dict.fromkeys(names), workers=run.config.max_parallel_uploads):
        if not isinstance(found, CreativeS3Error):
            objects.append(found)
        elif ends_run(found):
            raise found
        else:
            errors[name] = found
            if not run.output.look.json:
                run.output.fail(run.command, found)
    return objects, Misses(errors)


def _names_from_stdin(run: Run) -> Iterator[str]:
    """Yield one name a line, or with ``--null`` one before each NUL; an empty one names nothing.

    Blanks at the ends of a name belong to it; the end of a line may be Windows'. Bytes that are no UTF-8 stay
    in the name, which then means no object and is reported as missing.

    Raises:
        UsageError: It is a terminal, is UTF-16 or has NULs without ``--null``, or names nothing.
    """
    again = f"{PROGRAM} {run.command} {STDIN}"
    example = f"{PROGRAM} assets find --campaign NAME -q | {again}"
    if is_terminal(sys.stdin):
        raise UsageError(f"{STDIN} reads names from a pipe or a file, and this is a terminal", hint=example)
    end = b"\0" if run.output.look.null else b"\n"
    is_empty = True
    for number, piece in enumerate(_pieces(sys.stdin.buffer if sys.stdin else None, end)):
        name = piece
        if number == 0:
            if name.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                raise _utf16(again)
            name = name.removeprefix(codecs.BOM_UTF8)
        if end == b"\n":
            if b"\0" in name:
                if _looks_like_utf16(name):
                    raise _utf16(again)
                raise UsageError("the names on standard input end with NUL", hint=f"{again} --null")
            name = name.removesuffix(b"\r")
        if name:
            is_empty = False
            yield name.decode("utf-8", "surrogateescape")
    if is_empty:
        raise UsageError(f"standard input has no names for {STDIN}", hint=f"{example}  # one name a line")


def _pieces(stream: IO[bytes] | None, end: bytes) -> Iterator[bytes]:
    """Yield what stands before each `end`, and after the last."""
    rest = b""
    while stream and (block := stream.read(_BLOCK_BYTES)):
        *whole, rest = (rest + block).split(end)
        yield from whole
        if len(rest) > _LONGEST_NAME_BYTES:
            raise UsageError(
                f"standard input is no list of names: one has more than {_LONGEST_NAME_BYTES // 1024} KiB",
                hint=f"{PROGRAM} assets find -q  # prints such a list",
            )
    if rest:
        yield rest


def _looks_like_utf16(name: bytes) -> bool:
    """Tell whether every other byte is NUL, as in ASCII names written as UTF-16."""
    return len(name) > 1 and (not any(name[1::2]) or not any(name[::2]))


def _utf16(again: str) -> UsageError:
    return UsageError(
        "the names on standard input are UTF-16, not UTF-8 text",
        hint=f"iconv -f UTF-16 -t UTF-8 FILE | {again}",
    )
