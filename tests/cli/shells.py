"""Real shells on terminals of their own: they are typed into, and tell what they would have run."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import pytest

from tests.cli.probe import environment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SHELLS = ("bash", "zsh", "fish")
TAB = "\t"
_DEADLINE_S = 30
_LINE_START = "\x01"
_ENTER = "\r"
_READY = "ready>"
_TOLD = "told.bin"
# Without a terminal that controls it, an interactive shell complains and half of its keys are dead.
_ON_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "bash": ("bash", "-i"),
    "zsh": ("zsh", "-i"),
    "fish": ("fish", "-i"),
}
_STARTUP_FILES = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}
_STARTUP = {
    "bash": f"PS1='{_READY}'\nHISTFILE=/dev/null\nset -o histexpand\nbind 'set enable-bracketed-paste off'\n",
    "zsh": f"PS1='{_READY}'\nbindkey -e\nunsetopt prompt_sp\n",
    "fish": f"function fish_prompt; printf '{_READY}'; end\nset -g fish_greeting\n",
}


@dataclass(slots=True)
class Home:
    """A home directory with the programs and the startup files that a shell needs.

    Attributes:
        path: The directory; its ``bin`` is first on the path.
        env: The environment of shells.
    """

    path: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        programs = self.path / "bin"
        programs.mkdir(parents=True)
        _program(programs / "creative-s3", "from creative_s3.cli.entry import main; main()")
        # What it is given says what the shell made of the line.
        told = self.path / _TOLD
        _program(
            programs / "tell",
            f"import os, sys; text = '\\0'.join(sys.argv[1:]); path = {str(told)!r}\n"
            "with open(path + '.new', 'wb') as file: file.write(os.fsencode(text))\n"
            "os.replace(path + '.new', path)",
        )
        self.env = environment(
            HOME=str(self.path),
            PATH=f"{programs}{os.pathsep}{os.environ['PATH']}",
            TERM="xterm",
            LC_ALL="C.UTF-8",
            SHELL="/bin/sh",
            XDG_CONFIG_HOME=str(self.path / ".config"),
            XDG_DATA_HOME=str(self.path / ".local"),
        )
        for name in ("ZDOTDIR", "BASH_ENV", "ENV", "CACHE_DIR", "S3_BUCKET_NAME"):
            self.env.pop(name, None)

    def prepare(self, shell: str, *lines: str) -> None:
        """Write the shell's startup file: what makes it readable for us, and lines of the test's own."""
        path = self.path / _STARTUP_FILES[shell]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_STARTUP[shell] + "".join(f"{line}\n" for line in lines), encoding="utf-8")

    def told(self) -> list[str] | None:
        """Return what `tell` was given, once."""
        path = self.path / _TOLD
        if not path.exists():
            return None
        text = path.read_bytes().decode()
        path.unlink()
        return text.split("\0")


class Shell:
    """An interactive shell in a directory. Use it as a context manager."""

    def __init__(self, name: str, home: Home, cwd: Path, *options: str) -> None:
        if shutil.which(name) is None:
            pytest.skip(f"{name} is not installed")
        self._home = home
        self._mine, theirs = pty.openpty()
        self._seen = ""
        command, *more = _COMMANDS[name]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _ON_TERMINAL, command, *options, *more],
            env=home.env,
            cwd=cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        self.wait_for(_READY)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.kill()
        self._process.wait(_DEADLINE_S)
        os.close(self._mine)

    def type(self, text: str) -> None:
        """Type keys."""
        os.write(self._mine, text.encode())

    def wait_for(self, text: str) -> str:
        """Wait until the screen has shown a text; return all that it has shown up to now."""
        deadline = time.monotonic() + _DEADLINE_S
        while text not in self._seen:
            assert time.monotonic() < deadline, f"no {text!r} in {self._seen!r}"
            self._look()
        seen, self._seen = self._seen, ""
        return seen

    def complete(self, line: str) -> list[str]:
        """Type a line with its tabs; return the words that the shell would have run."""
        self.type(line)
        self.type(f"{_LINE_START}tell {_ENTER}")
        deadline = time.monotonic() + _DEADLINE_S
        while (told := self._home.told()) is None:
            assert time.monotonic() < deadline, self._seen
            self._look()
        self.wait_for(_READY)
        return told

    def _look(self) -> None:
        """Read what the shell shows, waiting a moment for it."""
        if select.select([self._mine], [], [], 0.02)[0]:
            self._seen += os.read(self._mine, 65536).decode("utf-8", "replace")


def _program(path: Path, source: str) -> None:
    path.write_text(f"#!{sys.executable}\n{source}\n", encoding="utf-8")
    path.chmod(0o755)
