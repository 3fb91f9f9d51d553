"""What commands moved is written down, and never at the cost of the command."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.ledger import Ledger, Moved
from creative_s3.core.catalog.schema import MIGRATIONS
from creative_s3.core.catalog.usage import DOWNLOADS, UPLOADS, Tally
from creative_s3.errors import BucketNotFoundError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from creative_s3.core.catalog.runs import RunRecord

SIDE = "aws|my-bucket|creative-assets"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.sqlite3"
    Catalog(path, bucket=SIDE).close()
    return path


def runs(path: Path) -> list[RunRecord]:
    with Catalog(path, bucket=SIDE) as catalog:
        return catalog.runs.last(10)


def totals(path: Path) -> dict[str, Tally]:
    with Catalog(path, bucket=SIDE) as catalog:
        return catalog.usage.totals()


def test_counts_add_up(path: Path) -> None:
    Ledger(path, SIDE).count(UPLOADS, Tally(1, 10))
    Ledger(path, SIDE).count(UPLOADS, Tally(2, 30))
    Ledger(path, SIDE).count(UPLOADS, Tally())
    assert totals(path) == {UPLOADS: Tally(3, 40)}


def test_a_run_is_recorded_with_what_it_moved(path: Path) -> None:
    moved = Moved(3, 300, failed=1, exit_code=ExitCode.ITEMS_FAILED, requests={"GetObject": 3})
    with Ledger(path, SIDE).run("assets download", lambda: moved, counts_as=DOWNLOADS):
        assert runs(path) == []
    (run,) = runs(path)
    assert (run.command, run.bucket, run.exit_code) == ("assets download", SIDE, 3)
    assert (run.files, run.size_bytes, run.failed, run.requests) == (3, 300, 1, {"GetObject": 3})
    assert run.duration_s >= 0
    assert totals(path) == {DOWNLOADS: Tally(3, 300)}


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [(BucketNotFoundError("gone"), 5), (KeyboardInterrupt(), 130), (ZeroDivisionError(), 1)],
)
def test_a_run_that_breaks_off_is_recorded_too(path: Path, error: BaseException, exit_code: int) -> None:
    with pytest.raises(type(error)), Ledger(path, SIDE).run("migrate upload", lambda: Moved(2, 20)):
        raise error
    (run,) = runs(path)
    assert (run.exit_code, run.files) == (exit_code, 2)
    assert totals(path) == {}


def test_no_catalog_is_made_for_it(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    Ledger(path, SIDE).count(UPLOADS, Tally(1, 1))
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_stops_nothing(path: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 999")
    with Ledger(path, SIDE).run("assets download", Moved):
        pass
    damaged = tmp_path / "damaged.sqlite3"
    damaged.write_bytes(b"no database" * 100)
    Ledger(damaged, SIDE).count(UPLOADS, Tally(1, 1))
    assert damaged.read_bytes() == b"no database" * 100


def test_an_error_of_the_run_is_not_hidden_by_one_of_its_statistics(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.sqlite3"
    damaged.write_bytes(b"no database" * 100)
    with pytest.raises(BucketNotFoundError), Ledger(damaged, SIDE).run("migrate upload", Moved):
        raise BucketNotFoundError("gone")


def test_another_process_that_writes_is_not_waited_for_long(path: Path) -> None:
    with Catalog(path, bucket=SIDE) as catalog, catalog.database.transaction():
        Ledger(path, SIDE).count(UPLOADS, Tally(1))
    assert totals(path) == {}


def test_a_run_that_has_not_ended_is_known_and_not_among_the_last(path: Path) -> None:
    with Ledger(path, SIDE).run("migrate upload", Moved) as number, Catalog(path, bucket=SIDE) as catalog:
        (run,) = catalog.runs.all(10)
        assert (run.number, run.has_ended, run.to_dict()["exit_code"]) == (number, False, None)
        assert catalog.runs.last(10) == []
    assert [run.number for run in runs(path)] == [number]


def test_price_and_reasons_of_failures_are_kept(path: Path) -> None:
    moved = Moved(
        1, 10, failed=3, price=Decimal("0.0042"), created=1, failures={"changed": 2, "temporary": 1}
    )
    with Ledger(path, SIDE).run("migrate upload", lambda: moved):
        pass
    (run,) = runs(path)
    assert (run.price, run.failures, run.created) == ("0.0042", {"changed": 2, "temporary": 1}, 1)


def test_a_catalog_of_the_version_before_keeps_its_runs(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    with closing(sqlite3.connect(path)) as database:
        for step in MIGRATIONS[:2]:
            database.executescript(step)
        database.execute(
            "INSERT INTO run"
            " (command, bucket, started_at, duration_s, exit_code, files, bytes, failed, requests)"
            " VALUES ('migrate upload', ?, '2026-05-01T10:00:00+00:00', 1.5, 0, 3, 300, 0, '{}')",
            (SIDE,),
        )
        database.execute("PRAGMA user_version = 2")
        database.commit()
    (run,) = runs(path)
    assert (run.number, run.files, run.price, run.failures, run.replaced) == (1, 3, None, {}, 0)
