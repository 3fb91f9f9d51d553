"""A file on its way out: only the very file that was read goes, and nobody who uses it loses it."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3.core.files.folders import open_folder
from creative_s3.core.files.workspace import Workspace
from creative_s3.core.tiers import open_files
from creative_s3.core.tiers.leaving import (
    LeavingFile,
    StaysError,
    StrandedError,
    aside_name,
    is_aside,
    own_name,
    put_back,
)
from creative_s3.core.tiers.open_files import InUseError, SoleUse
from creative_s3.core.tiers.tiers import Hold
from tests.at_the_moment import whenever

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere nobody can tell who has a file open"
)

ASIDE = ".a.png.creative-s3-1.leaving"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path / "work" / "cache")
    (made.cache_dir / "inner").mkdir(parents=True)
    a_file(made)
    return made


def a_file(workspace: Workspace, content: bytes = b"a picture", name: str = "a.png") -> Path:
    path = workspace.cache_dir / "inner" / name
    path.write_bytes(content)
    deadline = time.monotonic() + 5
    while time.time() - path.stat().st_ctime < 0.12 and time.monotonic() < deadline:
        time.sleep(0.01)
    return path


def path_of(workspace: Workspace) -> Path:
    return workspace.cache_dir / "inner" / "a.png"


@pytest.fixture
def leaving(workspace: Workspace) -> Iterator[LeavingFile]:
    with LeavingFile(workspace, "cache/inner/a.png") as opened:
        yield opened


def names_in(workspace: Workspace) -> list[str]:
    return sorted(path.name for path in (workspace.cache_dir / "inner").iterdir())


def test_a_file_that_was_read_goes_without_a_trace(workspace: Workspace, leaving: LeavingFile) -> None:
    assert leaving.read()
    leaving.leave(ASIDE)
    assert names_in(workspace) == []


def test_a_file_that_somebody_has_open_stays(workspace: Workspace, leaving: LeavingFile) -> None:
    leaving.read()
    with path_of(workspace).open("rb"):
        with pytest.raises(StaysError) as caught:
            leaving.leave(ASIDE)
        assert caught.value.hold is Hold.OPEN
        assert f"process {os.getpid()}" in caught.value.detail
    assert names_in(workspace) == ["a.png"]


def test_a_file_that_another_process_has_open_stays(workspace: Workspace, leaving: LeavingFile) -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; f = open(sys.argv[1]); print(1, flush=True); sys.stdin.read()",
    ]
    with subprocess.Popen(
        [*command, str(path_of(workspace))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        other.stdout.readline()
        with pytest.raises(StaysError) as caught:
            leaving.read()
        assert caught.value.hold is Hold.OPEN
        assert f"process {other.pid}" in caught.value.detail
        other.communicate()
    leaving.read()


def test_a_file_that_is_mapped_stays_even_when_it_was_closed(
    workspace: Workspace, leaving: LeavingFile
) -> None:
    leaving.read()
    with path_of(workspace).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
        file.close()
        with pytest.raises(StaysError):
            leaving.leave(ASIDE)
    leaving.leave(ASIDE)


def test_an_edit_after_the_reading_is_noticed_also_with_the_times_put_back(
    workspace: Workspace, leaving: LeavingFile
) -> None:
    leaving.read()
    path = path_of(workspace)
    before = path.stat()
    path.write_bytes(b"A picture")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(StaysError) as caught:
        leaving.leave(ASIDE)
    assert caught.value.hold is Hold.CHANGED
    assert path.read_bytes() == b"A picture"


def test_another_file_under_the_name_stays(workspace: Workspace, leaving: LeavingFile) -> None:
    leaving.read()
    newer = path_of(workspace).with_name("newer")
    newer.write_bytes(b"a better picture")
    newer.replace(path_of(workspace))
    with pytest.raises(StaysError):
        leaving.leave(ASIDE)
    assert path_of(workspace).read_bytes() == b"a better picture"
    assert names_in(workspace) == ["a.png"]


def test_a_file_that_was_written_a_moment_ago_stays(workspace: Workspace) -> None:
    path_of(workspace).write_bytes(b"fresh")
    with LeavingFile(workspace, "cache/inner/a.png") as leaving, pytest.raises(StaysError) as caught:
        leaving.read()
    assert caught.value.detail == "a moment ago"


def test_a_second_name_keeps_a_file_here(workspace: Workspace) -> None:
    os.link(path_of(workspace), path_of(workspace).with_name("second.png"))
    with pytest.raises(StaysError) as caught:
        LeavingFile(workspace, "cache/inner/a.png")
    assert caught.value.hold is Hold.HARD_LINKED


def test_a_second_name_that_came_after_the_reading_keeps_a_file_here(
    workspace: Workspace, leaving: LeavingFile
) -> None:
    leaving.read()
    os.link(path_of(workspace), path_of(workspace).with_name("second.png"))
    with pytest.raises(StaysError):
        leaving.leave(ASIDE)
    assert names_in(workspace) == ["a.png", "second.png"]


@pytest.mark.parametrize(
    ("file_path", "hold"),
    [
        ("output/a.png", Hold.OUTSIDE),
        ("cache", Hold.OUTSIDE),
        ("cache/../output/a.png", Hold.OUTSIDE),
        ("cache/inner/a\0.png", Hold.OUTSIDE),
        ("cache/link/a.png", Hold.LINKED),
        ("cache/inner/link.png", Hold.LINKED),
        ("cache/inner/pipe", Hold.LINKED),
    ],
)
def test_only_a_regular_file_inside_the_cache_is_taken(
    workspace: Workspace, file_path: str, hold: Hold
) -> None:
    (workspace.cache_dir / "link").symlink_to(workspace.cache_dir / "inner")
    (workspace.cache_dir / "inner" / "link.png").symlink_to(path_of(workspace))
    os.mkfifo(workspace.cache_dir / "inner" / "pipe")
    (workspace.root / "output").mkdir()
    (workspace.root / "output" / "a.png").touch()
    with pytest.raises(StaysError) as caught:
        LeavingFile(workspace, file_path)
    assert caught.value.hold is hold


def test_the_cache_itself_may_be_a_link_to_another_disk(workspace: Workspace, tmp_path: Path) -> None:
    link = tmp_path / "elsewhere" / "cache"
    link.parent.mkdir()
    link.symlink_to(workspace.cache_dir)
    with LeavingFile(Workspace(link), "cache/inner/a.png") as leaving:
        leaving.read()
        leaving.leave(ASIDE)
    assert not path_of(workspace).exists()


def test_a_missing_file_is_an_error_of_the_system(workspace: Workspace) -> None:
    with pytest.raises(FileNotFoundError):
        LeavingFile(workspace, "cache/inner/b.png")


@pytest.mark.permission_bits
def test_a_folder_that_may_not_be_written_keeps_its_file(workspace: Workspace) -> None:
    folder = path_of(workspace).parent
    with LeavingFile(workspace, "cache/inner/a.png") as leaving:
        leaving.read()
        folder.chmod(0o500)
        try:
            with pytest.raises(PermissionError):
                leaving.leave(ASIDE)
        finally:
            folder.chmod(0o700)
    assert names_in(workspace) == ["a.png"]


def test_another_file_that_takes_the_name_at_the_last_moment_is_put_back(
    workspace: Workspace, leaving: LeavingFile
) -> None:
    leaving.read()
    newer = path_of(workspace).with_name("newer")
    newer.write_bytes(b"a better picture")

    def replace(arguments: tuple[Any, ...]) -> None:
        if str(arguments[1]).endswith(".leaving") and newer.exists():
            newer.replace(path_of(workspace))

    with whenever("os.rename", replace), pytest.raises(StaysError) as caught:
        leaving.leave(ASIDE)
    assert caught.value.detail == "another file had just taken its name"
    assert path_of(workspace).read_bytes() == b"a better picture"
    assert names_in(workspace) == ["a.png"]


def test_an_interruption_at_the_last_moment_leaves_the_file_here(
    workspace: Workspace, leaving: LeavingFile
) -> None:
    leaving.read()

    def interrupt(_: tuple[Any, ...]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), whenever("os.remove", _once(interrupt)):
        leaving.leave(ASIDE)
    assert names_in(workspace) == ["a.png"]


def _once(action: Callable[[tuple[Any, ...]], object]) -> Callable[[tuple[Any, ...]], None]:
    """Act the first time only: the putting back removes a name as well."""
    times: list[int] = []

    def act(arguments: tuple[Any, ...]) -> None:
        times.append(1)
        if len(times) == 1:
            action(arguments)

    return act


def test_whoever_keeps_writing_new_files_under_the_name_never_loses_one(workspace: Workspace) -> None:
    """A writer replaces the file again and again while it is being removed: his last one is always there."""
    path, done = path_of(workspace), threading.Event()
    written: list[bytes] = []

    def write() -> None:
        number = 0
        while not done.is_set():
            number += 1
            newer = path.with_name(f"new-{number}")
            newer.write_bytes(b"%d" % number)
            written.append(b"%d" % number)
            newer.replace(path)

    writer = threading.Thread(target=write)
    writer.start()
    outcomes = set()
    try:
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            try:
                with LeavingFile(workspace, "cache/inner/a.png") as leaving:
                    # Only the race for the name is tried here, so the file's content and age do not matter.
                    leaving.leave(ASIDE)
                outcomes.add("gone")
            except (StaysError, StrandedError, FileNotFoundError) as error:
                outcomes.add(type(error).__name__)
                _clear_aside(workspace)
    finally:
        done.set()
        writer.join()
    # What was removed was each time the file that had been opened; the last one was opened by nobody.
    assert "StaysError" in outcomes
    if path.exists():
        assert path.read_bytes() == written[-1]


def _clear_aside(workspace: Workspace) -> None:
    folder = open_folder(workspace.cache_dir, ["inner"])
    try:
        put_back(folder, ASIDE, "a.png")
    except FileExistsError:
        os.unlink(ASIDE, dir_fd=folder)
    except FileNotFoundError:
        return
    finally:
        os.close(folder)


def test_a_file_whose_name_is_taken_stays_aside_whole(workspace: Workspace, leaving: LeavingFile) -> None:
    leaving.read()

    def disturb(_: tuple[Any, ...]) -> None:
        path_of(workspace).write_bytes(b"somebody was quick")
        raise KeyboardInterrupt

    with whenever("os.remove", _once(disturb)), pytest.raises(StrandedError):
        leaving.leave(ASIDE)
    assert path_of(workspace).read_bytes() == b"somebody was quick"
    assert path_of(workspace).with_name(ASIDE).read_bytes() == b"a picture"


def test_whoever_opens_the_file_at_that_very_moment_gets_it(workspace: Workspace) -> None:
    """While the lease is held, an open() waits; it shows, and the file is put back before it goes on."""
    path = path_of(workspace)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with SoleUse(descriptor) as use:
            assert not use.is_disturbed()
            command = "import sys; f = open(sys.argv[1], 'r+'); print(f.read())"
            other = subprocess.Popen(
                [sys.executable, "-c", command, str(path)], stdout=subprocess.PIPE, text=True
            )
            deadline = time.monotonic() + 10
            while not use.is_disturbed() and time.monotonic() < deadline:
                time.sleep(0.01)
            assert use.is_disturbed()
        assert other.communicate(timeout=20)[0] == "a picture\n"
    finally:
        os.close(descriptor)


def test_without_leases_the_processes_are_looked_through(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(open_files, "_HAS_LEASES", False)  # as on a file system that has none
    path = path_of(workspace)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with SoleUse(descriptor, assume_closed=os.geteuid() != 0) as use:
            assert not use.is_disturbed()
            with path.open("rb"):
                assert use.is_disturbed()
        with path.open("rb"), pytest.raises(InUseError), SoleUse(descriptor, assume_closed=os.geteuid() != 0):
            pass
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
            file.close()
            with pytest.raises(InUseError), SoleUse(descriptor, assume_closed=os.geteuid() != 0):
                pass
    finally:
        os.close(descriptor)


def test_the_files_that_are_open_anywhere_are_seen(workspace: Workspace) -> None:
    status = path_of(workspace).stat()
    assert (status.st_dev, status.st_ino) not in open_files.open_files()
    with path_of(workspace).open("rb"):
        assert (status.st_dev, status.st_ino) in open_files.open_files()


@pytest.mark.parametrize("name", ["a.png", ".hidden", "日本.png", "a\nb", "x" * 199])
def test_a_name_aside_tells_the_own_name(name: str) -> None:
    aside = aside_name(name, 4711)
    assert is_aside(aside)
    assert own_name(aside) == name
    assert not is_aside(name)


def test_a_name_that_had_to_be_cut_is_not_guessed() -> None:
    aside = aside_name("ä" * 127, 1)
    assert len(os.fsencode(aside)) <= 255
    assert is_aside(aside)
    assert own_name(aside) is None
