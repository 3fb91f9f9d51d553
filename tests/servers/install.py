"""Install servers for the tests: ``python -m tests.servers.install DIRECTORY [NAME...]``.

What cannot be installed leaves its reason there, for the tests that it keeps from running; one server's
failure is not another's.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.servers.installing import InstallError
from tests.servers.known import SERVERS


def main(arguments: list[str]) -> int:
    """Install the named servers, or all; return 2 for a name that is none."""
    home, names = Path(arguments[0]).absolute(), arguments[1:] or list(SERVERS)
    if unknown := [name for name in names if name not in SERVERS]:
        print(f"no such server: {', '.join(unknown)}; there are: {', '.join(SERVERS)}", file=sys.stderr)  # noqa: T201 - a command
        return 2
    for name in names:
        install = SERVERS[name].install
        if install is None:
            continue
        failed = home / name / "failed.txt"
        failed.parent.mkdir(parents=True, exist_ok=True)
        failed.unlink(missing_ok=True)
        try:
            install(home / name)
        except InstallError as error:
            failed.write_text(f"{error}\n", encoding="utf-8")
            print(f"{name}: {error}", file=sys.stderr)  # noqa: T201 - a command
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
