"""Runs the real program as a user's shell would; shared by the tests of the commands."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TIMEOUT_S = 90


@dataclass(frozen=True, slots=True)
class Result:
    """How a run of the program ended."""

    code: int
    out: str
    err: str

    @property
    def envelope(self) -> dict[str, Any]:
        """The object that ``--json`` printed; there is nothing else on standard output."""
        parsed: dict[str, Any] = json.loads(self.out)
        assert set(parsed) == {"schema_version", "command", "ok", "exit_code", "data", "warnings", "error"}
        assert parsed["exit_code"] == self.code
        assert parsed["ok"] is (self.code == 0)
        return parsed

    @property
    def data(self) -> dict[str, Any]:
        """The data of the envelope."""
        data: dict[str, Any] = self.envelope["data"]
        return data


@dataclass(frozen=True, slots=True)
class Program:
    """creative-s3 in a directory with an environment of its own.

    Attributes:
        env: Its environment.
        cwd: Its working directory.
        python: What begins its command line, up to the name of a module.
    """

    env: Mapping[str, str]
    cwd: Path
    python: tuple[str, ...] = (sys.executable,)

    def __call__(self, *arguments: str, **more: str) -> Result:
        """Run it; `more` are environment variables."""
        done = subprocess.run(
            [*self.python, "-m", "creative_s3", *arguments],
            env={**self.env, "COLUMNS": "200", **more},
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=TIMEOUT_S,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Result(done.returncode, done.stdout, done.stderr)

    def run_python(self, code: str) -> str:
        """Run code of a caller of the library there; return what it printed."""
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=dict(self.env),
            cwd=self.cwd,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start it in the background."""
        return subprocess.Popen(
            [*self.python, "-m", "creative_s3", *arguments],
            env=dict(self.env),
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
