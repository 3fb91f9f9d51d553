"""How commands are declared: their own options, the settings they accept, and the options that all accept.

Every shared option works before the group and after the command; the one after the command wins.
Nothing here knows what a command does.
"""

# No "from __future__ import annotations" here or in command modules: Typer reads the annotations at run time.

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar, get_type_hints

import typer

from creative_s3.cli.completion import values
from creative_s3.cli.declare.grammar import Group, Verb
from creative_s3.cli.output import Look, Output, Report
from creative_s3.cli.run import Run, Session
from creative_s3.cli.text import PROGRAM
from creative_s3.errors import UsageError

Example = tuple[str, str]
"""What it does, and the command line that does it."""

MaxBandwidth = Annotated[
    str | None,
    typer.Option("--max-bandwidth", metavar="SPEED", help="At most so many bytes a second, such as 20MiB/s."),
]
"""A limit on the speed of a command's transfers; `amounts.bytes_per_second` reads it."""

DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Only show the plan.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.", show_default=False)]
EngineOption = Annotated[
    Literal["auto", "crt", "classic"], typer.Option("--engine", help="The transfer engine.")
]

SETTINGS_PANEL = "Settings"
GLOBAL_PANEL = "Global options"
SHORTCUTS_PANEL = "Shortcuts"

AWS = ("bucket", "prefix", "endpoint_url", "region", "insecure_endpoint")
"""The settings of a command that talks to S3."""
CACHE = ("cache_dir",)
"""The setting of a command that reads the local cache."""

_EXAMPLE_WIDTH = 72
# An option stays with its value, and a quoted text in one piece.
_OPTION_OR_WORD = re.compile(r"""(?:-\S+[ ](?!-))?(?:'[^']*'|"[^"]*"|[^\s'"])+""")
_CONTEXT = "typer_context"
_GIVEN = "given_"
# The option's name on the command line, and the field of S3Config that it sets.
_FIELDS: Final[Mapping[str, str]] = {
    "bucket": "bucket_name",
    "prefix": "prefix",
    "cache_dir": "cache_dir",
    "endpoint_url": "endpoint_url",
    "region": "region",
}
_SETTINGS: Final[Mapping[str, Any]] = {
    "bucket": Annotated[
        str | None,
        typer.Option(
            "--bucket",
            metavar="NAME",
            help="The bucket.",
            rich_help_panel=SETTINGS_PANEL,
            autocompletion=values.buckets,
        ),
    ],
    "prefix": Annotated[
        str | None,
        typer.Option(
            "--prefix", metavar="PREFIX", help="What all keys begin with.", rich_help_panel=SETTINGS_PANEL
        ),
    ],
    "cache_dir": Annotated[
        Path | None,
        typer.Option(
            "--cache-dir",
            metavar="DIR",
            help="The pipeline's cache directory.",
            rich_help_panel=SETTINGS_PANEL,
        ),
    ],
    "endpoint_url": Annotated[
        str | None,
        typer.Option(
            "--endpoint-url",
            metavar="URL",
            help="An S3-compatible server instead of AWS.",
            rich_help_panel=SETTINGS_PANEL,
        ),
    ],
    "region": Annotated[
        str | None,
        typer.Option(
            "--region", metavar="REGION", help="The bucket's region.", rich_help_panel=SETTINGS_PANEL
        ),
    ],
    "insecure_endpoint": Annotated[
        bool,
        typer.Option(
            "--insecure-endpoint",
            help="Allow plain http to another machine.",
            show_default=False,
            rich_help_panel=SETTINGS_PANEL,
        ),
    ],
}
_GLOBALS: Final[Mapping[str, Any]] = {
    "json": Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON object.", show_default=False, rich_help_panel=GLOBAL_PANEL
        ),
    ],
    "quiet": Annotated[
        bool,
        typer.Option(
            "--quiet",
            "-q",
            help="Print only data, one item a line, and errors.",
            show_default=False,
            rich_help_panel=GLOBAL_PANEL,
        ),
    ],
    "null": Annotated[
        bool,
        typer.Option(
            "--null",
            "-0",
            help="End each name with NUL, as xargs -0 does: what -q prints, what - reads.",
            show_default=False,
            rich_help_panel=GLOBAL_PANEL,
        ),
    ],
    "verbose": Annotated[
        bool,
        typer.Option(
            "--verbose",
            "-v",
            "--debug",
            help="Print debug messages.",
            show_default=False,
            rich_help_panel=GLOBAL_PANEL,
        ),
    ],
    "no_color": Annotated[
        bool,
        typer.Option(
            "--no-color", help="Print without colours.", show_default=False, rich_help_panel=GLOBAL_PANEL
        ),
    ],
}


Function = TypeVar("Function", bound=Callable[..., Report])


@dataclass(frozen=True, slots=True)
class _Declared:
    """How a function became a command, kept so that a shortcut can be made of it."""

    path: str
    settings: tuple[str, ...]
    examples: tuple[Example, ...]


_DECLARED: dict[Callable[..., Report], _Declared] = {}


def group(name: str, purpose: str) -> typer.Typer:
    """Make a group of commands; alone on the command line it prints its help."""
    made = typer.Typer(name=name, cls=Group, help=purpose, rich_markup_mode=None, add_completion=False)
    made.callback(invoke_without_command=True)(_callback(root=False))
    return made


def command(
    app: typer.Typer,
    name: str,
    *,
    settings: Sequence[str] = (),
    examples: Iterable[Example] = (),
    panel: str | None = None,
) -> Callable[[Function], Function]:
    """Declare a function as the command `name` of `app`.

    The function takes a `Run` first, then its own options, and returns a `Report`. Its docstring is the
    help: one line of purpose, then what else a user must know. The function itself is returned unchanged.

    Args:
        app: The root or a group.
        name: The verb.
        settings: Which of ``bucket``, ``prefix``, ``cache_dir``, ``endpoint_url``, ``region`` and
            ``insecure_endpoint`` apply; see `AWS` and `CACHE`.
        examples: Two or three, shown numbered under the help.
        panel: The heading under which the parent's help lists the command.
    """
    parent = app.info.name if isinstance(app.info.name, str) else PROGRAM
    path = name if parent == PROGRAM else f"{parent} {name}"
    declared = _Declared(path=path, settings=tuple(settings), examples=tuple(examples))

    def declare(function: Function) -> Function:
        _DECLARED[function] = declared
        _register(app, name, function, declared, panel)
        return function

    return declare


def shortcut(app: typer.Typer, name: str, function: Callable[..., Report]) -> None:
    """Offer a declared command at the top level too, under the heading "Shortcuts"."""
    original = _DECLARED[function]
    before, after = f"{PROGRAM} {original.path}", f"{PROGRAM} {name}"
    examples = tuple((purpose, line.replace(before, after)) for purpose, line in original.examples)
    _register(app, name, function, _Declared(name, original.settings, examples), SHORTCUTS_PANEL)


def _register(
    app: typer.Typer, name: str, function: Callable[..., Report], declared: _Declared, panel: str | None
) -> None:
    app.command(
        name,
        cls=Verb,
        help=_unwrapped(inspect.cleandoc(function.__doc__ or "")),
        epilog=epilog(declared.examples),
        rich_help_panel=panel,
    )(_wrap(function, declared.settings))


def _unwrapped(text: str) -> str:
    """Join the lines of each paragraph, so that the terminal's width breaks them and not the source's."""
    return "\n\n".join(" ".join(paragraph.split("\n")) for paragraph in text.split("\n\n"))


def epilog(examples: Iterable[Example]) -> str:
    """Return the numbered examples that end a help."""
    entries = [
        f"  {number}. {purpose}\n     {continued(line)}"
        for number, (purpose, line) in enumerate(examples, start=1)
    ]
    return "\n".join(["Examples", *entries]) if entries else ""


def continued(line: str) -> str:
    """Break a shell line that 80 columns cannot hold as a shell understands it: with backslashes."""
    lines: list[str] = []
    for words in _OPTION_OR_WORD.findall(line):
        if lines and len(f"{lines[-1]} {words}") <= _EXAMPLE_WIDTH:
            lines[-1] += f" {words}"
        else:
            lines.append(words)
    return " \\\n       ".join(lines)


def _wrap(function: Callable[..., Report], settings: Sequence[str]) -> Callable[..., None]:
    """Return what Typer gets: the function's own parameters, then the shared ones."""
    hints = get_type_hints(function, include_extras=True)
    own = [
        parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in list(inspect.signature(function).parameters.values())[1:]
    ]

    def execute(**values: Any) -> None:  # noqa: ANN401 - whatever Typer parsed
        session = _session(values.pop(_CONTEXT))
        _take_shared(session, values)
        report = function(Run(session), **values)
        session.output.finish(session.command, report)
        raise typer.Exit(report.exit_code)

    shared = {name: _SETTINGS[name] for name in settings} | dict(_GLOBALS)
    return _with_signature(execute, function.__name__, [*own, *_parameters(shared)])


def _callback(*, root: bool) -> Callable[..., None]:
    """Return the callback of a group: it takes the shared options; without a command it prints the help."""

    def take(**values: Any) -> None:  # noqa: ANN401 - whatever Typer parsed
        context: typer.Context = values.pop(_CONTEXT)
        session = _session(context)
        _take_shared(session, values)
        if values.pop("version", False):
            from creative_s3 import __version__

            report = Report(
                data={"version": __version__}, human=f"{PROGRAM} {__version__}", lines=(__version__,)
            )
            session.output.finish(None, report)
            raise typer.Exit
        for name in ("install_completion", "show_completion"):
            if values.pop(name, False):
                from creative_s3.cli.completion import reports

                session.output.finish(None, getattr(reports, name)())
                raise typer.Exit
        if context.invoked_subcommand is None:
            if session.output.look.json:
                raise UsageError("no command is given", hint=f"{context.command_path} --help")
            context.get_help()  # it prints, and returns nothing
            raise typer.Exit

    # The settings are accepted here and shown by the commands that use them.
    settings = {name: _hidden(annotation) for name, annotation in _SETTINGS.items()}
    shared = _GLOBALS if root else {name: _hidden(annotation) for name, annotation in _GLOBALS.items()}
    own = _ROOT_ONLY if root else []
    return _with_signature(take, "take", [*own, *_parameters(settings | dict(shared))])


def root_callback() -> Callable[..., None]:
    """Return the callback of the root: as of a group, and what concerns the program as a whole."""
    return _callback(root=True)


_ROOT_ONLY = [
    inspect.Parameter(
        name.removeprefix("--").replace("-", "_"),
        inspect.Parameter.KEYWORD_ONLY,
        default=False,
        annotation=Annotated[bool, typer.Option(name, help=purpose, show_default=False)],
    )
    for name, purpose in (
        ("--version", "Print the version."),
        ("--install-completion", "Make this shell complete commands, options and names of assets."),
        ("--show-completion", "Print what --install-completion installs."),
    )
]


def _parameters(shared: Mapping[str, Any]) -> list[inspect.Parameter]:
    return [
        inspect.Parameter(
            f"{_GIVEN}{name}",
            inspect.Parameter.KEYWORD_ONLY,
            default=None if name in _FIELDS else False,
            annotation=annotation,
        )
        for name, annotation in shared.items()
    ]


def _hidden(annotation: Any) -> Any:  # noqa: ANN401 - an Annotated form has no better type
    (option,) = annotation.__metadata__
    names = (option.default, *(option.param_decls or ()))
    return Annotated[
        annotation.__origin__,
        typer.Option(*names, metavar=option.metavar, autocompletion=option.autocompletion, hidden=True),
    ]


def _with_signature(
    function: Callable[..., None], name: str, parameters: Sequence[inspect.Parameter]
) -> Callable[..., None]:
    """Give a function that takes anything the signature that Typer shall see."""
    context = inspect.Parameter(_CONTEXT, inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    shown = [context, *parameters]
    function.__name__ = name
    function.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    return function


def _session(context: typer.Context) -> Session:
    root = context.find_root()
    if not isinstance(root.obj, Session):
        root.obj = Session(arguments=())
    session: Session = root.obj
    session.command = context.command_path.partition(" ")[2] or None
    return session


def _take_shared(session: Session, values: dict[str, Any]) -> None:
    """Move the shared options out of `values` into the session; later ones win over earlier ones."""
    shared = {
        name.removeprefix(_GIVEN): values.pop(name) for name in tuple(values) if name.startswith(_GIVEN)
    }
    look = Look(**{name: shared[name] for name in _GLOBALS})
    session.output = Output(session.output.look.with_more(look))
    session.flags |= {
        _FIELDS[name]: value for name, value in shared.items() if name in _FIELDS and value is not None
    }
    session.insecure_endpoint |= bool(shared.get("insecure_endpoint"))
