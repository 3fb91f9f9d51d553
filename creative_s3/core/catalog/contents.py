"""The content of local files, by checksum: remembered where a file is untouched, else read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from creative_s3.core.files.checksums import crc64nvme_of_file
from creative_s3.core.files.workspace import LocalFile, Signature

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from creative_s3.core.catalog.catalog import Catalog

_READERS = 4
_READS = 3


@dataclass(slots=True)
class Contents:
    """The CRC64NVME of local files.

    Attributes:
        catalog: What remembers.
        trust_signatures: False to read every file again.
        unreadable: Why a file could not be read, by its path.
    """

    catalog: Catalog
    trust_signatures: bool = True
    unreadable: dict[str, str] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)

    def of(self, files: Mapping[str, LocalFile], paths: Iterable[str]) -> Mapping[str, str]:
        """Return path -> CRC64NVME (base64) for at least those of `paths` that are there and can be read."""
        unknown: list[str] = []
        for path in dict.fromkeys(paths):
            signature = files[path].signature
            if path in self._known or path in self.unreadable or signature is None:
                continue
            remembered = self.catalog.crc_of_file(path, signature) if self.trust_signatures else None
            if remembered:
                self._known[path] = remembered
            else:
                unknown.append(path)
        if unknown:
            self._read(files, unknown)
        return self._known

    def _read(self, files: Mapping[str, LocalFile], paths: list[str]) -> None:
        computed: list[tuple[str, Signature, str]] = []
        with ThreadPoolExecutor(max_workers=_READERS, thread_name_prefix="checksum") as pool:
            for path, result in zip(paths, pool.map(lambda name: _checksum(files[name]), paths), strict=True):
                if isinstance(result, str):
                    self.unreadable[path] = result
                else:
                    signature, crc = result
                    self._known[path] = crc
                    computed.append((path, signature, crc))
        self.catalog.remember(files=computed)


def _checksum(file: LocalFile) -> tuple[Signature, str] | str:
    """Return the signature and checksum of one file, or why it cannot be read."""
    try:
        for _ in range(_READS):
            before = Signature.of(file.path.stat())
            crc = crc64nvme_of_file(file.path)
            if Signature.of(file.path.stat()) == before:
                return before, crc
    except OSError as error:
        return error.strerror or "cannot be read"
    return "it changes while it is read"
