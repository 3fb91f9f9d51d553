"""Catalogs that no program of ours wrote: values of any type, views that never end: told as damaged."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.assets.models import Kind
from creative_s3.core.catalog.asset_rows import Source
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.catalog.soundness import WRONG_VALUES
from creative_s3.core.index.index import ProblemKind
from creative_s3.core.tiers.tiers import Action
from tests.cli.inside import Inside

if TYPE_CHECKING:
    from enum import Enum
    from pathlib import Path

ALL = os.environ.get("ABSURD_VALUES") == "all"
COMMANDS = (
    ("assets", "find", "--json"),
    ("assets", "find", "gradient", "--older", "2030-01-01"),
    ("migrate", "history"),
    ("migrate", "plan"),
    ("tiers", "status"),
    ("tiers", "manage", "--dry-run"),
    ("tiers", "log"),
    ("migrate", "validate"),
    ("catalog", "check"),
)
VALUES = ("x'00ff'", "'text'", "'[1'", "1.5", "-7")
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT {} FROM n"


def columns() -> list[tuple[str, str]]:
    """Return every column of every table."""
    with Catalog(catalog_path_in_memory(), bucket="b") as catalog:
        names = catalog.database.rows(
            "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'asset_text%'"
        )
        return [
            (table, row[1])
            for (table,) in names
            for row in catalog.database.rows(f"PRAGMA table_info({table})")
        ]


def catalog_path_in_memory() -> Path:
    from creative_s3.core.catalog.database import IN_MEMORY  # noqa: PLC0415 - only while tests are collected

    return IN_MEMORY


COLUMNS = columns()
EVERY_DAY = [
    ("asset", "source"),
    ("asset", "size_bytes"),
    ("run", "requests"),
]


@pytest.fixture
def cli(server_env: dict[str, str], workspace: Path) -> Inside:
    """The program in a workspace that has uploaded and demoted, so that every table has rows."""
    made = Inside(server_env, workspace)
    assert made("migrate", "upload", "--yes").code == 0
    return made


def changed(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        database.execute(statement)


@pytest.mark.timeout(3600 if ALL else 120)
def test_values_of_wrong_types_are_no_bug(cli: Inside, tmp_path: Path) -> None:
    path = catalog_path(cli.cwd / "cache")
    shutil.copy(path, tmp_path / "whole")
    wrong = []
    for table, column in COLUMNS if ALL else EVERY_DAY:
        for value in VALUES if ALL else VALUES[:1]:
            shutil.copy(tmp_path / "whole", path)
            try:
                changed(path, f"UPDATE OR IGNORE {table} SET {column}={value}")  # noqa: S608 - our own names
            except sqlite3.Error:
                continue
            for command in COMMANDS if ALL else COMMANDS[:4]:
                result = cli(*command)
                if result.code == 1 or "Traceback" in result.err:
                    wrong.append((table, column, value, " ".join(command), result.err[:200]))
    assert wrong == []


def test_a_value_of_a_wrong_type_is_told_with_the_way_out_and_rebuilding_works(cli: Inside) -> None:
    path = catalog_path(cli.cwd / "cache")
    changed(path, "UPDATE asset SET source='elsewhere'")
    found = cli("assets", "find")
    assert found.code == 4
    assert "a value of asset.source is not what it should be" in found.err
    assert "catalog rebuild" in found.err
    assert cli("catalog", "check").code == 7
    assert cli("catalog", "rebuild").code == 0
    assert cli("assets", "find").code == 0
    assert cli("catalog", "check").code == 0


@pytest.mark.parametrize("name", ["asset", "journal"])
def test_a_view_without_an_end_hangs_nothing(cli: Inside, name: str) -> None:
    path = catalog_path(cli.cwd / "cache")
    with closing(sqlite3.connect(path)) as database, database:
        names = [row[1] for row in database.execute(f"PRAGMA table_info({name})")]
        database.execute(f"DROP TABLE {name}")
        database.execute(f"CREATE VIEW {name} AS {ENDLESS.format(', '.join(f'i AS {one}' for one in names))}")
    for command in COMMANDS[1:3]:
        result = cli(*command)
        assert result.code == 4
        assert f"it has a view of others: {name}" in result.out + result.err
    assert cli("catalog", "check").code == 7
    assert cli("catalog", "rebuild").code == 0
    assert cli("assets", "find").code == 0


def test_a_text_of_300_mb_in_a_catalog_is_not_read(cli: Inside) -> None:
    path = catalog_path(cli.cwd / "cache")
    changed(path, "UPDATE asset SET file_path=hex(zeroblob(70000000)) WHERE id=1")
    result = cli("assets", "find")
    assert result.code == 4
    assert "too big" in result.err


@pytest.mark.parametrize(
    ("column", "enum"),
    [
        (("asset", "source"), Source),
        (("asset", "kind"), Kind),
        (("problem", "kind"), ProblemKind),
        (("movement", "action"), Action),
    ],
)
def test_every_value_of_an_enum_is_sound_and_no_other(column: tuple[str, str], enum: type[Enum]) -> None:
    members = "(" + ", ".join(f"'{one.value}'" for one in enum) + ")"
    assert WRONG_VALUES[column] == "{0} NOT IN " + members
