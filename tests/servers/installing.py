"""Putting programs into a directory: Python packages, npm packages, and Debian packages without installing.

Nothing outside the directory is changed, and no step needs root except Debian's own lists of packages, which
are fetched when they are missing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WITHIN_S = 900
_NEWEST_MINOR = 13


class InstallError(Exception):
    """A step failed; the text says which, and how."""


def python_packages(directory: Path, needs: Sequence[str], *, oldest: tuple[int, int] = (3, 11)) -> None:
    """Make an environment of its own with these requirements.

    Raises:
        InstallError: There is no Python that is new enough, or pip failed.
    """
    if not (directory / "bin" / "python").exists():
        step(_python(oldest), "-m", "venv", str(directory))
    step(str(directory / "bin" / "python"), "-m", "pip", "install", "--quiet", *needs)


def npm_package(directory: Path, *needs: str) -> None:
    """Install npm packages below ``directory/node_modules``.

    Raises:
        InstallError: There is no npm, or it failed.
    """
    if shutil.which("npm") is None:
        raise InstallError("there is no npm")
    directory.mkdir(parents=True, exist_ok=True)
    step("npm", "install", "--no-audit", "--no-fund", "--prefix", str(directory), *needs)


def debian_packages(directory: Path, *names: str) -> None:
    """Unpack Debian packages, and what they depend on, below ``directory/root``; nothing is set up.

    Raises:
        InstallError: This is no Debian, or apt failed.
    """
    if shutil.which("apt-get") is None:
        raise InstallError("there is no apt-get")
    archives, root = directory / "archives", directory / "root"
    (archives / "partial").mkdir(parents=True, exist_ok=True)
    fetch = (
        "apt-get", "-y", "-o", "Debug::NoLocking=1", "-o", f"Dir::Cache::archives={archives}",
        "--no-install-recommends", "--reinstall", "--download-only", "install", *names,
    )  # fmt: skip
    try:
        step(*fetch)
    except InstallError:  # the lists are missing or old
        with contextlib.suppress(InstallError):
            step("apt-get", "-qq", "update")
        step(*fetch)
    for archive in sorted(archives.glob("*.deb")):
        step("dpkg-deb", "-x", str(archive), str(root))
    shutil.rmtree(archives)


def step(*arguments: str) -> None:
    """Run one command.

    Raises:
        InstallError: It failed.
    """
    try:
        done = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InstallError(f"{arguments[0]}: {error}") from error
    if done.returncode:
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        raise InstallError(f"{' '.join(arguments)[:200]}: {' / '.join(lines[-3:])}")


def _python(oldest: tuple[int, int]) -> str:
    """Return a Python that is new enough: this one, else one on PATH or of pyenv that really runs."""
    if sys.version_info[:2] >= oldest:
        return sys.executable
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for minor in range(_NEWEST_MINOR, oldest[1] - 1, -1):
        name = f"python3.{minor}"
        for found in (shutil.which(name), *sorted(versions.glob(f"3.{minor}.*/bin/{name}"))):
            with contextlib.suppress(InstallError):
                if found is not None:
                    step(str(found), "--version")  # a shim may stand for a version that is not there
                    return str(found)
    raise InstallError(f"there is no Python {'.'.join(map(str, oldest))} or newer")
