"""Runs the program as a shell would, and quickly: a process that has loaded everything forks for each run.

Run as a program it reads orders from standard input, one JSON object a line, and answers each with its exit
code.
"""

from __future__ import annotations

import json
import os
import pkgutil
import resource
import signal
import subprocess
import sys
import time
import traceback
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import creative_s3.cli
import creative_s3.core

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_NOT_LOADED = ("crt", "crt_client", "crt_serializer", "__main__")
"""The Common Runtime has threads, which do not outlive a fork."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What befalls a run.

    Attributes:
        signal: What is sent to it; 0 for nothing.
        after_s: How long after its start.
        file_bytes: How long any file may get, as on a disk that is full; None for any length.
        clock_s: How far its clock is set forward.
        clock_after_s: How long after its start.
    """

    signal: int = 0
    after_s: float = 0.0
    file_bytes: int | None = None
    clock_s: int = 0
    clock_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended.

    Attributes:
        code: The exit code; negative, the signal that killed it.
        out: Standard output.
        err: Standard error.
    """

    code: int
    out: str
    err: str


class Forker:
    """Starts runs of the program, one after the other.

    Args:
        process: What forks.
        directory: Where the output of runs goes.
    """

    def __init__(self, process: subprocess.Popen[str], directory: Path) -> None:
        self._process = process
        self._directory = directory

    def start(self, cwd: Path, arguments: tuple[str, ...], fault: Fault) -> None:
        """Start a run; `end` waits for it."""
        order = {"cwd": str(cwd), "arguments": arguments, "output": str(self._directory), **asdict(fault)}
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def end(self) -> Ended:
        """Wait for the run, and return how it ended."""
        assert self._process.stdout
        code = json.loads(self._process.stdout.readline())
        out, err = ((self._directory / name).read_text(errors="replace") for name in ("out", "err"))
        return Ended(code, out, err)


@contextmanager
def forker(env: Mapping[str, str], directory: Path, clock: Path | None = None) -> Iterator[Forker]:
    """Start what forks.

    Args:
        env: The environment of all of its runs.
        directory: Where the output of runs goes.
        clock: What makes their clocks settable.
    """
    directory.mkdir(parents=True)
    checkout = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.life.forking"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=directory,
        env={**env, "PYTHONPATH": str(checkout), **({"LD_PRELOAD": str(clock)} if clock else {})},
    ) as process:
        yield Forker(process, directory)
        assert process.stdin
        process.stdin.close()


def _run(order: Mapping[str, Any]) -> None:
    """Become the program."""
    sys.dont_write_bytecode = True  # a short file of it would break every later start
    for number, name in ((1, "out"), (2, "err")):
        file = os.open(Path(order["output"]) / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, number)
        os.close(file)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(order["cwd"])
    if order["file_bytes"] is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_bytes"], order["file_bytes"]))
    os.environ["CLOCK_STEP_S"] = str(order["clock_s"])
    os.environ["CLOCK_STEP_AT"] = str(time.monotonic() + order["clock_after_s"])
    from creative_s3.cli.entry import main as program  # noqa: PLC0415 - loaded already

    sys.argv = ["creative-s3", *order["arguments"]]
    program()


def main() -> None:
    """Fork for each order."""
    for package in (creative_s3.cli, creative_s3.core):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith(_NOT_LOADED):
                import_module(module.name)
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        # A run that is so young that the program does not listen yet ends as the program does.
        signal.signal(number, lambda *_, code=code: os._exit(code))
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 70
            try:
                _run(order)
                code = 0
            except SystemExit as ended:
                code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
            except BaseException:  # noqa: BLE001 - a run that ends so is a finding
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        if order["signal"]:
            time.sleep(order["after_s"])
            os.kill(child, order["signal"])  # it has its number until it is waited for
        _, status = os.waitpid(child, 0)
        print(json.dumps(os.waitstatus_to_exitcode(status)), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
