"""What the options for shell completion show: renderables. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from creative_s3.cli.text import printable
from creative_s3.cli.views.assets import Unbroken

if TYPE_CHECKING:
    from collections.abc import Iterable

    from creative_s3.cli.completion.install import Installed


def script(lines: Iterable[str]) -> Unbroken:
    """Show a script as it is."""
    return Unbroken(Text(line) for line in lines)


def installed(completion: Installed) -> Unbroken:
    """Tell what was installed."""
    lines = [f"Completion for {completion.shell} is in {printable(str(completion.script))}"]
    if completion.startup_file:
        lines.append(f"{printable(str(completion.startup_file))} loads it")
    return Unbroken(Text(line) for line in (*lines, "It works in every shell that is opened from now on."))
