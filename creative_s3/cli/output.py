"""The only sink: what a command returns becomes text, JSON or plain lines.

Standard output is data; standard error is everything else. Commands return a `Report`; they never print.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from functools import cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from rich.text import Text

from creative_s3.cli.log import redact
from creative_s3.cli.terminal import SafeConsole, console, is_terminal, writing_stdout
from creative_s3.cli.text import PROGRAM, printable
from creative_s3.errors import CreativeS3Error, ExitCode, RefusedError, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

SCHEMA_VERSION = 1
_JSON_INDENT = 2
_SPOOL_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Report:
    """What a command returns: the same result for scripts and for people.

    Attributes:
        data: For ``--json``, or a callable that makes it: values that `to_plain` knows. Sizes in bytes, times
            as ISO 8601. What iterators yield is never in memory together.
        human: What a person sees on standard output: a rich renderable, or a callable that makes one.
        lines: What ``--quiet`` prints, one item a line, such as keys.
        exit_code: What the process ends with; anything but 0 makes ``ok`` false.
        warnings: Sentences for standard error and the envelope.
        next_steps: Commands worth running now, shown to a person; ``command  # why`` shows why, dimmed.
    """

    data: Mapping[str, object] | Callable[[], Mapping[str, object]] = field(default_factory=dict)
    human: RenderableType | Callable[[], RenderableType] | None = None
    lines: Iterable[str] = ()
    exit_code: ExitCode = ExitCode.OK
    warnings: Sequence[str] = ()
    next_steps: Sequence[str] = ()

    def values(self) -> Mapping[str, object]:
        """Return what ``--json`` shows."""
        return self.data() if callable(self.data) else self.data


@dataclass(frozen=True, slots=True)
class Look:
    """How the user wants to be told.

    Attributes:
        json: One JSON object on standard output.
        quiet: Only data lines and errors.
        verbose: Debug messages, and the traceback of a bug.
        null: Lines and names end with a NUL: those that ``--quiet`` prints, and those that ``-`` reads.
        no_color: No colours and no other terminal styles.
    """

    json: bool = False
    quiet: bool = False
    null: bool = False
    verbose: bool = False
    no_color: bool = False

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> Look:
        """Read it off a command line that may be wrong everywhere else."""
        given = list(arguments)
        given = given[: given.index("--")] if "--" in given else given
        short = {letter for word in given if re.fullmatch(r"-[A-Za-z0]+", word) for letter in word[1:]}
        return cls(
            json="--json" in given,
            quiet="--quiet" in given or "q" in short,
            null="--null" in given or "0" in short,
            verbose="--verbose" in given or "--debug" in given or "v" in short,
            no_color="--no-color" in given,
        )

    def with_more(self, other: Look) -> Look:
        """Return what either of the two asks for."""
        return Look(
            json=self.json or other.json,
            quiet=self.quiet or other.quiet,
            null=self.null or other.null,
            verbose=self.verbose or other.verbose,
            no_color=self.no_color or other.no_color,
        )


class Output:
    """Writes to the two standard streams in the way that `look` asks for."""

    def __init__(self, look: Look | None = None) -> None:
        self.look = look or Look()

    @cached_property
    def out(self) -> SafeConsole:
        """The console for data a person reads."""
        return console(stderr=False, no_color=self.look.no_color)

    @cached_property
    def err(self) -> SafeConsole:
        """The console for everything else."""
        return console(stderr=True, no_color=self.look.no_color)

    @property
    def for_people(self) -> bool:
        """Whether a person reads along: neither ``--json`` nor ``--quiet``."""
        return not (self.look.json or self.look.quiet)

    @property
    def animated(self) -> bool:
        """Whether bars may move: a person reads along at a terminal that can redraw."""
        return self.for_people and is_terminal(sys.stderr) and not self.err.is_dumb_terminal

    @property
    def interactive(self) -> bool:
        """Whether somebody is there to answer a question."""
        return self.for_people and is_terminal(sys.stdin) and is_terminal(sys.stderr)

    def show(self, human: RenderableType | Callable[[], RenderableType]) -> None:
        """Show a person something before the result, on standard error."""
        if self.for_people:
            self.err.print(human() if callable(human) else human)

    def note(self, text: str) -> None:
        """Tell a person something in passing."""
        if self.for_people:
            self.err.print(Text(printable(text), style="dim"), soft_wrap=not self.animated)

    def warn(self, text: str) -> None:
        """Tell a person what deserves attention and stops nothing."""
        if self.for_people:
            mark = Text("! ", style="bold yellow")
            self.err.print(
                mark.append(printable(redact(text)), style="default not bold"), soft_wrap=not self.animated
            )

    def confirm(self, question: str, *, assume_yes: bool, flag: str = "--yes") -> None:
        """Ask before a step that changes something; return when the answer is yes.

        Raises:
            UsageError: Nobody can answer; names `flag`, which gives the answer beforehand.
            RefusedError: The answer was no.
        """
        if assume_yes:
            return
        if not self.interactive:
            raise UsageError(
                f"this needs a confirmation and nobody is there to ask: {question}",
                hint=f"add {flag} to the command to say yes beforehand",
            )
        self.err.print(Text(printable(question)).append(" [y/N] ", style="bold"), end="")
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise RefusedError("not confirmed, so nothing was done")

    def finish(self, command: str | None, report: Report) -> None:
        """Write a command's report."""
        if self.look.json:
            self._write_json(
                envelope(command, report.exit_code, data=report.values(), warnings=report.warnings)
            )
            return
        if self.look.quiet:
            self._write_lines(report.lines)
            return
        human = report.human() if callable(report.human) else report.human
        if human is not None:
            self.out.print(human)
        for warning in report.warnings:
            self.warn(warning)
        for step in report.next_steps:
            self._arrow(step)

    def fail(self, command: str | None, error: CreativeS3Error, *, details: str | None = None) -> None:
        """Write an error: the envelope for scripts, one paragraph for people; `details` is a traceback."""
        if self.look.json:
            self._write_json(envelope(command, error.exit_code, error=error))
        else:
            text = Text("Error: ", style="bold red")
            text.append(printable(redact(_sentence(error))), style="default not bold")
            self.err.print(text, soft_wrap=not is_terminal(sys.stderr))
            for line in redact(error.hint).split("\n") if error.hint else ():
                self._arrow(line)
        if details:
            self.err.print(Text(redact(details)), style="dim", soft_wrap=True)

    def _arrow(self, line: str) -> None:
        command, separator, reason = printable(as_invoked(line)).partition("  # ")
        text = Text("→ ", style="bold cyan").append(command, style="default not bold")
        # Whatever the width, no line break of ours gets into a command that will be copied.
        is_whole = not is_terminal(sys.stderr) or _CODE.search(line) is not None
        self.err.print(text.append(f"{separator}{reason}", style="dim"), soft_wrap=is_whole)

    def _write_json(self, value: Mapping[str, object]) -> None:
        indent = _JSON_INDENT if is_terminal(sys.stdout) else None
        encoder = json.JSONEncoder(default=to_plain, indent=indent, allow_nan=False)
        data = value["data"]
        if indent or not isinstance(data, Mapping) or not _has_iterators(data):
            self._write_data(encoder.encode(value).encode("ascii") + b"\n")
            return
        from tempfile import SpooledTemporaryFile

        # Not to standard output at once: what goes wrong on the way would leave half an object there.
        with SpooledTemporaryFile(max_size=_SPOOL_BYTES) as file:
            for piece in json_pieces(value, encoder):
                file.write(piece.encode("ascii"))
            file.write(b"\n")
            file.seek(0)
            while block := file.read(_SPOOL_BYTES):
                self._write_data(block)

    def _write_lines(self, lines: Iterable[str]) -> None:
        for line in lines:
            if self.look.null:
                self._write_data(line.encode("utf-8", "surrogateescape") + b"\0")
            else:
                self._write_data(printable(line).encode() + b"\n")

    @staticmethod
    def _write_data(data: bytes) -> None:
        """Write bytes: data is UTF-8 wherever it goes, also where the screen gets ASCII."""
        buffer = getattr(sys.stdout, "buffer", None)
        with writing_stdout():
            if buffer is None:
                sys.stdout.write(data.decode())
            else:
                buffer.write(data)


_LONGEST_ITEM = 400
_PREDICATES = ("is not ", "cannot be read")
"""How messages begin that want the item before them."""
_CODE = re.compile(rf"{PROGRAM}|[`$=/\\]|--|^(aws|cd|eval|export|ls|pip|pipx|sudo) ")
"""What a hint has that is not prose alone."""


def as_invoked(line: str) -> str:
    """Return a command line of ours with the program named so that the user's shell finds it.

    In a virtual environment that is not active, ``creative-s3`` alone would not be found.
    """
    program = Path(sys.argv[0])
    if program.name != PROGRAM or shutil.which(PROGRAM):
        return line
    return re.sub(rf"(?<![\w/.-]){PROGRAM} ", f"{shlex.quote(sys.argv[0])} ", line)


def _sentence(error: CreativeS3Error) -> str:
    message, item = error.message.rstrip("."), error.item
    if not item or item in message:
        return message
    if len(item) > _LONGEST_ITEM:  # whole in --json
        item = f"{item[: _LONGEST_ITEM // 2]} … {item[-_LONGEST_ITEM // 4 :]}"
    return f"{item} {message}" if message.startswith(_PREDICATES) else f"{message} ({item})"


def envelope(
    command: str | None,
    exit_code: ExitCode,
    *,
    data: Mapping[str, object] | None = None,
    warnings: Sequence[str] = (),
    error: CreativeS3Error | None = None,
) -> dict[str, object]:
    """Return the one object that ``--json`` prints; its shape is a public contract."""
    return {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "ok": exit_code == ExitCode.OK,
        "exit_code": int(exit_code),
        "data": data,
        "warnings": [redact(warning) for warning in warnings],
        "error": error
        and {
            "code": error.code,
            "message": redact(error.message),
            "item": None if error.item is None else redact(error.item),
            "hint": None if error.hint is None else redact(error.hint),
        },
    }


def json_pieces(value: Mapping[str, object], encoder: json.JSONEncoder) -> Iterator[str]:
    """Yield the JSON of an object in pieces: what an iterator in it yields is encoded one by one."""
    separator = "{"
    for name, member in value.items():
        yield f"{separator}{encoder.encode(name)}: "
        separator = ", "
        if isinstance(member, Iterator):
            comma = ""
            yield "["
            for one in member:
                yield f"{comma}{encoder.encode(one)}"
                comma = ", "
            yield "]"
        elif isinstance(member, Mapping) and _has_iterators(member):
            yield from json_pieces(member, encoder)
        else:
            yield encoder.encode(member)
    yield "}"


def _has_iterators(value: Mapping[str, object]) -> bool:
    return any(isinstance(member, Iterator) for member in value.values())


def to_plain(value: object) -> object:
    """Turn a value that JSON does not know into one it does.

    Raises:
        TypeError: There is no obvious way.
    """
    plain: object
    if isinstance(value, Enum):
        plain = value.value
    elif isinstance(value, PurePath):
        plain = str(value)
    elif isinstance(value, date):  # a datetime is a date
        plain = value.isoformat()
    elif isinstance(value, Decimal):
        plain = float(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        plain = {entry.name: getattr(value, entry.name) for entry in dataclasses.fields(value)}
    elif isinstance(value, Mapping):
        plain = dict(value)
    elif isinstance(value, (set, frozenset)):
        plain = sorted(value, key=str)
    elif isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        plain = list(value)
    else:
        raise TypeError(f"{type(value).__name__} has no JSON form")
    return plain
