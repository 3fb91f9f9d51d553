"""The groundwork of the census: what the catalog alone says of each file, found out in a thread.

It is one long statement, during which SQLite holds nobody up: meanwhile boto3 is loaded, the bucket is asked
for its rules, and the disk is looked at. Reads only.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from creative_s3.core.catalog.database import BUSY_TIMEOUT_S, Database
from creative_s3.core.catalog.places import catalog_path, side_of
from creative_s3.core.tiers import census_sql as sql
from creative_s3.core.tiers.facts import USES
from creative_s3.core.tiers.movements import Movements
from creative_s3.core.tiers.pins import Pins, read_pins
from creative_s3.core.tiers.tiers import first_recent_day

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from creative_s3.settings import S3Config

_EARLY_TIMEOUT_S = 1.0
"""What is begun early must not keep anybody who ends early."""


@contextmanager
def begun(config: S3Config) -> Iterator[Groundwork | None]:
    """Begin it with the settings alone, before there is a connection; None where there is no catalog yet.

    If it turns out to be for another bucket, as when a profile names a server, a `Census` begins anew.
    """
    path = catalog_path(config.cache_dir)
    if config.bucket_name is None or not path.is_file():
        yield None
        return
    groundwork = Groundwork(
        path,
        config.cache_dir,
        bucket=side_of(config.endpoint_url, config.bucket_name, config.prefix),
        now=datetime.now(UTC),
        timeout_s=_EARLY_TIMEOUT_S,
    )
    try:
        yield groundwork
    finally:
        groundwork.close()


class Groundwork:
    """Begins at once; a `Census` waits for it, and closes it.

    Args:
        path: Of the catalog.
        cache_dir: The cache.
        bucket: The remote side.
        now: With time zone.
        timeout_s: How long to wait for another process that writes to the catalog.

    Attributes:
        pins: What is pinned; after `finish`.
        returns: When files were brought back last, ISO 8601, by path; after `finish`.
    """

    def __init__(
        self, path: Path, cache_dir: Path, *, bucket: str, now: datetime, timeout_s: float = BUSY_TIMEOUT_S
    ) -> None:
        self.pins = Pins()
        self.returns: Mapping[str, str] = {}
        self._path = path
        self._cache_dir = cache_dir
        self._bucket = bucket
        self._since = first_recent_day(now)
        self._timeout_s = timeout_s
        self._version: int | None = None
        self._database: Database | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="groundwork", daemon=True)
        self._thread.start()

    def finish(self) -> Database:
        """Wait until it is done; return the connection that has the tables.

        Raises:
            RefusedError: The list of pins cannot be read.
            CatalogError: The catalog cannot be used.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        if self._database is None:
            raise RuntimeError("the groundwork was closed")
        return self._database

    def holds(self, path: Path, *, bucket: str, now: datetime) -> bool:
        """Wait until it is done; tell whether it is what would be found out now."""
        if (path, bucket, first_recent_day(now)) != (self._path, self._bucket, self._since):
            return False
        self._thread.join()
        if self._error is not None or self._database is None:
            return False
        return self._version == _version(self._database)

    def close(self) -> None:
        """End it, whether it is done or not."""
        if self._database is not None:
            self._database.interrupt()
        self._thread.join()
        if self._database is not None:
            self._database.close()
            self._database = None

    def _run(self) -> None:
        try:
            # A connection of its own: its tables are nobody else's, and nobody waits for it.
            self._database = Database(self._path, timeout_s=self._timeout_s, read_only=True)
            self.pins = read_pins(self._cache_dir)
            self._take(self._database)
        except BaseException as error:  # noqa: BLE001 - raised again where somebody waits for it
            self._error = error

    def _take(self, database: Database) -> None:
        inside = f"{self._cache_dir.name}/"
        with database.temporary() as connection:
            self._version = _version(database)
            self.returns = Movements(database).returns()
            for statement in sql.KNOWN_TABLES:
                connection.execute(statement)
            connection.executemany("INSERT INTO pinned VALUES (?)", [(key,) for key in self.pins.keys])
            connection.executemany(
                "INSERT INTO pinned_campaign VALUES (?)", [(one,) for one in self.pins.campaigns]
            )
            connection.executemany("INSERT INTO returned VALUES (?, ?)", self.returns.items())
            connection.execute(f"INSERT INTO used {USES} ORDER BY cache_key", (self._since,))
            connection.execute(sql.KINDS)
            values = {"bucket": self._bucket, "inside": inside, "after": f"{inside[:-1]}0"}
            connection.execute(sql.KNOW, values)


def _version(database: Database) -> int:
    """Return a number that is another one as soon as anybody has changed the catalog."""
    return int(database.row("PRAGMA data_version")[0])
