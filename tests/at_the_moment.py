"""Does something at the very moment at which Python asks the system for something: by an audit hook.

Nothing of ours is replaced: the hook is called right before the call is made, as another process might come
in between. What it raises ends the call, as a signal's handler might.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_watching: list[tuple[str, Callable[[tuple[Any, ...]], object]]] = []
_installed: list[bool] = []


@contextmanager
def whenever(event: str, action: Callable[[tuple[Any, ...]], object]) -> Iterator[None]:
    """Call `action` with the arguments of every such event, such as ``os.rename``, during the block."""
    if not _installed:
        sys.addaudithook(_hook)
        _installed.append(True)
    entry = (event, action)
    _watching.append(entry)
    try:
        yield
    finally:
        _watching.remove(entry)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    for watched, action in tuple(_watching):
        if watched == event:
            action(arguments)
