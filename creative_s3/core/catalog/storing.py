"""`StoringRun`: a run that stores objects one by one, and is on record with each of them."""

from __future__ import annotations

import os
import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from creative_s3.core.catalog.runs import RunRecord
from creative_s3.core.catalog.usage import UPLOADS, Tally
from creative_s3.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from creative_s3.core.catalog.catalog import Catalog


class StoringRun:
    """A run from the first object that it stores to the last one; any thread.

    There is no run before something was stored, and the record is complete after each object: a program that
    uses the library may end at any moment. A run of which the CDN was told takes no more objects, because
    its requests are named after it: the next object begins another one. So does the first one after a fork.

    Args:
        command: Such as ``assets upload``.
    """

    def __init__(self, command: str) -> None:
        self._command = command
        self._lock = threading.Lock()
        self._owner = os.getpid()
        self._run: RunRecord | None = None

    def add(  # noqa: PLR0913 - what there is to say of an object
        self,
        catalog: Catalog,
        key: str,
        size_bytes: int,
        *,
        replaced: bool,
        duration_s: float = 0.0,
        requests: Mapping[str, int] | None = None,
    ) -> None:
        """Record an object that was stored and proved.

        Args:
            catalog: Always the same one, or another one of the same file.
            key: The full key.
            size_bytes: Its length.
            replaced: Whether other content was there before.
            duration_s: How long it took.
            requests: What was sent, by S3 operation name.

        Raises:
            CreativeS3Error: The catalog cannot be written; nothing was recorded.
        """
        with self._lock:
            with catalog.database.transaction():
                at = datetime.now(UTC)
                run = self._present(catalog) or self._new(catalog, at)
                run = replace(
                    run,
                    duration_s=round(run.duration_s + duration_s, 3),
                    files=run.files + 1,
                    size_bytes=run.size_bytes + size_bytes,
                    requests=Counter(run.requests) + Counter(requests or {}),
                    created=run.created + (not replaced),
                    replaced=run.replaced + replaced,
                )
                catalog.runs.add_changes(run.number, [(key, replaced)])
                catalog.runs.end(run)
                catalog.usage.record({}, {UPLOADS: Tally(1, size_bytes)}, at=at)
            self._run = run

    def _present(self, catalog: Catalog) -> RunRecord | None:
        """Return the run that takes more objects, if there is one."""
        if self._owner != os.getpid():
            self._owner, self._run = os.getpid(), None
        return None if self._run is None or catalog.runs.is_announced(self._run.number) else self._run

    def _new(self, catalog: Catalog, at: datetime) -> RunRecord:
        return RunRecord(
            command=self._command,
            bucket=catalog.bucket,
            started_at=at.isoformat(timespec="seconds"),
            duration_s=0.0,
            exit_code=ExitCode.OK,
            files=0,
            size_bytes=0,
            failed=0,
            requests={},
            number=catalog.runs.begin(self._command, at),
        )
