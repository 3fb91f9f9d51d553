"""Assets about which nothing is to be done: counted, a few bytes each, and made into objects on demand."""

from __future__ import annotations

from array import array
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from creative_s3.core.models import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from creative_s3.core.models import Asset

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


@dataclass(frozen=True)
class SettledAssets:
    """Settled assets in the order of their keys.

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

    def __iter__(self) -> Iterator[SettledAsset]:
        """Yield them, a few hundred at a time from the catalog; those that it has forgotten are left out."""
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
                    if record.id is None or record.id not in places:
                        continue
                    at = where[record.id]
                    asset = record.asset
                    if names := others.get(record.id):
                        asset = replace(asset, also_known_as=names)
                    key, crc = places[record.id]
                    yield SettledAsset(
                        asset,
                        key,
                        self.root / asset.file_path,
                        self.sizes[at],
                        bool(self.sorts[at] & _COLD),
                        crc,
                    )

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

    @property
    def cold(self) -> int:
        """How many are in S3 only."""
        return sum(files for (_, is_cold), (files, _) in self.totals.items() if is_cold)

    def amounts(self) -> Iterator[tuple[Kind, int]]:
        """Yield kind and bytes of each."""
        for sort, size_bytes in zip(self.sorts, self.sizes, strict=True):
            yield _KINDS[sort & ~_COLD], size_bytes


def sort_of(kind: Kind, *, is_cold: bool) -> int:
    """Return the byte that stands for an asset's kind and place."""
    return _KINDS.index(kind) | (_COLD if is_cold else 0)
