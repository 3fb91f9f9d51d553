"""What ``--install-completion`` and ``--show-completion`` do and report."""

from __future__ import annotations

import os
from pathlib import Path

from creative_s3.cli.completion import views
from creative_s3.cli.completion.install import current_shell, install, script_for
from creative_s3.cli.output import Report
from creative_s3.errors import SettingsError


def install_completion() -> Report:
    """Install the completion of the shell that runs us.

    Raises:
        UsageError: There is none for it.
        SettingsError: There is no home directory.
        OSError: Something cannot be written.
    """
    try:
        home = Path.home()
    except RuntimeError:
        raise SettingsError(
            "there is no home directory", item="HOME", hint="set HOME to a directory that you can write to"
        ) from None
    installed = install(current_shell(os.environ), home, os.environ)
    return Report(
        data={
            "shell": installed.shell,
            "script": installed.script,
            "startup_file": installed.startup_file,
        },
        human=lambda: views.installed(installed),
        lines=(str(installed.script),),
    )


def show_completion() -> Report:
    """Print the script of the shell that runs us.

    Raises:
        UsageError: There is none for it.
    """
    shell = current_shell(os.environ)
    lines = tuple(script_for(shell).splitlines())
    data = {"shell": shell, "script": "\n".join((*lines, ""))}
    return Report(data=data, human=lambda: views.script(lines), lines=lines)
