"""What ``--install-completion`` and ``--show-completion`` do and report."""

from __future__ import annotations

import os
from pathlib import Path

from creative_s3.cli import views_completion as views
from creative_s3.cli.completion.install import current_shell, install, script_for
from creative_s3.cli.output import Report


def install_completion() -> Report:
    """Install the completion of the shell that runs us.

    Raises:
        UsageError: There is none for it.
        OSError: Something cannot be written.
    """
    installed = install(current_shell(os.environ), Path.home(), os.environ)
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
