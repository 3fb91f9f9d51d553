"""Settling: what the catalog knows and index.json lacks is written there, and what the file says is taken in.

Whoever opens a catalog settles it first: a process that died in between left its changes in the journal. An
asset of ours that an older pipeline dropped, by saving the copy of the index that it had in memory, comes
back too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.models import Kind
from creative_s3.core.catalog.index_reading import IntakeReport
from creative_s3.core.catalog.index_state import IndexState, record_intake
from creative_s3.core.catalog.intake import is_taken_in, take_in_now, turn
from creative_s3.core.catalog.product_table import ProductTable
from creative_s3.core.events import Emit, PhaseStarted, ignore
from creative_s3.core.index.entries import PRODUCTS_SECTION, SEMANTIC_SECTION
from creative_s3.core.index.writer import EntryChange, write_changes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from creative_s3.core.catalog.asset_rows import AssetRecord
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.catalog.journal import JournalEntry
    from creative_s3.core.files.workspace import Workspace

_UNKNOWN_TIME = "1970-01-01T00:00:00"
"""The pipeline reads its times without asking whether they are there."""
_IN_ROWS = frozenset({"asset_type", "product_category", "region", "visual_style", "season", "color_palette"})
_IN_ROWS |= {"tags", "dimensions", "aspect_ratio", "type", "campaign_id"}
"""What the catalog's rows keep of an entry's metadata."""
_FIELDS_IN_ROWS = frozenset(
    {"cache_key", "file_path", "semantic_metadata", "metadata", "campaign_id", "created_at", "last_used"}
)


def settle(catalog: Catalog, workspace: Workspace, *, emit: Emit = ignore) -> IntakeReport:
    """Write the journal's changes into index.json, then bring the catalog up to date with the file.

    Costs one query and one stat when there is nothing to do. Any thread and any process may call it.

    Raises:
        IndexFileError: index.json cannot be read as an index; the journal keeps the changes.
        LockedError: Another process settles for very long.
        CreativeS3Error: index.json cannot be written, or the catalog cannot be used.
    """
    if not catalog.journal.has_pending() and is_taken_in(catalog, workspace):
        return IntakeReport()
    # In turns, so that nobody writes an older value over a newer one.
    with turn(catalog.path):
        _write_pending(catalog, workspace, emit)
        report = take_in_now(catalog, workspace, emit=emit)
        if not report.lost:
            return report
        emit(PhaseStarted("writing the index"))
        write_changes(workspace.index_path, entries_of_rows(catalog, report.lost))
        again = take_in_now(catalog, workspace, emit=emit)
    return replace(report, written=report.written + again.written, removed=report.removed + again.removed)


def _write_pending(catalog: Catalog, workspace: Workspace, emit: Emit) -> None:
    pending = catalog.journal.pending()
    if not pending:
        return
    emit(PhaseStarted("writing the index"))
    known = IndexState.of(catalog, workspace)
    written = write_changes(
        workspace.index_path, (EntryChange(one.section, one.entry, one.value) for one in pending)
    )
    if known and known.sha256.hex() == written.merged_from:
        # Nobody else changed the file: the catalog holds all that it says, and need not read it again.
        sha256 = bytes.fromhex(written.sha256)
        record_intake(catalog, workspace, written.signature, sha256, products=known.products)
    catalog.journal.finish(pending, kept=[one for one in pending if _says_more_than_rows(one)])


def entry_of(record: AssetRecord) -> dict[str, Any]:
    """Return the entry that the pipeline itself would write for an asset.

    A products entry has a row for each of its files: the entry is what all of them say together.
    """
    if record.section == PRODUCTS_SECTION:
        return _product_entry(record)
    asset = record.asset
    created_at = asset.created_at or asset.last_used or _UNKNOWN_TIME
    if asset.metadata is None:
        details = {"type": asset.cache_type, "campaign_id": asset.campaign_id}
        return {
            "file_path": asset.file_path,
            "cache_key": record.entry,
            "created_at": created_at,
            "metadata": {name: value for name, value in details.items() if value},
        }
    entry: dict[str, Any] = {
        "cache_key": record.entry,
        "file_path": asset.file_path,
        "semantic_metadata": asset.metadata.to_dict(),
        "campaign_id": asset.campaign_id,
        "created_at": created_at,
        "last_used": asset.last_used or created_at,
        "usage_count": 0,
        "campaigns_used": [asset.campaign_id] if asset.campaign_id else [],
    }
    if asset.product_slug and asset.kind is not Kind.BACKGROUND and not record.slug_is_derived:
        entry["product_slug"] = asset.product_slug
    return entry


def _product_entry(record: AssetRecord) -> dict[str, Any]:
    asset = record.asset
    slug = asset.product_slug or record.entry
    return {
        "name": slug,
        "slug": slug,
        record.field: asset.file_path,
        "created_at": asset.created_at or _UNKNOWN_TIME,
        "campaigns_used": [asset.campaign_id] if asset.campaign_id else [],
        "status": "ready",
        "tags": list(asset.metadata.tags) if asset.metadata else [],
    }


def entries_of_rows(catalog: Catalog, records: Iterable[AssetRecord]) -> Iterable[EntryChange]:
    """Yield the entries of rows, made anew from what was written for them then, else from the rows."""
    entries: dict[tuple[str, str], dict[str, Any]] = {}
    products = ProductTable(catalog.database)
    for record in records:
        name = (record.section, record.entry)
        whole = products.entry(record.entry) if record.section == PRODUCTS_SECTION else None
        entries.setdefault(name, {}).update(whole or entry_of(record))
    for (section, entry), value in entries.items():
        yield EntryChange(section, entry, {**value, **catalog.journal.kept(section, entry)})


def _says_more_than_rows(change: JournalEntry) -> bool:
    """Tell whether an entry holds anything that could not be made anew from its rows."""
    if change.section == PRODUCTS_SECTION:  # the catalog holds these whole
        return False
    value = dict(change.value)
    details = value.get("semantic_metadata") or value.get("metadata")
    if isinstance(details, dict) and not details.keys() <= _IN_ROWS:
        return True
    if change.section != SEMANTIC_SECTION:
        return not value.keys() <= _FIELDS_IN_ROWS
    campaign = value.get("campaign_id")
    usual = {"usage_count": 0, "campaigns_used": [campaign] if campaign else []}
    return any(value[name] != usual.get(name) for name in value.keys() - _FIELDS_IN_ROWS)
