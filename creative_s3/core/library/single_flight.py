"""Work that several threads ask for at once and that must be done once: all of them get its one result."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Runs functions by name, each name once at a time; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flying: dict[str, Future[T]] = {}

    def do(self, name: str, function: Callable[[], T]) -> T:
        """Call `function`, or wait for the thread that is doing so under this name; return or raise alike."""
        with self._lock:
            future = self._flying.get(name)
            is_first = future is None
            if future is None:
                future = self._flying[name] = Future()
        if not is_first:
            return future.result()
        try:
            result = function()
        except BaseException as error:
            future.set_exception(error)
            raise
        else:
            future.set_result(result)
            return result
        finally:
            with self._lock:
                del self._flying[name]
