"""index.json: tolerant reading, and the assets its entries describe.

The pipeline owns the file. Whatever its age or shape, an entry that cannot be understood is set aside with its
reason and the others go on; only a file that is no JSON object at all stops a run. Nothing here touches the files
that the entries name.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from creative_s3.core.layout import key_of, known
from creative_s3.core.models import (
    KIND_OF_TYPE,
    Asset,
    AssetType,
    Kind,
    ProductCategory,
    Season,
    SemanticMetadata,
    VisualStyle,
)
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
        return f"{self.section}.{self.entry}" if self.section else self.entry


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
        IndexFileError: It is missing, unreadable, empty, not UTF-8, not JSON (with line and column), or no object.
    """
    hint = f"correct {path} (it was not touched), then run again"
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise IndexFileError(
            "there is no index.json", item=str(path), hint=f"check --cache-dir: {path.parent}"
        ) from None
    except OSError as error:
        raise IndexFileError(f"cannot be read: {error.strerror}", item=str(path), hint=hint) from None
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise IndexFileError("is UTF-16 text, and the pipeline writes UTF-8", item=str(path), hint=hint)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        raise IndexFileError(
            f"is not UTF-8 text: line {line}, column {column}", item=str(path), hint=hint
        ) from None
    if not text.strip():
        raise IndexFileError("is empty: line 1, column 1", item=str(path), hint=hint)
    return _parse(path, text, hint)


def _parse(path: Path, text: str, hint: str) -> Index:
    problems: list[IndexProblem] = []

    def constant(name: str) -> None:
        problems.append(
            IndexProblem(ProblemKind.WARNING, TOP_LEVEL, name, f"{name} is not JSON; it is read as null")
        )

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(items)
        if len(values) != len(items):
            names = [name for name, _ in items]
            problems.extend(
                IndexProblem(ProblemKind.WARNING, TOP_LEVEL, name, "stands twice; the later one counts")
                for name in values
                if names.count(name) > 1
            )
        return values

    try:
        document = json.loads(text, parse_constant=constant, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        raise IndexFileError(
            f"is not valid JSON: line {error.lineno}, column {error.colno}: {error.msg}",
            item=str(path),
            hint=hint,
        ) from None
    except RecursionError:
        raise IndexFileError("is nested too deeply: line 1, column 1", item=str(path), hint=hint) from None
    if not isinstance(document, dict):
        raise IndexFileError("is not a JSON object: line 1, column 1", item=str(path), hint=hint)
    return Index(path=path, document=document, problems=tuple(problems))


def references(index: Index, *, cache_dir: Path) -> Iterator[Reference | IndexProblem]:
    """Yield every place in the index that names a file, and every entry that has to be set aside."""
    reader = _Reader(index.document, Path(os.path.abspath(cache_dir)))  # noqa: PTH100 - resolve() follows links
    yield from index.problems
    yield from reader.references()


def assets_of(found: list[Reference], prefix: str) -> tuple[Asset, ...]:
    """Merge the references that mean one object, and return the assets in the order of their cache keys.

    One file named by a product and by a semantic asset is one object with both identities; so are two entries that
    give one file the same key. One file that two entries describe differently is two assets under two keys.
    """
    products = [reference for reference in found if reference.section == "products"]
    others = [reference.asset for reference in found if reference.section != "products"]
    described = {asset.file_path for asset in others if asset.metadata is not None}
    names_of_product: dict[str, list[str]] = {}
    for reference in products:
        names_of_product.setdefault(reference.asset.file_path, []).append(reference.asset.cache_key)
    candidates = others + [
        reference.asset for reference in products if reference.asset.file_path not in described
    ]
    merged: dict[tuple[str, str], Asset] = {}
    for asset in sorted(candidates, key=lambda asset: asset.cache_key.encode()):
        place = (asset.file_path, key_of(asset, prefix))
        first = merged.get(place)
        merged[place] = (
            replace(first, also_known_as=(*first.also_known_as, asset.cache_key)) if first else asset
        )
    with_products = (
        replace(
            asset,
            also_known_as=tuple(
                dict.fromkeys(
                    [
                        *asset.also_known_as,
                        *(
                            name
                            for name in names_of_product.get(asset.file_path, ())
                            if name != asset.cache_key
                        ),
                    ]
                )
            ),
        )
        for asset in merged.values()
    )
    return tuple(sorted(with_products, key=lambda asset: asset.cache_key.encode()))


class _UnusableError(Exception):
    """An entry cannot be understood; the text says why."""


class _OutsideError(Exception):
    """A path leads outside the workspace; the text says how."""


class _Reader:
    """Walks one document; knows the products, because they name the slugs."""

    def __init__(self, document: Mapping[str, Any], cache_dir: Path) -> None:
        self._document = document
        self._workspace = cache_dir.parent
        self._cache_name = cache_dir.name
        self._taken: set[str] = set()
        self._slug_of_file: dict[str, str] = {}
        self._slugs: list[str] = []

    def references(self) -> Iterator[Reference | IndexProblem]:
        products = list(self._products())
        yield from products
        for section, name, entry in self._entries():
            try:
                asset = self._asset(section, name, entry)
            except _UnusableError as reason:
                yield IndexProblem(ProblemKind.QUARANTINED, section, _shown(name), str(reason))
            except _OutsideError as reason:
                yield IndexProblem(ProblemKind.REFUSED, section, _shown(name), str(reason))
            else:
                yield Reference(section, name, "file_path", asset)

    def _entries(self) -> Iterator[tuple[str, str, Any]]:
        for section in (SEMANTIC_SECTION, "cache_entries"):
            entries = self._document.get(section)
            if isinstance(entries, dict):
                for name, entry in entries.items():
                    yield section, name, entry
            elif entries:
                yield section, "*", None
        for name, entry in self._document.items():
            if name not in SECTIONS and isinstance(entry, dict) and _looks_like_entry(entry):
                yield TOP_LEVEL, name, entry

    def _products(self) -> Iterator[Reference | IndexProblem]:
        entries = self._document.get("products")
        if entries and not isinstance(entries, dict):
            yield IndexProblem(ProblemKind.QUARANTINED, "products", "*", "the section is not an object")
            return
        for name, entry in (entries or {}).items():
            try:
                _check_text(name, "its name")
                if not isinstance(entry, dict):
                    raise _UnusableError("is not an object")
                slug = _text(entry, "slug") or name
                self._slugs.append(slug)
                files = self._product_files(entry)
            except _UnusableError as reason:
                yield IndexProblem(ProblemKind.QUARANTINED, "products", _shown(name), str(reason))
                continue
            except _OutsideError as reason:
                yield IndexProblem(ProblemKind.REFUSED, "products", _shown(name), str(reason))
                continue
            for field, (path, asset_type) in files.items():
                self._slug_of_file.setdefault(path, slug)
                yield Reference("products", name, field, _product_asset(slug, path, asset_type, entry))
        self._slugs.sort(key=len, reverse=True)

    def _product_files(self, entry: Mapping[str, Any]) -> dict[str, tuple[str, AssetType]]:
        main_text = _text(entry, "file_path")
        main = self._place(main_text) if main_text else None
        files: dict[str, tuple[str, AssetType]] = {}
        seen: set[str] = set()
        for field, asset_type in (
            ("product_cache_filename", AssetType.PRODUCT_ORIGINAL),
            ("file_path", AssetType.PRODUCT_TRANSPARENT),
            ("cache_filename", AssetType.PRODUCT_TRANSPARENT),
        ):
            text = _text(entry, field)
            if not text:
                continue
            path = main if field == "file_path" else self._cache_place(text, main_text)
            if path and path not in seen:
                seen.add(path)
                files[field] = (path, asset_type)
        return files

    def _asset(self, section: str, name: str, entry: Any) -> Asset:  # noqa: ANN401 - whatever the file holds
        _check_text(name, "its name")
        if not isinstance(entry, dict):
            raise _UnusableError("the section is not an object" if name == "*" else "is not an object")
        file_path = _text(entry, "file_path")
        if not file_path:
            raise _UnusableError("has no file_path")
        path = self._place(file_path)
        details = entry.get("semantic_metadata") or entry.get("metadata") or {}
        if not isinstance(details, dict):
            raise _UnusableError("its metadata is not an object")
        semantic = _semantic(details, section, name)
        asset = Asset(
            cache_key=self._identity(section, name),
            file_path=path,
            metadata=semantic,
            cache_type=None if semantic else (_text(details, "type") or None),
            campaign_id=_text(entry, "campaign_id") or _text(details, "campaign_id") or None,
            created_at=_text(entry, "created_at") or None,
            last_used=_text(entry, "last_used") or _text(entry, "accessed_at") or None,
        )
        return replace(asset, product_slug=self._slug(asset, entry, details))

    def _identity(self, section: str, name: str) -> str:
        identity = name if name not in self._taken else f"{section or 'index'}:{name}"
        self._taken.add(identity)
        return identity

    def _slug(self, asset: Asset, entry: Mapping[str, Any], details: Mapping[str, Any]) -> str | None:
        explicit = next(
            (
                text
                for source in (details, entry)
                for field in ("product_slug", "slug")
                if (text := _text(source, field))
            ),
            None,
        )
        if asset.metadata is None or KIND_OF_TYPE[asset.metadata.asset_type] is Kind.BACKGROUND:
            return explicit
        return (
            self._slug_of_file.get(asset.file_path)
            or explicit
            or next((slug for slug in self._slugs if _begins(asset.cache_key, slug)), None)
            or asset.cache_key.removeprefix("product:")
        )

    def _cache_place(self, text: str, main_text: str | None) -> str:
        """Place a products entry's cache file name: relative to the cache directory, or equal to its file_path."""
        if text == main_text or text.startswith(("/", f"{self._cache_name}/")):
            return self._place(text)
        return self._place(f"{self._cache_name}/{text}")

    def _place(self, text: str) -> str:
        """Return a path of the index relative to the workspace.

        Raises:
            _OutsideError: It leads outside, or could.
        """
        if "\x00" in text:
            raise _OutsideError("its path has a NUL character")
        if "\\" in text:
            raise _OutsideError(f"its path has a backslash: {text}")
        if "//" in text:
            raise _OutsideError(f"its path has an empty part: {text}")
        path = PurePosixPath(text)
        if ".." in path.parts:
            raise _OutsideError(f"its path has a '..' part: {text}")
        if path.is_absolute():
            try:
                path = path.relative_to(self._workspace.as_posix())
            except ValueError:
                raise _OutsideError(f"its path is outside the workspace: {text}") from None
        if not path.parts or text.endswith("/"):
            raise _UnusableError(f"its path names no file: {text}")
        return path.as_posix()


def _product_asset(slug: str, path: str, asset_type: AssetType, entry: Mapping[str, Any]) -> Asset:
    tags = tuple(tag for tag in entry.get("tags") or () if isinstance(tag, str) and tag)
    campaigns = [name for name in entry.get("campaigns_used") or () if isinstance(name, str) and name]
    category = next((tag for tag in tags if tag in {str(member) for member in ProductCategory}), None)
    which = "original" if asset_type is AssetType.PRODUCT_ORIGINAL else "transparent"
    return Asset(
        cache_key=f"product:{slug}:{which}",
        file_path=path,
        metadata=SemanticMetadata(asset_type, product_category=known(ProductCategory, category), tags=tags),
        product_slug=slug,
        campaign_id=campaigns[0] if campaigns else None,
        created_at=_text(entry, "created_at") or None,
    )


def _semantic(details: Mapping[str, Any], section: str, name: str) -> SemanticMetadata | None:
    """Return the semantic metadata; None for a plain cache entry.

    Raises:
        _UnusableError: It should be semantic and is not.
    """
    declared = details.get("asset_type")
    if declared is None and section != SEMANTIC_SECTION:
        if name.startswith("product:") or details.get("type") == "product":
            return SemanticMetadata(AssetType.PRODUCT_ORIGINAL, **_semantic_fields(details))
        return None
    if not isinstance(declared, str) or declared not in {str(member) for member in AssetType}:
        raise _UnusableError(f"its asset_type is unknown: {declared!r}")
    return SemanticMetadata(AssetType(declared), **_semantic_fields(details))


def _semantic_fields(details: Mapping[str, Any]) -> dict[str, Any]:
    dimensions = details.get("dimensions")
    if dimensions is not None and not (
        isinstance(dimensions, list)
        and len(dimensions) == 2  # noqa: PLR2004 - width and height
        and all(isinstance(side, int) and side >= 0 for side in dimensions)
    ):
        raise _UnusableError(f"its dimensions are not two whole numbers: {dimensions!r}")
    return {
        "product_category": known(ProductCategory, _text(details, "product_category")),
        "region": _text(details, "region") or None,
        "visual_style": known(VisualStyle, _text(details, "visual_style")),
        "season": known(Season, _text(details, "season")) or Season.NONE,
        "color_palette": _texts(details, "color_palette"),
        "tags": _texts(details, "tags"),
        "dimensions": tuple(dimensions) if dimensions else None,
        "aspect_ratio": _text(details, "aspect_ratio") or None,
    }


def _looks_like_entry(entry: Mapping[str, Any]) -> bool:
    return "file_path" in entry or "cache_key" in entry


def _begins(cache_key: str, slug: str) -> bool:
    """Tell whether `slug` begins `cache_key` at a word boundary."""
    if not slug or not cache_key.startswith(slug):
        return False
    rest = cache_key[len(slug) :]
    return not rest or not rest[0].isalnum()


def _text(source: Mapping[str, Any], field: str) -> str | None:
    value = source.get(field)
    if value is None:
        return None
    if not isinstance(value, str):
        raise _UnusableError(f"its {field} is not text: {value!r}"[:200])
    _check_text(value, f"its {field}")
    return value


def _texts(source: Mapping[str, Any], field: str) -> tuple[str, ...]:
    values = source.get(field) or []
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise _UnusableError(f"its {field} is not a list of texts")
    for value in values:
        _check_text(value, f"its {field}")
    return tuple(value for value in values if value)


def _check_text(value: str, what: str) -> None:
    if not value and what == "its name":
        raise _UnusableError("has an empty name")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise _UnusableError(f"{what} has half a surrogate pair, which is no character") from None


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
