"""The root of the command line, and the one place where an error becomes an exit code.

Which commands there are is in `groups`; what they do is in their own modules.
"""

import errno
import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from contextlib import closing, suppress
from typing import Any, NoReturn

import typer
from typer.main import get_command

from creative_s3.cli import groups, log, stops
from creative_s3.cli.completion import QUESTION
from creative_s3.cli.declare import options
from creative_s3.cli.declare.grammar import Group
from creative_s3.cli.output import Look, Output
from creative_s3.cli.run import Session
from creative_s3.cli.terminal import (
    ClosedPipeError,
    discard_stdout,
    prepare_streams,
    settle_stderr,
    writing_stdout,
)
from creative_s3.cli.text import PROGRAM
from creative_s3.core.concurrency.limits import of_limit
from creative_s3.errors import (
    CatalogError,
    CreativeS3Error,
    ExitCode,
    OutageError,
    SettingsError,
    TemporaryError,
    UsageError,
)

_NO_THREAD = "can't start new thread"
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_ACCESS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENAMETOOLONG})


class EndedBySignalError(CreativeS3Error):
    """A signal asked the run to end."""

    code = "interrupted"

    def __init__(self, what: str, exit_code: ExitCode, *, hint: str) -> None:
        super().__init__(what, hint=hint)
        self.exit_code = exit_code


class BugError(CreativeS3Error):
    """Something that nobody foresaw."""

    code = "unexpected"


class Root(Group):
    """The root command: every outcome leaves through its `main`, as an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,  # noqa: ARG002 - Typer's signature
        **extra: Any,  # noqa: ANN401 - Typer's signature
    ) -> Any:  # noqa: ANN401 - Typer's signature
        """Run the command line; return its exit code, or end the process with it."""
        arguments = tuple(sys.argv[1:] if args is None else args)
        program = prog_name or PROGRAM
        if QUESTION in os.environ:  # of PowerShell; `entry` answers the others
            from typer.completion import get_completion_inspect_parameters

            get_completion_inspect_parameters()  # it makes Typer know the shells
            self._main_shell_completion(extra, program, complete_var)
        session = Session(arguments, Output(Look.from_arguments(arguments)))
        code = self._guarded(session, program, extra)
        settle_stderr()
        if standalone_mode:
            sys.exit(code)
        return code

    def _guarded(self, session: Session, program: str, extra: dict[str, Any]) -> int:
        try:
            try:
                return self._run(session, program, extra)
            except (Exception, KeyboardInterrupt) as error:
                if isinstance(error, (ClosedPipeError, BrokenPipeError)):
                    raise
                return _report(session, error, program)
        except (ClosedPipeError, BrokenPipeError):
            discard_stdout()
            return ExitCode.BROKEN_PIPE

    def _run(self, session: Session, program: str, extra: dict[str, Any]) -> int:
        code = 0
        try:
            with self.make_context(program, list(session.arguments), obj=session, **extra) as context:
                self.invoke(context)
        except typer.Exit as done:
            code = done.exit_code
        with writing_stdout():
            sys.stdout.flush()
        return code


def _report(session: Session, error: BaseException, program: str) -> int:
    """Write an error and return its exit code."""
    explained = explain(error, session, program)
    details = None
    if isinstance(explained, BugError) and session.output.look.verbose:
        details = "".join(traceback.format_exception(error))
    command = _command_of(error, program) or session.command
    try:
        session.output.fail(command, explained, details=details)
        with writing_stdout():
            sys.stdout.flush()
    except Exception as second:
        if isinstance(second, ClosedPipeError):
            raise
        # Standard output takes nothing more, not even the error: say it on the other stream.
        discard_stdout()
        with suppress(Exception):
            Output().fail(command, explained, details=details)
    return explained.exit_code


def explain(error: BaseException, session: Session, program: str = PROGRAM) -> CreativeS3Error:
    """Turn whatever ended the run into one of our errors."""
    if isinstance(error, OutageError):
        return OutageError(error.message, item=error.item, hint=_going_on(session))
    if isinstance(error, CreativeS3Error):
        return error
    stop = error if isinstance(error, stops.Stopped) else stops.pending()
    if isinstance(error, KeyboardInterrupt) or stop:
        stop = stop or stops.Stopped(ExitCode.INTERRUPTED, "interrupted")
        return EndedBySignalError(
            f"{stop.what} before the work was done",
            stop.exit_code,
            hint=_going_on(session),
        )
    if isinstance(error, typer.TyperException):
        command = _command_of(error, program) or session.command
        return UsageError(
            " ".join(error.format_message().split()).rstrip("."),
            hint=" ".join(filter(None, (PROGRAM, command, "--help"))),
        )
    if of_system := _explain_system(error, session) or _explain_catalog(error, session):
        return of_system
    path = log.write_crash(error, session.again)
    return BugError(
        f"unexpected error, a bug in {PROGRAM}: {_one_line(error)}",
        hint=f"the log {path} tells more; please report it" if path else "repeat it with -v to see more",
    )


def _going_on(session: Session) -> str:
    return f"{session.again}  # goes on where this stopped"


def _explain_system(error: BaseException, session: Session) -> CreativeS3Error | None:
    """Return what the system refused; None where it is not that."""
    if isinstance(error, OSError) and error.errno in _FULL | _NO_ACCESS:
        item = None if error.filename is None else str(error.filename)
        reason = (error.strerror or "not possible").lower()
        if error.errno in _FULL:
            return TemporaryError(reason, item=item, hint=f"{session.again}  # after making room")
        return SettingsError(reason, item=item, hint=f"ls -ld {shlex.quote(item)}" if item else None)
    if isinstance(error, FileNotFoundError) and error.filename is None and _is_nowhere():
        return SettingsError("the current directory has been deleted", hint="change to another one")
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _NO_THREAD in str(error)):
        what = "memory" if isinstance(error, MemoryError) else "threads"
        return SettingsError(
            f"the system gives this process no more {what}",
            hint=f"end other programs, or raise the limit (ulimit -a), then: {session.again}",
        )
    return of_limit(error)


def _explain_catalog(error: BaseException, session: Session) -> CreativeS3Error | None:
    """Return that the catalog holds values that none of ours has; None where it is not that."""
    from creative_s3.core.catalog.database import Database
    from creative_s3.core.catalog.places import catalog_path
    from creative_s3.settings import S3Config

    try:
        path = catalog_path(S3Config.from_env(**session.flags).cache_dir)
        database = Database(path, read_only=True)
    except CreativeS3Error:
        return None
    with closing(database):
        try:
            database.blame(error)
        except CatalogError as found:
            return found
    return None


def _is_nowhere() -> bool:
    """Tell whether the current directory has been deleted."""
    try:
        os.getcwd()  # noqa: PTH109 - only whether there is one
    except OSError:
        return True
    return False


def _one_line(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__


def _command_of(error: BaseException, program: str) -> str | None:
    """Return the command that Typer was parsing when it gave up, such as ``migrate upload``."""
    context = getattr(error, "ctx", None)
    return (context.command_path.removeprefix(program).strip() or None) if context is not None else None


def new_app() -> typer.Typer:
    """Make a root without commands."""
    made = typer.Typer(
        name=PROGRAM,
        cls=Root,
        help="Move a creative pipeline's asset cache to S3, prove every byte, and price every step first.",
        rich_markup_mode=None,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback(
        invoke_without_command=True,
        epilog=options.epilog(
            (
                ("Watch the whole journey on a server of your own", f"{PROGRAM} demo"),
                ("See what an upload would do and cost", f"{PROGRAM} migrate upload --dry-run"),
                ("Ask for a command's options", f"{PROGRAM} migrate upload --help"),
            )
        ),
    )(options.root_callback())
    return made


def __getattr__(name: str) -> Any:  # noqa: ANN401 - Python's signature
    """Make `app`, the root with all of its commands, when somebody asks for it."""
    if name != "app":
        raise AttributeError(name)
    made = new_app()
    groups.register(made)
    globals()["app"] = made
    return made


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the program and end the process; `argv` is the command line without the program's name."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    prepare_streams()
    root = new_app()
    groups.register(root, groups.modules_for(arguments))
    command = get_command(root)
    # Until here, nothing is open, and a signal ends the process as `entry` has it.
    try:
        stops.install()
        code = command.main(args=arguments, prog_name=PROGRAM, standalone_mode=False)
    except stops.Stopped as stop:  # before the command, or after it
        code = stop.exit_code
    stops.end_with(code)
    sys.exit(code)
