"""The orders in which servers list keys, and whether a listing is in one: who repeats a key is in none.

S3 lists by the keys' bytes (AWS: "ListObjectsV2"). A server that keeps keys as files in folders, such as
SeaweedFS, lists by the parts of the path: ``spring/1.png`` before ``spring-2025/1.png``, although ``-`` comes
before ``/``. One written in Java or JavaScript may list by UTF-16.
"""

from __future__ import annotations

import itertools
import operator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Order = Callable[[str], Any]


def by_bytes(key: str) -> str:
    """Return what sorts as the bytes of the key do: characters sort as their UTF-8."""
    return key


def by_parts(key: str) -> str:
    """Return what sorts as the parts between the slashes do; no key of a listing has a NUL."""
    return key.replace("/", "\0")


def by_utf16(key: str) -> bytes:
    """Return what sorts as the key's UTF-16 does."""
    return key.encode("utf-16-be", "surrogatepass")


KNOWN_ORDERS: Sequence[Order] = (by_bytes, by_parts, by_utf16)


class ListingCheck:
    """Looks at a listing page by page; not for several threads.

    Args:
        orders: The orders that it may be in: all of it has to be in one of them. With none, as in directory
            buckets, only a page that begins as an earlier one did is a repetition.
    """

    def __init__(self, orders: Sequence[Order] = KNOWN_ORDERS) -> None:
        self._orders = orders
        self._has_order = bool(orders)
        self._last: tuple[str, ...] = ()
        self._first: set[str] = set()

    def repeated(self, keys: Sequence[str]) -> str | None:
        """Return the first key of a page that does not come after the one before it; None when all do."""
        if not self._has_order:
            again = self._first.intersection(keys[:1])
            self._first.update(keys[:1])
            return next(iter(again), None)
        keys = (*self._last, *keys)
        self._last = keys[-1:]
        fitting = [order for order in self._orders if _ascends([*map(order, keys)])]
        if fitting:
            self._orders = fitting
            return None
        order = self._orders[0]
        return next(key for last, key in itertools.pairwise(keys) if order(key) <= order(last))


def _ascends(values: Sequence[Any]) -> bool:
    return all(map(operator.lt, values, itertools.islice(values, 1, None)))
