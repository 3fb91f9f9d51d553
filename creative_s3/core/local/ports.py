"""The loopback ports of the embedded S3 server, and the unix sockets that go by their numbers."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = "127.0.0.1"
SOCKET_NAMES = ("filer.sock", "s3.sock")

_SERVICES = ("master", "volume", "filer", "s3", "admin")
# weed's own worker looks for the admin service at its HTTP port plus this, whatever -admin.port.grpc says.
_ADMIN_GRPC_OFFSET = 10_000
_HIGHEST_PORT = 65_535


def reserve_ports(wanted: Mapping[str, int]) -> dict[str, socket.socket]:
    """Hold one listening socket per port that weed needs, all distinct: those wanted, or any free ones."""
    held: dict[str, socket.socket] = {}
    names = [f"{service}.port{kind}" for service in _SERVICES for kind in ("", ".grpc")]
    if set(names) == set(wanted):
        try:
            for name in names:
                held[name] = _listen(wanted[name])
        except OSError:
            _close(held)
        else:
            return held
    held = {name: _listen(0) for name in names if not name.startswith("admin.")}
    rejected: dict[str, socket.socket] = {}
    while "admin.port.grpc" not in held:
        admin = _listen(0)
        port = admin.getsockname()[1] + _ADMIN_GRPC_OFFSET
        try:
            if port > _HIGHEST_PORT:
                raise OSError  # noqa: TRY301 - the same as a port that is taken
            held["admin.port.grpc"] = _listen(port)
            held["admin.port"] = admin
        except OSError:
            # Held on to, so that the next port is another one.
            rejected[str(port)] = admin
    _close(rejected)
    return held


def remove_sockets(home: Path, ports: Mapping[str, int]) -> None:
    """Remove the unix sockets that a server on `ports` leaves behind, there and in the system's ``/tmp``."""
    paths = [home / name for name in SOCKET_NAMES]
    for service in _SERVICES:
        paths.append(Path(f"/tmp/seaweedfs-{service}-grpc-{ports[f'{service}.port.grpc']}.sock"))  # noqa: S108 - weed's own names
        paths.append(Path(f"/tmp/seaweedfs-{service}-{ports[f'{service}.port']}.sock"))  # noqa: S108 - the same
    for path in paths:
        with contextlib.suppress(OSError):  # another user's, or gone
            path.unlink()


def remove_stale_sockets(home: Path, ports: Mapping[str, int]) -> None:
    """Remove what a killed server on `ports` left, unless any of them is another server's by now."""
    held: dict[str, socket.socket] = {}
    with contextlib.suppress(OSError):
        for name, port in ports.items():
            held[name] = _listen(port)
    if ports and len(held) == len(ports):
        remove_sockets(home, ports)
    _close(held)


def _close(sockets: dict[str, socket.socket]) -> None:
    while sockets:
        sockets.popitem()[1].close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        if port:
            # A port of our last run may have connections that linger; a listening process still excludes us.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(1)
    except OSError:
        listener.close()
        raise
    return listener
