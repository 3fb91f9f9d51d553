"""Times of files, which may be any: SQLite holds those of 1678 to 2261, a datetime those up to 9999. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_NS = 2**63 - 1
_MICROSECOND = timedelta(microseconds=1)
_FIRST_US = (datetime.min.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND
_LAST_US = (datetime.max.replace(tzinfo=UTC) - EPOCH) // _MICROSECOND


def storable(time_ns: int) -> int:
    """Return the nearest time that SQLite can hold: enough to order files, and to notice a change.

    Two times beyond its range look alike. The time of the last change of anything, which no program can set,
    is compared as well.
    """
    return max(-_LATEST_NS, min(time_ns, _LATEST_NS))


def packed(time_ns: int) -> int | bytes:
    """Return what SQLite keeps of a time that is to be given back exactly."""
    return time_ns if storable(time_ns) == time_ns else str(time_ns).encode()


def unpacked(value: int | bytes) -> int:
    """Return the time that `packed` was given."""
    return int(value)


def instant(since_epoch_us: int) -> datetime:
    """Return a time for its microseconds since 1970; the nearest there is, beyond the years 1 to 9999."""
    return EPOCH + timedelta(microseconds=max(_FIRST_US, min(since_epoch_us, _LAST_US)))
