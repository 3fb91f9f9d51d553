"""What a registration may replace in the bucket without a question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creative_s3.errors import RefusedError

if TYPE_CHECKING:
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.storage.additions import Addition


def check_replacement(catalog: Catalog, addition: Addition, file_path: str) -> None:
    """Let an upload replace only what was put there from here, and only by what was edited here.

    Args:
        catalog: What is known of both.
        addition: The upload.
        file_path: Its file, relative to the workspace.

    Raises:
        RefusedError: Another machine stored other content, or the file is an older copy of what is there.
    """
    replaced = addition.replaced
    if replaced is None:
        return
    origin = catalog.origin(file_path)
    if origin is not None and origin == addition.operation.crc64nvme:
        raise RefusedError(
            "the bucket has newer content; the file has not changed since it was sent or brought here",
            item=replaced.key,
            hint="see how to take it: creative-s3 migrate upload --dry-run",
        )
    known = catalog.object(replaced.key)
    if known is None or known.etag != replaced.etag:
        raise RefusedError(
            "another machine stored other content as this asset, and it is not replaced unseen",
            item=replaced.key,
            hint="see what replacing it would mean: creative-s3 migrate upload --dry-run",
        )
