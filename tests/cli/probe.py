"""A program of the same making as ours, whose commands do what a test needs; and ways to run programs."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.testing import CliRunner, Result

from creative_s3.cli.app import new_app
from creative_s3.cli.declare import options
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run  # noqa: TC001 - commands' annotations are read at run time
from creative_s3.errors import BucketNotFoundError, ExitCode

CHECKOUT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "creative_s3"]


def probe() -> typer.Typer:
    root = new_app()
    group = options.group("work", "Work hard.")
    root.add_typer(group)

    @options.command(
        group,
        "do",
        settings=("bucket", "cache_dir", "insecure_endpoint"),
        examples=(("Do it", "creative-s3 work do one"), ("Twice", "creative-s3 work do one --times 2")),
    )
    def do(run: Run, what: str, times: Annotated[int, typer.Option(help="How often.")] = 1) -> Report:
        """Do something.

        And say so
        afterwards.
        """
        flags = {name: str(value) for name, value in run.flags.items()}
        look = run.output.look
        return Report(
            data={
                "what": what,
                "times": times,
                "flags": flags,
                "insecure": run.session.insecure_endpoint,
                "look": look,
                "again": run.again,
            },
            lines=(what,) * times,
            human=f"did {what}",
        )

    @options.command(group, "fail")
    def fail(run: Run, how: str) -> Report:  # noqa: ARG001 - every command gets it
        """Fail in some way."""
        if how == "items":
            return Report(data={"failed": 1}, exit_code=ExitCode.ITEMS_FAILED)
        raise {
            "known": BucketNotFoundError("the bucket does not exist", item="my-bucket", hint="create it"),
            "bug": ZeroDivisionError("division by zero\nsecond line"),
            "full": OSError(errno.ENOSPC, "No space left on device", "out/file.png"),
            "rights": PermissionError(errno.EACCES, "Permission denied", "cache"),
            "interrupt": KeyboardInterrupt(),
        }[how]

    options.shortcut(root, "do", do)
    return root


def invoke(*arguments: str, of: typer.Typer | None = None) -> Result:
    return CliRunner().invoke(of or probe(), arguments)


def data(result: Result) -> dict[str, object]:
    answer: dict[str, object] = json.loads(result.stdout)["data"]
    return answer


def environment(**more: str) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return own | {"PYTHONPATH": str(CHECKOUT)} | more


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
