"""index.json: tolerant reading, and the assets its entries describe.

The pipeline owns the file. Whatever its age or shape, an entry that cannot be understood is set aside with
its reason and the others go on; only a file that is no JSON object at all stops a run. Nothing here touches
the files that the entries name.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.layout import key_of
from creative_s3.core.assets.models import Asset, Kind
from creative_s3.core.index.documents import DocumentError, parse_document
from creative_s3.core.index.entries import (
    CACHE_SECTION,
    PRODUCTS_SECTION,
    SECTIONS,
    SEMANTIC_SECTION,
    TOP_LEVEL,
    EntryReader,
    Products,
    by_precedence,
    identities,
    looks_like_entry,
    product_slug,
)
from creative_s3.core.index.fields import OutsideError, UnusableError, brief, shown
from creative_s3.errors import IndexFileError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


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
    reader = _Reader(index.document, cache_dir)
    yield from index.problems
    yield from reader.references()


def assets_of(found: list[Reference], prefix: str) -> tuple[Asset, ...]:
    """Merge the references that mean one object, and return the assets in the order of their cache keys.

    One file named by a product and by a semantic asset is one object with both identities; so are two entries
    that give one file the same key. One file that two entries describe differently is two assets, two keys.
    """
    products = [reference.asset for reference in found if reference.section == PRODUCTS_SECTION]
    others = [reference.asset for reference in found if reference.section != PRODUCTS_SECTION]
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
    """Walks one document; gives each asset an identity of its own."""

    def __init__(self, document: Mapping[str, Any], cache_dir: Path) -> None:
        self._document = document
        self._entry_reader = EntryReader(cache_dir)
        self._taken: set[str] = set()
        self._products = Products()

    def references(self) -> Iterator[Reference | IndexProblem]:
        # All products first, because they name the slugs.
        yield from list(self._of_products())
        for section, name, entry in self._entries():
            try:
                asset = self._entry_reader.asset(section, name, entry)
            except (UnusableError, OutsideError) as reason:
                yield problem_of(section, name, reason)
            else:
                yield self._reference(section, name, "file_path", self._products.complete(asset))

    def _entries(self) -> Iterator[tuple[str, str, Any]]:
        for section in (SEMANTIC_SECTION, CACHE_SECTION):
            entries = self._document.get(section)
            if isinstance(entries, dict):
                for name, entry in entries.items():
                    yield section, name, entry
            elif entries:
                yield section, "*", entries
        for name, entry in self._document.items():
            if name not in SECTIONS and looks_like_entry(entry):
                yield TOP_LEVEL, name, entry

    def _of_products(self) -> Iterator[Reference | IndexProblem]:
        entries = self._document.get(PRODUCTS_SECTION)
        if entries and not isinstance(entries, dict):
            reason = f"is not an object but {brief(entries)}"
            yield IndexProblem(ProblemKind.QUARANTINED, PRODUCTS_SECTION, "*", reason)
            return
        for name, entry in by_precedence((entries or {}).items()):
            try:
                found = list(self._entry_reader.product(name, entry))
                self._products.add(product_slug(name, entry), (asset.file_path for _, asset in found))
            except (UnusableError, OutsideError) as reason_why:
                yield problem_of(PRODUCTS_SECTION, name, reason_why)
            else:
                for field, asset in found:
                    yield self._reference(PRODUCTS_SECTION, name, field, asset)

    def _reference(self, section: str, entry: str, field: str, asset: Asset) -> Reference:
        wanted = identities(section, entry, field, asset.cache_key)
        numbered = (f"{wanted[-1]}:{number}" for number in itertools.count(2))
        identity = next(name for name in itertools.chain(wanted, numbered) if name not in self._taken)
        self._taken.add(identity)
        return Reference(section, entry, field, replace(asset, cache_key=identity))


def problem_of(section: str, name: str, reason: UnusableError | OutsideError) -> IndexProblem:
    """Return what is said of an entry that was set aside."""
    kind = ProblemKind.REFUSED if isinstance(reason, OutsideError) else ProblemKind.QUARANTINED
    return IndexProblem(kind, section, shown(name), str(reason))
