"""Movements between the tiers: what each run demoted and promoted, and what is half done.

A demotion is in the journal before its file is touched and leaves it when the file is gone, or has stayed;
what a crash left there, the next run settles. The record of finished ones is what ``tiers undo`` and
``tiers log`` live on.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from creative_s3.core.files.times import packed, unpacked
from creative_s3.core.tiers.tiers import Action, Amount

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from creative_s3.core.catalog.database import Database

DEMOTE_ACTION = "demote"
"""In the journal: a file that may be on its way out."""
_COLUMNS = (
    "run, file_path, at, action, command, bucket, cache_key, key, version_id, size_bytes, crc64nvme, mode,"
    " mtime_ns, reason"
)


@dataclass(frozen=True, slots=True)
class Movement:
    """One file that a run demoted or promoted.

    Attributes:
        run: The run's number.
        file_path: Relative to the workspace.
        at: ISO 8601, UTC.
        action: In which direction.
        command: What was run, such as ``tiers manage``.
        bucket: The remote side.
        cache_key: The asset.
        key: Its object.
        version_id: The object's version, in a versioned bucket.
        size_bytes: The file's length.
        crc64nvme: Of its content.
        mode: Its permissions.
        mtime_ns: When it was written.
        reason: Why it was moved, in words.
    """

    run: int
    file_path: str
    at: str
    action: str
    command: str
    bucket: str
    cache_key: str
    key: str
    version_id: str | None
    size_bytes: int
    crc64nvme: str
    mode: int
    mtime_ns: int
    reason: str


@dataclass(frozen=True, slots=True)
class Pending:
    """A demotion that was begun and is not known to be over.

    Attributes:
        number: Of the journal's entry; the name aside has it in it.
        run: Which run began it.
        file_path: Relative to the workspace.
        cache_keys: All assets of the file.
        crc64nvme: Of the content that was proved.
    """

    number: int
    run: int
    file_path: str
    cache_keys: tuple[str, ...]
    crc64nvme: str


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What one run moved.

    Attributes:
        run: Its number.
        at: When it began to move files, ISO 8601, UTC.
        command: What was run.
        bucket: The remote side.
        demoted: Files removed from local disk.
        demoted_bytes: Their size.
        promoted: Files brought back.
        promoted_bytes: Their size.
        still_cold: Of the demoted files, those that are in S3 only today.
    """

    run: int
    at: str
    command: str
    bucket: str
    demoted: int
    demoted_bytes: int
    promoted: int
    promoted_bytes: int
    still_cold: int


class Movements:
    """The movements of one catalog; any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, demotions: Sequence[tuple[Movement, tuple[str, ...]]]) -> list[Pending]:
        """Record demotions as begun, with all assets of each file; part of the transaction around it."""
        pending = []
        with self._database.transaction() as database:
            for movement, cache_keys in demotions:
                content = {"run": movement.run, "cache_keys": cache_keys, "crc64nvme": movement.crc64nvme}
                cursor = database.execute(
                    "INSERT INTO journal (at, action, section, entry, content) VALUES (?, ?, '', ?, ?)",
                    (movement.at, DEMOTE_ACTION, movement.file_path, json.dumps(content)),
                )
                number = int(cursor.lastrowid or 0)
                pending.append(
                    Pending(number, movement.run, movement.file_path, cache_keys, movement.crc64nvme)
                )
            self.record([movement for movement, _ in demotions])
        return pending

    def record(self, movements: Iterable[Movement]) -> None:
        """Record movements; durable when the transaction around it, or this call, ends."""
        marks = ", ".join("?" * len(_COLUMNS.split(",")))
        with self._database.transaction() as database:
            database.executemany(
                f"INSERT OR REPLACE INTO movement ({_COLUMNS}) VALUES ({marks})",  # noqa: S608 - names of our own
                [
                    tuple({**asdict(movement), "mtime_ns": packed(movement.mtime_ns)}.values())
                    for movement in movements
                ],
            )

    def end(self, gone: Iterable[Pending], stayed: Iterable[Pending]) -> None:
        """Record how demotions ended; those that stayed are forgotten."""
        stayed = list(stayed)
        with self._database.transaction() as database:
            database.executemany(
                "DELETE FROM journal WHERE id=? AND action=?",
                [(one.number, DEMOTE_ACTION) for one in (*gone, *stayed)],
            )
            database.executemany(
                "DELETE FROM movement WHERE run=? AND file_path=?",
                [(one.run, one.file_path) for one in stayed],
            )

    def pending(self) -> list[Pending]:
        """Return the demotions that a run began and did not end, oldest first."""
        rows = self._database.rows(
            "SELECT id, entry, content FROM journal WHERE action=? ORDER BY id", (DEMOTE_ACTION,)
        )
        found = []
        for number, file_path, text in rows:
            content = json.loads(text)
            found.append(
                Pending(number, content["run"], file_path, tuple(content["cache_keys"]), content["crc64nvme"])
            )
        return found

    def amount_of(self, run: int) -> Amount:
        """Return what a run has moved so far, in both directions."""
        row = self._database.row(
            "SELECT count(*), ifnull(sum(size_bytes), 0) FROM movement WHERE run=?", (run,)
        )
        return Amount(*row)

    def demoted_by(self, run: int) -> list[Movement]:
        """Return the files that a run demoted, by path."""
        return self._movements("run=? AND action=?", (run, str(Action.DEMOTE)))

    def last_demotion_of(self, file_path: str) -> Movement | None:
        """Return the last time that a file was demoted; None for never."""
        found = self._movements("file_path=? AND action=?", (file_path, str(Action.DEMOTE)))
        return max(found, key=lambda movement: movement.run, default=None)

    def last_undoable_run(self) -> int | None:
        """Return the last run of which a demoted file is still in S3 only; None when there is none."""
        row = self._database.row(
            "SELECT max(run) FROM movement WHERE action=? AND EXISTS"
            " (SELECT 1 FROM asset WHERE asset.file_path=movement.file_path AND is_cold)",
            (str(Action.DEMOTE),),
        )
        return row[0] if row else None

    def returns(self) -> dict[str, str]:
        """Return when files were brought back last, ISO 8601: file path -> time."""
        return dict(
            self._database.rows(
                "SELECT file_path, max(at) FROM movement WHERE action=? GROUP BY file_path",
                (str(Action.PROMOTE),),
            )
        )

    def runs(self, limit: int) -> list[RunSummary]:
        """Return what the last runs moved, the newest first."""
        rows = self._database.rows(
            "SELECT run, min(at), min(command), min(bucket),"
            " sum(action='demote'), sum((action='demote') * size_bytes),"
            " sum(action='promote'), sum((action='promote') * size_bytes),"
            " sum(action='demote' AND EXISTS"
            " (SELECT 1 FROM asset WHERE asset.file_path=movement.file_path AND is_cold))"
            " FROM movement GROUP BY run ORDER BY run DESC LIMIT ?",
            (limit,),
        )
        return [RunSummary(*row) for row in rows]

    def _movements(self, where: str, values: tuple[object, ...]) -> list[Movement]:
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM movement WHERE {where} ORDER BY run, file_path",  # noqa: S608 - our own
            values,
        )
        found = [Movement(*row) for row in rows]
        return [replace(movement, mtime_ns=unpacked(movement.mtime_ns)) for movement in found]
