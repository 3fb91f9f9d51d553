"""Server processes: free ports, a start that waits for the first answer, a stop by pid."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

HOST = "127.0.0.1"
_READY_WITHIN_S = 90.0
_GONE_WITHIN_S = 10.0
_POLL_S = 0.05
_STARTS = 3
"""Another process may take a port between our look and the server's."""


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that are free now, all different."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((HOST, 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def on_a_free_port(
    arguments: Callable[[int], Sequence[str]],
    *,
    directory: Path,
    env: Callable[[int], Mapping[str, str]] = lambda _port: {},
) -> Iterator[tuple[str, int]]:
    """Run a server that takes one port, in its arguments or its environment.

    Yields its address and pid when it answers.
    """
    for attempt in range(_STARTS):
        (port,) = free_ports(1)
        with contextlib.ExitStack() as stack:
            try:
                pid = stack.enter_context(
                    process(arguments(port), directory=directory, env=env(port), port=port)
                )
            except AssertionError:
                if attempt == _STARTS - 1:
                    raise
                continue
            yield f"http://{HOST}:{port}", pid
            return


@contextmanager
def process(
    arguments: Sequence[str],
    *,
    directory: Path,
    port: int,
    env: Mapping[str, str] | None = None,
    ready: Callable[[int], bool] | None = None,
) -> Iterator[int]:
    """Run a process until the block ends; yield its pid when it is ready.

    It has a process group of its own, its directory as home, and writes to ``NAME-PORT.log`` there.

    Args:
        arguments: The command.
        directory: Where it runs.
        port: Where it listens.
        env: What it needs besides ``PATH`` and ``HOME``.
        ready: Tells by the port whether it is ready; by default it is when it answers there over HTTP.
    """
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / f"{os.path.basename(arguments[0])}-{port}.log"  # noqa: PTH119 - a name, no path
    with log.open("wb") as output:
        started = subprocess.Popen(
            list(arguments),
            cwd=directory,
            env=_surroundings(directory, env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until_ready(started, port, ready or answers, log)
        yield started.pid
    finally:
        _stop(started)


def run(arguments: Sequence[str], *, directory: Path, env: Mapping[str, str] | None = None) -> str:
    """Run a command to its end; return what it printed, or fail with that."""
    done = subprocess.run(
        list(arguments),
        cwd=directory,
        env=_surroundings(directory, env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_READY_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(arguments)}: {done.stdout[-2000:]}"
    return done.stdout


def answers(port: int) -> bool:
    """Tell whether something speaks HTTP there."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def listens(port: int) -> bool:
    """Tell whether something takes connections there."""
    with socket.socket() as one:
        return one.connect_ex((HOST, port)) == 0


def _surroundings(directory: Path, more: Mapping[str, str] | None) -> dict[str, str]:
    return {"PATH": os.defpath, "HOME": str(directory), "LANG": "C.UTF-8", **(more or {})}


def _wait_until_ready(
    started: subprocess.Popen[bytes], port: int, ready: Callable[[int], bool], log: Path
) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while not ready(port):
        ended = started.poll()
        said = log.read_text(encoding="utf-8", errors="replace")[-2000:] if ended is not None else ""
        assert ended is None, f"{started.args!r} ended with {ended}: {said}"
        assert time.monotonic() < deadline, f"{started.args!r} does not answer on port {port}"
        time.sleep(_POLL_S)


def _stop(started: subprocess.Popen[bytes]) -> None:
    """Stop the process, and what it started, by its group, which is its pid."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            started.wait(_GONE_WITHIN_S)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(started.pid, signal.SIGKILL)  # what it left behind
