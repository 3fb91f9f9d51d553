"""Looking at a distribution: what is in progress, what it was not told of, who gets what by which address."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from creative_s3.core.cdn.planning import PATH_LIMIT, WILDCARD_LIMIT, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from creative_s3.core.catalog.announcements import Announcement
    from creative_s3.core.cdn.cdn import Cdn
    from creative_s3.core.cdn.cloudfront import Sent
    from creative_s3.core.cdn.distributions import Distribution

_WORKERS = 8
_LOOKED_THROUGH = 200
"""How many of the newest invalidations are looked through for those in progress: they end within minutes."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Invalidations of one distribution, the newest first.

    Attributes:
        distribution_id: The distribution.
        sent: With their paths.
        ours: Those that this cache sent, by id.
    """

    distribution_id: str
    sent: tuple[Sent, ...]
    ours: Mapping[str, Announcement]

    def to_dict(self, sent: Sent) -> dict[str, Any]:
        """Return the form of ``--json`` of one of them."""
        return {
            "id": sent.id,
            "status": sent.status,
            "created_at": sent.created_at,
            "paths": list(sent.paths),
            "sent_from_here": sent.id in self.ours,
        }


@dataclass(frozen=True, slots=True)
class Standing:
    """How a distribution stands.

    Attributes:
        distribution: The distribution.
        bucket: The bucket behind it.
        in_progress: Its invalidations that are not completed.
        last: The newest one; None when there was none.
        unannounced: Keys of objects that were replaced from here, and that it was not told of.
    """

    distribution: Distribution
    bucket: str
    in_progress: tuple[Sent, ...]
    last: Sent | None
    unannounced: tuple[str, ...]

    @property
    def quota(self) -> tuple[int, int]:
        """Paths and wildcards in progress; CloudFront takes `PATH_LIMIT` and `WILDCARD_LIMIT`."""
        single, wildcards = split(path for sent in self.in_progress for path in sent.paths)
        return len(single), len(wildcards)

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``."""
        paths, wildcards = self.quota
        return {
            "distribution": self.distribution.id,
            "status": self.distribution.status,
            "enabled": self.distribution.enabled,
            "domain_name": self.distribution.domain_name,
            "aliases": list(self.distribution.aliases),
            "origins": [
                {"id": one.id, "domain_name": one.domain_name, "path": one.path}
                for one in self.distribution.origins_of(self.bucket)
            ],
            "in_progress": [
                {"id": one.id, "created_at": one.created_at, "paths": len(one.paths)}
                for one in self.in_progress
            ],
            "paths_in_progress": paths,
            "wildcards_in_progress": wildcards,
            "path_limit": PATH_LIMIT,
            "wildcard_limit": WILDCARD_LIMIT,
            "last_invalidation": None
            if self.last is None
            else {"id": self.last.id, "status": self.last.status, "created_at": self.last.created_at},
            "not_told_of": list(self.unannounced),
        }


@dataclass(frozen=True, slots=True)
class Address:
    """Where viewers get an object."""

    key: str
    url: str


def standing_of(cdn: Cdn) -> Standing:
    """Look at the distribution and at what it was not told of.

    Raises:
        CreativeS3Error: CloudFront cannot be asked.
    """
    newest = list(islice(cdn.cloudfront.invalidations(cdn.distribution_id), _LOOKED_THROUGH))
    return Standing(
        distribution=cdn.distribution,
        bucket=cdn.connection.bucket,
        in_progress=_with_paths(cdn, (one for one in newest if not one.is_completed)),
        last=newest[0] if newest else None,
        unannounced=tuple(
            dict.fromkeys(change.key for change in (cdn.catalog.runs.unannounced() if cdn.catalog else ()))
        ),
    )


def latest(cdn: Cdn, limit: int) -> Listed:
    """Return the newest invalidations with their paths.

    Raises:
        CreativeS3Error: CloudFront cannot be asked.
    """
    newest = islice(cdn.cloudfront.invalidations(cdn.distribution_id), limit)
    ours = cdn.catalog.announcements.ours(cdn.distribution_id) if cdn.catalog else {}
    return Listed(cdn.distribution_id, _with_paths(cdn, newest), ours)


def addresses_of(cdn: Cdn, names: Sequence[str]) -> tuple[Address, ...]:
    """Return where viewers get objects; a name is a cache key of the catalog, else a key.

    Raises:
        NotServedError: No path leads to one of them.
        CreativeS3Error: CloudFront cannot be asked.
    """
    found = []
    for name in names:
        key = (cdn.catalog.assignment(name) if cdn.catalog else None) or name
        found.append(Address(key, f"https://{cdn.distribution.host}{cdn.path_of(key)}"))
    return tuple(found)


def _with_paths(cdn: Cdn, listed: Iterable[Sent]) -> tuple[Sent, ...]:
    with ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix="cloudfront") as pool:
        return tuple(
            pool.map(lambda sent: cdn.cloudfront.invalidation(cdn.distribution_id, sent.id), tuple(listed))
        )
