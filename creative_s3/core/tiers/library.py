"""The tiers as the command line and the library open them: settings in, a manager or a report out."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from creative_s3.core.arguments import is_whole_number
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.intake import take_in
from creative_s3.core.catalog.places import catalog_path, remote_side
from creative_s3.core.catalog.reserve import take_reserve
from creative_s3.core.costs.pricing import GB
from creative_s3.core.events import Emit, ignore
from creative_s3.core.files.workspace import Workspace
from creative_s3.core.tiers.manager import TierManager
from creative_s3.core.tiers.report import TierReport, intended, stayed
from creative_s3.core.tiers.surroundings import check_cache
from creative_s3.core.tiers.tiers import Hold, Policy
from creative_s3.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from creative_s3.core.s3.object_store import ObjectStore
    from creative_s3.core.tiers.groundwork import Groundwork
    from creative_s3.core.transfers.choice import EngineName

MAX_EVICT = 0.5
"""The part of the local bytes that one run may remove unless more is asked for."""


@contextmanager
def open_tiers(  # noqa: PLR0913 - each of them is a choice of the caller
    store: ObjectStore,
    *,
    accepted: Collection[str] = (),
    assume_closed: bool = False,
    makes_room: bool = False,
    engine: EngineName = "auto",
    emit: Emit = ignore,
    groundwork: Groundwork | None = None,
) -> Iterator[TierManager]:
    """Open the tiers of the configured cache and bucket, with the catalog up to date.

    Args:
        store: The bucket; its settings say which cache and which prefix.
        accepted: See `TierManager`.
        assume_closed: The same.
        makes_room: Whether files shall go: on a full disk, the catalog's reserve is for that.
        engine: Which transfer engine.
        emit: Takes events.
        groundwork: Begun earlier, for the first census.

    Raises:
        RefusedError: The cache is not there; nothing was made.
        CreativeS3Error: index.json or the catalog cannot be used.
    """
    config = store.connection.config
    workspace = Workspace(config.cache_dir)
    check_cache(workspace)
    side = remote_side(store.connection, config.prefix)
    if makes_room:
        take_reserve(catalog_path(workspace.cache_dir))
    with Catalog(catalog_path(workspace.cache_dir), bucket=side) as catalog:
        take_in(catalog, workspace, emit=emit)
        yield TierManager(
            catalog,
            workspace,
            store,
            prefix=config.prefix,
            accepted=accepted,
            assume_closed=assume_closed,
            engine=engine,
            emit=emit,
            groundwork=groundwork,
        )


def manage_cache(  # noqa: PLR0913 - the guide's own options
    catalog: Catalog,
    workspace: Workspace,
    store: ObjectStore,
    *,
    cold_days: int,
    limit_gb: float | None,
    promotes: bool,
    demotes: bool,
    assume_closed: bool,
    dry_run: bool,
    before_leaving: Callable[[], object],
) -> TierReport:
    """Do what ``S3CacheManager.manage_cache_tiers`` promises.

    Raises:
        UsageError: A number makes no sense.
        CreativeS3Error: See `TierManager.plan` and `TierManager.apply`.
    """
    if not is_whole_number(cold_days, least=0):
        raise UsageError(
            "cold_threshold_days is a whole number of days from 0 on",
            item=repr(cold_days),
            hint="for example cold_threshold_days=30",
        )
    if demotes and not dry_run:
        take_reserve(catalog.path)
    manager = TierManager(
        catalog,
        workspace,
        store,
        prefix=store.connection.config.prefix,
        assume_closed=assume_closed,
        before_leaving=before_leaving,
    )
    policy = Policy(
        cold_days=cold_days,
        limit_bytes=None if limit_gb is None else int(limit_gb * GB),
        promotes=promotes,
        demotes=demotes,
    )
    return manage(manager, policy, dry_run=dry_run)


def manage(
    manager: TierManager, policy: Policy, *, dry_run: bool = False, max_evict: float = MAX_EVICT
) -> TierReport:
    """Plan and carry out without asking anybody: what would need somebody's yes is left, and told.

    Raises:
        CreativeS3Error: See `TierManager.plan` and `TierManager.apply`.
    """
    warnings: tuple[str, ...] = ()
    try:
        plan = manager.plan(policy)
        if plan.demotions:
            manager.check_visible()
        if policy.demotes:
            manager.check_bucket()
    except RefusedError as error:
        policy = replace(policy, demotes=False)
        warnings = (f"nothing is demoted: {error.message}",)
        with manager.census(with_rules=False) as census:  # without a cache, it refuses as well
            plan = census.plan(policy, terms=manager.terms)
    plan = plan.within(max_evict)
    report = intended(plan) if dry_run else manager.apply(plan, command="manage_cache_tiers")
    spared = () if dry_run else tuple(stayed(move, Hold.SHARE) for move in plan.spared)
    return replace(report, settled=(*report.settled, *spared), warnings=(*warnings, *report.warnings))
