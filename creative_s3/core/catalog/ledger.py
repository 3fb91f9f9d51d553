"""`Ledger`: writes down what commands moved, for `core.catalog.statistics`, and what files they brought.

What cannot be written is left out: no transfer fails for the sake of its statistics.
"""

from __future__ import annotations

import logging
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.runs import RunRecord
from creative_s3.core.catalog.usage import Tally
from creative_s3.errors import CreativeS3Error, ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from decimal import Decimal

_log = logging.getLogger(__name__)
_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True)
class Moved:
    """What a run has moved so far.

    Attributes:
        files: Files moved and proved.
        size_bytes: Their size.
        failed: Items that failed.
        exit_code: What the run ends with unless an error ends it.
        requests: Requests sent, by S3 operation name.
        price: What they cost, in dollars; None where nobody reckoned.
        created: Objects stored under keys that had none.
        replaced: Objects stored in place of other content.
        failures: How many items failed for which reason, by the error's code.
    """

    files: int = 0
    size_bytes: int = 0
    failed: int = 0
    exit_code: ExitCode = ExitCode.OK
    requests: Mapping[str, int] = field(default_factory=dict)
    price: Decimal | None = None
    created: int = 0
    replaced: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)


class Ledger:
    """The book of one cache and one bucket: a part of its catalog. Where there is no catalog, none is made.

    Args:
        path: The catalog's file.
        bucket: The remote side; see `core.catalog.catalog.remote_side`.
        root: The workspace; None where files that are brought into it need not be known.
    """

    def __init__(self, path: Path, bucket: str, *, root: Path | None = None) -> None:
        self._path = path
        self._bucket = bucket
        self._root = root

    def brought(self, files: Iterable[tuple[Path, str]]) -> None:
        """Record with which content files were brought into the workspace: path, CRC64NVME."""
        if self._root is None or not self._path.is_file():
            return
        places = ((Path(os.path.abspath(path)), crc) for path, crc in files)  # noqa: PTH100 - not through links
        inside = [
            (path.relative_to(self._root).as_posix(), crc)
            for path, crc in places
            if path.is_relative_to(self._root)
        ]
        if not inside:
            return
        try:
            with Catalog(self._path, bucket=self._bucket) as catalog:
                catalog.remember(origins=inside)
        except CreativeS3Error as error:
            _log.warning("where %d files came from was not written: %s", len(inside), error)

    def count(self, what: str, tally: Tally, *, at: datetime | None = None) -> None:
        """Add to one of the counts, such as `core.catalog.usage.UPLOADS`."""
        self._write({what: tally} if tally.times else {}, None, at or datetime.now(UTC))

    @contextmanager
    def run(self, command: str, moved: Callable[[], Moved], *, counts_as: str | None = None) -> Iterator[int]:
        """Record what happens within as a run, however it ends; yield its number, 0 if it has none.

        Args:
            command: Such as ``assets download``.
            moved: Tells what was moved, at the end.
            counts_as: Which of the counts, such as `core.catalog.usage.DOWNLOADS`, gets it too.
        """
        started_at, began_s = datetime.now(UTC), time.monotonic()
        number = self._begin(command, started_at)
        ended_by: BaseException | None = None
        try:
            yield number
        except BaseException as error:
            ended_by = error
            raise
        finally:
            done = moved()
            record = RunRecord(
                command=command,
                bucket=self._bucket,
                started_at=started_at.isoformat(timespec="seconds"),
                duration_s=round(time.monotonic() - began_s, 3),
                exit_code=exit_code_of(ended_by) if ended_by else done.exit_code,
                files=done.files,
                size_bytes=done.size_bytes,
                failed=done.failed,
                requests=dict(done.requests),
                number=number,
                price=None if done.price is None else str(done.price),
                created=done.created,
                replaced=done.replaced,
                failures=dict(done.failures),
            )
            tally = Tally(done.files, done.size_bytes)
            self._write({counts_as: tally} if counts_as and done.files else {}, record, started_at)

    def ended_with(self, number: int, exit_code: int) -> None:
        """Record the exit code of the process where it says more than the run knew, such as a later step."""
        if not number or not self._path.is_file():
            return
        try:
            with Catalog(self._path, bucket=self._bucket, timeout_s=_PATIENCE_S) as catalog:
                catalog.runs.set_exit_code(number, exit_code)
        except CreativeS3Error as error:
            _log.debug("the exit code of the run was not written: %s", error)

    def _begin(self, command: str, at: datetime) -> int:
        if not self._path.is_file():
            return 0
        try:
            with Catalog(self._path, bucket=self._bucket, timeout_s=_PATIENCE_S) as catalog:
                return catalog.runs.begin(command, at)
        except CreativeS3Error as error:
            _log.debug("the beginning of the run was not written: %s", error)
            return 0

    def _write(self, tallies: Mapping[str, Tally], run: RunRecord | None, at: datetime) -> None:
        if not self._path.is_file() or not (tallies or run):
            return
        try:
            with (
                Catalog(self._path, bucket=self._bucket, timeout_s=_PATIENCE_S) as catalog,
                catalog.database.transaction(),
            ):
                catalog.usage.record({}, tallies, at=at)
                if run:
                    catalog.runs.end(run)
        except CreativeS3Error as error:
            _log.debug("the statistics were not written: %s", error)


def exit_code_of(error: BaseException) -> int:
    """Return what the process ends with; an error that ends it by a signal knows that too."""
    unknown = ExitCode.INTERRUPTED if isinstance(error, KeyboardInterrupt) else ExitCode.UNEXPECTED
    return int(getattr(error, "exit_code", unknown))
