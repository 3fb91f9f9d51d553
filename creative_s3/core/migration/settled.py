"""Assets about which nobody has to decide: counted, a few bytes each, and made into objects on demand.

The settled ones need nothing; the new ones are sent.
"""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from creative_s3.core.assets.layout import key_of
from creative_s3.core.assets.models import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from creative_s3.core.assets.models import Asset

_KINDS = tuple(Kind)
_COLD = 1 << 4
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class SettledAsset:
    """One of them.

    Attributes:
        asset: The asset.
        key: Its key.
        path: Its file.
        size_bytes: Of the file; of the object when the asset is cold.
        is_cold: Whether it is in S3 only, as recorded.
        crc64nvme: Of the content, base64; None when it is not recorded.
    """

    asset: Asset
    key: str
    path: Path
    size_bytes: int
    is_cold: bool
    crc64nvme: str | None


@dataclass(frozen=True, slots=True)
class NewAsset:
    """An asset whose file is not in the bucket.

    Attributes:
        asset: The asset.
        key: Its key.
        path: Its file.
        size_bytes: Of the file.
    """

    asset: Asset
    key: str
    path: Path
    size_bytes: int


@dataclass(frozen=True)
class CountedAssets:
    """Assets in the order of their keys, of which little more than their number in the catalog is kept.

    Attributes:
        catalog_path: The catalog that describes them.
        bucket: The catalog's name of the remote side.
        root: The workspace.
        rows: The numbers of their rows in the catalog.
        sizes: In bytes.
        sorts: A byte for each, see `sort_of`.
        tags: How many tags all their objects have together.
    """

    catalog_path: Path = field(default_factory=Path)
    bucket: str = ""
    root: Path = field(default_factory=Path)
    rows: Sequence[int] = field(default_factory=lambda: array("q"), repr=False)
    sizes: Sequence[int] = field(default_factory=lambda: array("q"), repr=False)
    sorts: bytes = field(default=b"", repr=False)
    tags: int = 0

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def totals(self) -> Mapping[tuple[Kind, bool], tuple[int, int]]:
        """Files and bytes of the cold and the other assets of each kind: (kind, is_cold) -> both."""
        files = Counter(self.sorts)
        sizes = dict.fromkeys(files, 0)
        for sort, size_bytes in zip(self.sorts, self.sizes, strict=True):
            sizes[sort] += size_bytes
        return {
            (_KINDS[sort & ~_COLD], bool(sort & _COLD)): (number, sizes[sort])
            for sort, number in files.items()
        }

    def amounts(self) -> Iterator[tuple[Kind, int]]:
        """Yield kind and bytes of each."""
        for sort, size_bytes in zip(self.sorts, self.sizes, strict=True):
            yield _KINDS[sort & ~_COLD], size_bytes

    def _known(self) -> Iterator[tuple[int, Asset, tuple[str, str | None] | None]]:
        """Yield place, asset, and its key and checksum as recorded, a few hundred at a time.

        Those that the catalog has forgotten are left out.
        """
        from creative_s3.core.catalog.catalog import Catalog  # noqa: PLC0415 - only who lists them needs it

        if not self.rows:
            return
        with Catalog(self.catalog_path, bucket=self.bucket, read_only=True) as catalog:
            for start in range(0, len(self.rows), _CHUNK):
                numbers = list(self.rows[start : start + _CHUNK])
                others = catalog.product_names(numbers)
                places = catalog.proved_places(numbers)
                where = {number: start + offset for offset, number in enumerate(numbers)}
                for record in catalog.assets.by_id(numbers):
                    if record.id is None:
                        continue
                    asset = record.asset
                    if names := others.get(record.id):
                        asset = replace(asset, also_known_as=names)
                    yield where[record.id], asset, places.get(record.id)


@dataclass(frozen=True)
class SettledAssets(CountedAssets):
    """Assets about which nothing is to be done."""

    def __iter__(self) -> Iterator[SettledAsset]:
        """Yield them; those that the catalog has forgotten are left out."""
        for at, asset, place in self._known():
            if place:
                is_cold = bool(self.sorts[at] & _COLD)
                path = self.root / asset.file_path
                yield SettledAsset(asset, place[0], path, self.sizes[at], is_cold, place[1])

    @property
    def cold(self) -> int:
        """How many are in S3 only."""
        return sum(files for (_, is_cold), (files, _) in self.totals.items() if is_cold)


@dataclass(frozen=True)
class NewAssets(CountedAssets):
    """Assets whose files are not in the bucket, and whose keys nobody else wants.

    Attributes:
        prefix: What their keys begin with.
        marks: What tells whether an asset still has the key that it was counted with.
    """

    prefix: str = ""
    marks: Sequence[int] = field(default_factory=lambda: array("q"), repr=False)

    def __iter__(self) -> Iterator[NewAsset]:
        """Yield them; those that have been taken out of the index or have another key by now are left out."""
        for at, asset, place in self._known():
            key = wanted_key(asset, place[0] if place else None, self.prefix)
            if hash(key) == self.marks[at]:
                yield NewAsset(asset, key, self.root / asset.file_path, self.sizes[at])

    @cached_property
    def size_bytes(self) -> int:
        """All of them together."""
        return sum(self.sizes)


def wanted_key(asset: Asset, assigned: str | None, prefix: str) -> str:
    """Return the key that an asset asks for: the one it was given below the prefix, or its plain one."""
    if assigned and (not prefix or assigned.startswith(f"{prefix}/")):
        return assigned
    return key_of(asset, prefix)


def sort_of(kind: Kind, *, is_cold: bool) -> int:
    """Return the byte that stands for an asset's kind and place."""
    return _KINDS.index(kind) | (_COLD if is_cold else 0)
