"""What the fault proxy is told to do: frozen values. Which request gets which fault is decided here.

How a fault is carried out on the wire is in ``proxy``.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from tests.faults.messages import Head

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.faults.messages import Request


class Way(Enum):
    """The way that a body takes."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer in the server's place.

    Attributes:
        status: HTTP's.
        code: S3's.
        stored: Whether the server gets and carries out the request all the same.
        headers: What else is in the head.
        elements: What else is in the body, as XML.
        message: S3's words.
    """

    status: int = 503
    code: str = "SlowDown"
    stored: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    elements: str = ""
    message: str = "injected by a test"


@dataclass(frozen=True, slots=True)
class Reset:
    """Reset both connections when so many bytes of the body have passed."""

    way: Way
    after_bytes: int = 0


@dataclass(frozen=True, slots=True)
class LoseAnswer:
    """Let the server carry out the request, then reset the client's connection instead of answering."""


@dataclass(frozen=True, slots=True)
class Truncate:
    """End the answer's body properly, as the connection goes, but too soon."""

    after_bytes: int


@dataclass(frozen=True, slots=True)
class Flip:
    """Flip one bit of a body; its length stays."""

    way: Way
    at_byte: int = 0


@dataclass(frozen=True, slots=True)
class Hold:
    """Stop when so many bytes of the body have passed, until the proxy is told to go on.

    Before the first byte upwards nothing has reached the server; before the first byte downwards the server
    has done its work and the client knows nothing of it.
    """

    way: Way
    after_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Slow:
    """Let a body pass at this speed only."""

    way: Way
    bytes_per_s: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered, read to its end.

    Attributes:
        head: Its head, as it came.
        content: Its body, without framing.
    """

    head: Head
    content: bytes

    def but(self, **fields: str | None) -> Reply:
        """Return it with other headers; None leaves one out, and an underscore stands for a hyphen."""
        names = {name.replace("_", "-").lower(): value for name, value in fields.items()}
        kept = [pair for pair in self.head.fields if pair[0].lower() not in names]
        new = [(name, value) for name, value in names.items() if value is not None]
        return Reply(Head(self.head.start, (*kept, *new)), self.content)

    @property
    def raw(self) -> bytes:
        """The bytes that go over the wire."""
        return self.head.raw + self.content


@dataclass(frozen=True, slots=True)
class Retell:
    """Tell what the server answered in other bytes.

    Attributes:
        tell: Returns them, piece by piece.
        pause_s: How long to wait after each piece.
        hangs_up: Whether the connection ends with it.
        rudely: Whether it ends without a word of TLS's.
    """

    tell: Callable[[Reply], Iterable[bytes]]
    pause_s: float = 0.0
    hangs_up: bool = False
    rudely: bool = False


Fault = Answer | Reset | LoseAnswer | Truncate | Flip | Hold | Slow | Retell


@dataclass(frozen=True, slots=True)
class Rule:
    """Which requests get a fault. A request gets that of the first rule that takes it.

    Attributes:
        fault: What happens to them.
        operations: S3's names; empty for all.
        key: A pattern of ``fnmatch``.
        part: The number of the one part that gets it; None for any.
        skip: How many of them pass first.
        times: How many get the fault; None for all.
        share: The chance of each to get it, by a dice that falls alike in each run.
        for_s: How long it goes on from the first such request, in seconds; None for ever.
        host: A pattern for the host that is asked.
    """

    fault: Fault
    operations: frozenset[str] = frozenset()
    key: str = "*"
    skip: int = 0
    part: int | None = None
    times: int | None = None
    share: float = 1.0
    for_s: float | None = None
    host: str = "*"


def on(*operations: str) -> frozenset[str]:
    """Return the operations as `Rule` takes them."""
    return frozenset(operations)


class Programme:
    """The rules and how far each one is; used from the proxy's own thread."""

    def __init__(self, rules: Iterable[Rule], *, clock: Callable[[], float], seed: int = 0) -> None:
        self._rules = [_Progress(rule) for rule in rules]
        self._clock = clock
        self._dice = random.Random(seed)  # noqa: S311 - chance, not secrets

    def fault_for(self, request: Request) -> Fault | None:
        """Return what happens to `request`; None for nothing."""
        for progress in self._rules:
            if progress.takes(request, self._clock(), self._dice):
                return progress.rule.fault
        return None


class _Progress:
    """One rule, and which requests it has seen."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self._seen = 0
        self._struck = 0
        self._began: float | None = None

    def takes(self, request: Request, now: float, dice: random.Random) -> bool:
        rule = self.rule
        if rule.operations and request.operation not in rule.operations:
            return False
        named = fnmatchcase(request.key, rule.key) and fnmatchcase(
            request.head.field("host") or "", rule.host
        )
        if not named or rule.part not in {None, request.part}:
            return False
        self._seen += 1
        if self._seen <= rule.skip or (rule.times is not None and self._struck >= rule.times):
            return False
        self._began = now if self._began is None else self._began
        if rule.for_s is not None and now - self._began > rule.for_s:
            return False
        if dice.random() >= rule.share:
            return False
        self._struck += 1
        return True
