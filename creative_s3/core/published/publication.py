"""The published index in the bucket: read for keys, written when ours has changed; ``merging`` merges."""

from __future__ import annotations

import hashlib
import platform
import random
import time
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from creative_s3.core.assets.layout import encode_text, published_key
from creative_s3.core.catalog.index_state import IndexState, hash_file
from creative_s3.core.index.stream import stream_index
from creative_s3.core.published.assigned_keys import Placing
from creative_s3.core.published.merge import IndexMerge
from creative_s3.core.published.publish import MACHINE, published_events
from creative_s3.errors import PreconditionFailedError, TemporaryError

if TYPE_CHECKING:
    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.files.workspace import Workspace
    from creative_s3.core.published.merge import Merged
    from creative_s3.core.s3.object_store import ObjectStore

_ROUNDS = 10


def publish(
    store: ObjectStore, workspace: Workspace, catalog: Catalog, *, prefix: str, run: int = 0
) -> tuple[bool, tuple[str, ...]]:
    """Merge our index into the published one; return whether it was written, and the conflicts.

    Args:
        store: The bucket.
        workspace: Where our index is.
        catalog: What we published last; gets what we publish now.
        prefix: What the keys begin with.
        run: The number of the run that this belongs to; 0 for none.

    Raises:
        TemporaryError: Other machines keep writing it.
        IndexFileError: What is published is damaged, or index.json cannot be read.
        CreativeS3Error: A request failed.
    """
    if not workspace.index_path.exists():
        return False, ()
    sha256 = hashlib.sha256()
    key = published_key(prefix)
    with IndexMerge(catalog.published.get) as merge:
        events = stream_index(workspace.index_path, decoder=merge.decoder, tap=sha256.update)
        if not merge.take_ours(events, Placing(catalog, workspace, prefix).keys_of):
            return False, ()
        for attempt in range(_ROUNDS):
            try:
                with TemporaryFile() as file:
                    before = store.read_into(file, key)
                    merge.take_theirs(published_events(file, key, decoder=merge.decoder) if before else ())
                merged, stored = send(store, key, merge, before)
            except PreconditionFailedError:
                time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - spreading retries, no secret
                continue
            was_written = stored is not before
            with catalog.database.transaction():
                catalog.published.replace(merge.digests)
                if was_written and run:
                    catalog.runs.add_changes(run, [(key, before is not None)])
                if hash_file(workspace.index_path) == sha256.digest():  # it is what was read in between
                    catalog.remember_publication(stored.etag, sha256.digest())
            return was_written, merged.conflicts
    raise TemporaryError(
        "other machines keep writing the published index", item=key, hint="run the same command again"
    )


def send(
    store: ObjectStore, key: str, merge: IndexMerge, before: StoredObject | None
) -> tuple[Merged, StoredObject]:
    """Write a merged index to the bucket, if it says something else than what is there.

    Args:
        store: The bucket.
        key: Of the published index.
        merge: It has taken in both sides.
        before: What is there; None for nothing.

    Returns:
        What came of the merge, and the object that is there now: `before` itself when nothing was written.

    Raises:
        PreconditionFailedError: Another machine was faster.
        CreativeS3Error: The request failed.
    """
    with TemporaryFile() as file:
        merged = merge.write(file)
        if before is not None and not merged.is_different:
            return merged, before
        stored = store.write(
            key,
            file,
            content_type="application/json",
            if_match=before.etag if before else None,
            metadata={MACHINE: encode_text(platform.node())},
        )
    return merged, stored


def is_current(etag: str | None, workspace: Workspace, catalog: Catalog) -> bool:
    """Tell whether the published index of this ETag has all that ours says: we saw it when it did.

    Args:
        etag: As the bucket's listing shows it; None when there is none.
        workspace: Where index.json is.
        catalog: It has taken in index.json as it is now.
    """
    state = IndexState.of(catalog, workspace) if etag else None
    return bool(etag and state and catalog.is_published(etag, state.sha256))
