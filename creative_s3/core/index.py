"""index.json: tolerant reading, and the assets its entries describe.

The pipeline owns the file. Whatever its age or shape, an entry that cannot be understood is set aside with
its reason and the others go on; only a file that is no JSON object at all stops a run. Nothing here touches
the files that the entries name.
"""

from __future__ import annotations

import itertools
import os
import unicodedata
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creative_s3.core.documents import DocumentError, parse_document
from creative_s3.core.entries import (
    IndexPaths,
    OutsideError,
    UnusableError,
    beginnings,
    brief,
    check_characters,
    semantic_metadata,
    shown,
    text,
    texts,
)
from creative_s3.core.layout import key_of, known
from creative_s3.core.models import Asset, AssetType, Kind, ProductCategory, SemanticMetadata
from creative_s3.core.slugs import UNSPECIFIED
from creative_s3.errors import IndexFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

INDEX_NAME = "index.json"
SEMANTIC_SECTION = "semantic_assets"
SECTIONS = frozenset(
    {
        "products",
        SEMANTIC_SECTION,
        "cache_entries",
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


class ProblemKind(StrEnum):
    """What was done about an entry."""

    QUARANTINED = "quarantined"
    REFUSED = "refused"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class IndexProblem:
    """An entry that cannot be taken as it stands.

    Attributes:
        kind: Quarantined (not understood), refused (leads outside the workspace), or only a warning.
        section: The section, empty for the top level.
        entry: The entry's name.
        reason: Why, in words.
    """

    kind: ProblemKind
    section: str
    entry: str
    reason: str

    @property
    def stops(self) -> bool:
        """Whether the entry's file stays out of the bucket because of it."""
        return self.kind is not ProblemKind.WARNING

    @property
    def item(self) -> str:
        """Name the entry as a person would look for it in the file."""
        entry = self.entry or '""'
        return f"{self.section}.{entry}" if self.section else entry


@dataclass(frozen=True, slots=True)
class Index:
    """A read index.

    Attributes:
        path: The file.
        document: Its content, untouched.
        problems: What the reading itself noticed.
    """

    path: Path
    document: Mapping[str, Any]
    problems: tuple[IndexProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """One place in the index that names a file: which entry, which of its fields, which asset.

    Attributes:
        section: The section, empty for the top level.
        entry: The entry's name.
        field: The field that names the file.
        asset: What the entry says of it.
    """

    section: str
    entry: str
    field: str
    asset: Asset


def read_index(path: Path) -> Index:
    """Read ``index.json``.

    Raises:
        IndexFileError: It is missing, unreadable, empty, not UTF-8, not JSON (with line and column), or no
            object.
    """
    hint = f"correct {path} (it was not touched), then run again"
    try:
        if path.exists() and not path.is_file():
            raise IndexFileError("is not a regular file", item=str(path), hint=hint)
        document = parse_document(path.read_bytes())
    except FileNotFoundError:
        hint = f"check --cache-dir: {path.parent}"
        raise IndexFileError("there is no index.json", item=str(path), hint=hint) from None
    except OSError as error:
        raise IndexFileError(f"cannot be read: {error.strerror}", item=str(path), hint=hint) from None
    except DocumentError as error:
        raise IndexFileError(str(error), item=str(path), hint=hint) from None
    problems = tuple(
        IndexProblem(ProblemKind.WARNING, TOP_LEVEL, shown(name), reason)
        for name, reason in document.warnings
    )
    return Index(path=path, document=document.content, problems=problems)


def references(index: Index, *, cache_dir: Path) -> Iterator[Reference | IndexProblem]:
    """Yield every place in the index that names a file, and every entry that has to be set aside."""
    reader = _Reader(index.document, Path(os.path.abspath(cache_dir)))  # noqa: PTH100 - resolve() follows links
    yield from index.problems
    yield from reader.references()


def assets_of(found: list[Reference], prefix: str) -> tuple[Asset, ...]:
    """Merge the references that mean one object, and return the assets in the order of their cache keys.

    One file named by a product and by a semantic asset is one object with both identities; so are two entries
    that give one file the same key. One file that two entries describe differently is two assets, two keys.
    """
    products = [reference.asset for reference in found if reference.section == "products"]
    others = [reference.asset for reference in found if reference.section != "products"]
    described = {asset.file_path for asset in others if asset.metadata is not None}
    candidates = others + [asset for asset in products if asset.file_path not in described]
    merged: dict[tuple[str, str], Asset] = {}
    for asset in sorted(candidates, key=_order):
        place = (asset.file_path, key_of(asset, prefix))
        first = merged.get(place)
        merged[place] = _known_as(first, asset) if first else asset
    bearer: dict[str, tuple[str, str]] = {}
    for place, asset in sorted(merged.items(), key=lambda item: (item[1].kind is not Kind.PRODUCT, item[0])):
        if asset.metadata is not None:
            bearer.setdefault(asset.file_path, place)
    for product in products:
        if product.file_path in described:
            place = bearer[product.file_path]
            merged[place] = _known_as(merged[place], product)
    return tuple(sorted(merged.values(), key=_order))


def _known_as(asset: Asset, other: Asset) -> Asset:
    names = dict.fromkeys((*asset.also_known_as, other.cache_key, *other.also_known_as))
    return replace(asset, also_known_as=tuple(name for name in names if name != asset.cache_key))


def _order(asset: Asset) -> bytes:
    return asset.cache_key.encode()


class _Reader:
    """Walks one document; knows the products, because they name the slugs."""

    def __init__(self, document: Mapping[str, Any], cache_dir: Path) -> None:
        self._document = document
        self._paths = IndexPaths(cache_dir)
        self._taken: set[str] = set()
        self._slug_of_file: dict[str, str] = {}
        self._slugs: dict[str, str] = {}

    def references(self) -> Iterator[Reference | IndexProblem]:
        products = list(self._products())
        yield from products
        for section, name, entry in self._entries():
            try:
                asset = self._asset(section, name, entry)
            except UnusableError as reason:
                yield IndexProblem(ProblemKind.QUARANTINED, section, shown(name), str(reason))
            except OutsideError as reason:
                yield IndexProblem(ProblemKind.REFUSED, section, shown(name), str(reason))
            else:
                yield Reference(section, name, "file_path", asset)

    def _entries(self) -> Iterator[tuple[str, str, Any]]:
        for section in (SEMANTIC_SECTION, "cache_entries"):
            entries = self._document.get(section)
            if isinstance(entries, dict):
                for name, entry in entries.items():
                    yield section, name, entry
            elif entries:
                yield section, "*", entries
        for name, entry in self._document.items():
            if name not in SECTIONS and isinstance(entry, dict) and _looks_like_entry(entry):
                yield TOP_LEVEL, name, entry

    def _products(self) -> Iterator[Reference | IndexProblem]:
        entries = self._document.get("products")
        if entries and not isinstance(entries, dict):
            reason = f"is not an object but {brief(entries)}"
            yield IndexProblem(ProblemKind.QUARANTINED, "products", "*", reason)
            return
        # Of two products that name one file or have one slug, the first counts: not by the order of the file.
        for name, entry in sorted((entries or {}).items(), key=_precedence):
            try:
                yield from self._product(name, entry)
            except UnusableError as error:
                yield IndexProblem(ProblemKind.QUARANTINED, "products", shown(name), str(error))
            except OutsideError as error:
                yield IndexProblem(ProblemKind.REFUSED, "products", shown(name), str(error))

    def _product(self, name: str, entry: Any) -> list[Reference]:  # noqa: ANN401 - whatever the file holds
        _check_name(name)
        if not isinstance(entry, dict):
            raise UnusableError(f"is not an object but {brief(entry)}")
        slug = text(entry, "slug") or name
        self._slugs.setdefault(unicodedata.normalize("NFC", slug), slug)
        files = self._product_files(entry)
        tags, campaigns = texts(entry, "tags"), texts(entry, "campaigns_used")
        category = next((tag for tag in tags if tag in _CATEGORIES), None)
        created_at = text(entry, "created_at") or None
        found: list[Reference] = []
        for field, (path, asset_type) in files.items():
            self._slug_of_file.setdefault(path, slug)
            which = "original" if asset_type is AssetType.PRODUCT_ORIGINAL else "transparent"
            plain = f"product:{slug}:{which}"
            asset = Asset(
                cache_key=self._identity(plain, f"{plain}:{name}", f"{plain}:{name}:{field}"),
                file_path=path,
                metadata=SemanticMetadata(
                    asset_type, product_category=known(ProductCategory, category), tags=tags
                ),
                product_slug=slug,
                campaign_id=campaigns[0] if campaigns else None,
                created_at=created_at,
            )
            found.append(Reference("products", name, field, asset))
        return found

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

    def _asset(self, section: str, name: str, entry: Any) -> Asset:  # noqa: ANN401 - whatever the file holds
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
        asset = Asset(
            cache_key=name,
            file_path=path,
            metadata=semantic,
            cache_type=None if semantic else _cache_type(details),
            campaign_id=text(entry, "campaign_id") or text(details, "campaign_id") or None,
            created_at=text(entry, "created_at") or None,
            last_used=text(entry, "last_used") or text(entry, "accessed_at") or None,
        )
        asset = replace(asset, product_slug=self._slug(asset, entry, details))
        return replace(asset, cache_key=self._identity(name, f"{section or 'index'}:{name}"))

    def _identity(self, *wanted: str) -> str:
        """Return the first of `wanted` that no other asset has: an identity belongs to one asset only."""
        numbered = (f"{wanted[-1]}:{number}" for number in itertools.count(2))
        identity = next(name for name in itertools.chain(wanted, numbered) if name not in self._taken)
        self._taken.add(identity)
        return identity

    def _slug(self, asset: Asset, entry: Mapping[str, Any], details: Mapping[str, Any]) -> str | None:
        explicit = next(
            (
                slug
                for source in (details, entry)
                for field in ("product_slug", "slug")
                if (slug := text(source, field))
            ),
            None,
        )
        if asset.metadata is None or asset.kind is Kind.BACKGROUND:
            return explicit
        return (
            self._slug_of_file.get(asset.file_path)
            or explicit
            or next(
                (self._slugs[start] for start in beginnings(asset.cache_key) if start in self._slugs), None
            )
            or asset.cache_key.removeprefix("product:")
            or None
        )


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


def _looks_like_entry(entry: Mapping[str, Any]) -> bool:
    return "file_path" in entry or "cache_key" in entry


def _check_name(name: str) -> None:
    if not name:
        raise UnusableError("has an empty name")
    check_characters(name, "its name")
