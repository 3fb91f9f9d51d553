"""How the tiers stand: what is hot and cold, by kind, what is at risk, what a run would do. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from heapq import nlargest, nsmallest
from typing import TYPE_CHECKING, Any

from creative_s3.core.tiers.reasons import evidence_of, held_because
from creative_s3.core.tiers.survey import ARCHIVES
from creative_s3.core.tiers.tiers import Hold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from creative_s3.core.lifecycle.fates import Fates
    from creative_s3.core.models import StoredObject
    from creative_s3.core.tiers.survey import TierSurvey
    from creative_s3.core.tiers.tiers import TierFile, TierPlan

_SHOWN = 5


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
class Amount:
    """A number of files and their bytes."""

    files: int = 0
    size_bytes: int = 0


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
        survey: What was looked at.
        plan: What a run would do.
        kinds: By kind, in the order of their names.
        coldest: Local files that were not used for longest.
        hottest: Files with the most uses of late, wherever they are.
        risks: What may go wrong.
        is_deep: Whether the bucket was listed.
    """

    survey: TierSurvey
    plan: TierPlan
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
        plan, now = self.plan, self.survey.now
        return {
            "kinds": {one.kind: {"hot": one.hot, "cold": one.cold} for one in self.kinds},
            "cache_bytes": self.survey.room.used_bytes,
            "unindexed_bytes": self.survey.unindexed_bytes,
            "disk_free_bytes": self.survey.room.free_bytes,
            "limit_bytes": plan.policy.limit_bytes,
            "would_demote": Amount(len(plan.demotions), plan.freed_bytes),
            "would_promote": Amount(len(plan.promotions), plan.brought_bytes),
            "shortfall_bytes": plan.shortfall_bytes,
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
    plan: TierPlan,
    fates: Fates,
    *,
    listing: Mapping[str, StoredObject] | None = None,
) -> TierStatus:
    """Put the numbers together.

    Args:
        survey: Every file.
        plan: What a run would do.
        fates: What the bucket's lifecycle rules do.
        listing: The objects that are there, by key; None when the bucket was not listed.
    """
    hot: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    cold: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for file in survey.files:
        if file.is_hot or file.is_cold:
            counted = (hot if file.is_hot else cold)[file.kind]
            counted[0] += 1
            counted[1] += file.size_bytes
    local = [file for file in survey.files if file.is_hot and file.in_cache]
    return TierStatus(
        survey=survey,
        plan=plan,
        kinds=tuple(
            KindTiers(kind, Amount(*hot[kind]), Amount(*cold[kind])) for kind in sorted({*hot, *cold})
        ),
        coldest=tuple(nsmallest(_SHOWN, local, key=lambda file: (file.last_used_at, file.file_path))),
        hottest=tuple(
            nlargest(
                _SHOWN,
                (file for file in survey.files if file.recent_uses),
                key=lambda file: (file.recent_uses, file.last_used_at, file.file_path),
            )
        ),
        risks=_risks(survey.files, fates, listing),
        is_deep=listing is not None,
    )


def describe(file: TierFile, survey: TierSurvey) -> str:
    """Say what keeps a file where it is, and when it was used last."""
    hold = f"; {held_because(file)}" if file.hold else ""
    return f"{evidence_of(file, survey.now)}{hold}"


def _risks(
    files: Iterable[TierFile], fates: Fates, listing: Mapping[str, StoredObject] | None
) -> tuple[AtRisk, ...]:
    found: defaultdict[Risk, list[TierFile]] = defaultdict(list)
    details: dict[Risk, str] = {}
    for file in files:
        for risk, detail in _risks_of(file, fates, listing):
            found[risk].append(file)
            details.setdefault(risk, detail)
    return tuple(
        AtRisk(
            risk,
            Amount(len(found[risk]), sum(file.size_bytes for file in found[risk])),
            found[risk][0],
            details[risk],
        )
        for risk in Risk
        if risk in found
    )


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
