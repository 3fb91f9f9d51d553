"""Recording what a discovery found: in the catalog first, durably, then in index.json."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from creative_s3.core.catalog.identities import settle_identities
from creative_s3.core.catalog.product_table import ProductTable
from creative_s3.core.catalog.published import PublishedDigests
from creative_s3.core.catalog.settling import entries_of_rows, settle
from creative_s3.core.events import Emit, PhaseStarted, ignore
from creative_s3.core.index.entries import PRODUCTS_SECTION
from creative_s3.core.published.publish import KEY_FIELDS, digest

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from creative_s3.core.catalog.asset_rows import AssetRecord
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.discovery.discovered import Discovery
    from creative_s3.core.discovery.newcomers import Newcomer
    from creative_s3.core.files.workspace import Workspace

T = TypeVar("T")

_GROUP = 500
"""Entries to a transaction: nobody waits long for the catalog."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was written down.

    Attributes:
        entries: Entries added to index.json.
        assets: Rows added to the catalog.
        cooled: Known assets that are recorded as in S3 only from now on.
    """

    entries: int = 0
    assets: int = 0
    cooled: int = 0


def record(discovery: Discovery, catalog: Catalog, workspace: Workspace, *, emit: Emit = ignore) -> Recorded:
    """Record everything that a discovery found.

    The catalog knows each entry before index.json gets it: whoever opens it after a crash finishes this.

    Raises:
        CreativeS3Error: The catalog or the index cannot be written.
    """
    emit(PhaseStarted("recording"))
    record_known(discovery, catalog)
    is_lost = not workspace.index_path.exists()
    for group in _grouped(discovery.newcomers, _GROUP):
        _add(catalog, group)
    if is_lost:
        _restore(catalog, {(newcomer.section, newcomer.entry) for newcomer in discovery.newcomers})
    with catalog.database.transaction():
        for section, entry, value in discovery.others:
            catalog.journal.add(section, entry, value)
    settle(catalog, workspace, emit=emit)
    return Recorded(
        entries=len(discovery.newcomers) + len(discovery.others),
        assets=sum(len(newcomer.records) for newcomer in discovery.newcomers),
        cooled=len(discovery.cooled),
    )


def record_known(discovery: Discovery, catalog: Catalog) -> None:
    """Record what a discovery found about assets that the index has: keys, and which are in S3 only."""
    with catalog.database.transaction():
        catalog.remember(assignments=discovery.assignments)
        catalog.remember_listed(discovery.listed)
        catalog.forget_objects(discovery.stale_keys)
        catalog.assets.set_cold(discovery.returned, is_cold=False)
    for group in _grouped([row for row, _ in discovery.cooled], _GROUP):
        catalog.assets.put(group)


def _add(catalog: Catalog, newcomers: Sequence[Newcomer]) -> None:
    """Add entries to the catalog, with everything that follows from them, in one step."""
    products = ProductTable(catalog.database)
    with catalog.database.transaction():
        there = {(row.section, row.entry, row.field): row.id for row in _rows_of(catalog, newcomers)}
        records = [
            replace(
                record if record.section == PRODUCTS_SECTION else _completed(record, products),
                id=there.get((record.section, record.entry, record.field)),
            )
            for newcomer in newcomers
            for record in newcomer.records
        ]
        catalog.assets.put(records)
        settle_identities(catalog.assets, [record.asset.cache_key for record in records])
        for newcomer in newcomers:
            if newcomer.section == PRODUCTS_SECTION:
                products.put(newcomer.entry, newcomer.value)
            catalog.journal.add(newcomer.section, newcomer.entry, newcomer.value)
        objects = {
            (one.section, one.entry, field): stored.key
            for one in newcomers
            for field, stored in one.objects.items()
        }
        # Read again: an asset whose name another one has goes by another identity now.
        catalog.remember(
            assignments={
                row.asset.cache_key: objects[row.section, row.entry, row.field]
                for row in _rows_of(catalog, newcomers)
                if (row.section, row.entry, row.field) in objects
            }
        )
        catalog.published.add(_digests(newcomers).items())


def _restore(catalog: Catalog, apart_from: Container[tuple[str, str]]) -> None:
    """Have an index that went away made again, with what the catalog knows of its assets."""
    rows = (row for row in catalog.assets.all() if (row.section, row.entry) not in apart_from)
    for group in _grouped(rows, _GROUP):
        with catalog.database.transaction():
            for change in entries_of_rows(catalog, group):
                catalog.journal.add(change.section, change.name, change.value or {})


def _completed(record: AssetRecord, products: ProductTable) -> AssetRecord:
    completed = products.complete(record.asset)
    is_derived = completed.product_slug != record.asset.product_slug
    return replace(record, asset=completed, slug_is_derived=is_derived)


def _rows_of(catalog: Catalog, newcomers: Sequence[Newcomer]) -> list[AssetRecord]:
    return catalog.assets.at([(newcomer.section, newcomer.entry) for newcomer in newcomers])


def _digests(newcomers: Iterable[Newcomer]) -> Mapping[tuple[str, str], PublishedDigests]:
    """Return what the next publishing compares with: these entries are on both sides what they are now."""
    found = {}
    for newcomer in newcomers:
        if newcomer.published is None:
            continue
        keys = {KEY_FIELDS[field]: stored.key for field, stored in newcomer.objects.items()}
        ours = digest({**newcomer.value, **keys})
        found[newcomer.section, newcomer.entry] = PublishedDigests(ours, digest(newcomer.published))
    return found


def _grouped(values: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(values)
    while group := list(itertools.islice(iterator, size)):
        yield group
