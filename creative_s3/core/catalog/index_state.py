"""Which index.json the catalog holds: how it looked and what it contained when it was taken in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.catalog.database import numbers
from creative_s3.core.files.workspace import Signature

if TYPE_CHECKING:
    from pathlib import Path

    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.files.workspace import Workspace

_SETTLED_NS = 2_000_000_000
_READ_BYTES = 2**20


def record_intake(
    catalog: Catalog, workspace: Workspace, signature: Signature, sha256: bytes, *, products: bytes
) -> None:
    """Record that the catalog holds all that an index of this signature and content says.

    One that was changed less than two seconds before it was looked at keeps no signature, only its content:
    another edit within the clock's step would not show.
    """
    settled = signature.ctime_ns < signature.seen_ns - _SETTLED_NS
    kept = signature if settled else Signature(-1, 0, 0, 0)
    with catalog.database.transaction() as database:
        database.execute(
            "INSERT OR REPLACE INTO intake VALUES (?, ?, ?, ?, ?, ?, ?)",
            (str(workspace.index_path), *numbers(kept), sha256, products),
        )


def hash_file(path: Path) -> bytes:
    """Return the SHA-256 of a file's content; empty when it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_READ_BYTES):
                digest.update(block)
    except OSError:
        return b""
    return digest.digest()


@dataclass(frozen=True, slots=True)
class IndexState:
    """The index that was taken in last.

    Attributes:
        signature: Of the file; one that no file has when its time was not settled yet.
        sha256: Of its content.
        products: Stands for what its products say.
    """

    signature: Signature
    sha256: bytes
    products: bytes

    @classmethod
    def of(cls, catalog: Catalog, workspace: Workspace) -> IndexState | None:
        """Return what was recorded; None before the first intake."""
        row = catalog.database.row(
            "SELECT size_bytes, mtime_ns, ctime_ns, inode, sha256, products FROM intake WHERE path=?",
            (str(workspace.index_path),),
        )
        if row is None:
            return None
        inode = row[3] + 2**64 if row[3] < 0 else row[3]
        return cls(Signature(row[0], row[1], row[2], inode), row[4], row[5])
