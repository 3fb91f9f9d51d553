"""`Run`: all that a command gets from the command line besides its own options.

Settings and AWS are touched only when a command asks for them, so that commands which need neither start
at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rich.text import Text

from creative_s3.cli import log
from creative_s3.cli.output import Look, Output
from creative_s3.cli.text import PROGRAM
from creative_s3.core.shell_words import joined

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from creative_s3.cli.live import Live
    from creative_s3.core.s3.connection import Connection
    from creative_s3.settings import S3Config


_OPTIONS = {
    "bucket": "bucket_name",
    "prefix": "prefix",
    "cache_dir": "cache_dir",
    "endpoint_url": "endpoint_url",
    "region": "region",
}
"""The options that set settings, and the fields of `S3Config` that they set."""
_DRY = re.compile(r"--dry-run|-[0hqvy]*n[0hnqvy]*")
"""``--dry-run``, or short options without values that have ``-n`` among them."""


@dataclass(slots=True)
class Session:
    """One call of the program, from its arguments to its exit code; it rides on Typer's context.

    Attributes:
        arguments: The command line as typed, without the program's name.
        output: Where this call writes; replaced once the options are parsed.
        command: Such as ``migrate upload``; None until it is known.
        flags: The settings given so far, by their names in `S3Config`.
        insecure_endpoint: Whether plain http to another machine is allowed.
    """

    arguments: tuple[str, ...]
    output: Output = field(default_factory=Output)
    command: str | None = None
    flags: dict[str, Any] = field(default_factory=dict)
    insecure_endpoint: bool = False

    @property
    def again(self) -> str:
        """The command line that runs this call once more, ready to be pasted into a shell."""
        return joined((PROGRAM, *self.arguments))

    @property
    def in_earnest(self) -> str:
        """The command line that does what this call, with ``--dry-run``, only shows."""
        return joined((PROGRAM, *_in_earnest(self.arguments)))


def _in_earnest(words: Iterable[str]) -> Iterator[str]:
    are_names = False
    for word in words:
        are_names = are_names or word == "--"
        if are_names or not _DRY.fullmatch(word):
            yield word
        elif word.startswith("--"):
            continue
        elif (others := word.replace("n", "")) != "-":
            yield others


class Run:
    """A command's hand on the world; `session` is the call it belongs to."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def output(self) -> Output:
        """The sink; commands need it for `note`, `warn` and `confirm` only."""
        return self.session.output

    @property
    def flags(self) -> Mapping[str, Any]:
        """The settings given by options, by their names in `S3Config`; only those that were given."""
        return self.session.flags

    @property
    def command(self) -> str | None:
        """The command's name as typed, such as ``migrate upload``."""
        return self.session.command

    @property
    def again(self) -> str:
        """The command line that runs this call once more."""
        return self.session.again

    @property
    def in_earnest(self) -> str:
        """The command line that does what this call, with ``--dry-run``, only shows."""
        return self.session.in_earnest

    @cached_property
    def config(self) -> S3Config:
        """The settings: flag, environment, ``.env``, default.

        Raises:
            SettingsError: A value is wrong.
        """
        from creative_s3.settings import S3Config, doubtful_names, left_out

        config = S3Config.from_env(**self.flags)
        for name in doubtful_names(self.flags):
            self.output.warn(f"{name.name} ({name.place}) is not a setting; {name.meant} is, and is not set")
        for line in left_out():
            self.output.warn(line)
        look = self.output.look
        log.configure(
            config.log_level, verbose=look.verbose, hushed=look.quiet or look.json, write=self._write_log
        )
        return config

    def connection(self) -> Connection:
        """Connect to S3 with the settings, once for the whole command: botocore needs a tenth of a second.

        Raises:
            SettingsError: The endpoint is refused.
            CredentialsError: There are no credentials.
        """
        return self._connection

    @cached_property
    def _connection(self) -> Connection:
        from creative_s3.core.s3.connection import connect

        connection = connect(self.config, insecure_endpoint=self.session.insecure_endpoint)
        if connection.narrowed:
            self.output.warn(connection.narrowed)
        return connection

    def output_lines_only(self) -> None:
        """Print the report's lines as they are, as with ``--quiet``: for data that no screen may wrap."""
        self.session.output = Output(self.output.look.with_more(Look(quiet=True)))

    def live(self) -> AbstractContextManager[Live]:
        """Show events while they come: ``with run.live() as live: S3MigrationManager(…, emit=live.emit)``."""
        from creative_s3.cli.live import live

        return live(self.output)

    def confirm(self, question: str, *, assume_yes: bool = False) -> None:
        """Ask before a step that changes something.

        Raises:
            UsageError: Nobody can answer; names ``--yes``.
            RefusedError: The answer was no.
        """
        self.output.confirm(question, assume_yes=assume_yes)

    def with_flags(self, line: str) -> str:
        """Return a command line of ours with the settings that this call was given as options."""
        command, separator, reason = line.partition("  # ")
        if not command.startswith(f"{PROGRAM} ") or "--help" in command:
            return line
        names = {field: f"--{name.replace('_', '-')}" for name, field in _OPTIONS.items()}
        given = [
            word
            for field, value in self.flags.items()
            if field in names
            and names[field] not in command.split()
            and not (field == "bucket_name" and command.startswith(f"{PROGRAM} bucket create "))
            for word in (names[field], str(value))
        ]
        if self.session.insecure_endpoint:
            given.append("--insecure-endpoint")
        return f"{' '.join(filter(None, (command, joined(given))))}{separator}{reason}"

    def _write_log(self, text: str) -> None:
        self.output.err.print(Text(text, style="dim"), soft_wrap=True)
