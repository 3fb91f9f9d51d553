"""What uploads and downloads have in common as jobs of the engine: their steps, their exact byte count."""

from __future__ import annotations

import shutil
import threading
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from creative_s3.core.events import Progressed
from creative_s3.core.faults.translation import translate
from creative_s3.core.files.folders import OpenFolder, OpenFolders
from creative_s3.errors import CreativeS3Error

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.events import Emit
    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.transfers.flights import Engine, Reply
    from creative_s3.core.transfers.multipart import MultipartSender
    from creative_s3.core.transfers.outcomes import Download, Outcome, Upload
    from creative_s3.core.transfers.verification import Verification


_LOOKED_UP_FOR_S = 0.5


class Meter:
    """Counts an item's bytes so that what was emitted always adds up; any thread may call it.

    Attributes:
        moved_at: The clock when the present try began or last moved bytes.
    """

    def __init__(self, key: str, emit: Emit, clock: Callable[[], float]) -> None:
        self._key = key
        self._emit = emit
        self._clock = clock
        self.moved_at = clock()
        self._lock = threading.Lock()
        self._counted = 0
        self._is_open = False

    def open(self) -> None:
        """Begin a try."""
        with self._lock:
            self._is_open = True
            self.moved_at = self._clock()

    def add(self, delta_bytes: int) -> None:
        """Count bytes that moved; late reports of an ended try count for nothing."""
        with self._lock:
            if not self._is_open or not delta_bytes:
                return
            self._counted += delta_bytes
            self.moved_at = self._clock()
        self._emit(Progressed(self._key, delta_bytes))

    def close(self, total_bytes: int) -> None:
        """End a try: from now on the sum of all that was emitted is `total_bytes`."""
        with self._lock:
            self._is_open = False
            rest = total_bytes - self._counted
            self._counted = total_bytes
        if rest:
            self._emit(Progressed(self._key, rest))


class Folders:
    """Folders that got new names which are still to become durable; one for a batch, and one thread."""

    def __init__(self) -> None:
        self._keys: defaultdict[OpenFolder, list[str]] = defaultdict(list)

    def add(self, folder: OpenFolder, key: str) -> None:
        """Take over an open folder in which an object's file got its name."""
        self._keys[folder].append(key)

    def sync(self) -> dict[str, CreativeS3Error]:
        """Make all of their names durable; return what is wrong with the files of which keys."""
        errors: dict[str, CreativeS3Error] = {}
        for folder, keys in self._keys.items():
            try:
                folder.sync()
            except CreativeS3Error as error:
                errors |= dict.fromkeys(keys, error)
            except OSError as error:
                errors |= dict.fromkeys(keys, translate(error, item=str(folder.path)))
            for _ in keys:
                folder.close()
        return errors


class Room:
    """The room on the disk for what is to come; looked up for each folder now and then. For one thread."""

    def __init__(self) -> None:
        self._free: dict[Path, tuple[float, int]] = {}

    def take(self, folder: Path, size_bytes: int) -> int:
        """Return how many bytes are free, and expect `size_bytes` of them to be used.

        Raises:
            OSError: The folder cannot be reached.
        """
        now = time.monotonic()
        looked_at, free_bytes = self._free.get(folder, (0.0, 0))
        if free_bytes < size_bytes or now - looked_at > _LOOKED_UP_FOR_S:
            looked_at, free_bytes = now, shutil.disk_usage(folder).free
        self._free[folder] = (looked_at, free_bytes - size_bytes)
        return free_bytes


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every job needs."""

    connection: Connection
    emit: Emit
    clock: Callable[[], float]
    multipart: MultipartSender
    verification: Verification
    room: Room = field(default_factory=Room)
    folders: OpenFolders = field(default_factory=OpenFolders)


class Job(ABC):
    """One request on its way: ``prepare``, ``send``, ``settle``; all again after a failure that may pass.

    Attributes:
        attempts: Tries begun.
        setbacks: Tries that ended because content did not match or changed.
        begun_at: The engine's clock at the first try.
        sent_at: The engine's clock at the present try.
        failing_since: The engine's clock when bytes last moved before the first failure; None before that.
        cancel: Stops what is under way; None when nothing is.
        is_settling: Whether the reply of the present try was handed on to be settled.
        is_claimed: Whether somebody settles it.
    """

    def __init__(self, request: Upload | Download, around: Surroundings) -> None:
        self.request = request
        self.around = around
        self.meter = Meter(request.key, around.emit, around.clock)
        self.attempts = 0
        self.setbacks = 0
        self.begun_at = 0.0
        self.sent_at = 0.0
        self.failing_since: float | None = None
        self.cancel: Callable[[], None] | None = None
        self.is_settling = False
        self.is_claimed = False

    @property
    @abstractmethod
    def size_bytes(self) -> int:
        """What there is to move; 0 while it is not known."""

    @property
    def left(self) -> StoredObject | None:
        """What an unsuccessful job stored and proved all the same; None where nothing."""
        return None

    @property
    @abstractmethod
    def prepares_long(self) -> bool:
        """Whether `prepare` may take long enough to hold up other items."""

    @abstractmethod
    def prepare(self) -> Outcome | None:
        """Look before sending; an outcome means that nothing needs to be sent."""

    @abstractmethod
    def send(self, engine: Engine, done: Callable[[Reply], None]) -> Callable[[], None]:
        """Begin the transfer; return what cancels it."""

    @abstractmethod
    def settle_at_once(self, reply: Reply) -> Outcome | None:
        """Prove the result without waiting for anything; None when that is not possible."""

    @property
    @abstractmethod
    def settles_long(self) -> bool:
        """Whether `settle` may take long enough to hold up other items."""

    @abstractmethod
    def settle(self, reply: Reply, folders: Folders) -> Outcome:
        """Prove the result with whatever it takes, or raise; it is durable when `folders` is."""

    @abstractmethod
    def abandon(self) -> None:
        """Clean up after a transfer that will not be settled."""
