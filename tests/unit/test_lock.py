"""One run at a time on a cache."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import creative_s3
from creative_s3.core.files.locks import exclusive
from creative_s3.errors import ExitCode, ItemError, LockedError

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLDER = """
import sys
import threading
from pathlib import Path
from creative_s3.core.files.locks import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def holder_of(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Run another process that holds the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": str(Path(creative_s3.__file__).parents[1])},
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder


def test_a_second_run_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / ".creative-s3" / "lock"
    with holder_of(path) as holder, pytest.raises(LockedError) as caught, exclusive(path):
        pass
    assert f"process {holder.pid} on {socket.gethostname()}" in caught.value.message
    assert caught.value.exit_code is ExitCode.LOCKED
    assert caught.value.item == str(path)
    assert caught.value.hint


def test_a_killed_runs_lock_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder_of(path) as holder:
        holder.kill()
        holder.wait()
        with exclusive(path):
            assert str(os.getpid()) in path.read_text()


def test_a_lock_is_free_again_after_its_block(tmp_path: Path) -> None:
    for _ in range(2):
        with exclusive(tmp_path / "lock"):
            pass
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path / "lock"):
        raise ZeroDivisionError
    with exclusive(tmp_path / "lock"):
        pass


def test_the_same_process_cannot_hold_it_twice_either(tmp_path: Path) -> None:
    with exclusive(tmp_path / "lock"):
        with pytest.raises(LockedError, match=f"process {os.getpid()} "), exclusive(tmp_path / "lock"):
            pass
        with exclusive(tmp_path / "other"):
            pass


@pytest.mark.parametrize("content", [b"", b"nonsense", b"[]", b"{}", b"\xff\xfe", b'{"pid": 1}'])
def test_a_holder_that_has_not_signed_yet_is_no_surprise(tmp_path: Path, content: bytes) -> None:
    with exclusive(tmp_path / "lock"):
        (tmp_path / "lock").write_bytes(content)
        with pytest.raises(LockedError, match="a process that has just begun"), exclusive(tmp_path / "lock"):
            pass


def test_one_that_waits_gets_the_lock_as_soon_as_it_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder_of(path) as holder:
        assert holder.stdin is not None
        threading.Timer(0.2, holder.stdin.close).start()
        with exclusive(path, wait_s=60):
            assert str(os.getpid()) in path.read_text()


def test_one_that_waited_long_enough_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    with (
        holder_of(tmp_path / "lock") as holder,
        pytest.raises(LockedError, match=rf"for more than 0\.1 s: process {holder.pid} on "),
        exclusive(tmp_path / "lock", wait_s=0.1),
    ):
        pass


@pytest.mark.parametrize("name", ["file/lock", "folder"])
def test_a_lock_that_cannot_be_made_is_told_as_what_it_concerns(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(ItemError) as caught, exclusive(tmp_path / name):
        pass
    assert caught.value.item == str(tmp_path / name)
    assert caught.value.hint
