"""Which asset gets which key: the rules of contested keys. Pure.

An asset keeps the key it was given. For a key that several want, or that is taken in the bucket:

1. the asset that the object there says it belongs to keeps it (and replaces it if the content changed);
2. else the assets whose content is what the object already holds share it;
3. an object of anybody else is left alone: nobody gets its key;
4. with no object there, assets that were given the key before come first, then the smallest cache key.

Assets with the winner's bytes share the key: the same bytes under the same key are one object. All others get
their plain key with digits of their content before the extension: 8, or 16, or 16 and a number, whichever is
the first that is neither given away nor taken in the bucket.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.assets.layout import suffixed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_SUFFIX_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Occupant:
    """The object that is under a key now.

    Attributes:
        owner: The cache key in its metadata; None when it has none.
        content: Hex of its CRC64NVME; None when it is not known.
    """

    owner: str | None
    content: str | None


@dataclass(frozen=True, slots=True)
class Claim:
    """An asset that needs a key.

    Attributes:
        cache_key: The asset.
        also_known_as: Its other identities.
        plain_key: What the layout gives it.
        assigned_key: What it was given before.
        content: Hex of its content's CRC64NVME; may be None only for a key that nobody else wants and that is
            free.
    """

    cache_key: str
    plain_key: str
    content: str | None = None
    assigned_key: str | None = None
    also_known_as: tuple[str, ...] = ()

    @property
    def wanted_key(self) -> str:
        """The key to ask for first."""
        return self.assigned_key or self.plain_key

    def is_known_as(self, owner: str | None) -> bool:
        """Tell whether `owner` is one of the asset's identities."""
        return owner is not None and (owner == self.cache_key or owner in self.also_known_as)


def assign_keys(claims: Iterable[Claim], occupant: Callable[[str], Occupant | None]) -> Mapping[str, str]:
    """Give every claim a key: cache key -> key. The result does not depend on the order of the claims.

    Args:
        claims: One for each asset.
        occupant: Tells who is under a key in the bucket now; None when nobody is.
    """
    wanted: dict[str, list[Claim]] = {}
    for claim in sorted(claims, key=lambda claim: claim.cache_key.encode()):
        wanted.setdefault(claim.wanted_key, []).append(claim)
    keys: dict[str, str] = {}
    content_of_key: dict[str, str | None] = {}
    losers: list[Claim] = []
    for key, rivals in wanted.items():
        winners = {claim.cache_key for claim in _winners(rivals, occupant(key))}
        for claim in rivals:
            if claim.cache_key in winners:
                keys[claim.cache_key] = key
                content_of_key[key] = claim.content
            else:
                losers.append(claim)
    for claim in losers:
        key = _suffixed_key(claim, content_of_key, occupant)
        keys[claim.cache_key] = key
        content_of_key[key] = claim.content
    return keys


def _winners(rivals: list[Claim], there: Occupant | None) -> list[Claim]:
    if there is None:
        first = min(rivals, key=lambda claim: (claim.assigned_key is None, claim.cache_key.encode()))
        return _with_content_of(first, rivals)
    for claim in rivals:
        if claim.is_known_as(there.owner):
            return _with_content_of(claim, rivals)
    return [claim for claim in rivals if claim.content is not None and claim.content == there.content]


def _with_content_of(first: Claim, rivals: list[Claim]) -> list[Claim]:
    return [
        claim
        for claim in rivals
        if claim is first or (claim.content is not None and claim.content == first.content)
    ]


def _suffixed_key(
    claim: Claim, content_of_key: Mapping[str, str | None], occupant: Callable[[str], Occupant | None]
) -> str:
    content = claim.content or ""
    for suffix in _suffixes(content):
        key = suffixed(claim.plain_key, suffix)
        if key in content_of_key:
            if claim.content is not None and content_of_key[key] == claim.content:
                return key
            continue
        there = occupant(key)
        if there is None or claim.is_known_as(there.owner) or there.content == content:
            return key
    raise AssertionError("the suffixes never end")


def _suffixes(content: str) -> Iterator[str]:
    yield content[:_SUFFIX_DIGITS]
    yield content
    yield from (f"{content}-{number}" for number in itertools.count(2))
