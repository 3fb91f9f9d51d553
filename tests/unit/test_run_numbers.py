"""One numbering of runs: catalogs whose tiers counted for themselves get the numbers of the history."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.catalog.runs import RunRecord
from creative_s3.core.discovery.rebuild import rebuild
from creative_s3.core.tiers.movements import Movement, Movements

BEGINNING = datetime(2026, 11, 1, tzinfo=UTC)
COMMANDS = ("tiers demote", "tiers manage", "tiers undo")


class Lived(NamedTuple):
    """A run that a catalog of the version before has.

    Attributes:
        command: What was run.
        files: How many it moved.
        is_known: Whether it is in the history.
        number: There.
    """

    command: str
    files: int
    is_known: bool
    number: int = 0


lives = st.lists(
    st.builds(Lived, st.sampled_from(("migrate upload", *COMMANDS)), st.integers(0, 3), st.booleans()),
    max_size=8,
)


def make_old(path: Path, lived: list[Lived]) -> list[Lived]:
    """Make a catalog of the version before, with numbers of the tiers' own; return the history's."""
    own, numbered = 0, []
    with Catalog(path, bucket="b") as catalog:
        for hours, run in enumerate(lived):
            at, number = BEGINNING + timedelta(hours=hours), 0
            if run.is_known:
                number = catalog.runs.begin(run.command, at)
                ended = RunRecord(run.command, "b", "", 1.0, 0, run.files, 0, 0, {}, number)
                catalog.runs.end(ended)
            numbered.append(run._replace(number=number))
            if run.command in COMMANDS and run.files:
                own += 1
                told = (own, at + timedelta(seconds=3), run.command)
                moved = [_movement(*told, path=f"cache/{hours}-{file}.png") for file in range(run.files)]
                Movements(catalog.database).record(moved)
        with catalog.database.transaction() as database:
            for entry, content in (("e", json.dumps({"run": own})), ("f", "no JSON")):
                database.execute(
                    "INSERT INTO journal (at, action, section, entry, content)"
                    " VALUES (?, 'demote', '', ?, ?)",
                    (BEGINNING.isoformat(), entry, content),
                )
            database.execute("PRAGMA user_version = 6")
    return numbered


def _movement(run: int, at: datetime, command: str, *, path: str) -> Movement:
    then = at.isoformat(timespec="seconds")
    return Movement(run, path, then, "demote", command, "b", path, f"k/{path}", None, 10, "x", 0o644, 1, "")


def check(catalog: Catalog, lived: list[Lived]) -> None:
    """See that each run that moved files is in the history once, by the number of its movements."""
    of_run: defaultdict[str, set[int]] = defaultdict(set)
    for number, path in catalog.database.rows("SELECT run, file_path FROM movement"):
        of_run[path.removeprefix("cache/").partition("-")[0]].add(number)
    moving = {str(hours): run for hours, run in enumerate(lived) if run.command in COMMANDS and run.files}
    assert of_run.keys() == moving.keys()
    numbers = [number for found in of_run.values() for number in found]
    assert len(numbers) == len(set(numbers)) == len(moving)
    for hours, (number,) in ((hours, tuple(found)) for hours, found in of_run.items()):
        record = catalog.runs.get(number)
        assert record is not None
        assert record.command == moving[hours].command
        assert moving[hours].number in {0, number}
    pending = dict(catalog.database.rows("SELECT entry, content FROM journal"))
    if moving:
        (last,) = of_run[max(moving, key=int)]
        assert json.loads(pending["e"])["run"] == last
    assert pending.get("f", "no JSON") == "no JSON"
    assert catalog.runs.begin("tiers undo", BEGINNING) > max(numbers, default=0)


@settings(max_examples=25)
@given(lives)
def test_a_catalog_of_the_version_before_gets_the_numbers_of_the_history(lived: list[Lived]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "catalog.sqlite3"
        numbered = make_old(path, lived)
        with Catalog(path, bucket="b") as catalog:
            check(catalog, numbered)


def test_a_rebuilt_catalog_of_the_version_before_does_too(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "index.json").write_text("{}")
    path = catalog_path(cache)
    path.parent.mkdir(parents=True)
    lived = [
        Lived("migrate upload", 5, is_known=True),
        Lived("tiers demote", 2, is_known=True),
        Lived("tiers undo", 1, is_known=False),
        Lived("migrate upload", 1, is_known=True),
        Lived("tiers demote", 3, is_known=True),
    ]
    numbered = make_old(path, lived)
    rebuild(cache, None, prefix="creative-assets")
    with Catalog(path, bucket="b") as catalog:
        check(catalog, numbered)
