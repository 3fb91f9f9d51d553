"""The survey before a plan: the index, the files, the listing, and the few checksums and HEADs that the rules need.

Reads only. The rules themselves are `core.keys` and `core.planning`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from creative_s3.core.checksums import crc64_hex, crc64nvme_of_file
from creative_s3.core.events import Emit, PhaseStarted, ignore
from creative_s3.core.index import IndexProblem, Reference, assets_of, read_index, references
from creative_s3.core.keys import Claim, Occupant, assign_keys
from creative_s3.core.layout import PUBLISHED_INDEX, key_of, owner_of
from creative_s3.core.models import Asset, StoredObject
from creative_s3.core.objects import read_back, same_md5
from creative_s3.core.planning import Candidate
from creative_s3.core.workspace import FileState, LocalFile, Signature, Workspace
from creative_s3.errors import CreativeS3Error, IndexFileError, RefusedError

if TYPE_CHECKING:
    from creative_s3.core.catalog import Catalog, ProvedObject
    from creative_s3.core.storage import S3StorageManager

_UNINDEXED = "unindexed:"


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
    """

    document: Mapping[str, object]
    references: tuple[Reference, ...]
    assets: tuple[Asset, ...]
    files: Mapping[str, LocalFile]
    problems: tuple[IndexProblem, ...]
    unindexed: tuple[tuple[str, int], ...]
    unusable: tuple[tuple[str, str], ...]


def survey_local(workspace: Workspace, prefix: str, *, include_unindexed: bool = False) -> LocalSurvey:
    """Read the index and look at the files.

    Raises:
        RefusedError: The cache directory is missing or empty, or none of the indexed files is there.
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
    if files and all(file.state is FileState.MISSING for file in files.values()):
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
    return Asset(cache_key=f"{_UNINDEXED}{relative}", file_path=relative, indexed=False)


def _shown(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()


@dataclass(slots=True)
class Contents:
    """The CRC64NVME of local files: remembered where the file is untouched, else computed, in parallel.

    Attributes:
        workspace: Where the files are.
        catalog: What remembers; None to compute always.
        trust_signatures: False to read every file again.
    """

    workspace: Workspace
    catalog: Catalog | None
    trust_signatures: bool = True
    _known: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    def of(self, files: Mapping[str, LocalFile], paths: Iterable[str]) -> Mapping[str, str]:
        """Return path -> CRC64NVME (base64) for those of `paths` that are there and can be read."""
        wanted = [
            path for path in dict.fromkeys(paths) if path not in self._known and files[path].signature is not None
        ]
        computed: list[tuple[str, Signature, str]] = []
        unknown: list[str] = []
        for path in wanted:
            signature = files[path].signature
            remembered = (
                self.catalog.crc_of_file(path, signature)
                if self.catalog and self.trust_signatures and signature
                else None
            )
            if remembered:
                self._known[path] = remembered
            else:
                unknown.append(path)
        if unknown:
            with ThreadPoolExecutor(max_workers=4, thread_name_prefix="checksum") as pool:
                for path, result in zip(unknown, pool.map(lambda name: _checksum(files[name]), unknown), strict=True):
                    if isinstance(result, str):
                        self.unreadable[path] = result
                    else:
                        signature, crc = result
                        self._known[path] = crc
                        computed.append((path, signature, crc))
        if computed and self.catalog:
            self.catalog.remember(files=computed)
        return self._known


def _checksum(file: LocalFile) -> tuple[Signature, str] | str:
    """Return the signature and checksum of one file, or why it cannot be read."""
    try:
        for _ in range(3):
            before = Signature.of(os.stat(file.path))
            crc = crc64nvme_of_file(file.path)
            if Signature.of(os.stat(file.path)) == before:
                return before, crc
    except OSError as error:
        return error.strerror or "cannot be read"
    return "it changes while it is read"


@dataclass(slots=True)
class RemoteSurvey:
    """What the bucket holds, and what is known of it.

    Attributes:
        listing: The objects under the prefix, by key; the published index is not among them.
        proved: What the catalog says we proved, by key.
        storage: Who to ask for more.
        published: The published index as listed; None when there is none.
    """

    listing: Mapping[str, StoredObject]
    proved: Mapping[str, ProvedObject]
    storage: S3StorageManager
    published: StoredObject | None = None
    _asked: dict[str, StoredObject | None] = field(default_factory=dict)

    def is_as_proved(self, key: str) -> bool:
        """Tell whether the listing shows the very object that we proved."""
        listed, proved = self.listing.get(key), self.proved.get(key)
        return bool(listed and proved and listed.etag == proved.etag and listed.size_bytes == proved.size_bytes)

    def ask(self, keys: Collection[str], *, workers: int) -> None:
        """HEAD the keys that the catalog cannot vouch for, in parallel."""
        unknown = [key for key in keys if key not in self._asked and key in self.listing]
        if not unknown:
            return
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="head") as pool:
            self._asked.update(zip(unknown, pool.map(self.storage.head, unknown), strict=True))

    def stored(self, key: str) -> StoredObject | None:
        """Return the object under `key` as well as it is known; asks S3 at most once."""
        if key not in self.listing:
            return None
        if self.is_as_proved(key) and key not in self._asked:
            return self.listing[key]
        self.ask([key], workers=1)
        return self._asked[key]

    def crc64nvme(self, key: str) -> str | None:
        """Return the checksum of the object's content; None when there is no object or it has no checksum."""
        stored = self.stored(key)
        if stored is None:
            return None
        if stored.crc64nvme is None and self.is_as_proved(key):
            return self.proved[key].crc64nvme
        return stored.crc64nvme

    def occupant(self, key: str) -> Occupant | None:
        """Return who is under `key` now."""
        stored = self.stored(key)
        if stored is None:
            return None
        crc = self.crc64nvme(key)
        owner = owner_of(stored.metadata) if stored.metadata is not None else self.proved[key].owner
        return Occupant(owner=owner, content=crc64_hex(crc) if crc else None)


def list_remote(storage: S3StorageManager, prefix: str, catalog: Catalog | None) -> RemoteSurvey:
    """List the prefix and join it with what the catalog proved."""
    listing = {stored.key: stored for stored in storage.objects(f"{prefix}/" if prefix else "")}
    published = listing.pop(published_key(prefix), None)
    proved = catalog.objects() if catalog else {}
    return RemoteSurvey(listing=listing, proved=proved, storage=storage, published=published)


def published_key(prefix: str) -> str:
    """Return the key of the published index."""
    return f"{prefix}/{PUBLISHED_INDEX}" if prefix else PUBLISHED_INDEX


def match(
    survey: LocalSurvey,
    remote: RemoteSurvey | None,
    contents: Contents,
    *,
    prefix: str,
    assigned: Mapping[str, str],
    keep_keys: bool = False,
    workers: int = 8,
    emit: Emit = ignore,
) -> tuple[Candidate, ...]:
    """Give every asset its key and join it with its file and its object.

    Only what the rules need is read or asked: the content of files whose key is contested or taken, and the objects
    that the catalog cannot vouch for.

    Args:
        survey: The local side.
        remote: The bucket's side; None as if it were empty.
        contents: Reads files.
        prefix: What the keys begin with.
        assigned: The keys that assets were given before: cache key -> key.
        keep_keys: Leave an asset with the key it was given even if somebody else's object is under it now.
        workers: Requests in flight.
        emit: Takes events.
    """
    inside = f"{prefix}/" if prefix else ""
    assigned = {cache_key: key for cache_key, key in assigned.items() if key.startswith(inside)}
    plain = {asset.cache_key: key_of(asset, prefix) for asset in survey.assets}
    present = [asset for asset in survey.assets if survey.files[asset.file_path].state is FileState.PRESENT]
    wanted = {asset.cache_key: assigned.get(asset.cache_key) or plain[asset.cache_key] for asset in present}
    listing = remote.listing if remote else {}
    rivals: dict[str, int] = {}
    for key in wanted.values():
        rivals[key] = rivals.get(key, 0) + 1
    to_read = [
        asset.file_path
        for asset in present
        if rivals[wanted[asset.cache_key]] > 1 or wanted[asset.cache_key] in listing
    ]
    emit(PhaseStarted("reading"))
    crcs = contents.of(survey.files, to_read)
    if remote:
        emit(PhaseStarted("comparing"))
        remote.ask({key for key in wanted.values() if not remote.is_as_proved(key)}, workers=workers)
    keys = assign_keys(
        (
            Claim(
                cache_key=asset.cache_key,
                plain_key=plain[asset.cache_key],
                content=_hex(crcs.get(asset.file_path)),
                assigned_key=assigned.get(asset.cache_key),
                also_known_as=asset.also_known_as,
            )
            for asset in present
            if asset.file_path not in contents.unreadable and not (keep_keys and asset.cache_key in assigned)
        ),
        remote.occupant if remote else _nobody,
    )
    return tuple(
        _candidate(asset, keys.get(asset.cache_key), survey, remote, contents, plain, assigned)
        for asset in survey.assets
    )


def _candidate(  # noqa: PLR0913 - a join of everything that is known
    asset: Asset,
    key: str | None,
    survey: LocalSurvey,
    remote: RemoteSurvey | None,
    contents: Contents,
    plain: Mapping[str, str],
    assigned: Mapping[str, str],
) -> Candidate:
    local = survey.files[asset.file_path]
    reason = contents.unreadable.get(asset.file_path)
    if reason:
        local = LocalFile(local.path, FileState.UNREADABLE, reason=reason)
    if key is None:
        key = assigned.get(asset.cache_key) or plain[asset.cache_key]
    stored = remote.stored(key) if remote else None
    crc = contents.of(survey.files, [asset.file_path]).get(asset.file_path) if stored else None
    remote_crc = remote.crc64nvme(key) if remote and stored else None
    if remote and stored and crc and remote_crc is None:
        remote_crc = prove_without_checksum(remote.storage, stored, local, crc)
    return Candidate(asset, key, local, crc, stored, remote_crc)


def prove_without_checksum(
    storage: S3StorageManager, stored: StoredObject, local: LocalFile, crc: str
) -> str | None:
    """Find out the content of an object that has no CRC64NVME: by size, by an MD5 ETag, else by reading it.

    Returns:
        The CRC64NVME of its content; None when it differs in size or cannot be read (archived, for example).
    """
    if stored.size_bytes != local.size_bytes:
        return None
    try:
        if same_md5(stored, local.path):
            return crc
        return read_back(storage.connection, stored)
    except (CreativeS3Error, OSError):
        return None


def _hex(crc64nvme: str | None) -> str | None:
    return crc64_hex(crc64nvme) if crc64nvme else None


def _nobody(_key: str) -> Occupant | None:
    return None

