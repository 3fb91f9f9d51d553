"""The real process: closed pipes, full disks, signals."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

from tests.cli.probe import PROGRAM, environment


@pytest.mark.parametrize("arguments", [("--help",), ("config",), ("config", "--json"), ("config", "-q")])
def test_a_closed_pipe_is_141_and_silent(arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)  # as if `head` had left already
    process = subprocess.Popen(
        [*PROGRAM, *arguments], env=environment(), stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 141
    assert stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [("config", "-q"), ("config",), ("config", "--json"), ("--help",)])
def test_a_full_disk_under_stdout_is_not_a_success(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, *arguments],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 9
    assert done.stderr.startswith("Error: no space left on device (standard output)\n")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_an_error_keeps_its_exit_code_where_its_envelope_cannot_be_written() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, "--json", "nonsense"],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("Error: No such command 'nonsense'\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_what_cannot_be_said_on_stderr_changes_nothing() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*PROGRAM, "nonsense"], env=environment(), stderr=full, check=False)
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("closed", "arguments", "code"),
    [
        ("<&-", "config", 0),
        (">&-", "config --json", 0),
        ("2>&-", "nonsense", 2),
        ("<&- >&- 2>&-", "config", 0),
    ],
)
def test_streams_that_the_caller_closed_are_no_bug(closed: str, arguments: str, code: int) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$0" -m creative_s3 {arguments} {closed}', sys.executable],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr


WORKER = '''
import sys, threading, time
from creative_s3.cli import stops
from creative_s3.cli.declare import options
from creative_s3.cli.app import new_app
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run  # noqa: TC001 - commands' annotations are read at run time
from creative_s3.cli.terminal import prepare_streams
from typer.main import get_command

app = new_app()

@options.command(app, "wait")
def wait(run: Run, how: str) -> Report:
    """Wait to be stopped."""
    with run.live() as live:
        try:
            print("ready", file=sys.stderr, flush=True)
            threading.Event().wait(60)
        except KeyboardInterrupt:
            if how == "drain":
                print("drained", file=sys.stderr, flush=True)
            if how == "stuck":
                threading.Event().wait(60)
            raise
    return Report()

prepare_streams()
stops.install()
get_command(app).main(sys.argv[1:], prog_name="creative-s3")
'''


@pytest.fixture
def worker(tmp_path: Path) -> Path:
    path = tmp_path / "worker.py"
    path.write_text(WORKER, encoding="utf-8")
    return path


def started(worker: Path, *arguments: str, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*before, sys.executable, str(worker), *arguments],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until_says(process.stderr, "ready")
    return process


def until_says(stream: IO[str] | None, text: str) -> None:
    assert stream is not None
    for said in stream:
        if text in said:
            return
    raise AssertionError(f"it ended without saying {text!r}")


@pytest.mark.parametrize(
    ("number", "code", "what"),
    [
        (signal.SIGINT, 130, "Interrupted"),
        (signal.SIGTERM, 143, "Asked to end"),
        (signal.SIGHUP, 129, "The terminal went away"),
    ],
)
def test_a_signal_is_announced_lets_the_work_drain_and_has_its_exit_code(
    number: signal.Signals, code: int, what: str, worker: Path
) -> None:
    process = started(worker, "wait", "drain")
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == code
    assert stdout == ""
    told = stderr.splitlines()
    assert told[0].startswith(f"{what}: finishing what is in flight")
    assert told[1] == "drained"
    assert told[-1] == "→ creative-s3 wait drain  # goes on where this stopped"
    assert "Traceback" not in stderr


def test_a_signal_in_json_is_the_envelope(worker: Path) -> None:
    process = started(worker, "--json", "wait", "drain")
    process.send_signal(signal.SIGTERM)
    stdout, _ = process.communicate(timeout=20)
    answer = json.loads(stdout)
    assert process.returncode == answer["exit_code"] == 143
    assert answer["error"]["code"] == "interrupted"
    assert answer["error"]["hint"].startswith("creative-s3 --json wait drain")


def test_a_second_signal_ends_it_now(worker: Path) -> None:
    process = started(worker, "wait", "stuck")
    process.send_signal(signal.SIGINT)
    until_says(process.stderr, "Interrupted")
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Leaving now." in stderr
    assert "Still busy" not in stderr


def test_work_that_does_not_drain_is_left_after_its_time(worker: Path) -> None:
    process = started(worker, "wait", "stuck")
    before = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 143
    assert time.monotonic() - before >= 5
    assert "Still busy" in stderr


def test_a_hangup_that_nohup_ignores_stays_ignored(worker: Path) -> None:
    process = started(worker, "wait", "drain", before=("nohup",))
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 143
    assert "went away" not in stderr


def test_on_a_terminal_ctrl_c_is_answered_and_the_cursor_comes_back(worker: Path) -> None:
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(worker), "wait", "drain"],
        env=environment(TERM="xterm-256color", COLUMNS="80"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = _read_until(mine, b"Working")
    process.send_signal(signal.SIGINT)
    shown += _read_until(mine, b"goes on where this stopped")
    assert process.wait(20) == 130
    os.close(mine)
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")


def _read_until(descriptor: int, text: bytes) -> bytes:
    """Read a terminal until `text` appears; pytest's own time limit is the deadline."""
    seen = b""
    while text not in seen:
        seen += os.read(descriptor, 65536)
    return seen


EARLY = """
import os, signal, sys

def at(frame, event, _argument):
    if event == "call" and frame.f_code.co_name == "get_command":
        sys.setprofile(None)
        os.kill(os.getpid(), signal.SIGINT)

sys.setprofile(at)
from creative_s3.cli.entry import main
main()
"""
LATE = """
import atexit, os, signal
atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))
from creative_s3.cli.entry import main
main()
"""


@pytest.mark.parametrize(("program", "codes"), [(EARLY, {130}), (LATE, {0})], ids=["before it", "after it"])
def test_an_interruption_right_before_or_after_the_command_breaks_nothing(
    tmp_path: Path, program: str, codes: set[int]
) -> None:
    command = [sys.executable, "-c", program, "--version"]
    done = subprocess.run(
        command, env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode in codes, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


AT_A_MOMENT = """
import os, signal, sys

def interrupt(*_arguments, **_options):
    os.kill(os.getpid(), signal.SIGINT)

moment = sys.argv.pop(1)
from creative_s3.cli import entry
if moment == "loading":
    import creative_s3.core.concurrency.limits
    creative_s3.core.concurrency.limits.spare_memory = interrupt
elif moment == "declaring":
    from creative_s3.cli import groups
    groups.modules_for = interrupt
elif moment == "beginning":
    from creative_s3.cli import app
    app.Session = interrupt
elif moment == "ended":
    from creative_s3.cli import app
    app.settle_stderr = interrupt
entry.main()
"""


@pytest.mark.parametrize("moment", ["loading", "declaring", "beginning", "ended"])
def test_an_interruption_at_any_moment_of_a_short_call_ends_with_130_and_no_traceback(
    tmp_path: Path, moment: str
) -> None:
    script = tmp_path / "script.py"
    script.write_text(AT_A_MOMENT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script), moment, "--version"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 130
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


FALLING = """
import os, signal

class Falling:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass

def fall():
    Falling()
"""


def test_an_interruption_inside_a_finalizer_ends_the_work_all_the_same(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    waiting = "threading.Event().wait(60)\n        except"
    assert waiting in WORKER
    script.write_text(FALLING + WORKER.replace(waiting, f"fall()\n            {waiting}"), encoding="utf-8")
    process = started(script, "wait", "drain")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "drained" in err
    assert "ignored" not in err
    assert "Still busy" not in err
