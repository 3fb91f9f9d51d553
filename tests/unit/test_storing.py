"""A run that stores objects one by one is on record with each, and a run that the CDN knows takes no more."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.storing import StoringRun
from creative_s3.core.catalog.usage import UPLOADS, Tally
from creative_s3.errors import TemporaryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIDE = "aws|my-bucket|creative-assets"


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "catalog.sqlite3", bucket=SIDE) as opened:
        yield opened


def test_nothing_stored_is_no_run(catalog: Catalog) -> None:
    StoringRun("assets upload")
    assert catalog.runs.all(10) == []


def test_a_run_is_complete_after_each_object(catalog: Catalog) -> None:
    run = StoringRun("assets upload")
    run.add(catalog, "p/a.png", 10, replaced=True, duration_s=1.5, requests={"PutObject": 1})
    (record,) = catalog.runs.last(10)
    assert (record.command, record.files, record.replaced, record.created) == ("assets upload", 1, 1, 0)
    run.add(catalog, "p/b.png", 20, replaced=False, duration_s=0.5, requests={"PutObject": 2})
    (record,) = catalog.runs.last(10)
    assert (record.files, record.size_bytes, record.replaced, record.created) == (2, 30, 1, 1)
    assert (record.duration_s, record.requests, record.exit_code) == (2.0, {"PutObject": 3}, 0)
    assert [change.key for change in catalog.runs.changes(record.number)] == ["p/a.png", "p/b.png"]
    assert [change.key for change in catalog.runs.unannounced()] == ["p/a.png"]
    assert catalog.usage.totals() == {UPLOADS: Tally(2, 30)}


def test_a_run_that_the_cdn_was_told_of_takes_no_more(catalog: Catalog) -> None:
    run = StoringRun("assets upload")
    run.add(catalog, "p/a.png", 10, replaced=True)
    catalog.runs.announce(catalog.runs.unannounced(), "runs 1")
    run.add(catalog, "p/a.png", 11, replaced=True)
    run.add(catalog, "p/b.png", 12, replaced=True)
    assert [record.files for record in catalog.runs.last(10)] == [2, 1]
    assert [(change.run, change.key) for change in catalog.runs.unannounced()] == [
        (2, "p/a.png"),
        (2, "p/b.png"),
    ]


def test_what_was_not_written_is_not_counted(catalog: Catalog) -> None:
    run = StoringRun("assets upload")
    run.add(catalog, "p/a.png", 10, replaced=False)
    with (
        Catalog(catalog.path, bucket=SIDE, timeout_s=0) as other,
        catalog.database.transaction(),
        pytest.raises(TemporaryError),
    ):
        run.add(other, "p/b.png", 10, replaced=False)
    run.add(catalog, "p/c.png", 10, replaced=False)
    (record,) = catalog.runs.last(10)
    assert record.files == 2


def test_a_child_of_a_fork_has_a_run_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    run = StoringRun("assets upload")
    with Catalog(path, bucket=SIDE) as catalog:
        run.add(catalog, "p/a.png", 10, replaced=False)
    child = os.fork()
    if not child:
        with Catalog(path, bucket=SIDE) as catalog:
            run.add(catalog, "p/b.png", 20, replaced=False)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    with Catalog(path, bucket=SIDE) as catalog:
        assert [record.size_bytes for record in catalog.runs.last(10)] == [20, 10]
