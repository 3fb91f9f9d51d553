"""A million assets that are all in the bucket already: index, files, keys, and a catalog that knows it."""

from __future__ import annotations

import multiprocessing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from benchmarks.data import Workspace, assigned, make_large
from benchmarks.standin import ETAG

if TYPE_CHECKING:
    from pathlib import Path

_BATCH = 50_000


def make_million(root: Path, assets: int, size_bytes: int, *, remote_side: str, prefix: str) -> Workspace:
    """Make a workspace whose catalog has proved every asset, in a process that gives its memory back.

    Args:
        root: Where.
        assets: How many.
        size_bytes: Of each file.
        remote_side: What the catalog calls the bucket.
        prefix: What the keys begin with.

    Raises:
        RuntimeError: That process failed; what went wrong is on standard error.
    """
    arguments = (root, assets, size_bytes, remote_side, prefix)
    process = multiprocessing.get_context("spawn").Process(target=_make, args=arguments)
    process.start()
    try:
        process.join()
    finally:
        if process.is_alive():
            process.kill()
            process.join()
    if process.exitcode:
        raise RuntimeError(f"the workspace of {assets:,} assets could not be made")
    return Workspace(root)


def _make(root: Path, assets: int, size_bytes: int, remote_side: str, prefix: str) -> None:
    from creative_s3.core.catalog.catalog import Catalog, ProvedObject
    from creative_s3.core.catalog.places import catalog_path
    from creative_s3.core.files.checksums import crc64nvme_of_file
    from creative_s3.core.files.workspace import Signature

    made = make_large(root, assets, size_bytes)
    crc = crc64nvme_of_file(made.scenes / "present.png")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    rows = assigned(made, prefix)
    made.keys.write_text("".join(f"{key}\n" for _, _, key in rows), encoding="ascii")
    # All files are links to this one. Of a million, the last was made long before: its time is settled.
    signature = Signature.of((made.scenes / "present.png").stat())
    with Catalog(catalog_path(made.cache), bucket=remote_side) as catalog:
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            catalog.remember(
                objects=[
                    ProvedObject(key, size_bytes, ETAG, crc, None, "STANDARD", name, "checksum", now)
                    for _, name, key in batch
                ],
                assignments={name: key for _, name, key in batch},
                files=[(path, signature, crc) for path, _, _ in batch],
            )
