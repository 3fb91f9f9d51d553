"""Every asset with its key, its file and its object: asks and reads only what the rules need.

The rules themselves are in `core.assets.keys` and `core.migration.planning`.
"""

from __future__ import annotations

from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from creative_s3.core.assets.keys import Claim, Occupant, assign_keys
from creative_s3.core.assets.layout import key_of
from creative_s3.core.events import Emit, PhaseStarted, ignore
from creative_s3.core.files.checksums import crc64_hex
from creative_s3.core.files.workspace import FileState, LocalFile
from creative_s3.core.migration.candidates import Candidate
from creative_s3.core.migration.remote import RemoteSurvey, prove_without_checksum, tells_md5_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    from creative_s3.core.assets.models import Asset
    from creative_s3.core.catalog.contents import Contents
    from creative_s3.core.index.survey import LocalSurvey
    from creative_s3.errors import CreativeS3Error


@dataclass(frozen=True)
class Matching:
    """The join of one local survey with one look at the bucket.

    Attributes:
        survey: The local side.
        remote: The bucket's side; None as if it were empty.
        contents: Reads files.
        prefix: What the keys begin with.
        assigned: The keys that assets were given before: cache key -> key.
        keep_keys: Leave an asset with the key it was given even if somebody else's object is under it now.
        asks_for_cold: Ask for the objects of files that are not on disk, instead of taking LIST's word.
        is_settled: Tells whether a key is that of an asset about which nothing is to be done.
        is_new: Tells whether a key goes to an asset that is simply new.
        emit: Takes events.
    """

    survey: LocalSurvey
    remote: RemoteSurvey | None
    contents: Contents
    prefix: str
    assigned: Mapping[str, str]
    keep_keys: bool = False
    asks_for_cold: bool = False
    is_settled: Callable[[str], bool] = lambda _key: False
    is_new: Callable[[str], bool] = lambda _key: False
    emit: Emit = ignore

    def candidates(self) -> tuple[Candidate, ...]:
        """Give every asset its key and join it with its file and its object."""
        present = [asset for asset in self.survey.assets if self._file(asset).state is FileState.PRESENT]
        wanted = {asset.cache_key: self._key(asset) for asset in present}
        rivals = Counter(wanted.values())
        self.emit(PhaseStarted("reading files"))
        with self._asking(wanted.values()):
            crcs = self.contents.of(
                self.survey.files,
                (
                    asset.file_path
                    for asset in present
                    if rivals[wanted[asset.cache_key]] > 1 or self._is_taken(wanted[asset.cache_key])
                ),
            )
            self.emit(PhaseStarted("comparing"))
        claims = (
            Claim(
                cache_key=asset.cache_key,
                plain_key=self._plain[asset.cache_key],
                content=_hex(crcs.get(asset.file_path)),
                assigned_key=self._given.get(asset.cache_key),
                also_known_as=asset.also_known_as,
            )
            for asset in present
            if asset.file_path not in self.contents.unreadable
            and not self._refusal(wanted[asset.cache_key])
            and not (self.keep_keys and asset.cache_key in self._given)
        )
        keys = assign_keys(claims, self._occupant)
        return tuple(self._candidate(asset, keys.get(asset.cache_key)) for asset in self.survey.assets)

    def _asking(self, wanted: Iterable[str]) -> AbstractContextManager[None]:
        """Ask the bucket for all that the rules need to know of it, while the files are read."""
        if self.remote is None:
            return nullcontext()
        asked = {key for key in wanted if not self.remote.is_as_proved(key)}
        if self.asks_for_cold:
            asked |= {self._key(asset) for asset in self.survey.assets if self._is_missing(asset)}
        return self.remote.asking(asked)

    def _refusal(self, key: str) -> CreativeS3Error | None:
        return self.remote.refusal(key) if self.remote else None

    @cached_property
    def _plain(self) -> Mapping[str, str]:
        return {asset.cache_key: key_of(asset, self.prefix) for asset in self.survey.assets}

    @cached_property
    def _given(self) -> Mapping[str, str]:
        inside = f"{self.prefix}/" if self.prefix else ""
        return {cache_key: key for cache_key, key in self.assigned.items() if key.startswith(inside)}

    @cached_property
    def _needed(self) -> frozenset[str]:
        """The keys of assets that are not on disk: what is under them is the only copy."""
        return frozenset(
            self._given[asset.cache_key]
            for asset in self.survey.assets
            if asset.cache_key in self._given and self._is_missing(asset)
        )

    def _key(self, asset: Asset) -> str:
        return self._given.get(asset.cache_key) or self._plain[asset.cache_key]

    def _file(self, asset: Asset) -> LocalFile:
        return self.survey.files[asset.file_path]

    def _is_missing(self, asset: Asset) -> bool:
        return self._file(asset).state is FileState.MISSING

    def _is_taken(self, key: str) -> bool:
        return self.remote is not None and self.remote.listed(key) is not None

    def _occupant(self, key: str) -> Occupant | None:
        occupant = self.remote.occupant(key) if self.remote else None
        if self.remote and occupant and occupant.content is None and not self._is_owner(key, occupant):
            # Equal bytes are the asset, also where the server keeps neither checksum nor metadata.
            alike = self._files_of_size.get(self._size_of(key), ())
            occupant = Occupant(occupant.owner, _hex(self.remote.find_content(key, alike)))
        if occupant and (key in self._needed or self.is_settled(key)):
            # Whoever has other content by now may not replace it, be the object called after him or not.
            return Occupant(owner=None, content=occupant.content)
        if occupant is None and self.is_new(key):
            return Occupant(owner=None, content=None)
        return occupant

    def _is_owner(self, key: str, occupant: Occupant) -> bool:
        """Tell whether the object under a key belongs to an asset that wants it."""
        return any(
            occupant.owner in {asset.cache_key, *asset.also_known_as} for asset in self._wanting.get(key, ())
        )

    @cached_property
    def _wanting(self) -> Mapping[str, list[Asset]]:
        wanting: dict[str, list[Asset]] = {}
        for asset in self.survey.assets:
            wanting.setdefault(self._key(asset), []).append(asset)
        return wanting

    @cached_property
    def _files_of_size(self) -> Mapping[int, list[LocalFile]]:
        """The files of assets, by their size."""
        files: dict[int, list[LocalFile]] = {}
        for asset in self.survey.assets:
            local = self._file(asset)
            if local.state is FileState.PRESENT and local.size_bytes is not None:
                files.setdefault(local.size_bytes, []).append(local)
        return files

    def _size_of(self, key: str) -> int:
        stored = self.remote.listed(key) if self.remote else None
        return stored.size_bytes if stored else -1

    def _candidate(self, asset: Asset, key: str | None) -> Candidate:
        local = self._file(asset)
        if reason := self.contents.unreadable.get(asset.file_path):
            local = LocalFile(local.path, FileState.UNREADABLE, reason=reason)
        key = key or self._key(asset)
        if refusal := self._refusal(key):
            reason = f"its object: {refusal.message}"
            return Candidate(asset, key, LocalFile(local.path, FileState.UNREADABLE, reason=reason))
        if local.state is FileState.MISSING:
            return self._missing_candidate(asset, key, local)
        stored = self.remote.stored(key) if self.remote else None
        if self.remote is None or stored is None:
            return Candidate(asset, key, local)
        crc = self.contents.of(self.survey.files, [asset.file_path]).get(asset.file_path)
        remote_crc = self.remote.crc64nvme(key)
        if remote_crc is None and crc is not None:
            remote_crc = prove_without_checksum(self.remote.storage, stored, local, crc)
        elif crc is not None and crc == stored.crc64nvme:
            remote_crc = self.remote.checked_crc64nvme(stored, local)
        if crc is not None and crc != remote_crc and tells_md5_of(stored, local):
            stored = replace(stored, crc64nvme=crc)  # it is only told
        proved = self.remote.proved(key)
        return Candidate(
            asset,
            key,
            local,
            crc,
            stored,
            remote_crc,
            is_as_proved=self.remote.is_as_proved(key),
            proved_crc64nvme=proved.crc64nvme if proved else None,
            origin_crc64nvme=self.contents.catalog.origin(asset.file_path),
        )

    def _missing_candidate(self, asset: Asset, key: str, local: LocalFile) -> Candidate:
        stored = self.remote.listed(key) if self.remote else None
        if self.remote and stored and self.asks_for_cold:
            stored = self.remote.stored(key)
        is_recorded = asset.file_path in self.survey.cold
        is_there = stored is not None or self.remote is None
        return Candidate(
            asset,
            key,
            local,
            remote=stored,
            is_cold=is_recorded and is_there,
            is_lost=is_recorded and not is_there,
            cold_bytes=self.survey.cold.get(asset.file_path, 0),
        )


def _hex(crc64nvme: str | None) -> str | None:
    return crc64_hex(crc64nvme) if crc64nvme else None
