"""A bucket's objects, grouped: a million of them become the few groups that rules and prices can tell apart.

Two objects are in one group when the same rules concern them, their sizes lie between the same limits, they
have the same age in days, the same class and the same reads. For such objects every number of a bill is a
constant for each object plus a constant for each byte, so that a group's sums give exactly the sum of its
objects. Sizes are kept, eight bytes each, to tell which single objects lose money. Pure.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from creative_s3.core.costs.pricing import SMALL_OBJECT_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from creative_s3.core.lifecycle.actions import ReadRule, Scope


class State(StrEnum):
    """What S3 bills."""

    CURRENT = "current"
    NONCURRENT = "noncurrent"
    """A version that was replaced or deleted."""
    UPLOAD = "upload"
    """Parts of an upload that was never completed."""

    __hash__ = str.__hash__  # an enum's own is written in Python, and a million tuples are hashed here


class Traits(NamedTuple):
    """What the objects of a group have in common.

    Attributes:
        places: One bit for each prefix of the population that their keys begin with.
        band: Between which of the population's limits their sizes lie.
        storage_class: S3's own word.
        stored_day: The midnight at or after they were stored; see `midnights`.
        reads_per_year: How often each is read from S3.
        is_only_copy: No local file has this content.
        state: Current, noncurrent, or an unfinished upload.
        since_day: Of a noncurrent version: the midnight at or after it was replaced.
        newer_versions: Of a noncurrent version: how many newer noncurrent ones its key has.
    """

    places: int
    band: int
    storage_class: str
    stored_day: int
    reads_per_year: int = 0
    is_only_copy: bool = False
    state: State = State.CURRENT
    since_day: int = 0
    newer_versions: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    """Objects that differ in nothing but their key and their exact size.

    Attributes:
        traits: What they have in common.
        objects: How many.
        size_bytes: Their content together.
        sizes: Each one's, in no particular order.
    """

    traits: Traits
    objects: int
    size_bytes: int
    sizes: Sequence[int]


class Population:
    """Objects as they come, grouped for certain rules.

    Args:
        rules: Everything that will ever be asked of this population: other rules would tell apart objects
            that these do not.
        limits: More sizes at which to tell objects apart.
    """

    def __init__(self, rules: Iterable[ReadRule], limits: Iterable[int] = ()) -> None:
        scopes = [rule.scope for rule in rules]
        self.prefixes = tuple(sorted({scope.prefix for scope in scopes}))
        edges = {SMALL_OBJECT_BYTES, *limits}
        edges |= {scope.larger_than + 1 for scope in scopes if scope.larger_than is not None}
        edges |= {scope.smaller_than for scope in scopes if scope.smaller_than is not None}
        self.edges = tuple(sorted(edge for edge in edges if edge > 0))
        self._bits = tuple((prefix, 1 << place) for place, prefix in enumerate(self.prefixes))
        # Keys of one folder are in the same places, if all prefixes end where folders do.
        self._are_folders = all(not prefix or prefix.endswith("/") for prefix in self.prefixes)
        self._places: dict[str, int] = {}
        self._sizes: dict[tuple[int, int, str, int, int, bool, State, int, int], array[int]] = {}

    def add(  # noqa: PLR0913 - what a listing says of an object
        self,
        key: str,
        size_bytes: int,
        *,
        storage_class: str,
        stored_day: int,
        reads_per_year: int = 0,
        is_only_copy: bool = False,
        state: State = State.CURRENT,
        since_day: int = 0,
        newer_versions: int = 0,
    ) -> None:
        """Take in one object, noncurrent version or unfinished upload."""
        folder = key[: key.rfind("/") + 1] if self._are_folders else key
        places = self._places.get(folder)
        if places is None:
            places = self._places_of(folder)
        traits = (  # a plain tuple: naming its parts a million times takes a second
            places,
            bisect_right(self.edges, size_bytes),
            storage_class,
            stored_day,
            reads_per_year,
            is_only_copy,
            state,
            since_day,
            newer_versions,
        )
        sizes = self._sizes.get(traits)
        if sizes is None:
            sizes = self._sizes[traits] = array("q")
        sizes.append(size_bytes)

    def _places_of(self, key: str) -> int:
        places = sum(bit for prefix, bit in self._bits if key.startswith(prefix))
        if self._are_folders:
            self._places[key] = places
        return places

    def groups(self) -> tuple[Group, ...]:
        """Return what there is so far."""
        return tuple(
            Group(Traits(*traits), len(sizes), sum(sizes), sizes) for traits, sizes in self._sizes.items()
        )

    def least_size(self, band: int) -> int:
        """Return the smallest size of a band; what holds for it holds for all sizes of the band."""
        return self.edges[band - 1] if band else 0

    def concerns(self, scope: Scope, traits: Traits) -> bool:
        """Tell whether a rule concerns a group, unless tags say otherwise."""
        bit = 1 << self.prefixes.index(scope.prefix)
        return bool(traits.places & bit) and scope.takes_size(self.least_size(traits.band))
