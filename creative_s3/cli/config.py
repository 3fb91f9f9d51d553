"""The `config` command: every setting, its value and where it came from; never a secret."""

import os
from collections.abc import Mapping
from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from creative_s3.cli.declare.options import AWS, CACHE, command
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import printable


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(
        app,
        "config",
        settings=(*AWS, *CACHE),
        examples=(
            ("Show what applies here and why", "creative-s3 config"),
            ("Check a value before using it", "creative-s3 config --bucket my-assets"),
            (
                "Read one value in a script",
                "creative-s3 config --json | jq -r .data.settings.S3_BUCKET_NAME.value",
            ),
        ),
    )(show)


def show(run: Run) -> Report:
    """Show every setting with its origin.

    A flag wins over the environment, the environment over .env in the current directory, and that over the
    default.

    AWS credentials come from AWS's own chain; only the name of their source is shown.
    """
    from creative_s3.core.s3.credentials import source
    from creative_s3.settings import origins

    rows = origins(run.config, flags=run.flags)
    credentials = source(os.environ, _aws_profiles())
    return Report(
        data={
            "settings": {row.name: {"value": row.value, "origin": row.source} for row in rows},
            "credentials": credentials,
        },
        human=lambda: _table([(row.name, row.value, row.source) for row in rows], credentials),
        lines=(f"{row.name}={row.value or ''}" for row in rows),
    )


def _aws_profiles() -> Mapping[str, Mapping[str, Any]]:
    from botocore.exceptions import ConfigParseError
    from botocore.session import Session

    try:
        profiles: Mapping[str, Mapping[str, Any]] = Session().full_config.get("profiles", {})
    except ConfigParseError:
        return {}
    return profiles


def _table(rows: list[tuple[str, str | None, str]], credentials: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("Setting", no_wrap=True)
    table.add_column("Value", overflow="fold")
    table.add_column("From", overflow="fold")
    for name, value, source in rows:
        shown = Text("not set", style="dim") if value is None else Text(printable(value))
        table.add_row(name, shown, Text(printable(source), style="dim" if source == "default" else "cyan"))
    table.add_row("AWS credentials", Text(printable(credentials)), Text("AWS's own chain", style="dim"))
    return table
