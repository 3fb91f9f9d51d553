"""How far many transfers are: a value for a caller's ``progress_callback``, and the meter that makes it.

The command line draws from events instead. Bytes are counted from events, which any thread sends; the
callback is called only by the thread that called the library, so that what it raises ends the call there.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.events import Event, Progressed, ignore

if TYPE_CHECKING:
    from collections.abc import Callable

    from creative_s3.core.events import Emit

MIB = 1 << 20
REPORT_EVERY_S = 0.5
"""The callback is called at most this often, and once more at the end."""
_ALMOST = 99.9
"""What is shown when every byte has moved and not every file is proved."""


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """How far an upload of many files is.

    Attributes:
        total_files: Files to send.
        total_bytes: Their size.
        uploaded: Files sent and proved.
        skipped: Files whose content was there already.
        failed: Files that are not in S3.
        uploaded_bytes: Bytes sent so far, those of files under way included; in the end, the size of the
            files that were uploaded.
        settled_bytes: The size of the files that were skipped or failed.
        elapsed_seconds: Since the transfer began.
    """

    total_files: int
    total_bytes: int
    uploaded: int = 0
    skipped: int = 0
    failed: int = 0
    uploaded_bytes: int = 0
    settled_bytes: int = 0
    elapsed_seconds: float = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether every file was uploaded, skipped or failed."""
        return self.uploaded + self.skipped + self.failed >= self.total_files

    @property
    def percent_complete(self) -> float:
        """How much is done, 0 to 100, by bytes; 100 only when every file was uploaded, skipped or failed."""
        if self.is_complete:
            return 100.0
        if not self.total_bytes:
            return 100.0 * (self.uploaded + self.skipped + self.failed) / self.total_files
        return max(0.0, min(_ALMOST, 100.0 * (self.uploaded_bytes + self.settled_bytes) / self.total_bytes))

    @property
    def upload_speed_mbps(self) -> float:
        """Mean speed since the beginning, in MiB (2^20 bytes) per second."""
        return self.uploaded_bytes / MIB / self.elapsed_seconds if self.elapsed_seconds > 0 else 0.0


class ProgressMeter:
    """Counts one transfer of many files and reports it now and then.

    `take` may be called by any thread; everything else belongs to the thread that called the library.

    Args:
        total_files: Files to send.
        total_bytes: Their size.
        callback: Takes the progress; what it raises goes to whoever called `tick` or `finish`.
        emit: Gets every event, too.
        clock: Seconds, growing steadily.
    """

    def __init__(
        self,
        *,
        total_files: int,
        total_bytes: int,
        callback: Callable[[TransferProgress], object] | None = None,
        emit: Emit = ignore,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._totals = (total_files, total_bytes)
        self._callback = callback
        self._emit = emit
        self._clock = clock
        self._began_at = clock()
        self._report_at = self._began_at
        self._lock = threading.Lock()
        self._under_way: dict[str, int] = {}
        self._moving_bytes = 0
        self._uploaded = self._skipped = self._failed = 0
        self._uploaded_bytes = self._settled_bytes = 0

    def take(self, event: Event) -> None:
        """Count an event's bytes and pass it on; an `Emit`."""
        if isinstance(event, Progressed):
            with self._lock:
                self._under_way[event.key] = self._under_way.get(event.key, 0) + event.delta_bytes
                self._moving_bytes += event.delta_bytes
        self._emit(event)

    def uploaded(self, key: str, size_bytes: int) -> None:
        """Count a file that was sent and proved."""
        with self._lock:
            self._settle(key)
            self._uploaded += 1
            self._uploaded_bytes += size_bytes

    def skipped(self, key: str, size_bytes: int) -> None:
        """Count a file whose content was there already."""
        with self._lock:
            self._settle(key)
            self._skipped += 1
            self._settled_bytes += size_bytes

    def failed(self, key: str, size_bytes: int) -> None:
        """Count a file that failed for good."""
        with self._lock:
            self._settle(key)
            self._failed += 1
            self._settled_bytes += size_bytes

    def progress(self) -> TransferProgress:
        """Return how far it is now."""
        with self._lock:
            return TransferProgress(
                *self._totals,
                uploaded=self._uploaded,
                skipped=self._skipped,
                failed=self._failed,
                uploaded_bytes=self._uploaded_bytes + self._moving_bytes,
                settled_bytes=self._settled_bytes,
                elapsed_seconds=self._clock() - self._began_at,
            )

    def tick(self) -> None:
        """Report when it is time to, and not everything is done; `finish` reports that."""
        if self._callback is None or self._clock() < self._report_at:
            return
        progress = self.progress()
        if not progress.is_complete:
            self._report_at = self._clock() + REPORT_EVERY_S
            self._callback(progress)

    def finish(self) -> TransferProgress:
        """Report the end, and return it."""
        progress = self.progress()
        if self._callback is not None:
            self._callback(progress)
        return progress

    def _settle(self, key: str) -> None:
        """Forget the bytes of a file under way; its whole size is counted instead."""
        self._moving_bytes -= self._under_way.pop(key, 0)
