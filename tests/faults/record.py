"""What went through the fault proxy, and what it holds back: shared by its thread and the test's."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.messages import Request
    from tests.faults.programme import Fault

WITHIN_S = 30.0
"""How long a test waits for something that must happen."""


@dataclass(frozen=True, slots=True)
class Passed:
    """What became of one request.

    Attributes:
        request: It.
        status: What the client was told; None where the connection broke before that.
        fault: What it met; None for nothing.
    """

    request: Request
    status: int | None
    fault: Fault | None


class Record:
    """Requests that are over, faults that were carried out; any thread may use it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._passed: list[Passed] = []
        self._struck = 0
        self._released = 0.0

    # -- for the proxy

    def add(self, passed: Passed) -> None:
        """Record a request that is over."""
        with self._changed:
            self._passed.append(passed)
            self._changed.notify_all()

    def strike(self) -> int:
        """Record that a fault is being carried out; return its number, from 1."""
        with self._changed:
            self._struck += 1
            self._changed.notify_all()
            return self._struck

    def is_released(self, number: int) -> bool:
        """Tell whether the fault of that number holds its request no longer."""
        return number <= self._released

    # -- for the test

    @property
    def struck(self) -> int:
        """How many faults were really carried out."""
        return self._struck

    def passed(self, *operations: str, key: str = "*", status: int | None = None) -> list[Passed]:
        """Return what became of the requests that are over: for these operations, with this status."""
        with self._changed:
            return [
                one
                for one in self._passed
                if (not operations or one.request.operation in operations)
                and fnmatchcase(one.request.key, key)
                and status in {None, one.status}
            ]

    def release(self, number: float = math.inf) -> None:
        """Let the fault of that number and all before it hold their requests no longer."""
        self._released = number

    def until_struck(self, count: int = 1) -> None:
        """Wait until so many faults were carried out.

        Raises:
            TimeoutError: That does not happen.
        """
        self._until(lambda: self._struck >= count)

    def until_passed(self, count: int, *operations: str, status: int | None = None) -> None:
        """Wait until so many requests are over.

        Raises:
            TimeoutError: That does not happen.
        """
        self._until(lambda: len(self.passed(*operations, status=status)) >= count)

    def _until(self, is_so: Callable[[], bool]) -> None:
        with self._changed:
            if not self._changed.wait_for(is_so, WITHIN_S):
                raise TimeoutError(f"it did not happen within {WITHIN_S:.0f} s")
