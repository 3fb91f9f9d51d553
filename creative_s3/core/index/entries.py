"""What one entry of index.json means as a whole: the assets that it names. Pure.

Which entries there are, and which assets are one object, is `index.index`; the fields are `index.fields`.
"""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.layout import known
from creative_s3.core.assets.models import Asset, AssetType, Kind, ProductCategory, SemanticMetadata
from creative_s3.core.assets.slugs import UNSPECIFIED
from creative_s3.core.index.fields import (
    IndexPaths,
    UnusableError,
    beginnings,
    brief,
    check_characters,
    semantic_metadata,
    text,
    texts,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

PRODUCTS_SECTION = "products"
SEMANTIC_SECTION = "semantic_assets"
CACHE_SECTION = "cache_entries"
SECTIONS = frozenset(
    {
        PRODUCTS_SECTION,
        SEMANTIC_SECTION,
        CACHE_SECTION,
        "asset_versions",
        "reuse_patterns",
        "background_library",
        "s3_operations",
    }
)
TOP_LEVEL = ""
"""The section name of entries that stand at the top level of the file."""
_CATEGORIES = frozenset(str(member) for member in ProductCategory)
_ASSET_TYPES = frozenset(str(member) for member in AssetType)


class EntryReader:
    """Reads entries, each for itself.

    Args:
        cache_dir: The cache directory; index paths are relative to its parent.
    """

    def __init__(self, cache_dir: Path) -> None:
        self._paths = IndexPaths(Path(os.path.abspath(cache_dir)))  # noqa: PTH100 - resolve() follows links

    def asset(self, section: str, name: str, entry: Any) -> Asset:  # noqa: ANN401 - whatever the file holds
        """Return the asset of an entry that is no product; its product slug only if the entry says it.

        Raises:
            UnusableError: It cannot be understood.
            OutsideError: Its path leads outside the workspace.
        """
        _check_name(name)
        if not isinstance(entry, dict):
            raise UnusableError(f"is not an object but {brief(entry)}")
        file_path = text(entry, "file_path")
        if not file_path:
            raise UnusableError("has no file_path")
        path = self._paths.place(file_path)
        details = entry.get("semantic_metadata") or entry.get("metadata") or {}
        if not isinstance(details, dict):
            raise UnusableError(f"its metadata is not an object but {brief(details)}")
        semantic = _semantic(details, section, name)
        return Asset(
            cache_key=name,
            file_path=path,
            metadata=semantic,
            cache_type=None if semantic else _cache_type(details),
            product_slug=_explicit_slug(details, entry),
            campaign_id=text(entry, "campaign_id") or text(details, "campaign_id") or None,
            created_at=text(entry, "created_at") or None,
            last_used=text(entry, "last_used") or text(entry, "accessed_at") or None,
        )

    def product(self, name: str, entry: Any) -> Iterator[tuple[str, Asset]]:  # noqa: ANN401 - the same
        """Yield the assets of a products entry, each with the field that names its file.

        Raises:
            UnusableError: It cannot be understood.
            OutsideError: A path leads outside the workspace.
        """
        _check_name(name)
        if not isinstance(entry, dict):
            raise UnusableError(f"is not an object but {brief(entry)}")
        slug = text(entry, "slug") or name
        tags, campaigns = texts(entry, "tags"), texts(entry, "campaigns_used")
        category = next((tag for tag in tags if tag in _CATEGORIES), None)
        created_at = text(entry, "created_at") or None
        for field, (path, asset_type) in self._product_files(entry).items():
            which = "original" if asset_type is AssetType.PRODUCT_ORIGINAL else "transparent"
            yield (
                field,
                Asset(
                    cache_key=f"product:{slug}:{which}",
                    file_path=path,
                    metadata=SemanticMetadata(
                        asset_type, product_category=known(ProductCategory, category), tags=tags
                    ),
                    product_slug=slug,
                    campaign_id=campaigns[0] if campaigns else None,
                    created_at=created_at,
                ),
            )

    def _product_files(self, entry: Mapping[str, Any]) -> dict[str, tuple[str, AssetType]]:
        main_text = text(entry, "file_path")
        main = self._paths.place(main_text) if main_text else None
        files: dict[str, tuple[str, AssetType]] = {}
        seen: set[str] = set()
        for field, asset_type in (
            ("product_cache_filename", AssetType.PRODUCT_ORIGINAL),
            ("file_path", AssetType.PRODUCT_TRANSPARENT),
            ("cache_filename", AssetType.PRODUCT_TRANSPARENT),
        ):
            written = text(entry, field)
            if not written:
                continue
            path = main if field == "file_path" else self._paths.cache_place(written, main_text)
            if path and path not in seen:
                seen.add(path)
                files[field] = (path, asset_type)
        return files


class Products:
    """The products of an index: they name the slugs of the assets that do not say theirs."""

    def __init__(self) -> None:
        self._slug_of_file: dict[str, str] = {}
        self._slugs: dict[str, str] = {}

    def add(self, slug: str, files: Iterable[str]) -> None:
        """Take in a product; of two that name one file or have one slug, the first counts."""
        self._slugs.setdefault(unicodedata.normalize("NFC", slug), slug)
        for path in files:
            self._slug_of_file.setdefault(path, slug)

    def slug_of(self, cache_key: str, file_path: str, explicit: str | None) -> str | None:
        """Return the slug of a product's or a composite's asset; `explicit` is what its own entry says."""
        return (
            self._slug_of_file.get(file_path)
            or explicit
            or next((self._slugs[start] for start in beginnings(cache_key) if start in self._slugs), None)
            or cache_key.removeprefix("product:")
            or None
        )

    def digest(self) -> bytes:
        """Return what stands for all that the products say."""
        said = json.dumps([sorted(self._slugs.items()), sorted(self._slug_of_file.items())])
        return hashlib.sha256(said.encode()).digest()

    def complete(self, asset: Asset) -> Asset:
        """Return `asset` with the slug of its product, if assets of its kind have one."""
        if asset.metadata is None or asset.kind is Kind.BACKGROUND:
            return asset
        return replace(asset, product_slug=self.slug_of(asset.cache_key, asset.file_path, asset.product_slug))


def by_precedence(products: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Sort products so that the order in the file does not matter: first those whose name is their slug."""
    return sorted(products, key=_precedence)


def product_slug(name: str, entry: Any) -> str:  # noqa: ANN401 - whatever the file holds
    """Return the slug of a product that was read without an error."""
    return text(entry, "slug") or name


def identities(section: str, entry: str, field: str, cache_key: str) -> tuple[str, ...]:
    """Return the names an asset may go by, best first; it takes the first that no other asset has."""
    if section == PRODUCTS_SECTION:
        return cache_key, f"{cache_key}:{entry}", f"{cache_key}:{entry}:{field}"
    return cache_key, f"{section or 'index'}:{cache_key}"


def looks_like_entry(entry: Any) -> bool:  # noqa: ANN401 - whatever the file holds
    """Tell whether something at the top level is an entry rather than a setting of the pipeline."""
    return isinstance(entry, dict) and ("file_path" in entry or "cache_key" in entry)


def _precedence(item: tuple[str, Any]) -> tuple[bool, str]:
    """Sort the product whose name is its slug before others with that slug."""
    name, entry = item
    slug = entry.get("slug") if isinstance(entry, dict) else None
    return bool(slug) and slug != name, name


def _semantic(details: Mapping[str, Any], section: str, name: str) -> SemanticMetadata | None:
    """Return the semantic metadata; None for a plain cache entry.

    Raises:
        UnusableError: It should be semantic and is not.
    """
    declared = details.get("asset_type")
    if declared is None and section != SEMANTIC_SECTION:
        if name.startswith("product:") or details.get("type") == "product":
            return semantic_metadata(details, AssetType.PRODUCT_ORIGINAL)
        return None
    if not isinstance(declared, str) or declared not in _ASSET_TYPES:
        raise UnusableError(f"its asset_type is unknown: {brief(declared)}")
    return semantic_metadata(details, AssetType(declared))


def _cache_type(details: Mapping[str, Any]) -> str | None:
    declared = text(details, "type")
    return None if declared in {"", UNSPECIFIED} else declared


def _explicit_slug(details: Mapping[str, Any], entry: Mapping[str, Any]) -> str | None:
    return next(
        (
            slug
            for source in (details, entry)
            for field in ("product_slug", "slug")
            if (slug := text(source, field))
        ),
        None,
    )


def _check_name(name: str) -> None:
    if not name:
        raise UnusableError("has an empty name")
    check_characters(name, "its name")
