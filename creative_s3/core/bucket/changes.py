"""A change of one configuration: what was, what shall be, and the proof that it is.

Planning is pure. Carrying out reads again first, because S3 has no condition on these requests: what somebody
else has changed in the meantime is not written over. Afterwards S3 is asked what it has.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

from creative_s3.core.bucket import configurations, tls_trial
from creative_s3.core.bucket.aspects import Aspect
from creative_s3.core.bucket.lifecycle_rules import canonical
from creative_s3.errors import PreconditionFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from creative_s3.core.bucket.aspects import Document
    from creative_s3.core.s3.connection import Connection

PROOF_LIMIT_S = 8.0
"""S3 shows a new configuration within seconds, as a rule (User Guide, "Amazon S3 data consistency model")."""
_PAUSE_S = 0.5
_IDENTITIES = ("ID", "Id", "Sid")
_CONTEXT_LINES = 2
_Found = TypeVar("_Found")


class Outcome(StrEnum):
    """How a change ended."""

    UNCHANGED = "unchanged"
    """It was so already: nothing was written."""
    PROVED = "proved"
    """S3 was asked again, and has it."""
    DIFFERENT = "different"
    """S3 accepted it, and has something else."""


@dataclass(frozen=True, slots=True)
class Change:
    """One configuration, before and after.

    Attributes:
        aspect: Which.
        before: As it is; None when there is none.
        after: As it shall be.
        kept: What others configured and stays, in words; for a person.
        warnings: What it means, in words.
        bucket: The bucket, where it is another one than the connection's.
    """

    aspect: Aspect
    before: Document | None
    after: Document
    kept: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    bucket: str | None = None

    @property
    def is_needed(self) -> bool:
        """Whether anything has to be written."""
        before, after = _canonical(self.before or {}, self.aspect), _canonical(self.after, self.aspect)
        return not (holds(before, after) and holds(after, before))

    @property
    def diff(self) -> tuple[str, ...]:
        """The lines that go (``-``) and come (``+``) among their neighbours; empty when nothing changes."""
        return difference(self.before, self.after) if self.is_needed else ()


@dataclass(frozen=True, slots=True)
class Done:
    """A change that was carried out.

    Attributes:
        change: What was wanted.
        outcome: How it ended.
        found: What S3 says it has; None when it has none.
    """

    change: Change
    outcome: Outcome
    found: Document | None = None


def carry_out(
    connection: Connection,
    change: Change,
    *,
    limit_s: float = PROOF_LIMIT_S,
    pause: Callable[[float], None] = time.sleep,
) -> Done:
    """Write a change, and ask S3 whether it has it.

    Args:
        connection: Of the bucket.
        change: What is wanted.
        limit_s: How long S3 may take to show it.
        pause: Waits between two questions.

    Raises:
        PreconditionFailedError: Somebody else has changed it since it was planned; nothing was written.
        RefusedError: It would lock everybody out.
        CreativeS3Error: A request failed.
    """
    if not change.is_needed:
        return Done(change, Outcome.UNCHANGED, change.before)
    present = configurations.read(connection, change.aspect, bucket=change.bucket)
    if present != change.before:
        raise PreconditionFailedError(
            f"{change.aspect.label}: somebody else has changed it meanwhile, nothing was written",
            item=change.bucket or connection.bucket,
            hint="run the same command again: it plans from what is there now",
        )
    if change.aspect is Aspect.POLICY and change.bucket in {None, connection.bucket}:
        tls_trial.check(connection, change.before, change.after)
    configurations.write(connection, change.aspect, change.after, bucket=change.bucket)
    found, is_there = shown(
        lambda: configurations.read(connection, change.aspect, bucket=change.bucket),
        lambda document: _is_as_wanted(document or {}, change),
        limit_s=limit_s,
        pause=pause,
    )
    return Done(change, Outcome.PROVED if is_there else Outcome.DIFFERENT, found)


def shown(
    read: Callable[[], _Found],
    is_wanted: Callable[[_Found], bool],
    *,
    limit_s: float,
    pause: Callable[[float], None] = time.sleep,
) -> tuple[_Found, bool]:
    """Ask S3 what it has until it is what was wanted; return the last answer, and whether it is.

    Args:
        read: Asks.
        is_wanted: Judges the answer.
        limit_s: How long S3 may take to show it.
        pause: Waits between two questions.
    """
    ends_s = time.monotonic() + limit_s
    while not is_wanted(found := read()):
        if time.monotonic() >= ends_s:
            return found, False
        pause(_PAUSE_S)
    return found, True


def _is_as_wanted(found: Document, change: Change) -> bool:
    """Tell whether what was wanted is there, and what was to go is gone."""
    gone = (change.before or {}).keys() - change.after.keys()
    is_there = holds(_canonical(found, change.aspect), _canonical(change.after, change.aspect))
    return is_there and not gone & found.keys()


def _canonical(document: Document, aspect: Aspect) -> Document:
    """Return a configuration in the one form of all that say the same; servers write rules in their own."""
    if aspect is not Aspect.LIFECYCLE or not isinstance(document.get("Rules"), list | tuple):
        return document
    return {**document, "Rules": [canonical(rule) for rule in document["Rules"]]}


def holds(found: object, wanted: object) -> bool:
    """Tell whether what S3 has is what was wanted.

    S3 adds members with their defaults, and may reorder lists; it must not change or drop anything.
    """
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(
            holds(found[name], value) if name in found else _is_nothing(value)
            for name, value in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        others = list(found) if isinstance(found, list | tuple) else [found]
        return len(others) == len(wanted) and all(
            any(_is_same(other, value) and holds(other, value) for other in others) for value in wanted
        )
    if isinstance(found, list | tuple):  # a policy's single word may come back in a list
        return len(found) == 1 and holds(found[0], wanted)
    return found == wanted


def _is_same(found: object, wanted: object) -> bool:
    """Tell whether two members of a list are about the same rule or statement."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        return all(found.get(name) == wanted[name] for name in _IDENTITIES if name in wanted)
    return True


def _is_nothing(value: object) -> bool:
    """Tell whether leaving a member out says the same; an empty mapping may be a switch."""
    return value is None or value in ("", [])


def difference(before: Document | None, after: Document) -> tuple[str, ...]:
    """Return the lines that go and come, as ``diff -u`` shows them."""
    lines = unified_diff(_lines(before), _lines(after), n=_CONTEXT_LINES, lineterm="")
    return tuple(line for line in lines if not line.startswith(("---", "+++", "@@")))


def _lines(document: Mapping[str, Any] | None) -> list[str]:
    return list(_outlined(document)) if document else []


def _outlined(value: object, indent: str = "") -> Iterator[str]:
    """Yield a configuration as an outline: a name and its value, or its parts below it."""
    if isinstance(value, dict):
        for name, inside in value.items():
            if _is_short(inside):
                yield f"{indent}{name}: {_word(inside)}"
            else:
                yield f"{indent}{name}:"
                yield from _outlined(inside, f"{indent}  ")
    elif isinstance(value, list | tuple):
        for inside in value:
            if _is_short(inside):
                yield f"{indent}- {_word(inside)}"
            else:
                first, *rest = _outlined(inside, f"{indent}  ")
                yield f"{indent}- {first.removeprefix(f'{indent}  ')}"
                yield from rest
    else:
        yield f"{indent}{_word(value)}"


def _is_short(value: object) -> bool:
    return not isinstance(value, dict | list | tuple) or not value


def _word(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, str) and value else json.dumps(value, default=str)
