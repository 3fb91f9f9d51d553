"""This machine's record of the multipart uploads that it began: which ones may be continued or aborted.

One small file for each key, in the user's state directory. A process holds a lock on it while its upload is
under way, and the system releases the lock when the process dies: a record that can be taken is nobody's work
any more. An unfinished upload that no record names belongs to somebody else and is left alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from creative_s3.core.files import user_directories
from creative_s3.core.files.own_files import open_own, read_own
from creative_s3.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_KEPT_S = 30 * 86_400
"""A record that nobody asked for in so long is removed; its upload, if it is still there, is the doctor's."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A multipart upload that this machine began.

    Attributes:
        key: The object's key.
        upload_id: S3's; None when the process died before it had the answer.
        part_bytes: The size of all parts but the last.
        size_bytes: The file's size.
        created_with: A digest of everything that CreateMultipartUpload was told of the object.
        asked_at: When it was asked for, in seconds since 1970, by this machine's clock.
    """

    key: str
    upload_id: str | None
    part_bytes: int
    size_bytes: int
    created_with: str
    asked_at: float


class Record:
    """The locked record of one key; give it back with `release`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def read(self) -> Begun | None:
        """Return what was begun; None when nothing was, or when it cannot be understood."""
        raw = os.pread(self._descriptor, 1 << 16, 0)
        try:
            known: dict[str, Any] = json.loads(raw)
            return Begun(**known)
        except (ValueError, TypeError):
            return None

    def write(self, begun: Begun) -> None:
        """Record it; a process that is killed right after has done so.

        Raises:
            OSError: It cannot be written, or was released.
        """
        raw = json.dumps(asdict(begun)).encode()
        with self._lock:  # a number that was closed meanwhile may be another file's by now
            os.pwrite(self._descriptor, raw, 0)
            os.ftruncate(self._descriptor, len(raw))

    def forget(self) -> None:
        """Nothing is unfinished any more."""
        with self._lock:
            os.ftruncate(self._descriptor, 0)
            self._path.unlink(missing_ok=True)

    def release(self) -> None:
        """Let another process have it; what it says stays."""
        with self._lock:
            os.close(self._descriptor)
            self._descriptor = -1


class Unfinished:
    """All records; any thread may use it.

    Args:
        directory: Where they are; by default in the user's state directory.
    """

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory or (user_directories.state_path() / "unfinished-uploads")
        self._is_swept = False

    def take(self, endpoint_url: str | None, bucket: str, key: str) -> Record | None:
        """Lock the record of a key; None when another process has it, or none can be kept here."""
        path = self._directory / _name(endpoint_url, bucket, key)
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_swept:
                self._is_swept = True
                self._sweep()
            return _locked(path)
        except (OSError, RefusedError):
            return None

    def keys(self, endpoint_url: str | None, bucket: str) -> Iterator[str]:
        """Yield the keys of uploads to a bucket that were begun and are not known to have ended."""
        for path in self._directory.glob("*.json"):
            with suppress(OSError, ValueError, TypeError, KeyError, RefusedError):
                key = str(json.loads(read_own(path))["key"])
                if path.name == _name(endpoint_url, bucket, key):
                    yield key

    def _sweep(self) -> None:
        oldest = time.time() - _KEPT_S
        for path in self._directory.iterdir():
            with suppress(OSError, RefusedError):
                if path.stat().st_mtime < oldest and (record := _locked(path)):
                    record.forget()
                    record.release()


def _name(endpoint_url: str | None, bucket: str, key: str) -> str:
    digest = hashlib.sha256("\0".join((endpoint_url or "", bucket, key)).encode())
    return f"{digest.hexdigest()}.json"


def _locked(path: Path) -> Record | None:
    while True:
        descriptor = open_own(path, mode=0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(path, descriptor):
                return Record(path, descriptor)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # its owner has just removed it: make a new one


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
