"""Files for output: whole over files, written into pipes and devices, and never in place of these."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.files.output_files import write_lines, write_new, write_over
from creative_s3.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def lines(path: Path) -> None:
    write_lines(path, ["new"])


def over(path: Path) -> None:
    write_over(path, '"new"\n')


def new(path: Path) -> None:
    assert write_new(path, '"new"\n')


ALL = pytest.mark.parametrize("write", [lines, over, new])
REPLACING = pytest.mark.parametrize("write", [lines, over])


@ALL
def test_a_file_that_is_not_there_is_made(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "out")
    assert (tmp_path / "out").read_text() == '"new"\n'
    assert names_in(tmp_path) == ["out"]


@REPLACING
def test_a_file_is_replaced(tmp_path: Path, write: Callable[[Path], None]) -> None:
    (tmp_path / "out").write_text("old")
    write(tmp_path / "out")
    assert (tmp_path / "out").read_text() == '"new"\n'


@pytest.mark.parametrize("there", ["file", "link", "dangling"])
def test_what_is_there_is_left_alone_unless_it_may_be_replaced(tmp_path: Path, there: str) -> None:
    path, target = tmp_path / "out", tmp_path / "target"
    if there == "link":
        target.write_text("old")
    (path.write_text("old")) if there == "file" else path.symlink_to(target)
    assert write_new(path, "new") is False
    assert path.is_symlink() is (there != "file")
    assert target.exists() is (there == "link")
    assert there == "dangling" or path.read_text() == "old"


@REPLACING
@pytest.mark.parametrize("dangles", [True, False])
def test_a_link_stays_one_and_so_does_what_it_leads_to(
    tmp_path: Path,
    write: Callable[[Path], None],
    dangles: bool,  # noqa: FBT001 - pytest passes it
) -> None:
    target = tmp_path / "target"
    if not dangles:
        target.write_text("old")
    (tmp_path / "out").symlink_to("target")
    with pytest.raises(RefusedError, match="is a link") as caught:
        write(tmp_path / "out")
    assert str(target) in (caught.value.hint or "")
    assert (tmp_path / "out").is_symlink()
    assert target.exists() is not dangles
    assert dangles or target.read_text() == "old"


@ALL
@pytest.mark.parametrize("by_link", [True, False])
def test_a_pipe_gets_the_bytes_and_stays_one(
    tmp_path: Path,
    write: Callable[[Path], None],
    by_link: bool,  # noqa: FBT001 - pytest passes it
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    if by_link:
        (tmp_path / "link").symlink_to(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write(tmp_path / "link" if by_link else pipe)
    reader.join(10)
    assert read == ['"new"\n']
    assert stat.S_ISFIFO(pipe.stat().st_mode)


@ALL
def test_a_device_stays_one(tmp_path: Path, write: Callable[[Path], None]) -> None:
    device = tmp_path / "null"
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        device.write_bytes(b"")
    except OSError:
        pytest.skip("no devices can be made here")
    write(device)
    assert stat.S_ISCHR(device.stat().st_mode)
    assert names_in(tmp_path) == ["null"]


@ALL
def test_a_folder_or_a_socket_is_no_file(tmp_path: Path, write: Callable[[Path], None]) -> None:
    (tmp_path / "folder").mkdir()
    os.mknod(tmp_path / "socket", stat.S_IFSOCK | 0o600)
    for name in ("folder", "socket"):
        with pytest.raises(RefusedError, match="no file to write"):
            write(tmp_path / name)
    assert names_in(tmp_path) == ["folder", "socket"]


@ALL
def test_a_name_that_cannot_be_one_is_an_error_of_the_user(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop/x")
    for name in ("no/such/out", "file/out", "x" * 300, "loop/out"):
        with pytest.raises(UsageError, match="no file can be written there"):
            write(tmp_path / name)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/self/fd")
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("write", ["write_lines(p, ['new'])", "write_over(p, 'new')", "write_new(p, 'new')"])
def test_standard_output_goes_on_where_it_was(tmp_path: Path, name: str, write: str) -> None:
    code = (
        "import os; from pathlib import Path; from creative_s3.core.files.output_files import *;"
        f"p = Path({name!r}); os.write(1, b'before '); {write}; os.write(1, b' after')"
    )
    with (tmp_path / "out").open("wb") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    assert (tmp_path / "out").read_text().split() in (
        ["before", "new", "after"],
        ["before", '"new"', "after"],
    )
