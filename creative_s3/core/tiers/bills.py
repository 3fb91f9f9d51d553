"""What moving files between the tiers sends and costs: planned, and afterwards as it was sent. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from creative_s3.core.costs.bills import Bill, bill_of
from creative_s3.core.costs.fetching import RETRIEVAL, fetching, fetching_extras
from creative_s3.core.costs.pricing import GB
from creative_s3.core.tiers.tiers import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from creative_s3.core.costs.pricing import RegionPrices
    from creative_s3.core.tiers.report import TierReport
    from creative_s3.core.tiers.restoring import Restore
    from creative_s3.core.tiers.tiers import TierFile

_BEFORE_DEMOTING = {"GetBucketLifecycleConfiguration": 1, "ListObjectsV2": 1}
"""Asked once more before the first file goes: do rules delete what is in S3, and is the bucket there?"""


def planned_moves(
    moves: Iterable[tuple[Action, TierFile]],
    region: RegionPrices,
    *,
    sent: Mapping[str, int],
    reads: Callable[[int], int] = lambda _: 0,
) -> Bill:
    """Price what moving files will send, with what was sent already to plan it.

    Args:
        moves: In which direction, and which file.
        region: The prices.
        sent: Requests so far, by S3 operation name.
        reads: Tells how many of the objects of so many files to be demoted are read first.
    """
    every = tuple(moves)
    requests = _requests(every)
    if demoted := sum(action is Action.DEMOTE for action, _ in every):
        requests["STANDARD"].update(_BEFORE_DEMOTING)
        requests["STANDARD"]["GetObject"] += reads(demoted)
    requests["STANDARD"].update(sent)
    return bill_of(requests, region, extras=_extras(every, region))


def sent_moves(report: TierReport, region: RegionPrices) -> Bill:
    """Price what a run sent. What the moved files do not explain is priced as STANDARD's."""
    left = Counter(report.requests)
    requests: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, numbers in _requests((item.action, item.file) for item in report.settled).items():
        for operation, number in numbers.items():
            taken = min(number, left[operation])
            requests[name][operation] += taken
            left[operation] -= taken
    requests["STANDARD"].update(left)
    done = tuple((item.action, item.file) for item in report.settled if item.done)
    return bill_of(requests, region, extras=_extras(done, region))


def planned_restores(restores: Iterable[Restore], region: RegionPrices, *, option: str, days: int) -> Bill:
    """Price restores: their requests, retrieval, and STANDARD storage of the copies for some days.

    Args:
        restores: Those that are needed.
        region: The prices.
        option: The retrieval option, in S3's own word.
        days: How long the copies stay; a month is taken to have 30.
    """
    price = retrieval = copies = Decimal(0)
    number = 0
    for one in restores:
        number += 1
        name = one.stored.storage_class
        terms = region.classes[name].restores.get(option) if name in region.classes else None
        if terms is None:  # INTELLIGENT_TIERING moves the object itself, and makes no copy
            continue
        price += terms.request
        retrieval += terms.per_gb * one.stored.size_bytes / GB
        copies += region.of("STANDARD").per_gb_month * one.stored.size_bytes / GB * days / 30
    return Bill(
        requests={"RestoreObject": number} if number else {},
        price=price,
        extras={
            name: amount
            for name, amount in ((RETRIEVAL, retrieval), ("storage of the copies", copies))
            if amount
        },
        region=region.name,
        as_of=region.as_of,
        currency=region.currency,
    )


def _requests(moves: Iterable[tuple[Action, TierFile]]) -> defaultdict[str, Counter[str]]:
    requests: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for action, file in moves:
        if action is Action.PROMOTE:
            requests[file.storage_class].update(fetching(file.size_bytes))
        else:
            requests[file.storage_class]["HeadObject"] += 1
    return requests


def _extras(moves: Iterable[tuple[Action, TierFile]], region: RegionPrices) -> dict[str, Decimal]:
    fetched = ((file.storage_class, file.size_bytes) for action, file in moves if action is Action.PROMOTE)
    return fetching_extras(fetched, region)
