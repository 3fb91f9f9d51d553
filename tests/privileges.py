"""Permission bits that count for root, too: a test marked ``permission_bits`` runs in a thread without them.

Linux keeps what a process may do for each thread. What a thread gives up it never has again, and neither have
its children; the thread ends with the test.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

_OVERRIDES = 0b110
"""CAP_DAC_OVERRIDE (1) and CAP_DAC_READ_SEARCH (2), as bits."""
_VERSION_3 = 0x20080522
_PR_CAPBSET_DROP = 24


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Data(ctypes.Structure):
    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def without_overrides(test: Callable[[], object]) -> None:
    """Run a test as somebody for whom permission bits count; what it raises is raised here.

    Raises:
        pytest.skip.Exception: This user is root, and the system has no such thing.
    """
    if os.geteuid() != 0:
        test()
        return
    if sys.platform != "linux":
        pytest.skip("root may do everything here")
    raised: list[BaseException] = []

    def run() -> None:
        try:
            _give_up()
            test()
        except BaseException as error:  # noqa: BLE001 - raised where pytest sees it
            raised.append(error)

    thread = threading.Thread(target=run, name="permission-bits")
    thread.start()
    thread.join()
    if raised:
        raise raised[0]


def _give_up() -> None:
    """Give up what lets root pass over permission bits, for this thread and its children.

    Raises:
        OSError: The system refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    for number in (1, 2):
        libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)  # for children; refused where root has little itself
    header, data = _Header(_VERSION_3, 0), (_Data * 2)()
    if libc.capget(ctypes.byref(header), data):
        raise OSError(ctypes.get_errno(), "capget")
    for name in ("effective", "permitted", "inheritable"):
        setattr(data[0], name, getattr(data[0], name) & ~_OVERRIDES)
    if libc.capset(ctypes.byref(header), data):
        raise OSError(ctypes.get_errno(), "capset")
