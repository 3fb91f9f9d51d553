"""The local survey before a plan: what the index says and what lies on the disk. Reads only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.models import Asset
from creative_s3.core.files.workspace import FileState, LocalFile, Locator, Workspace
from creative_s3.core.index.index import IndexProblem, Reference, assets_of, read_index, references
from creative_s3.errors import IndexFileError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

UNINDEXED = "unindexed:"
"""What the cache keys of files begin with that no entry names."""


@dataclass(frozen=True, slots=True)
class LocalSurvey:
    """What the index and the disk say.

    Attributes:
        references: Every place in the index that names a file.
        assets: The assets they mean, unindexed files too if they are wanted.
        files: What is on disk for each asset's file path.
        problems: Index entries that were set aside.
        unindexed: Files in the cache that no entry names: relative path, size.
        unusable: Other things in the cache: relative path, reason.
        cold: Files that are not on disk and are recorded as in S3 only: file path, size in bytes.
    """

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
    check_cache(workspace, include_unindexed=include_unindexed)
    in_cache = tuple(workspace.files_in_cache())
    found, problems = _read(workspace)
    assets = assets_of(found, prefix)
    locate = Locator(workspace)
    files = {asset.file_path: locate(asset.file_path) for asset in assets}
    missing = {path for path, file in files.items() if file.state is FileState.MISSING}
    cold = {path: size_bytes for path, size_bytes in (cold or {}).items() if path in missing}
    if files and len(missing) == len(files) and not cold:
        raise nothing_of_index(workspace, len(files))
    named = {file.path for file in files.values()}
    spare = [file for file in in_cache if file.path not in named]
    unindexed = [file for file in spare if file.state is FileState.PRESENT]
    if include_unindexed:
        extra = tuple(_unindexed_asset(workspace, file) for file in unindexed)
        assets += extra
        files |= {asset.file_path: file for asset, file in zip(extra, unindexed, strict=True)}
    return LocalSurvey(
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


def read_references(workspace: Workspace) -> tuple[Mapping[str, Any], list[Reference], list[IndexProblem]]:
    """Read the index whole: its document, every place in it that names a file, and what was set aside.

    Raises:
        IndexFileError: index.json is missing or cannot be read as an index.
    """
    index = read_index(workspace.index_path)
    found: list[Reference] = []
    problems: list[IndexProblem] = []
    for thing in references(index, cache_dir=workspace.cache_dir):
        if isinstance(thing, Reference):
            found.append(thing)
        else:
            problems.append(thing)
    return index.document, found, problems


def check_cache(workspace: Workspace, *, include_unindexed: bool) -> None:
    """Make sure that there is a cache: a directory with an index, or with files that are wanted without one.

    Raises:
        RefusedError: The cache directory is missing or empty.
        IndexFileError: There are files, and no index.json.
    """
    check_disk = "check --cache-dir (or CACHE_DIR) and whether the disk is mounted"
    if not workspace.cache_dir.is_dir():
        raise RefusedError(
            "the cache directory does not exist; nothing is read as deleted",
            item=str(workspace.cache_dir),
            hint=check_disk,
        )
    if workspace.index_path.exists():
        return
    if not any(file.state is FileState.PRESENT for file in workspace.files_in_cache()):
        raise RefusedError(
            "the cache directory is empty; nothing is read as deleted",
            item=str(workspace.cache_dir),
            hint=check_disk,
        )
    if not include_unindexed:
        raise IndexFileError(
            "there is no index.json",
            item=str(workspace.index_path),
            hint="check --cache-dir; or upload the files without an index: --include-unindexed",
        )


def nothing_of_index(workspace: Workspace, named: int) -> RefusedError:
    """Return the error for an index of whose `named` files none is there."""
    return RefusedError(
        f"none of the {named:,} files in the index is there; nothing is read as deleted",
        item=str(workspace.root),
        hint="check whether the disk is mounted, and that --cache-dir lies in the pipeline's workspace",
    )


def _read(workspace: Workspace) -> tuple[list[Reference], list[IndexProblem]]:
    if not workspace.index_path.exists():
        return [], []
    _, found, problems = read_references(workspace)
    return found, problems


def _unindexed_asset(workspace: Workspace, file: LocalFile) -> Asset:
    relative = workspace.relative(file.path)
    return Asset(cache_key=f"{UNINDEXED}{relative}", file_path=relative, indexed=False)


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()
