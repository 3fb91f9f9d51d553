"""Write what the tests found on each server: ``python -m tests.servers.matrix FOUND PAGE``.

FOUND is the directory that ``TEST_SERVERS_FOUND`` named while the tests ran; PAGE is docs/servers.md.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.servers.known import SERVERS

Found = Mapping[str, Any]

_HEAD = """\
# Other S3 servers

What `nox -s servers` found: the real program on each of these servers, with a pipeline's workspace, an empty
file, one with a name in Unicode and one of 20 MiB in parts. That session writes this page, never a hand.

**ok**: done and verified. **told**: done, and the report says what the number stands for below.
**not tried**: for the reason below; a server may not have been installed where the tests ran.

"""


def main(arguments: list[str]) -> int:
    """Write the page; return 1 where an operation failed on a server."""
    found = [json.loads(path.read_bytes()) for path in sorted(Path(arguments[0]).glob("*.json"))]
    Path(arguments[1]).write_text(page(found), encoding="utf-8")
    return 1 if any(one["outcome"] == "failed" for one in found) else 0


def page(found: Iterable[Found]) -> str:
    """Return the page."""
    cells = {(one["operation"], one["server"]): one for one in found}
    present = {server for _, server in cells}
    servers = [name for name in SERVERS if name in present]
    notes: dict[str, int] = {}
    rows = []
    for operation in _in_order(cells):
        row = [_cell(cells.get((operation, server)), notes) for server in servers]
        rows.append(f"| {operation} | {' | '.join(row)} |")
    table = [f"| | {' | '.join(servers)} |", f"|---{'|---' * len(servers)}|", *rows]
    sources = [f"- **{name}**: {SERVERS[name].source}" for name in servers]
    told = [f"{number}. {text}" for text, number in notes.items()]
    parts = [
        "\n".join(table),
        "## What is told",
        "\n".join(told) or "Nothing.",
        "## The servers",
        "\n".join(sources),
    ]
    return _HEAD + "\n\n".join(parts) + "\n"


def _in_order(cells: Mapping[tuple[str, str], Found]) -> list[str]:
    """Return the operations in the order of the tests' source."""
    text = "".join(
        (Path(__file__).parent / name).read_text(encoding="utf-8")
        for name in ("test_starting.py", "test_conformance.py")
    )
    return sorted({operation for operation, _ in cells}, key=lambda one: text.find(f'operation("{one}")'))


def _cell(one: Found | None, notes: dict[str, int]) -> str:
    if one is None:
        return ""
    if one["outcome"] == "failed":
        return "**fails**"
    texts = [one["reason"]] if one["outcome"] == "skipped" else _sentences(one["told"])
    numbers = [str(notes.setdefault(text, len(notes) + 1)) for text in dict.fromkeys(texts)]
    word = "not tried" if one["outcome"] == "skipped" else "told" if numbers else "ok"
    return f"{word} {', '.join(numbers)}".strip()


def _sentences(told: Iterable[str]) -> list[str]:
    """Return what was told, one thing each."""
    return [part.strip() for text in told for part in text.split("; ")]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
