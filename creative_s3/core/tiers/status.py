"""How the tiers stand: what is hot and cold, by kind, what is at risk, what a run would do. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from heapq import nlargest, nsmallest
from typing import TYPE_CHECKING, Any

from creative_s3.core.tiers.facts import ARCHIVES
from creative_s3.core.tiers.policy import make_plan, needed_bytes
from creative_s3.core.tiers.tiers import Amount, Hold, Outlook, Room

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.lifecycle.fates import Fates
    from creative_s3.core.tiers.census import Census
    from creative_s3.core.tiers.returning import ReturnTerms
    from creative_s3.core.tiers.survey import TierSurvey
    from creative_s3.core.tiers.tiers import Policy, TierFile

SHOWN = 5


class Risk(StrEnum):
    """What may go wrong with an asset."""

    UNPROVED = "unproved"
    """On local disk, and no copy in S3 was proved."""
    CHANGED = "changed"
    """On local disk, and not what was proved in S3."""
    LOST = "lost"
    """In S3 only, and its object is gone."""
    MISSING = "missing"
    """Not on local disk, and not recorded as in S3 only."""
    ARCHIVED = "archived"
    """In S3 only, and it has to be restored before it can be read."""
    EXPIRING = "expiring"
    """In S3 only, and a lifecycle rule will delete it there."""
    ARCHIVING = "archiving"
    """In S3 only, and a lifecycle rule will archive it there."""


@dataclass(frozen=True, slots=True)
class KindTiers:
    """One kind of asset.

    Attributes:
        kind: Such as ``background``.
        hot: On local disk.
        cold: In S3 only.
    """

    kind: str
    hot: Amount
    cold: Amount


@dataclass(frozen=True, slots=True)
class AtRisk:
    """Files with one risk.

    Attributes:
        risk: Which one.
        amount: How many.
        example: The first of them.
        detail: More, in words, such as the rule's name.
    """

    risk: Risk
    amount: Amount
    example: TierFile
    detail: str = ""


@dataclass(frozen=True)
class TierStatus:
    """How the tiers stand.

    Attributes:
        now: When it was looked at.
        unindexed_bytes: Files in the cache directory that no asset names.
        outlook: What a run would do.
        kinds: By kind, in the order of their names.
        coldest: Local files that were not used for longest.
        hottest: Files with the most uses of late, wherever they are.
        risks: What may go wrong.
        is_deep: Whether the bucket was listed.
    """

    now: datetime
    unindexed_bytes: int
    outlook: Outlook
    kinds: tuple[KindTiers, ...]
    coldest: tuple[TierFile, ...]
    hottest: tuple[TierFile, ...]
    risks: tuple[AtRisk, ...]
    is_deep: bool

    @property
    def lost(self) -> int:
        """How many assets in S3 only have lost their object; known after a listing only."""
        return sum(one.amount.files for one in self.risks if one.risk is Risk.LOST)

    def to_dict(self) -> dict[str, Any]:
        """Return the ``--json`` form."""
        outlook, now = self.outlook, self.now
        return {
            "kinds": {one.kind: {"hot": one.hot, "cold": one.cold} for one in self.kinds},
            "cache_bytes": outlook.room.used_bytes,
            "unindexed_bytes": self.unindexed_bytes,
            "disk_free_bytes": outlook.room.free_bytes,
            "limit_bytes": outlook.policy.limit_bytes,
            "would_demote": outlook.demotions,
            "would_promote": outlook.promotions,
            "shortfall_bytes": outlook.shortfall_bytes,
            "coldest": [
                {"cache_key": file.cache_keys[0], "idle_days": round(file.idle_days(now), 1)}
                for file in self.coldest
            ],
            "hottest": [
                {"cache_key": file.cache_keys[0], "recent_uses": file.recent_uses} for file in self.hottest
            ],
            "risks": [
                {
                    "risk": str(one.risk),
                    "files": one.amount.files,
                    "size_bytes": one.amount.size_bytes,
                    "example": one.example.cache_keys[0],
                    "detail": one.detail,
                }
                for one in self.risks
            ],
            "listed_bucket": self.is_deep,
        }


def status_of(
    survey: TierSurvey,
    policy: Policy,
    fates: Fates,
    *,
    terms: Mapping[str, ReturnTerms],
    listing: Mapping[str, StoredObject] | None = None,
) -> TierStatus:
    """Put the numbers together, file by file.

    Args:
        survey: Every file.
        policy: What a run would want.
        fates: What the bucket's lifecycle rules do.
        terms: What coming back takes, by storage class.
        listing: The objects that are there, by key; None when the bucket was not listed.
    """
    hot: defaultdict[str, Amount] = defaultdict(Amount)
    cold: defaultdict[str, Amount] = defaultdict(Amount)
    for file in survey.files:
        if file.is_hot or file.is_cold:
            (hot if file.is_hot else cold)[file.kind] += Amount(1, file.size_bytes)
    local = [file for file in survey.files if file.is_hot and file.in_cache]
    return TierStatus(
        now=survey.now,
        unindexed_bytes=survey.unindexed_bytes,
        outlook=make_plan(survey.files, policy, survey.room, now=survey.now, terms=terms).outlook,
        kinds=tuple(KindTiers(kind, hot[kind], cold[kind]) for kind in sorted({*hot, *cold})),
        coldest=tuple(nsmallest(SHOWN, local, key=lambda file: (file.last_used_at, file.file_path))),
        hottest=tuple(
            nlargest(
                SHOWN,
                (file for file in survey.files if file.recent_uses),
                key=lambda file: (file.recent_uses, file.last_used_at, file.file_path),
            )
        ),
        risks=_together(_found(survey.files, fates, listing)),
        is_deep=listing is not None,
    )


def status_by_census(
    census: Census, policy: Policy, fates: Fates, *, terms: Mapping[str, ReturnTerms]
) -> TierStatus:
    """Put the same numbers together from a census.

    Args:
        census: Of every file.
        policy: What a run would want.
        fates: What the bucket's lifecycle rules do.
        terms: What coming back takes, by storage class.

    Raises:
        CatalogError: The catalog cannot be used.
    """
    found = _found(census.unusual, fates, None)
    for risk, group in (
        (Risk.UNPROVED, census.held(Hold.UNPROVED, is_hot=True)),
        (Risk.CHANGED, census.held(Hold.CHANGED, is_hot=True)),
        (Risk.ARCHIVED, census.held(Hold.ARCHIVED, is_hot=False)),
        (Risk.ARCHIVING, census.archiving()),
    ):
        if group is not None:
            amount, example = group
            found[risk].append(AtRisk(risk, amount, example, dict(_risks_of(example, fates, None))[risk]))
    return TierStatus(
        now=census.now,
        unindexed_bytes=census.unindexed_bytes,
        outlook=_outlook(census, policy, terms),
        kinds=tuple(KindTiers(kind, hot, cold) for kind, (hot, cold) in census.kinds().items()),
        coldest=census.coldest(SHOWN),
        hottest=census.hottest(SHOWN),
        risks=_together(found),
        is_deep=False,
    )


def _outlook(census: Census, policy: Policy, terms: Mapping[str, ReturnTerms]) -> Outlook:
    """Count what goes; only who has to choose among files that are not due needs all of them."""
    needed, room = needed_bytes(policy, census.room), census.room
    due = census.due(policy) if policy.demotes else Amount()
    if policy.demotes and needed > due.size_bytes:
        return census.plan(policy, terms=terms).outlook
    after = Room(room.used_bytes - due.size_bytes, room.free_bytes + due.size_bytes)
    is_tight = needed > 0
    return Outlook(
        demotions=due,
        promotions=census.coming(policy, after, is_tight=is_tight, terms=terms)
        if policy.promotes
        else Amount(),
        needed_bytes=needed,
        policy=policy,
        room=room,
    )


def _found(
    files: Iterable[TierFile], fates: Fates, listing: Mapping[str, StoredObject] | None
) -> defaultdict[Risk, list[AtRisk]]:
    found: defaultdict[Risk, list[AtRisk]] = defaultdict(list)
    for file in files:
        for risk, detail in _risks_of(file, fates, listing):
            found[risk].append(AtRisk(risk, Amount(1, file.size_bytes), file, detail))
    return found


def _together(found: Mapping[Risk, Sequence[AtRisk]]) -> tuple[AtRisk, ...]:
    """Count what has the same risk; the first by path is the example."""
    risks = []
    for risk in Risk:
        if several := found.get(risk):
            first = min(several, key=lambda one: one.example.file_path)
            amount = sum((one.amount for one in several), start=Amount())
            risks.append(AtRisk(risk, amount, first.example, first.detail))
    return tuple(risks)


def _risks_of(
    file: TierFile, fates: Fates, listing: Mapping[str, StoredObject] | None
) -> list[tuple[Risk, str]]:
    if file.is_hot:
        risk = {Hold.UNPROVED: Risk.UNPROVED, Hold.CHANGED: Risk.CHANGED}.get(file.hold or Hold.AWAY)
        return [(risk, file.detail)] if risk else []
    if not file.is_cold:
        return [(Risk.MISSING, "")]
    stored = listing.get(file.key or "") if listing is not None else None
    if file.key is None or (listing is not None and stored is None):
        return [(Risk.LOST, "")]
    risks: list[tuple[Risk, str]] = []
    storage_class = stored.storage_class if stored else file.storage_class
    if storage_class in ARCHIVES:
        risks.append((Risk.ARCHIVED, storage_class))
    if fate := fates.deletion(file.key, file.size_bytes):
        risks.append((Risk.EXPIRING, f"{fate.rule}, {fate.when}"))
    if storage_class not in ARCHIVES and (fate := fates.archiving(file.key, file.size_bytes)):
        risks.append((Risk.ARCHIVING, f"{fate.rule}, {fate.when}, to {fate.storage_class}"))
    return risks
