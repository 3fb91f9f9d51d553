"""The programs that are measured: where they are, and which versions."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

_ASKED = {
    "creative-s3": "--version",
    "s5cmd": "version",
    "rclone": "version",
    "aws": "--version",
    "weed": "version",
}
_LIBRARIES = ("boto3", "botocore", "awscrt", "s3transfer")


def program(name: str) -> str:
    """Return the path of a program: beside this interpreter, else on ``PATH``.

    Raises:
        SystemExit: It is not installed.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        raise SystemExit(f"{name} is not installed; `nox -s bench` installs what is compared")
    return found


def versions() -> dict[str, str]:
    """Return the versions of the programs and of the libraries under ours."""
    said = {name: _first_line([program(name), question]) for name, question in _ASKED.items()}
    said["libraries"] = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES)
    checkout = Path(__file__).parent
    if shutil.which("git") and (
        commit := _first_line(["git", "-C", str(checkout), "describe", "--always", "--dirty"])
    ):
        said["creative-s3"] += f", commit {commit}"
    return said


def _first_line(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the commands are ours
    return next(iter(done.stdout.splitlines()), "").strip()
