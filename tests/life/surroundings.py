"""What befalls a workspace from below: a full disk, a folder where nobody may write, a clock that is set."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DISK_MIB = 32
"""A workspace of a life needs one or two."""


def settable_clock(directory: Path) -> Path | None:
    """Build what `LD_PRELOAD` takes to set a process's clock; None where no C compiler is."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    library = directory / "clock.so"
    source = Path(__file__).with_name("clock.c")
    words = [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"]
    built = subprocess.run(words, capture_output=True, check=False)
    return library if built.returncode == 0 else None


@contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Have a folder on a disk of its own, where this user may mount one; yield whether it is."""
    folder.mkdir(parents=True)
    mount, umount = shutil.which("mount"), shutil.which("umount")
    words = [mount or "", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "none", str(folder)]
    is_own = (
        bool(mount and umount) and subprocess.run(words, capture_output=True, check=False).returncode == 0
    )
    try:
        yield is_own
    finally:
        if is_own:
            subprocess.run([umount or "", "--lazy", str(folder)], check=True)


@contextmanager
def full(folder: Path, free_bytes: int) -> Iterator[None]:
    """Leave so many bytes free on the disk where a folder is; it must be a small one."""
    ballast = folder / "ballast"
    left = shutil.disk_usage(folder).free - free_bytes
    assert left < DISK_MIB << 20
    with ballast.open("wb") as file:
        file.write(bytes(max(0, left)))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write in a folder, root neither where the file system can do that."""
    chattr = shutil.which("chattr")
    if os.geteuid() == 0 and chattr:
        subprocess.run([chattr, "+i", str(folder)], capture_output=True, check=False)
        try:
            yield
        finally:
            subprocess.run([chattr, "-i", str(folder)], capture_output=True, check=False)
    else:
        mode = stat.S_IMODE(folder.stat().st_mode)
        folder.chmod(0o555)
        try:
            yield
        finally:
            folder.chmod(mode)
