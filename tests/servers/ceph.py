"""Ceph's RADOS Gateway from Debian's packages: one monitor, one store, one gateway, not set up."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.servers.installing import debian_packages
from tests.servers.processes import HOST, free_ports, listens, process, run
from tests.servers.server import ACCESS_KEY, SECRET_KEY, Running, Server, installed, missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = "ceph"
_PROGRAM = "root/usr/bin/radosgw"
_LIBRARIES = "root/usr/lib/x86_64-linux-gnu"
_CONFIG = """\
[global]
fsid = {fsid}
mon host = [v2:{host}:{v2}/0,v1:{host}:{v1}/0]
mon initial members = a
public addr = {host}
cluster addr = {host}
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
run dir = {home}/run
admin socket = {home}/run/$name.sock
log file = {home}/$name.log
pid file = {home}/run/$name.pid
crash dir = {home}/run
plugin dir = {libraries}/ceph
osd class dir = {libraries}/rados-classes
erasure code dir = {libraries}/ceph/erasure-code
compressor dir = {libraries}/ceph/compressor
crypto plugin dir = {libraries}/ceph/crypto
setuser match path = /nonexistent
max open files = 4096
ms mon client mode = crc
[mon]
mon data = {home}/mon
mon data avail crit = 1
mon data avail warn = 2
[osd]
osd data = {home}/osd
osd objectstore = bluestore
bluestore block size = {store_bytes}
bluestore cache size = 134217728
osd memory target = 939524096
bluestore fsck on mount = false
osd op num shards = 2
[client.rgw.a]
rgw frontends = beast endpoint={host}:{gateway}
rgw data = {home}/rgw
rgw enable usage log = false
rgw thread pool size = 64
rgw crypt require ssl = false
"""
_STORE_BYTES = 6 << 30
"""A file with holes: only what is written takes room."""
_POLL_S = 0.2
_WITHIN_S = 120.0


class _Cluster:
    """The commands of one cluster."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        root = installed(_NAME) / "root"
        libraries = ("usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/ceph", "lib/x86_64-linux-gnu")
        self.env = {
            "LD_LIBRARY_PATH": ":".join(str(root / one) for one in libraries),
            "PYTHONPATH": str(root / "usr/lib/python3/dist-packages"),
        }

    def program(self, name: str, *arguments: str) -> list[str]:
        """Return a command with the configuration."""
        path = str(installed(_NAME) / "root/usr/bin" / name)
        return [path, "-c", str(self.directory / "ceph.conf"), *arguments]

    def run(self, name: str, *arguments: str) -> str:
        """Run a command to its end."""
        return run(self.program(name, *arguments), directory=self.directory, env=self.env)

    def ask(self, *arguments: str) -> str:
        """Run a command of `ceph`, which is a script of the system's own Python."""
        program = ["/usr/bin/python3", *self.program("ceph", "--connect-timeout", "30", *arguments)]
        return run(program, directory=self.directory, env=self.env)


@contextmanager
def _run(directory: Path) -> Iterator[Running]:
    for name in ("run", "osd", "rgw"):
        (directory / name).mkdir(parents=True)
    v1, v2, gateway = free_ports(3)
    fsid, store = str(uuid.uuid4()), str(uuid.uuid4())
    config = _CONFIG.format(
        fsid=fsid,
        host=HOST,
        v1=v1,
        v2=v2,
        gateway=gateway,
        home=directory,
        libraries=installed(_NAME) / _LIBRARIES,
        store_bytes=_STORE_BYTES,
    )
    (directory / "ceph.conf").write_text(config, encoding="utf-8")
    cluster, map_ = _Cluster(directory), str(directory / "monmap")
    address = f"[v2:{HOST}:{v2}/0,v1:{HOST}:{v1}/0]"
    cluster.run("monmaptool", "--create", "--clobber", "--fsid", fsid, "--addv", "a", address, map_)
    cluster.run("ceph-mon", "--mkfs", "-i", "a", "--monmap", map_)
    with contextlib.ExitStack() as stack:

        def started(name: str, port: int, *arguments: str) -> int:
            command = cluster.program(name, *arguments, "-f")
            ready = listens
            return stack.enter_context(
                process(command, directory=directory, env=cluster.env, port=port, ready=ready)
            )

        monitor = started("ceph-mon", v1, "-i", "a")
        number = cluster.ask("osd", "new", store).strip().splitlines()[-1]
        cluster.run("ceph-osd", "--mkfs", "-i", number, "--osd-uuid", store)
        osd = started("ceph-osd", v1, "-i", number)
        _wait_for_store(cluster)
        identity = ("--uid", "tests", "--display-name", "tests")
        keys = ("--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY)
        cluster.run("radosgw-admin", "user", "create", *identity, *keys)
        rgw = started("radosgw", gateway, "-n", "client.rgw.a")
        yield Running(_NAME, f"http://{HOST}:{gateway}", pids=(rgw, osd, monitor))


def _wait_for_store(cluster: _Cluster) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while not json.loads(cluster.ask("osd", "stat", "-f", "json").splitlines()[-1])["num_up_osds"]:
        assert time.monotonic() < deadline, "the store does not come up"
        time.sleep(_POLL_S)


def _obstacle() -> str | None:
    return missing(_NAME, _PROGRAM)


def _install(directory: Path) -> None:
    debian_packages(directory, "ceph-mon", "ceph-osd", "radosgw", "ceph-common")


CEPH = Server(_NAME, "Debian: ceph-mon, ceph-osd, radosgw", _run, _obstacle, _install)
