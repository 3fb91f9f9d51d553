"""What the history and the statistics keep of a run of the tiers, however it ends; not worth failing for."""

from __future__ import annotations

import logging
import time
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from creative_s3.core.catalog.ledger import exit_code_of
from creative_s3.core.catalog.runs import RunRecord
from creative_s3.errors import CreativeS3Error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.tiers.report import TierReport
    from creative_s3.core.tiers.tiers import Amount

_log = logging.getLogger(__name__)


class Recording:
    """One run; one that has nothing to move is not recorded.

    Args:
        catalog: Where it is recorded.
        command: Such as ``tiers manage``.
    """

    def __init__(self, catalog: Catalog, command: str) -> None:
        self._catalog = catalog
        self._command = command
        self._started_at = datetime.now(UTC)
        self._began_s = time.monotonic()
        self._number: int | None = None

    def begin(self) -> int:
        """Record that files are about to move: whoever is killed now is in the history all the same.

        Returns:
            The run's number, in the history and of its movements.

        Raises:
            CreativeS3Error: The catalog cannot be written, and so no movement could be recorded.
        """
        if self._number is None:
            self._number = self._catalog.runs.begin(self._command, self._started_at)
        return self._number

    def end(self, report: TierReport) -> None:
        """Record how it ended."""
        self._end(
            int(report.exit_code),
            report.demoted + report.promoted,
            report.demoted_bytes + report.promoted_bytes,
            failures=Counter(item.error.code if item.error else "left" for item in report.failures),
            requests=report.requests,
        )

    def stop(self, error: BaseException, moved: Callable[[int], Amount], requests: Mapping[str, int]) -> None:
        """Record what ended it before its time.

        Args:
            error: That.
            moved: Tells what the run of a number had moved by then.
            requests: Requests sent, by S3 operation name.
        """
        if self._number is None:
            return
        try:
            amount = moved(self._number)
        except CreativeS3Error as unknown:
            _log.warning("what the run has moved is not in the history: %s", unknown.message)
            return
        self._end(exit_code_of(error), amount.files, amount.size_bytes, failures={}, requests=requests)

    def _end(
        self,
        exit_code: int,
        files: int,
        size_bytes: int,
        *,
        failures: Mapping[str, int],
        requests: Mapping[str, int],
    ) -> None:
        if self._number is None:
            return
        run = RunRecord(
            command=self._command,
            bucket=self._catalog.bucket,
            started_at=self._started_at.isoformat(timespec="seconds"),
            duration_s=time.monotonic() - self._began_s,
            exit_code=exit_code,
            files=files,
            size_bytes=size_bytes,
            failed=sum(failures.values()),
            failures=failures,
            requests=requests,
            number=self._number,
        )
        try:
            self._catalog.runs.end(run)
        except CreativeS3Error as error:
            _log.warning("the run is not in the statistics: %s", error.message)
