"""`Proposal`: what an invalidation would send, and why: keys, paths and tags in, requests out. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creative_s3.core.catalog.announcements import Announcement
from creative_s3.core.cdn.collapsing import Tariff, collapse
from creative_s3.core.cdn.planning import (
    NotServedError,
    batches,
    caller_reference,
    distinct_paths,
    split,
    tag_item,
)
from creative_s3.core.costs.pricing import amount_text
from creative_s3.errors import CreativeS3Error, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from decimal import Decimal

    from creative_s3.core.catalog.runs import Change


@dataclass(frozen=True, slots=True)
class Refusal:
    """A key that cannot be invalidated.

    Attributes:
        key: Which one.
        error: Why, with the remedy.
    """

    key: str
    error: CreativeS3Error


@dataclass(frozen=True)
class Proposal:
    """Everything that would be sent.

    Attributes:
        distribution_id: To which distribution.
        requests: The invalidations, each within the quota.
        objects: How many objects they are for; 0 where only paths or tags were given.
        dropped: Objects that did not change, and that wildcards drop nevertheless, as far as they are known.
        refused: Objects that cannot be invalidated.
        not_served: Objects that the distribution has no path for.
        resumed: Whether the requests are those of an earlier call that was broken off.
        changes: The changes of runs that this announces.
        token: What the references of the requests were derived from.
        tariff: What paths cost, and how many are free.
    """

    distribution_id: str
    requests: tuple[Announcement, ...]
    tariff: Tariff
    objects: int = 0
    dropped: int = 0
    refused: tuple[Refusal, ...] = ()
    not_served: tuple[str, ...] = ()
    resumed: bool = False
    changes: tuple[Change, ...] = ()
    token: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths and tags, each of which is billed as one."""
        return tuple(path for request in self.requests for path in request.paths)

    @property
    def wildcards(self) -> int:
        """How many of them are wildcards."""
        return len(split(self.paths)[1])

    @property
    def price(self) -> Decimal:
        """What they cost, in dollars, after what is still free. What is sent again costs nothing."""
        return self.tariff.price(len(self.paths))

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``."""
        return {
            "distribution": self.distribution_id,
            "paths": list(self.paths),
            "wildcards": self.wildcards,
            "requests": len(self.requests),
            "objects": self.objects,
            "unchanged_objects_dropped": self.dropped,
            "free_paths_left": self.tariff.free,
            "price": amount_text(self.price),
            "resumed": self.resumed,
            "refused": [
                {"key": one.key, "message": one.error.message, "hint": one.error.hint} for one in self.refused
            ],
            "not_served": list(self.not_served),
        }


def propose_objects(  # noqa: PLR0913 - each is one of the facts that the plan rests on
    keys: Iterable[str],
    others: Iterable[str],
    *,
    path_of: Callable[[str], str],
    distribution_id: str,
    tariff: Tariff,
    token: str,
    exact: bool = False,
) -> Proposal:
    """Plan the invalidation of objects.

    Args:
        keys: What changed.
        others: Keys of objects that did not; a wildcard that drops many of them is dear.
        path_of: Turns a key into its path.
        distribution_id: The distribution.
        tariff: What paths cost.
        token: Names the run; with the same one and the same paths nothing is paid twice.
        exact: Use no wildcard, however many paths there are.
    """
    refused: list[Refusal] = []
    not_served: list[str] = []
    paths: list[str] = []
    wanted = list(dict.fromkeys(keys))
    for key in wanted:
        try:
            paths.append(path_of(key))
        except NotServedError:
            not_served.append(key)
        except UsageError as error:
            refused.append(Refusal(key, error))
    sent, dropped = tuple(sorted(set(paths))), 0
    if not exact and sent:
        known = set(wanted)
        collapsed = collapse(sent, _paths_of((key for key in others if key not in known), path_of), tariff)
        sent, dropped = collapsed.paths, collapsed.dropped
    return Proposal(
        distribution_id,
        requests_of(sent, distribution_id=distribution_id, token=token),
        tariff,
        objects=len(paths),
        dropped=dropped,
        refused=tuple(refused),
        not_served=tuple(not_served),
        token=token,
    )


def propose_paths(
    paths: Sequence[str], tags: Sequence[str], *, distribution_id: str, tariff: Tariff, token: str
) -> Proposal:
    """Plan the invalidation of paths and cache tags that somebody names.

    Raises:
        UsageError: One of them cannot be invalidated.
    """
    named = (*(distinct_paths(paths) if paths else ()), *dict.fromkeys(map(tag_item, tags)))
    requests = requests_of(named, distribution_id=distribution_id, token=token)
    return Proposal(distribution_id, requests, tariff, token=token)


def requests_of(paths: Sequence[str], *, distribution_id: str, token: str) -> tuple[Announcement, ...]:
    """Return the requests for some paths, with the names under which each is carried out once."""
    return tuple(
        Announcement(caller_reference(batch, f"{distribution_id} {token}"), distribution_id, token, batch, "")
        for batch in batches(paths)
    )


def token_of(runs: Iterable[str]) -> str:
    """Return the name of what some runs changed, from their own tokens."""
    return "runs " + hashlib.sha256(" ".join(sorted(runs)).encode()).hexdigest()[:32]


def _paths_of(keys: Iterable[str], path_of: Callable[[str], str]) -> Iterable[str]:
    for key in keys:
        try:
            yield path_of(key)
        except (NotServedError, UsageError):
            continue
