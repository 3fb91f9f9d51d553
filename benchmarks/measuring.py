"""Running a whole command as a user would, and what that cost: wall time, CPU time, peak memory."""

from __future__ import annotations

import contextlib
import os
import shlex
import statistics
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_KIB = 1024
_SAMPLED_EVERY_S = 0.05
_ENDS_WITHIN_S = 10.0
_LONGEST_S = 900.0
_SHOWN_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command cost.

    Attributes:
        wall_s: From the start of the process to its end.
        cpu_s: User and system time of the process and of all its children.
        peak_bytes: Resident memory at its largest; with child processes, the sum with each shared page
            counted once, looked at five times a second.
        server_cpu_s: What the server used meanwhile: it shares the processors.
    """

    wall_s: float
    cpu_s: float
    peak_bytes: int
    server_cpu_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that ended with 0.

    Attributes:
        cost: What it cost.
        stdout: What it printed there.
        stderr: What it printed there.
    """

    cost: Cost
    stdout: str
    stderr: str


def run(command: Sequence[str], environment: Mapping[str, str]) -> Finished:
    """Run a command to its end; it ends, too, when this process is interrupted, and after 15 minutes.

    Raises:
        RuntimeError: It ended with another code than 0; what it said last is in the text.
    """
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        begun = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - the commands are ours
            command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr
        )
        watch = threading.Timer(_LONGEST_S, process.kill)
        watch.start()
        try:
            with _family_memory(process.pid) as largest:
                _, status, usage = os.wait4(process.pid, 0)
                wall_s = time.perf_counter() - begun
        except BaseException:
            _end(process)
            raise
        finally:
            watch.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for file in (stdout, stderr):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
    if process.returncode:
        said = "\n".join(text.strip()[-_SHOWN_CHARACTERS:] for text in texts if text.strip())
        raise RuntimeError(f"{shlex.join(command)} ended with {process.returncode}:\n{said or '(no output)'}")
    # What the system reports at the end begins with our own memory, a child's until it is the command.
    peak_bytes = largest() or usage.ru_maxrss * _KIB
    return Finished(Cost(wall_s, usage.ru_utime + usage.ru_stime, peak_bytes), *texts)


def median(costs: Sequence[Cost]) -> Cost:
    """Return the medians of several runs, each figure by itself."""
    return Cost(
        statistics.median(cost.wall_s for cost in costs),
        statistics.median(cost.cpu_s for cost in costs),
        int(statistics.median(cost.peak_bytes for cost in costs)),
        statistics.median(cost.server_cpu_s for cost in costs),
    )


class _Largest:
    """The largest number seen."""

    def __init__(self) -> None:
        self._value = 0

    def __call__(self) -> int:
        return self._value

    def take(self, value: int) -> None:
        self._value = max(self._value, value)


@contextlib.contextmanager
def _family_memory(pid: int) -> Iterator[_Largest]:
    """Look at a process and its children while the body runs."""
    largest, ended = _Largest(), threading.Event()

    def look() -> None:
        while not ended.wait(_SAMPLED_EVERY_S):
            with contextlib.suppress(OSError):  # a process ended between two looks
                largest.take(_highest_bytes(pid))
                family = _family(pid)
                if len(family) > 1:
                    largest.take(sum(_proportional_bytes(one) for one in family))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield largest
    finally:
        ended.set()
        thread.join()


def _family(pid: int) -> list[int]:
    """Return the process and all that descend from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text(encoding="ascii").split():
            found += _family(int(child))
    return found


def _highest_bytes(pid: int) -> int:
    """Return the most resident memory that a process has had since it became its command."""
    return _told_bytes(pid, "status", "VmHWM:")


def _proportional_bytes(pid: int) -> int:
    return _told_bytes(pid, "smaps_rollup", "Pss:")


def _told_bytes(pid: int, file: str, name: str) -> int:
    for line in Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8").splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * _KIB
    return 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that may have been interrupted together with us."""
    process.terminate()
    try:
        process.wait(_ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
