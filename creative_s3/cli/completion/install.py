"""Putting the completion scripts where the shells find them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from creative_s3.cli.completion import shells
from creative_s3.cli.completion.shells import SHELLS
from creative_s3.cli.text import PROGRAM
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_POWERSHELLS = ("powershell", "pwsh")
_ZSH_LINE = "fpath+=({folder}); autoload -Uz compinit; compinit"


@dataclass(frozen=True, slots=True)
class Installed:
    """Where a completion went.

    Attributes:
        shell: The shell.
        script: The script's path.
        startup_file: The shell's own file that got a line which loads the script; None if none was needed.
    """

    shell: str
    script: Path
    startup_file: Path | None = None


def current_shell(environment: Mapping[str, str]) -> str:
    """Return the name of the shell that runs us; that of the user's login where no shell does.

    Raises:
        UsageError: It is none that we know.
    """
    import shellingham  # type: ignore[import-untyped]

    try:
        name: str = shellingham.detect_shell()[0]
    except shellingham.ShellDetectionFailure:
        name = Path(environment.get("SHELL", "")).name
    if name not in (*SHELLS, *_POWERSHELLS):
        raise UsageError(
            f"there is no completion for {name or 'this shell'}",
            item="--install-completion",
            hint="run it in bash, zsh, fish or PowerShell",
        )
    return name


def script_for(shell: str) -> str:
    """Return the script that makes a shell ask."""
    if shell in _POWERSHELLS:
        from typer.completion import get_completion_script  # type: ignore[attr-defined]  # not declared

        variable = f"_{PROGRAM.upper().replace('-', '_')}_COMPLETE"
        return f"{get_completion_script(prog_name=PROGRAM, complete_var=variable, shell=shell)}\n"
    return shells.script_for(shell)


def install(shell: str, home: Path, environment: Mapping[str, str]) -> Installed:
    """Write the script, and a line into the shell's startup file if it needs one that is not there.

    Args:
        shell: One that `current_shell` knows.
        home: The user's home directory.
        environment: ``ZDOTDIR`` and ``XDG_CONFIG_HOME`` count.

    Raises:
        OSError: Something cannot be written.
    """
    if shell in _POWERSHELLS:
        from typer.completion import install as install_with_typer  # type: ignore[attr-defined]

        _, path = install_with_typer(shell=shell, prog_name=PROGRAM)
        return Installed(shell, path)
    if shell == "fish":
        config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
        return Installed(shell, _written(shell, config / "fish" / "completions" / f"{PROGRAM}.fish"))
    if shell == "zsh":
        script = _written(shell, home / ".zfunc" / f"_{PROGRAM}")
        startup_file = Path(environment.get("ZDOTDIR") or home) / ".zshrc"
        line = _ZSH_LINE.format(folder=shlex.quote(str(script.parent)))
    else:
        script = _written(shell, home / ".bash_completions" / f"{PROGRAM}.sh")
        startup_file = home / ".bashrc"
        line = f"source {shlex.quote(str(script))}"
    return Installed(shell, script, startup_file if _add_line(startup_file, line) else None)


def _written(shell: str, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script_for(shell), encoding="utf-8")
    return path


def _add_line(path: Path, line: str) -> bool:
    """Add a line at a file's end unless it has it, and change nothing else; return whether it was added."""
    before = path.read_bytes() if path.exists() else b""
    if line.encode() in before.splitlines():
        return False
    with path.open("ab") as file:
        file.write((b"\n" if before and not before.endswith(b"\n") else b"") + f"{line}\n".encode())
    return True
