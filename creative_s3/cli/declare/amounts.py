"""Sizes and times as people write them: ``5MB``, ``30d``, ``2026-03-01``. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from creative_s3.errors import UsageError

MOST_ITEMS = 10**9
"""The most that an option takes as a number of items: SQLite and Python can count so far."""
MOST_DAYS = 100_000
"""The most that an option takes as a number of days: dates go back so far."""
MOST_READS = 1_000_000
"""The most reads of one object in a month."""
_MOST_BYTES = 2**63 - 1
_DURATION = re.compile(r"([0-9]{1,9})([smhdw]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*(?:([kmgtp])(i?b)?|b)?")
_POWERS = {None: 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def seconds(text: str) -> int:
    """Read a time such as ``900``, ``15m``, ``1h``, ``7d`` or ``2w``.

    Raises:
        UsageError: It is none.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(f"this is no time: {text}", item="--expires", hint="write it as 900, 15m, 1h or 7d")
    return int(match[1]) * _SECONDS[match[2]]


def moment(text: str, *, option: str, now: datetime) -> datetime:
    """Read how long ago something was, or when: ``30d``, ``12h``, ``2w``, ``2026-03-01``, in UTC.

    Args:
        text: As given.
        option: Which option, for the error.
        now: With time zone.

    Raises:
        UsageError: It is neither.
    """
    match = _DURATION.fullmatch(text.strip().lower())
    try:
        if match and match[2]:
            return now - timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
        time = datetime.fromisoformat(text.strip())
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UsageError(
            f"this is no time: {text}", item=option, hint="write it as 30d, 12h, 2w or 2026-03-01"
        ) from None


def bytes_per_second(text: str, *, option: str) -> int:
    """Read a speed: ``20MiB/s`` or ``500KB``, a size in each second.

    Args:
        text: As given.
        option: Which option, for the error.

    Raises:
        UsageError: It is none, or nothing would ever move.
    """
    try:
        speed = size_in_bytes(text.strip().lower().removesuffix("/s"), option=option)
    except UsageError:
        speed = 0
    if not speed:
        raise UsageError(f"this is no speed: {text}", item=option, hint="write it as 500KiB/s or 20MiB/s")
    return speed


def size_in_bytes(text: str, *, option: str) -> int:
    """Read a size: ``5MB`` is 5,000,000 bytes, ``5MiB`` and ``5M`` are 5,242,880.

    Args:
        text: As given.
        option: Which option, for the error.

    Raises:
        UsageError: It is none, or more than 8 EiB.
    """
    match = _SIZE.fullmatch(text.strip().lower())
    if match is None:
        raise UsageError(f"this is no size: {text}", item=option, hint="write it as 500KB, 5MB or 1.5GiB")
    step = 1000 if match[3] == "b" else 1024
    size_bytes = int(Decimal(match[1]) * step ** _POWERS[match[2]])
    if size_bytes > _MOST_BYTES:
        raise UsageError(f"this is more than any file system holds: {text}", item=option)
    return size_bytes
