"""`LimitKeeper`: keeps a cache within its limit by itself, when downloads have taken it over.

When it is time is decided here; what goes, and its proof, is the tiers' as ever. It fails for nobody: who
wanted a file has it, and what stood against making room is in the log.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from creative_s3.core.tiers.survey import measure_room
from creative_s3.errors import CreativeS3Error

if TYPE_CHECKING:
    from collections.abc import Callable

    from creative_s3.core.files.workspace import Workspace
    from creative_s3.core.tiers.report import TierReport

MEASURED_FOR_S = 60.0
"""How long a measured size counts, with the downloads added to it: others write files, too."""
REST_S = 60.0
"""After a try that left the cache over its limit: what is in use now will not be let go of a moment later."""

_log = logging.getLogger(__name__)


class LimitKeeper:
    """Counts what is downloaded, and makes room when that is too much; any thread.

    Args:
        workspace: The cache.
        make_room: Demotes what the policy says.
        clock: In seconds; only goes forward.
    """

    def __init__(
        self,
        workspace: Workspace,
        make_room: Callable[[], TierReport],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workspace = workspace
        self._make_room = make_room
        self._clock = clock
        self._turn = threading.Lock()
        self._used_bytes = 0
        self._measured_at: float | None = None
        self._rests_until = 0.0

    def add(self, size_bytes: int, *, limit_bytes: int) -> TierReport | None:
        """Count a file that has arrived; make room if that is due, and return what became of it.

        While another thread makes room, nobody else does.
        """
        if not self._turn.acquire(blocking=False):
            return None
        try:
            self._used_bytes += size_bytes
            if self._measured_at is None or self._clock() - self._measured_at > MEASURED_FOR_S:
                self._measure()
            if self._used_bytes <= limit_bytes or self._clock() < self._rests_until:
                return None
            self._measure()  # counted bytes are a guess: others remove files, too
            if self._used_bytes <= limit_bytes:
                return None
            report = self._make_room()
            self._measure()
            if self._used_bytes > limit_bytes:
                self._rests_until = self._clock() + REST_S
                over = self._used_bytes - limit_bytes
                _log.warning("the cache is %d bytes over its limit, and nothing more may go now", over)
        except (CreativeS3Error, OSError) as error:
            self._rests_until = self._clock() + REST_S
            _log.warning("the cache is over its limit, and no room was made: %s", error)
            return None
        finally:
            self._turn.release()
        _log.info(
            "the cache was over its limit: %d files (%d bytes) went", report.demoted, report.demoted_bytes
        )
        return report

    def _measure(self) -> None:
        self._used_bytes = measure_room(self._workspace).used_bytes
        self._measured_at = self._clock()
