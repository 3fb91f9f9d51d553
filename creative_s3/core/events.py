"""What the core tells while it works: frozen values, and the callable that takes them.

Any thread may call an `Emit`. It must return at once and must not raise; the command line's consumer puts the
event into a queue and draws from its own thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhaseStarted:
    """A named part of the work begins, such as ``"listing"`` or ``"uploading"``."""

    name: str


@dataclass(frozen=True, slots=True)
class TotalsKnown:
    """How much there is to do in this phase."""

    files: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Queued:
    """An item was handed to the engine."""

    key: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Progressed:
    """Bytes of an item moved; negative when a retry takes back what it had counted."""

    key: str
    delta_bytes: int


@dataclass(frozen=True, slots=True)
class Retried:
    """An item is tried again, after `delay_s` seconds."""

    key: str
    reason: str
    delay_s: float


@dataclass(frozen=True, slots=True)
class Finished:
    """An item is done and proved."""

    key: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """An item needs nothing."""

    key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """An item failed for good in this run."""

    key: str
    reason: str


Event = PhaseStarted | TotalsKnown | Queued | Progressed | Retried | Finished | Skipped | Failed
Emit = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Take an event and do nothing: the default `Emit`."""
