"""The catalog's products: their entries whole, by slug, and the slugs they give to other assets."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.models import Kind
from creative_s3.core.index.entries import PRODUCTS_SECTION
from creative_s3.core.index.fields import beginnings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from creative_s3.core.assets.models import Asset
    from creative_s3.core.catalog.database import Database


class ProductTable:
    """The products of one catalog; any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def entry(self, name: str) -> dict[str, Any] | None:
        """Return a product's entry as index.json has it, or will have; None when there is none."""
        row = self._database.row("SELECT content FROM product WHERE entry=?", (name,))
        if row is None:
            return None
        content = json.loads(row[0])
        return content if isinstance(content, dict) else None

    def put(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a product's entry."""
        with self._database.transaction() as database:
            database.execute("INSERT OR REPLACE INTO product VALUES (?, ?)", (name, json.dumps(content)))

    def complete(self, asset: Asset) -> Asset:
        """Return `asset` with the slug of its product: the rule of `index_entries.Products`."""
        if asset.metadata is None or asset.kind is Kind.BACKGROUND:
            return asset
        slug = (
            self._slug_of_file(asset.file_path)
            or asset.product_slug
            or next(filter(None, map(self._slug, beginnings(asset.cache_key))), None)
            or asset.cache_key.removeprefix("product:")
            or None
        )
        return replace(asset, product_slug=slug)

    def _slug_of_file(self, file_path: str) -> str | None:
        row = self._database.row(
            "SELECT product_slug FROM asset WHERE file_path=? AND section=?"
            " ORDER BY entry <> product_slug, entry LIMIT 1",
            (file_path, PRODUCTS_SECTION),
        )
        return row[0] if row else None

    def _slug(self, beginning: str) -> str | None:
        """Return the slug that is `beginning` in normal form C: nearly always the text itself."""
        entry = self.entry(beginning)
        slug = entry.get("slug") if entry else None
        if isinstance(slug, str) and slug and unicodedata.normalize("NFC", slug) == beginning:
            return slug
        return beginning if entry is not None and not slug else None
