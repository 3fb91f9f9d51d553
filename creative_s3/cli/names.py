"""Names on the way between commands: one a line, into ``-`` and out of ``--quiet``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.cli.terminal import is_terminal
from creative_s3.cli.text import PROGRAM, count, printable
from creative_s3.errors import ExitCode, ItemError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from creative_s3.cli.run import Run
    from creative_s3.core.models import StoredObject
    from creative_s3.core.search.finder import Finder
    from creative_s3.errors import CreativeS3Error

STDIN = "-"


class UnwritableNameError(ItemError):
    """A name cannot be a line of text, so that the next command would read another one."""

    code = "unwritable-name"


def names_of(given: Sequence[str], command: str | None) -> list[str]:
    """Return the names that were given, those on standard input in the place of ``-``.

    Raises:
        UsageError: Standard input is a terminal, or names nothing.
    """
    return [name for one in given for name in (_names_from_stdin(command) if one == STDIN else (one,))]


def as_lines(names: Iterable[str], again: str) -> Iterator[str]:
    """Yield the names that can be lines.

    Args:
        names: Such as cache keys.
        again: The command line that named them.

    Raises:
        UnwritableNameError: Some could not; raised after all others were yielded.
    """
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
            hint=f"{again} --json  # has every name whole",
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
    from creative_s3.core.faults import ends_run
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


def _names_from_stdin(command: str | None) -> list[str]:
    """Return one name a line, spaces at its ends included; an empty line names nothing.

    Bytes that are no UTF-8 stay in the name, which then means no object and is reported as missing.
    """
    example = f"{PROGRAM} assets find --campaign NAME -q | {PROGRAM} {command} {STDIN}"
    if is_terminal(sys.stdin):
        raise UsageError(f"{STDIN} reads names from a pipe or a file, and this is a terminal", hint=example)
    lines = sys.stdin.buffer if sys.stdin else ()
    names = [name for line in lines if (name := line.decode("utf-8", "surrogateescape").rstrip("\r\n"))]
    if not names:
        raise UsageError(f"standard input has no names for {STDIN}", hint=f"{example}  # one name a line")
    return names
