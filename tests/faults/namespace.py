"""A network of the tests' own: a namespace with one address, joined to this machine by a virtual cable."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


_IP = shutil.which("ip") or ""


class Namespace(NamedTuple):
    """One of them.

    Attributes:
        name: Its name.
        here: The address of this machine, as the namespace sees it.
    """

    name: str
    here: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """What a command line begins with that runs inside it."""
        return (_IP, "netns", "exec", self.name)


def obstacle() -> str | None:
    """Say why there can be none here; None where there can."""
    if os.getuid() != 0:
        return "only root makes network namespaces"
    if not _IP:
        return "there is no `ip`"
    probe = f"cs3-{secrets.token_hex(3)}"
    made = subprocess.run([_IP, "netns", "add", probe], capture_output=True, text=True, check=False)
    if made.returncode:
        return f"no network namespaces: {made.stderr.strip()}"
    _ip("netns", "del", probe)
    return None


@contextmanager
def namespace() -> Iterator[Namespace]:
    """Make one, and remove it."""
    mark = secrets.token_hex(3)
    name, here, there = f"cs3-{mark}", f"h{mark}", f"t{mark}"
    # 198.18.0.0/15 is for tests of networks (RFC 2544).
    net = f"198.18.{secrets.randbelow(256)}.{secrets.randbelow(63) * 4}"
    base, _, last = net.rpartition(".")
    ours, theirs = f"{base}.{int(last) + 1}", f"{base}.{int(last) + 2}"
    _ip("netns", "add", name)
    try:
        _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        _ip("addr", "add", f"{ours}/30", "dev", here)
        _ip("link", "set", here, "up")
        _ip("-n", name, "addr", "add", f"{theirs}/30", "dev", there)
        _ip("-n", name, "link", "set", there, "up")
        yield Namespace(name, ours)
    finally:
        _ip("netns", "del", name)  # the cable goes with it


def _ip(*arguments: str) -> None:
    subprocess.run([_IP, *arguments], capture_output=True, check=True)
