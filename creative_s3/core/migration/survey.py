"""The local survey before a plan: what the index says and what lies on the disk. Reads only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from creative_s3.core.index.index import IndexProblem, Reference, assets_of, read_index, references
from creative_s3.core.models import Asset
from creative_s3.core.workspace import FileState, LocalFile, Workspace
from creative_s3.errors import IndexFileError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

UNINDEXED = "unindexed:"
"""What the cache keys of files begin with that no entry names."""


@dataclass(frozen=True, slots=True)
class LocalSurvey:
    """What the index and the disk say.

    Attributes:
        document: index.json as read; empty when there is none.
        references: Every place in the index that names a file.
        assets: The assets they mean, unindexed files too if they are wanted.
        files: What is on disk for each asset's file path.
        problems: Index entries that were set aside.
        unindexed: Files in the cache that no entry names: relative path, size.
        unusable: Other things in the cache: relative path, reason.
        cold: Files that are not on disk and are recorded as in S3 only: file path, size in bytes.
    """

    document: Mapping[str, object]
    references: tuple[Reference, ...]
    assets: tuple[Asset, ...]
    files: Mapping[str, LocalFile]
    problems: tuple[IndexProblem, ...]
    unindexed: tuple[tuple[str, int], ...]
    unusable: tuple[tuple[str, str], ...]
    cold: Mapping[str, int] = field(default_factory=dict)


def survey_local(
    workspace: Workspace,
    prefix: str,
    *,
    include_unindexed: bool = False,
    cold: Mapping[str, int] | None = None,
) -> LocalSurvey:
    """Read the index and look at the files.

    Args:
        workspace: Where.
        prefix: What the keys begin with.
        include_unindexed: Also the files that no entry names.
        cold: What the catalog records as in S3 only: file path, size in bytes.

    Raises:
        RefusedError: The cache directory is missing or empty, or none of the indexed files is there and none
            is recorded as in S3 only.
        IndexFileError: index.json is missing or cannot be read as an index.
    """
    if not workspace.cache_dir.is_dir():
        raise RefusedError(
            "the cache directory does not exist; nothing is read as deleted",
            item=str(workspace.cache_dir),
            hint="check --cache-dir (or CACHE_DIR) and whether the disk is mounted",
        )
    in_cache = tuple(workspace.files_in_cache())
    if not workspace.index_path.exists() and not any(file.state is FileState.PRESENT for file in in_cache):
        raise RefusedError(
            "the cache directory is empty; nothing is read as deleted",
            item=str(workspace.cache_dir),
            hint="check --cache-dir (or CACHE_DIR) and whether the disk is mounted",
        )
    document, found, problems = _read(workspace, missing_is_fine=include_unindexed)
    assets = assets_of(found, prefix)
    files = {asset.file_path: workspace.locate(asset.file_path) for asset in assets}
    missing = {path for path, file in files.items() if file.state is FileState.MISSING}
    cold = {path: size_bytes for path, size_bytes in (cold or {}).items() if path in missing}
    if files and len(missing) == len(files) and not cold:
        raise RefusedError(
            f"none of the {len(files):,} files in the index is there; nothing is read as deleted",
            item=str(workspace.root),
            hint="check whether the disk is mounted, and that --cache-dir lies in the pipeline's workspace",
        )
    named = {file.path for file in files.values()}
    spare = [file for file in in_cache if file.path not in named]
    unindexed = [file for file in spare if file.state is FileState.PRESENT]
    if include_unindexed:
        extra = tuple(_unindexed_asset(workspace, file) for file in unindexed)
        assets += extra
        files |= {asset.file_path: file for asset, file in zip(extra, unindexed, strict=True)}
    return LocalSurvey(
        document=document,
        references=tuple(found),
        assets=assets,
        files=files,
        problems=tuple(problems),
        unindexed=tuple((workspace.relative(file.path), file.size_bytes) for file in unindexed),
        unusable=tuple(
            (_shown(workspace.relative(file.path)), file.reason)
            for file in spare
            if file.state is not FileState.PRESENT
        ),
        cold=cold,
    )


def _read(
    workspace: Workspace, *, missing_is_fine: bool
) -> tuple[Mapping[str, object], list[Reference], list[IndexProblem]]:
    try:
        index = read_index(workspace.index_path)
    except IndexFileError as error:
        if workspace.index_path.exists():
            raise
        if missing_is_fine:
            return {}, [], []
        error.hint = "check --cache-dir; or upload the files without an index: --include-unindexed"
        raise
    found: list[Reference] = []
    problems: list[IndexProblem] = []
    for thing in references(index, cache_dir=workspace.cache_dir):
        if isinstance(thing, Reference):
            found.append(thing)
        else:
            problems.append(thing)
    return index.document, found, problems


def _unindexed_asset(workspace: Workspace, file: LocalFile) -> Asset:
    relative = workspace.relative(file.path)
    return Asset(cache_key=f"{UNINDEXED}{relative}", file_path=relative, indexed=False)


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
