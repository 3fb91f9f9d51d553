"""Runs the program in this process: as `program` does, without a start of Python for each call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from creative_s3.cli.app import app
from tests.cli.program import Result

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Inside:
    """creative-s3 in a directory with an environment of its own."""

    env: Mapping[str, str]
    cwd: Path

    def __call__(self, *arguments: str, stdin: bytes = b"") -> Result:
        """Run it."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.cwd)
            for name, value in {**self.env, "COLUMNS": "200"}.items():
                patch.setenv(name, value)
            done = CliRunner().invoke(app, arguments, input=stdin)
        return Result(done.exit_code, done.stdout, done.stderr)
