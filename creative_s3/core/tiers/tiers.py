"""The tiers as values: a file on local disk or in S3 only, what is wanted, the plan. No I/O, no decisions.

`tiers.survey` gathers the files, `tiers.policy` decides, `tiers.reasons` puts each decision into words,
`tiers.demotion` proves before it removes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from decimal import Decimal

COLD_DAYS = 30
HOT_USES = 3
"""So many uses within `HOT_DAYS` make a cold asset worth bringing back."""
HOT_DAYS = 30


class Action(StrEnum):
    """What a plan does with a file."""

    DEMOTE = "demote"
    PROMOTE = "promote"


class Cause(StrEnum):
    """Why it does so."""

    COLD = "cold"
    """Not used for so long."""
    SPACE = "space"
    """The cache is over its limit, or the disk is too full."""
    HOT = "hot"
    """In S3 only, and used often."""
    ASKED = "asked"
    """Somebody named it."""


class Hold(StrEnum):
    """Why a file has to stay where it is."""

    PINNED = "pinned"
    OUTSIDE = "outside"
    HIDDEN = "hidden"
    LINKED = "linked"
    HARD_LINKED = "hard-linked"
    UNPROVED = "unproved"
    CHANGED = "changed"
    SHARED_OBJECT = "shared-object"
    EXPIRING = "expiring"
    ARCHIVED = "archived"
    OPEN = "open"
    UNSEEN = "unseen"
    FRESH = "fresh"
    USED = "used"
    SHARE = "share"
    ROOM = "room"
    AWAY = "away"
    HERE = "here"
    MISSING = "missing"


class Evidence(StrEnum):
    """How it is known when a file was used last."""

    ACCESS = "a recorded use"
    INDEX = "the pipeline's last_used"
    RETURN = "its return to local disk"
    FILE = "the file's times"
    NOTHING = "nothing"


class TierFile(NamedTuple):
    """One file of the cache, on local disk or in S3 only: a tuple, because there may be a million of them.

    Attributes:
        file_path: Relative to the workspace.
        cache_keys: The assets that it is the file of, the most telling first.
        key: The key of its object; None while it has none.
        kind: The kind of its first asset.
        size_bytes: On disk; of a cold one, the object's.
        is_hot: Whether it is on local disk.
        is_cold: Whether it is recorded as in S3 only; one that is neither hot nor cold was lost or removed by
            somebody else.
        in_cache: Whether it lies inside the cache directory, where the limit counts.
        last_used_at: With time zone.
        evidence: How that is known.
        uses: All recorded ones.
        recent_uses: Those of the last `HOT_DAYS`.
        changed_at: When a file on disk was written; None for a cold one.
        storage_class: Its object's, as far as is known.
        later_class: Where a lifecycle rule will move the object; what coming back takes then counts.
        hold: Why it has to stay where it is; None when it may move.
        detail: More about `hold`, in words.
    """

    file_path: str
    cache_keys: tuple[str, ...]
    key: str | None
    kind: str
    size_bytes: int
    is_hot: bool
    is_cold: bool
    in_cache: bool
    last_used_at: datetime
    evidence: Evidence
    uses: int = 0
    recent_uses: int = 0
    changed_at: datetime | None = None
    storage_class: str = "STANDARD"
    later_class: str | None = None
    hold: Hold | None = None
    detail: str = ""

    def idle_days(self, now: datetime) -> float:
        """Return how long it has not been used; a time in the future counts as now."""
        return max((now - self.last_used_at).total_seconds(), 0.0) / 86400


@dataclass(frozen=True, slots=True)
class Amount:
    """A number of files and their bytes."""

    files: int = 0
    size_bytes: int = 0

    def __add__(self, other: Amount) -> Amount:
        """Return both together."""
        return Amount(self.files + other.files, self.size_bytes + other.size_bytes)


@dataclass(frozen=True, slots=True)
class Policy:
    """What is wanted.

    Attributes:
        cold_days: Not used for so many days is cold, and cold files are demoted.
        limit_bytes: How large the cache directory may be; None for no limit.
        min_free_bytes: How much of the disk shall stay free; None for no minimum.
        promotes: Whether hot assets come back.
        demotes: Whether files may go.
    """

    cold_days: int = COLD_DAYS
    limit_bytes: int | None = None
    min_free_bytes: int | None = None
    promotes: bool = True
    demotes: bool = True


@dataclass(frozen=True, slots=True)
class Room:
    """How much there is.

    Attributes:
        used_bytes: All regular files in the cache directory, whether they are assets or not.
        free_bytes: Free on its disk.
    """

    used_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Move:
    """One file that changes its tier.

    Attributes:
        file: Which one.
        action: In which direction.
        cause: Why.
        price: What coming back costs; of a promotion, what it costs now. On AWS, with transfer.
        hours: How long coming back takes because of a restore.
        wait: The same in words.
    """

    file: TierFile
    action: Action
    cause: Cause
    price: Decimal
    hours: float
    wait: str


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a plan comes to, without its files.

    Attributes:
        demotions: What goes.
        promotions: What comes back.
        needed_bytes: What had to be freed for the limit and the minimum.
        policy: What was wanted.
        room: How much there was.
    """

    demotions: Amount
    promotions: Amount
    needed_bytes: int
    policy: Policy
    room: Room

    @property
    def shortfall_bytes(self) -> int:
        """What is missing to the limit or the minimum even after all demotions."""
        return max(self.needed_bytes - self.demotions.size_bytes, 0)

    @property
    def used_bytes(self) -> int:
        """How much the cache directory holds afterwards."""
        return self.room.used_bytes - self.demotions.size_bytes + self.promotions.size_bytes


@dataclass(frozen=True)
class TierPlan:
    """What would be done, in the order in which it is done: the plan that is shown and then carried out.

    Attributes:
        demotions: Least regretted first.
        promotions: Hottest first.
        needed_bytes: What had to be freed for the limit and the minimum.
        hot_bytes: The local files inside the cache directory that are assets.
        policy: What was wanted.
        room: How much there was.
        now: When the plan was made.
        held: Files that were due to go and have to stay, by reason.
        spared: Demotions that `within` took out.
    """

    demotions: tuple[Move, ...]
    promotions: tuple[Move, ...]
    needed_bytes: int
    hot_bytes: int
    policy: Policy
    room: Room
    now: datetime
    held: Mapping[Hold, tuple[TierFile, ...]] = field(default_factory=dict)
    spared: tuple[Move, ...] = ()

    @cached_property
    def freed_bytes(self) -> int:
        """What the demotions free."""
        return sum(move.file.size_bytes for move in self.demotions)

    @cached_property
    def brought_bytes(self) -> int:
        """What the promotions fetch."""
        return sum(move.file.size_bytes for move in self.promotions)

    @property
    def outlook(self) -> Outlook:
        """What it comes to."""
        return Outlook(
            demotions=Amount(len(self.demotions), self.freed_bytes),
            promotions=Amount(len(self.promotions), self.brought_bytes),
            needed_bytes=self.needed_bytes,
            policy=self.policy,
            room=self.room,
        )

    @property
    def shortfall_bytes(self) -> int:
        """What is missing to the limit or the minimum even after all demotions."""
        return self.outlook.shortfall_bytes

    @property
    def share(self) -> float:
        """Which part of the local bytes goes, 0 to 1."""
        return self.freed_bytes / self.hot_bytes if self.hot_bytes else 0.0

    @cached_property
    def moves(self) -> Mapping[str, Move]:
        """All moves, by file path."""
        return {move.file.file_path: move for move in (*self.demotions, *self.promotions)}

    def within(self, share: float) -> TierPlan:
        """Return the plan with no more demotions than a part of the local bytes, the least regretted ones."""
        allowed = share * self.hot_bytes
        kept: list[Move] = []
        spared: list[Move] = []
        taken = 0
        for move in self.demotions:
            fits = taken + move.file.size_bytes <= allowed
            (kept if fits else spared).append(move)
            taken += move.file.size_bytes if fits else 0
        return replace(self, demotions=tuple(kept), spared=tuple(spared))


def first_recent_day(now: datetime) -> str:
    """Return the day from which on uses count as recent, ISO 8601."""
    return (now - timedelta(days=HOT_DAYS)).date().isoformat()
