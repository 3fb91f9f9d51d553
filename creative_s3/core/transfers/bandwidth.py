"""A limit on bytes per second that all transfers of one engine share: s3transfer's own leaky bucket.

The Common Runtime has a target for its throughput, but no limit. So a limited run goes through the classic
engine, and large files, which `multipart` sends in parts, wait at the same bucket.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from s3transfer.bandwidth import BandwidthLimiter, LeakyBucket, RequestExceededException, RequestToken

if TYPE_CHECKING:
    from s3transfer.manager import TransferManager


class Bandwidth:
    """The limit; any thread may wait at it.

    Args:
        bytes_per_s: At least 1, both ways together.
    """

    def __init__(self, bytes_per_s: int) -> None:
        self._bucket = LeakyBucket(bytes_per_s)

    def wait(self, size_bytes: int) -> None:
        """Return when so many bytes may go."""
        token = RequestToken()
        while True:
            try:
                self._bucket.consume(size_bytes, token)
            except RequestExceededException as early:
                time.sleep(early.retry_time)
            else:
                return

    def hold_back(self, manager: TransferManager) -> None:
        """Let all transfers of a manager wait here, too."""
        # Its own setting would make a bucket of its own, and the two together twice the limit.
        limiter = BandwidthLimiter(self._bucket)
        manager._bandwidth_limiter = limiter  # type: ignore[attr-defined]  # noqa: SLF001 - no other way in
