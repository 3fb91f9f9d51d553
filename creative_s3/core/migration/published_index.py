"""The published index in a plan: the keys that assets were given, and whether it is there at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creative_s3.core.assets.layout import parse_key, published_key
from creative_s3.core.files.workspace import FileState
from creative_s3.core.migration.validation import Finding, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.index.survey import LocalSurvey
    from creative_s3.core.migration.remote import RemoteSurvey


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
    if remote is None or remote.published or catalog.published.is_empty():
        return ()
    key = published_key(prefix)
    return (
        Finding(State.MISSING_IN_S3, key, None, 0, "the published index is gone; upload writes it again"),
    )
