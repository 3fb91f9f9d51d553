"""Every asset with its key, its file and its object: asks and reads only what the rules need.

The rules themselves are in `core.keys` and `core.planning`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from creative_s3.core.checksums import crc64_hex
from creative_s3.core.events import Emit, PhaseStarted, ignore
from creative_s3.core.keys import Claim, assign_keys
from creative_s3.core.layout import key_of
from creative_s3.core.planning import Candidate
from creative_s3.core.remote import RemoteSurvey, prove_without_checksum
from creative_s3.core.workspace import FileState, LocalFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from creative_s3.core.contents import Contents
    from creative_s3.core.keys import Occupant
    from creative_s3.core.models import Asset
    from creative_s3.core.survey import LocalSurvey


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
        workers: Requests in flight.
        emit: Takes events.
    """

    survey: LocalSurvey
    remote: RemoteSurvey | None
    contents: Contents
    prefix: str
    assigned: Mapping[str, str]
    keep_keys: bool = False
    workers: int = 8
    emit: Emit = ignore

    def candidates(self) -> tuple[Candidate, ...]:
        """Give every asset its key and join it with its file and its object."""
        present = [asset for asset in self.survey.assets if self._file(asset).state is FileState.PRESENT]
        wanted = {
            asset.cache_key: self._given.get(asset.cache_key) or self._plain[asset.cache_key]
            for asset in present
        }
        rivals = Counter(wanted.values())
        self.emit(PhaseStarted("reading files"))
        crcs = self.contents.of(
            self.survey.files,
            (
                asset.file_path
                for asset in present
                if rivals[wanted[asset.cache_key]] > 1 or self._is_taken(wanted[asset.cache_key])
            ),
        )
        if self.remote:
            self.emit(PhaseStarted("comparing"))
            self.remote.ask(
                {key for key in wanted.values() if not self.remote.is_as_proved(key)}, workers=self.workers
            )
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
            and not (self.keep_keys and asset.cache_key in self._given)
        )
        keys = assign_keys(claims, self._occupant)
        return tuple(self._candidate(asset, keys.get(asset.cache_key)) for asset in self.survey.assets)

    @cached_property
    def _plain(self) -> Mapping[str, str]:
        return {asset.cache_key: key_of(asset, self.prefix) for asset in self.survey.assets}

    @cached_property
    def _given(self) -> Mapping[str, str]:
        inside = f"{self.prefix}/" if self.prefix else ""
        return {cache_key: key for cache_key, key in self.assigned.items() if key.startswith(inside)}

    def _file(self, asset: Asset) -> LocalFile:
        return self.survey.files[asset.file_path]

    def _is_taken(self, key: str) -> bool:
        return self.remote is not None and key in self.remote.listing

    def _occupant(self, key: str) -> Occupant | None:
        return self.remote.occupant(key) if self.remote else None

    def _candidate(self, asset: Asset, key: str | None) -> Candidate:
        local = self._file(asset)
        if reason := self.contents.unreadable.get(asset.file_path):
            local = LocalFile(local.path, FileState.UNREADABLE, reason=reason)
        key = key or self._given.get(asset.cache_key) or self._plain[asset.cache_key]
        stored = self.remote.stored(key) if self.remote else None
        if self.remote is None or stored is None:
            return Candidate(asset, key, local)
        crc = self.contents.of(self.survey.files, [asset.file_path]).get(asset.file_path)
        remote_crc = self.remote.crc64nvme(key)
        if remote_crc is None and crc is not None:
            remote_crc = prove_without_checksum(self.remote.storage, stored, local, crc)
        return Candidate(asset, key, local, crc, stored, remote_crc, self.remote.is_as_proved(key))


def _hex(crc64nvme: str | None) -> str | None:
    return crc64_hex(crc64nvme) if crc64nvme else None
