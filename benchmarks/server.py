"""The S3 server that all contenders talk to, in memory, and the buckets on it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.data import memory_backed
from benchmarks.measuring import run
from benchmarks.programs import program
from creative_s3.core.local import server as local

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PREFIX = "creative-s3-benchmark-"
_LOCK = "lock"
_FREE_BYTES = 6 << 30
_IDLE_SHARE = 0.05
_LOOKED_EVERY_S = 0.2
_IDLE_WITHIN_S = 15.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and the surroundings in which every contender runs.

    Attributes:
        pid: Its process.
        endpoint_url: Where it answers.
        environment: For every command that talks to it.
    """

    pid: int
    endpoint_url: str
    environment: Mapping[str, str]

    def make_bucket(self, name: str) -> None:
        """Make a new bucket."""
        self._s5cmd("mb", f"s3://{name}")

    def totals(self, bucket: str, prefix: str) -> tuple[int, int]:
        """Return how many objects there are below `prefix`, and their bytes."""
        said = json.loads(self._s5cmd("--json", "du", f"s3://{bucket}/{prefix}*"))
        return int(said["count"]), int(said["size"])

    def delete_bucket(self, name: str) -> None:
        """Empty a bucket and delete it; the memory of its objects is free afterwards."""
        with contextlib.suppress(RuntimeError):  # nothing is in it
            self._s5cmd("--log", "error", "rm", f"s3://{name}/*")
        self._s5cmd("rb", f"s3://{name}")

    def cpu_s(self) -> float:
        """Return the CPU time that the server has used so far."""
        return _cpu_s(self.pid)

    def settle(self) -> None:
        """Wait until the server has nothing left to do, so that nobody pays for who came before."""
        deadline = time.monotonic() + _IDLE_WITHIN_S
        before = self.cpu_s()
        while time.monotonic() < deadline:
            time.sleep(_LOOKED_EVERY_S)
            now = self.cpu_s()
            if now - before < _IDLE_SHARE * _LOOKED_EVERY_S:
                return
            before = now

    def _s5cmd(self, *arguments: str) -> str:
        command = [program("s5cmd"), "--endpoint-url", self.endpoint_url, *arguments]
        return run(command, self.environment).stdout


@contextlib.contextmanager
def workplace() -> Iterator[Path]:
    """Make a directory in memory, removed at the end, also after Ctrl-C; clear away what a killed run left.

    Raises:
        SystemExit: There is no memory-backed storage, or too little of it is free.
    """
    place = memory_backed(f"{_PREFIX}{os.getpid()}")
    for other in place.parent.glob(f"{_PREFIX}*"):
        _clear_if_left(other)
    if (free := shutil.disk_usage(place.parent).free) < _FREE_BYTES:
        raise SystemExit(f"{place.parent} has {free >> 20:,} MiB free; {_FREE_BYTES >> 20:,} MiB are needed")
    place.mkdir(mode=0o700)
    # A process that is gone holds no lock: that is how a later run knows what it may clear away.
    with (place / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield place
        finally:
            with _uninterrupted():
                _clear(place)


@contextlib.contextmanager
def running(place: Path) -> Iterator[Server]:
    """Run a server of our own below `place` while the body runs."""
    directory = place / "server"
    home = place / "home"
    home.mkdir()
    server = local.start(directory)
    access_key, secret_key = local.read_credentials(server)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_REGION": server.region,
        "AWS_CONFIG_FILE": str(home / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / "no-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "S3_REGION": server.region,
        "RCLONE_CONFIG": str(home / "no-rclone.conf"),
        "RCLONE_CONFIG_BENCH_TYPE": "s3",
        "RCLONE_CONFIG_BENCH_PROVIDER": "SeaweedFS",
        "RCLONE_CONFIG_BENCH_ENV_AUTH": "true",
        "RCLONE_CONFIG_BENCH_REGION": server.region,
        "RCLONE_CONFIG_BENCH_ENDPOINT": server.endpoint_url,
    }
    try:
        yield Server(server.pid, server.endpoint_url, environment)
    finally:
        with _uninterrupted():
            local.remove(directory)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold signals off while things are put away."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _clear_if_left(place: Path) -> None:
    try:
        with (place / _LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _clear(place)
    except (BlockingIOError, FileNotFoundError, PermissionError):
        return


def _clear(place: Path) -> None:
    if (place / "server").is_dir():
        local.remove(place / "server")
    shutil.rmtree(place)


def _cpu_s(pid: int) -> float:
    """Return the CPU time of a process so far; of the fields after its name, 11 and 12 (proc(5))."""
    fields = (
        Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    )
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
