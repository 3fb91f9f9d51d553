"""The published index in the bucket: read for keys, written when ours has changed; ``publishing`` merges."""

from __future__ import annotations

import platform
import random
import time
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

from creative_s3.core.index.index import assets_of
from creative_s3.core.index.state import IndexState, hash_file
from creative_s3.core.layout import encode_text, parse_key
from creative_s3.core.migration.publishing import (
    MACHINE,
    merge,
    parse_published,
    with_keys,
    write_published,
)
from creative_s3.core.migration.remote import published_key
from creative_s3.core.migration.survey import read_references
from creative_s3.core.migration.validation import Finding, State
from creative_s3.core.workspace import FileState
from creative_s3.errors import PreconditionFailedError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.index.index import Reference
    from creative_s3.core.migration.remote import RemoteSurvey
    from creative_s3.core.migration.survey import LocalSurvey
    from creative_s3.core.models import Asset
    from creative_s3.core.object_store import ObjectStore
    from creative_s3.core.workspace import Workspace

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
    sha256 = hash_file(workspace.index_path)
    document, references, _ = read_references(workspace)
    if not document:
        return False, ()
    ours = with_keys(document, _placed(references, assets_of(references, prefix), catalog.assignments()))
    del document, references  # a large index's are larger than what is published
    key = published_key(prefix)
    for attempt in range(_ROUNDS):
        read = store.read(key)
        theirs = parse_published(read[1], key) if read else {}
        merged = merge(ours, theirs, catalog.published())
        try:
            written = read is None or merged.document != theirs
            stored = read[0] if read else None
            if written:
                with TemporaryFile() as file:
                    write_published(file, merged.document)
                    stored = store.write(
                        key,
                        file,
                        content_type="application/json",
                        if_match=stored.etag if stored else None,
                        metadata={MACHINE: encode_text(platform.node())},
                    )
        except PreconditionFailedError:
            time.sleep(random.uniform(0, 0.1 * 2**attempt))  # noqa: S311 - spreading retries, no secret
            continue
        with catalog.database.transaction():
            catalog.remember_published(merged.digests)
            if written and run:
                catalog.runs.add_changes(run, [(key, read is not None)])
            if stored and hash_file(workspace.index_path) == sha256:  # it is what was read in between
                catalog.remember_publication(stored.etag, sha256)
        return written, merged.conflicts
    raise TemporaryError(
        "other machines keep writing the published index", item=key, hint="run the same command again"
    )


def is_current(etag: str | None, workspace: Workspace, catalog: Catalog) -> bool:
    """Tell whether the published index of this ETag has all that ours says: we saw it when it did.

    Args:
        etag: As the bucket's listing shows it; None when there is none.
        workspace: Where index.json is.
        catalog: It has taken in index.json as it is now.
    """
    state = IndexState.of(catalog, workspace) if etag else None
    return bool(etag and state and catalog.is_published(etag, state.sha256))


def assigned_keys(
    survey: LocalSurvey, remote: RemoteSurvey | None, catalog: Catalog, *, prefix: str
) -> Mapping[str, str]:
    """Return the keys that the survey's assets were given: by the catalog, else by the published index."""
    assigned = catalog.assignments_of(asset.cache_key for asset in survey.assets)
    if remote is None or remote.published is None:
        return assigned
    if all(
        asset.cache_key in assigned
        for asset in survey.assets
        if survey.files[asset.file_path].state is FileState.PRESENT
    ):
        return assigned
    remote.read_published_keys()
    published: dict[str, str] = {}
    for reference in survey.references:
        if key := remote.published_key_of(reference):
            published.setdefault(reference.asset.cache_key, key)
    # What others wrote is taken only where it is a key of this layout.
    usable = {name: key for name, key in published.items() if parse_key(key, prefix) is not None}
    return {**usable, **assigned}


def published_findings(remote: RemoteSurvey | None, catalog: Catalog, *, prefix: str) -> tuple[Finding, ...]:
    """Return what a validation has to say of the published index itself."""
    if remote is None or remote.published or not catalog.published():
        return ()
    key = published_key(prefix)
    return (
        Finding(State.MISSING_IN_S3, key, None, 0, "the published index is gone; upload writes it again"),
    )


def _placed(
    references: Iterable[Reference], assets: Iterable[Asset], assigned: Mapping[str, str]
) -> Iterator[tuple[Reference, str]]:
    """Yield every place in the index that names a file whose object is proved, with the object's key."""
    keys = {
        (asset.file_path, identity): assigned[asset.cache_key]
        for asset in assets
        if asset.cache_key in assigned
        for identity in (asset.cache_key, *asset.also_known_as)
    }
    for reference in references:
        key = keys.get((reference.asset.file_path, reference.asset.cache_key))
        if key is not None:
            yield reference, key
