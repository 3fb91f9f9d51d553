"""`Cdn`: the distribution before a bucket, as the commands use it: propose, send, wait, look."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from creative_s3.core.assets.layout import ASSET_FOLDERS
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.places import catalog_path, remote_side
from creative_s3.core.cdn.allowance import MonthOfPaths, count_month
from creative_s3.core.cdn.cloudfront import CloudFront, distribution_id_of
from creative_s3.core.cdn.collapsing import Tariff
from creative_s3.core.cdn.planning import path_of_key
from creative_s3.core.cdn.proposal import Proposal, propose_objects, propose_paths, token_of
from creative_s3.core.cdn.sending import Accepted, Sender
from creative_s3.core.costs.price_store import current_book
from creative_s3.core.events import Emit, PhaseStarted, ignore
from creative_s3.errors import ObjectNotFoundError, SettingsError, UnsupportedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from creative_s3.core.catalog.announcements import Announcement
    from creative_s3.core.catalog.runs import Change
    from creative_s3.core.cdn.distributions import Distribution
    from creative_s3.core.s3.connection import Connection

_RESUMED_WITHIN = timedelta(days=7)
"""How long a call with the same paths is taken for a repetition of one that broke off."""
_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_OF_RUNS = "runs "
_KINDS = {folder.removesuffix("s"): folder for folder in ASSET_FOLDERS} | {
    name: name for name in ASSET_FOLDERS
}
_CAMPAIGN = (
    "SELECT DISTINCT assigned.key FROM assigned JOIN asset ON asset.cache_key = assigned.cache_key"
    " WHERE assigned.bucket=? AND asset.campaign_id=? AND (? IS NULL OR asset.kind=?) ORDER BY assigned.key"
)


class Cdn:
    """One distribution before the configured bucket. One thread at a time.

    Args:
        connection: Whose settings name the bucket and the distribution.
        catalog: What this cache knows of runs and invalidations; None for nothing.
        distribution_id: Another distribution than the one of the settings.
        origin_path: What the distribution puts before a viewer's path; None asks CloudFront.
        emit: Takes events.

    Raises:
        SettingsError: No distribution is set.
        UnsupportedError: The settings name another server than AWS.
    """

    def __init__(
        self,
        connection: Connection,
        catalog: Catalog | None,
        *,
        distribution_id: str | None = None,
        origin_path: str | None = None,
        emit: Emit = ignore,
    ) -> None:
        self.connection = connection
        self.catalog = catalog
        self.distribution_id = distribution_id or distribution_id_of(connection)
        self.cloudfront = CloudFront(connection)
        self._origin_path = origin_path
        self._emit = emit

    @cached_property
    def distribution(self) -> Distribution:
        """The distribution, asked for once."""
        self._emit(PhaseStarted("asking CloudFront"))
        return self.cloudfront.distribution(self.distribution_id)

    @cached_property
    def month(self) -> MonthOfPaths:
        """What the account has invalidated this month, counted once."""
        self._emit(PhaseStarted("counting this month's paths"))
        announcements = self.catalog.announcements if self.catalog else None
        return count_month(self.cloudfront, announcements, now=datetime.now(UTC))

    @property
    def tariff(self) -> Tariff:
        """What paths cost now."""
        region = current_book().region(self.connection.region)
        return Tariff(
            path=self.month.fee.price / self.month.fee.per,
            free=self.month.free_left,
            fetch=region.of("STANDARD").get,
        )

    @property
    def path_of(self) -> Callable[[str], str]:
        """What turns a key into the path by which viewers get it."""
        given = self._origin_path
        if given is not None:
            return lambda key: path_of_key(key, given)
        distribution, bucket = self.distribution, self.connection.bucket
        if not distribution.origins_of(bucket):
            raise SettingsError(
                "no origin of the distribution is this bucket, so its paths cannot be known",
                item=self.distribution_id,
                hint=f"creative-s3 cdn setup {self.distribution_id}  # or give --origin-path /{self._prefix}",
            )
        return lambda key: distribution.path_of(key, bucket)

    def propose_paths(self, paths: Sequence[str], tags: Sequence[str] = ()) -> Proposal:
        """Plan the invalidation of paths and tags that somebody names; a broken-off call is taken up again.

        Raises:
            UsageError: One of them cannot be invalidated.
            UnsupportedError: The distribution knows no tags.
        """
        if tags and not self.distribution.tag_header:
            raise UnsupportedError(
                "the distribution has no cache tags: its CacheTagConfig names no header",
                item=self.distribution_id,
                hint=f"see how to switch them on: creative-s3 cdn setup {self.distribution_id}",
            )
        made = propose_paths(
            paths,
            tags,
            distribution_id=self.distribution_id,
            tariff=self.tariff,
            token=f"call {secrets.token_hex(8)}",
        )
        by_token: dict[str, list[Announcement]] = {}
        for one in self._unfinished(datetime.now(UTC) - _RESUMED_WITHIN):
            if not one.token.startswith(_OF_RUNS):
                by_token.setdefault(one.token, []).append(one)
        for token, unfinished in by_token.items():
            if {path for one in unfinished for path in one.paths} == set(made.paths):
                return replace(made, requests=tuple(unfinished), token=token, resumed=True)
        return made

    def propose_changed(
        self, runs: Sequence[int] = (), *, include_new: bool = False, exact: bool = False
    ) -> Proposal:
        """Plan the invalidation of what runs replaced.

        Args:
            runs: Their numbers; none for all that no invalidation has told CloudFront of.
            include_new: Also objects under keys that had none: CloudFront may hold that there is none.
            exact: Use no wildcard.

        Raises:
            ObjectNotFoundError: There is no such run.
        """
        catalog = self._known()
        for number in runs:
            if catalog.runs.get(number) is None:
                raise ObjectNotFoundError(
                    "there is no such run", item=str(number), hint="see them: creative-s3 migrate history"
                )
        changes = self._changes(runs, include_new=include_new)
        told = {
            name: catalog.announcements.of_token(self.distribution_id, name)
            for name in {change.invalidation for change in changes if change.invalidation}
        }
        # What may not have arrived is sent once more, the very same: it is not paid again.
        again = [one for some in told.values() for one in some if one.id is None]
        if not runs:
            again = [one for one in self._unfinished(_EVER) if one.token.startswith(_OF_RUNS)]
        rest = [change for change in changes if not told.get(change.invalidation or "")]
        made = self.propose_objects(
            [change.key for change in rest],
            token=token_of(map(self._name_of, sorted({change.run for change in rest}))),
            exact=exact,
        )
        refused = {one.key for one in made.refused}
        return replace(
            made,
            requests=(*again, *made.requests),
            changes=tuple(change for change in rest if change.key not in refused),
            resumed=bool(again),
        )

    def propose_selection(
        self, *, kind: str | None = None, campaign: str | None = None, exact: bool = False
    ) -> Proposal:
        """Plan the invalidation of all objects of a kind, of a campaign, or of both at once.

        Raises:
            UsageError: There is no such kind.
            ObjectNotFoundError: Nothing of the campaign is known here to be in the bucket.
        """
        if kind is not None and kind not in _KINDS:
            raise UsageError(
                "there is no such kind", item=kind, hint=f"choose one of {', '.join(ASSET_FOLDERS)}"
            )
        token = f"call {secrets.token_hex(8)}"
        if campaign is None:
            folder = f"{self._prefix}/{_KINDS[kind or '']}/" if self._prefix else f"{_KINDS[kind or '']}/"
            return self.propose_paths([f"{self.path_of(f'{folder}x')[:-1]}*"])
        catalog = self._known()
        sort = _KINDS[kind].removesuffix("s") if kind else None
        rows = catalog.database.rows(_CAMPAIGN, (catalog.bucket, campaign, sort, sort))
        if not rows:
            raise ObjectNotFoundError(
                "no object of this campaign is known here",
                item=campaign,
                hint="creative-s3 assets find --campaign NAME, or creative-s3 assets discover --sync",
            )
        return self.propose_objects([key for (key,) in rows], token=token, exact=exact)

    def propose_objects(self, keys: Sequence[str], *, token: str, exact: bool = False) -> Proposal:
        """Plan the invalidation of objects by their keys."""
        others = self.catalog.seen_objects() if self.catalog and not exact else ()
        return propose_objects(
            keys,
            others,
            path_of=self.path_of,
            distribution_id=self.distribution_id,
            tariff=self.tariff,
            token=token,
            exact=exact,
        )

    def send(self, proposal: Proposal, *, wait: bool = False) -> tuple[Accepted, ...]:
        """Send a proposal; with `wait`, return only when every edge has forgotten the paths.

        Raises:
            CreativeS3Error: See `Sender`.
        """
        sender = Sender(self.cloudfront, self.catalog, emit=self._emit)
        accepted = sender.send(proposal)
        return sender.wait(accepted) if wait else accepted

    @property
    def _prefix(self) -> str:
        return self.connection.config.prefix

    def _known(self) -> Catalog:
        if self.catalog is None:
            raise SettingsError(
                "this cache has no catalog yet, so nobody knows what changed",
                item=str(self.connection.config.cache_dir),
                hint="creative-s3 migrate upload  # makes one; or name the paths",
            )
        return self.catalog

    def _changes(self, runs: Sequence[int], *, include_new: bool) -> list[Change]:
        catalog = self._known()
        if not runs:
            return catalog.runs.unannounced()
        found = [change for number in dict.fromkeys(runs) for change in catalog.runs.changes(number)]
        return [change for change in found if change.replaced or include_new]

    def _name_of(self, run: int) -> str:
        """Name a run among those of all machines."""
        known = self._known().runs.get(run)
        return f"{run} {known.token} {known.started_at}" if known else str(run)

    def _unfinished(self, since: datetime) -> list[Announcement]:
        if self.catalog is None:
            return []
        return self.catalog.announcements.unfinished(self.distribution_id, since=since)


@contextmanager
def open_cdn(
    connection: Connection,
    *,
    distribution_id: str | None = None,
    origin_path: str | None = None,
    emit: Emit = ignore,
) -> Iterator[Cdn]:
    """Open the distribution of the settings, with the catalog of the cache if there is one.

    Raises:
        CreativeS3Error: See `Cdn`; or the catalog cannot be used.
    """
    path = catalog_path(connection.config.cache_dir)
    side = remote_side(connection, connection.config.prefix)
    catalog = Catalog(path, bucket=side) if path.is_file() else None
    try:
        cdn = Cdn(connection, catalog, distribution_id=distribution_id, origin_path=origin_path, emit=emit)
        try:
            yield cdn
        finally:
            cdn.cloudfront.close()
    finally:
        if catalog is not None:
            catalog.close()
