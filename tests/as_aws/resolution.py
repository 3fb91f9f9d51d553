"""How a program is made to find the tests' server under AWS's names, and nothing else under any name.

Where this user may have a mount namespace, the program gets an ``/etc/hosts`` of its own and no DNS: every
library resolves names as on AWS. Elsewhere Python's resolver is replaced in the child process, which the
Common Runtime does not use.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HTTPS = 443
_MOUNTS = """
set -e
mount --bind "$1/hosts" /etc/hosts
if [ -e /etc/nsswitch.conf ]; then mount --bind "$1/nsswitch.conf" /etc/nsswitch.conf; fi
if [ -e /etc/resolv.conf ]; then mount --bind "$1/resolv.conf" /etc/resolv.conf; fi
shift
exec "$@"
"""


def with_hosts(
    directory: Path, hosts: Iterable[str], address: tuple[str, int], *, by_mounts: bool
) -> tuple[str, ...]:
    """Return what a command line begins with so that Python finds `hosts` at `address`.

    Args:
        directory: For the files that it takes.
        hosts: The names that can be resolved; no other can.
        address: The server's. Mounts tell nothing of its port, which addresses have to name then.
        by_mounts: Whether every library is to find them; else only Python does.
    """
    directory.mkdir(parents=True)
    if not by_mounts:
        told = directory / "hosts.json"
        told.write_text(json.dumps({"address": address, "hosts": sorted(hosts)}))
        return (sys.executable, str(Path(__file__).with_name("resolving.py")), str(told))
    lines = ["127.0.0.1 localhost", *(f"{address[0]} {host}" for host in hosts)]
    (directory / "hosts").write_text("\n".join(lines) + "\n")
    (directory / "nsswitch.conf").write_text("hosts: files\n")
    (directory / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    return (*_own_mounts(), "sh", "-c", _MOUNTS, "sh", str(directory), sys.executable)


@functools.cache
def may_mount() -> bool:
    """Whether this user may have a mount namespace."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return False
    tried = subprocess.run(
        [*_own_mounts(), "mount", "--bind", "/etc/hosts", "/etc/hosts"], capture_output=True, check=False
    )
    return tried.returncode == 0


def _own_mounts() -> tuple[str, ...]:
    return (
        ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user", "--mount")
    )
