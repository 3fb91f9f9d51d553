"""Which of several assets with one cache key keeps it, and what the others are called."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

from creative_s3.core.index.entries import (
    CACHE_SECTION,
    PRODUCTS_SECTION,
    SEMANTIC_SECTION,
    TOP_LEVEL,
    identities,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from creative_s3.core.catalog.asset_rows import AssetRecord
    from creative_s3.core.catalog.asset_table import AssetTable

_ORDER = {PRODUCTS_SECTION: 0, SEMANTIC_SECTION: 1, CACHE_SECTION: 2, TOP_LEVEL: 3}


def settle_identities(table: AssetTable, among: Sequence[str] | None) -> None:
    """Give each of several assets with one cache key an identity of its own.

    Args:
        table: The assets.
        among: The cache keys to look at; None for all.
    """
    for name in table.shared_cache_keys(among):
        for row in sorted(table.with_cache_key(name), key=_precedence)[1:]:
            wanted = identities(row.section, row.entry, row.field, name)[1:]
            numbered = (f"{wanted[-1]}:{number}" for number in itertools.count(2))
            identity = next(other for other in itertools.chain(wanted, numbered) if table.get(other) is None)
            table.put([replace(row, asset=replace(row.asset, cache_key=identity))])


def _precedence(row: AssetRecord) -> tuple[int, bool, str, str]:
    """Sort rows as `core.index.index` reads entries, which decides who keeps a name."""
    return _ORDER[row.section], row.entry != row.asset.product_slug, row.entry, row.field
