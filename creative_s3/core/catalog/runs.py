"""Runs: what each command moved, and what it changed in the bucket."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from creative_s3.core.catalog.database import Database

NOT_ENDED = -1
"""The exit code of a run that is still at work, or was killed."""
_COLUMNS = (
    "command, bucket, started_at, duration_s, exit_code, files, bytes, failed, requests, id, token, price,"
    " created, replaced, failures"
)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run that moved something.

    Attributes:
        command: Such as ``migrate upload``.
        bucket: The remote side.
        started_at: ISO 8601, UTC.
        duration_s: Wall time; 0 until it has ended.
        exit_code: What it ended with; `NOT_ENDED` for one that is still at work, or was killed.
        files: Files moved and proved.
        size_bytes: Their size.
        failed: Items that failed.
        requests: Requests sent, by S3 operation name.
        number: Counts the runs of the catalog; 0 before it is recorded.
        token: Names the run among those of all machines.
        price: What its requests cost, in dollars, by the prices of its day; None where nobody reckoned.
        created: Objects stored under keys that had none.
        replaced: Objects stored in place of other content.
        failures: How many items failed for which reason, by the error's code.
    """

    command: str
    bucket: str
    started_at: str
    duration_s: float
    exit_code: int
    files: int
    size_bytes: int
    failed: int
    requests: Mapping[str, int]
    number: int = 0
    token: str = ""
    price: str | None = None
    created: int = 0
    replaced: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Whether its end was recorded."""
        return self.exit_code != NOT_ENDED

    @property
    def bytes_per_s(self) -> float:
        """Its average speed; 0 where there is none."""
        return self.size_bytes / self.duration_s if self.duration_s else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``; the exit code is null for a run that has not ended."""
        return {
            "run": self.number,
            "command": self.command,
            "bucket": self.bucket,
            "started_at": self.started_at,
            "duration_s": self.duration_s,
            "exit_code": self.exit_code if self.has_ended else None,
            "files": self.files,
            "size_bytes": self.size_bytes,
            "bytes_per_s": round(self.bytes_per_s),
            "created": self.created,
            "replaced": self.replaced,
            "failed": self.failed,
            "failures": dict(self.failures),
            "requests": dict(self.requests),
            "price": self.price,
        }


@dataclass(frozen=True, slots=True)
class Change:
    """An object that a run stored.

    Attributes:
        run: The run's number.
        key: The full key.
        replaced: Whether other content was there before.
        invalidation: The token of the invalidation that told the CDN; None when none did.
    """

    run: int
    key: str
    replaced: bool
    invalidation: str | None = None


class Runs:
    """The runs of one catalog, and their changes in one bucket; any thread."""

    def __init__(self, database: Database, bucket: str) -> None:
        self._database = database
        self._bucket = bucket

    def begin(self, command: str, at: datetime, *, bucket: str | None = None) -> int:
        """Record that a run begins, in the catalog's bucket or another; return its number."""
        with self._database.transaction() as database:
            added = database.execute(
                "INSERT INTO run (id, command, bucket, started_at, duration_s, exit_code, files, bytes,"
                " failed, requests, token) VALUES (1 + max(ifnull((SELECT max(id) FROM run), 0),"
                " ifnull((SELECT max(run) FROM movement), 0)), ?, ?, ?, 0, ?, 0, 0, 0, '{}', ?)",
                (
                    command,
                    bucket or self._bucket,
                    at.isoformat(timespec="seconds"),
                    NOT_ENDED,
                    secrets.token_hex(8),
                ),
            )
            return int(added.lastrowid or 0)

    def end(self, run: RunRecord) -> None:
        """Record how a run ended; one whose beginning was not recorded is added."""
        number = run.number or self.begin(run.command, _time(run.started_at), bucket=run.bucket)
        with self._database.transaction() as database:
            database.execute(
                "UPDATE run SET duration_s=?, exit_code=?, files=?, bytes=?, failed=?, requests=?, price=?,"
                " created=?, replaced=?, failures=? WHERE id=?",
                (
                    run.duration_s,
                    run.exit_code,
                    run.files,
                    run.size_bytes,
                    run.failed,
                    json.dumps(dict(run.requests)),
                    run.price,
                    run.created,
                    run.replaced,
                    json.dumps(dict(run.failures)),
                    number,
                ),
            )

    def set_exit_code(self, number: int, exit_code: int) -> None:
        """Record what the process of a run ended with in the end."""
        with self._database.transaction() as database:
            database.execute("UPDATE run SET exit_code=? WHERE id=?", (exit_code, number))

    def last(self, limit: int) -> list[RunRecord]:
        """Return the last runs that have ended, the newest first."""
        return self._read(f"WHERE exit_code <> {NOT_ENDED} ORDER BY id DESC LIMIT ?", (limit,))

    def all(self, limit: int) -> list[RunRecord]:
        """Return the last runs, also those that have not ended, the newest first."""
        return self._read("ORDER BY id DESC LIMIT ?", (limit,))

    def get(self, number: int) -> RunRecord | None:
        """Return one run; None when there is no such."""
        found = self._read("WHERE id=?", (number,))
        return found[0] if found else None

    def add_changes(self, run: int, changes: Iterable[tuple[str, bool]]) -> None:
        """Record objects that a run stored: key, and whether it replaced other content."""
        with self._database.transaction() as database:
            database.executemany(
                "INSERT OR REPLACE INTO change VALUES (?, ?, ?, ?, NULL)",
                [(self._bucket, run, key, replaced) for key, replaced in changes],
            )

    def changes(self, run: int) -> list[Change]:
        """Return what a run stored, in the order of the keys."""
        rows = self._database.rows(
            "SELECT run, key, replaced, invalidation FROM change WHERE bucket=? AND run=? ORDER BY key",
            (self._bucket, run),
        )
        return [Change(number, key, bool(replaced), told) for number, key, replaced, told in rows]

    def unannounced(self) -> list[Change]:
        """Return the replaced objects that no invalidation has told the CDN of, in the order of the runs."""
        rows = self._database.rows(
            "SELECT run, key FROM change WHERE bucket=? AND replaced AND invalidation IS NULL"
            " ORDER BY run, key",
            (self._bucket,),
        )
        return [Change(number, key, replaced=True) for number, key in rows]

    def is_announced(self, run: int) -> bool:
        """Tell whether an invalidation has told the CDN of anything that a run stored."""
        rows = self._database.rows(
            "SELECT 1 FROM change WHERE bucket=? AND run=? AND invalidation IS NOT NULL LIMIT 1",
            (self._bucket, run),
        )
        return any(True for _ in rows)

    def announce(self, changes: Iterable[Change], token: str) -> None:
        """Record which invalidation tells the CDN of changes."""
        with self._database.transaction() as database:
            database.executemany(
                "UPDATE change SET invalidation=? WHERE bucket=? AND run=? AND key=?",
                [(token, self._bucket, change.run, change.key) for change in changes],
            )

    def take_back(self, token: str) -> None:
        """Record that the CDN was not told after all."""
        with self._database.transaction() as database:
            database.execute(
                "UPDATE change SET invalidation=NULL WHERE bucket=? AND invalidation=?", (self._bucket, token)
            )

    def _read(self, condition: str, values: tuple[object, ...]) -> list[RunRecord]:
        rows = self._database.rows(f"SELECT {_COLUMNS} FROM run {condition}", values)  # noqa: S608 - ours
        return [_record(*row) for row in rows]


def _record(*row: Any) -> RunRecord:  # noqa: ANN401 - a row of the table
    values = (*row[:8], json.loads(row[8]), *row[9:14], json.loads(row[14]))
    return RunRecord(*values)


def _time(text: str) -> datetime:
    from datetime import datetime as moment  # noqa: PLC0415 - needed for this alone

    return moment.fromisoformat(text)
