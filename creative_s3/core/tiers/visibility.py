"""Whether this process could see that somebody has a file open: by the disk, the owner and the processes.

Another machine that has the same disk mounted shows nowhere here. On a disk of this machine a lease shows all
users (see `tiers.open_files`), and a process that may not take one sees them only where it may look into the
processes of all users.
"""

from __future__ import annotations

import fcntl
import os
import re
from dataclasses import dataclass
from pathlib import Path

HAS_LEASES = hasattr(fcntl, "F_SETLEASE") and hasattr(fcntl, "F_SETSIG")
_LOCAL = frozenset(
    {
        *("aufs", "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "fuseblk", "hfs", "hfsplus"),
        *("jffs2", "jfs", "minix", "msdos", "nilfs2", "ntfs", "ntfs3", "overlay", "ramfs", "reiserfs"),
        *("rootfs", "tmpfs", "ubifs", "udf", "vfat", "xfs", "zfs"),
    }
)
"""File systems that one machine alone has; others, such as nfs, cifs, 9p and virtiofs, may be shared."""
_FIRST_PIDS = 0xEFFFFFFC
"""The inode of the namespace of all processes (PROC_PID_INIT_INO in the kernel's proc_ns.h)."""
_CAP_LEASE = 1 << 28


@dataclass(frozen=True, slots=True)
class Visibility:
    """What this process can see of others that have files of a directory open.

    Attributes:
        disk: Why nothing at all can be told there, in words; empty where it can.
        user: This process's user.
        leases_all: Whether it may take leases of the files of others.
        sees_all: Whether it may look into all processes.
    """

    disk: str
    user: int
    leases_all: bool
    sees_all: bool

    @classmethod
    def of(cls, directory: Path) -> Visibility:
        """Look what can be seen of the files in a directory."""
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            disk = shared_disk(descriptor)
        finally:
            os.close(descriptor)
        sees_all = sees_everyone()
        if not disk and not HAS_LEASES and not sees_all:
            disk = "this system does not tell who has a file open"
        return cls(disk, os.geteuid(), HAS_LEASES and _may_lease_all(), sees_all)

    def hides(self, status: os.stat_result) -> bool:
        """Tell whether somebody may have a file open unseen, although others on its disk are seen."""
        return not (self.sees_all or self.leases_all or status.st_uid == self.user)


def shared_disk(descriptor: int) -> str:
    """Say why another machine may have an open file open, too; empty where none can."""
    kind = _file_system(descriptor)
    if kind in _LOCAL:
        return ""
    return f"other machines may use this file system, too: {kind}" if kind else "its file system is not known"


def sees_everyone() -> bool:
    """Tell whether all processes of this machine are listed here and may be looked into.

    The first of them, the system's own, need not be: some systems hide it even from root.
    """
    try:
        if Path("/proc/self/ns/pid").stat().st_ino != _FIRST_PIDS:
            return False
        pids = [name for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - names only
    except OSError:
        return False
    return "1" in pids and all(_is_open_book(pid) for pid in pids if pid != "1")


def _is_open_book(pid: str) -> bool:
    try:
        os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208 - only whether it may be
        # Some may list these names and not follow them: this takes the same right (proc_pid_get_link).
        os.readlink(f"/proc/{pid}/exe")  # noqa: PTH115 - the same
    except (FileNotFoundError, ProcessLookupError):
        return True  # it has ended
    except OSError:
        return False
    return True


def _file_system(descriptor: int) -> str:
    """Return the kind of file system that an open file is on, as ``mount`` names it; empty when not known."""
    try:
        with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as file:  # noqa: PTH123 - for each of many
            mount = re.search(r"^mnt_id:\s*(\d+)$", file.read(), re.MULTILINE)
        with open("/proc/self/mountinfo", "rb") as lines:  # noqa: PTH123 - the same
            for line in lines:
                if mount and line.startswith(mount[1].encode() + b" "):
                    return line.partition(b" - ")[2].split()[0].decode("ascii", "replace")
    except (OSError, IndexError):
        pass
    return ""


def _may_lease_all() -> bool:
    """Tell whether this process has CAP_LEASE (capabilities(7))."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
        found = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    except OSError:
        return False
    return found is not None and bool(int(found[1], 16) & _CAP_LEASE)
