"""The catalog: what it remembers, and what happens when it cannot."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import creative_s3
from creative_s3.core.catalog.catalog import Catalog, ProvedObject
from creative_s3.core.catalog.places import CATALOG_NAME, catalog_path
from creative_s3.core.catalog.published import PublishedDigests
from creative_s3.core.catalog.schema import SCHEMA_VERSION
from creative_s3.core.files.own_files import PRIVATE_DIRECTORY
from creative_s3.core.files.workspace import Signature
from creative_s3.errors import CatalogError, ExitCode, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Iterator

OLD = Signature(5, 1, 1, 7)
PROVED = ProvedObject("p/k", 5, "tag", "AAAAAAAAAAA=", None, "STANDARD", "owner", "checksum", "2025-01-01")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / PRIVATE_DIRECTORY / CATALOG_NAME


def tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as database:
        return {row[0] for row in database.execute("SELECT name FROM sqlite_schema WHERE type='table'")}


def test_what_was_remembered_is_there_after_reopening(path: Path) -> None:
    digests = {("products", "a"): PublishedDigests("x", "y"), ("", "top"): PublishedDigests("z", "z")}
    with Catalog(path, bucket="b") as catalog:
        catalog.remember(objects=[PROVED], assignments={"a": "p/k"}, files=[("cache/x", OLD, "crc")])
        catalog.published.replace(digests.items)
    with Catalog(path, bucket="b") as catalog:
        assert catalog.objects() == {"p/k": PROVED}
        assert catalog.assignments() == {"a": "p/k"}
        assert catalog.crc_of_file("cache/x", OLD) == "crc"
        assert {name: catalog.published.get(*name) for name in digests} == digests


def test_remembering_again_replaces(path: Path) -> None:
    with Catalog(path, bucket="b") as catalog:
        for crc, key in (("one", "p/1"), ("two", "p/2")):
            catalog.remember(assignments={"a": key}, files=[("cache/x", OLD, crc)])
            catalog.published.replace({("", key): PublishedDigests(key, key)}.items)
        assert catalog.crc_of_file("cache/x", OLD) == "two"
        assert catalog.assignments() == {"a": "p/2"}
        assert catalog.published.get("", "p/1") is None
        assert catalog.published.get("", "p/2") == PublishedDigests("p/2", "p/2")


@pytest.mark.parametrize(
    "other", [Signature(6, 1, 1, 7), Signature(5, 2, 1, 7), Signature(5, 1, 2, 7), Signature(5, 1, 1, 8)]
)
def test_the_content_of_a_file_is_known_only_while_its_signature_is_the_same(
    path: Path, other: Signature
) -> None:
    with Catalog(path, bucket="b") as catalog:
        catalog.remember(files=[("cache/x", OLD, "crc")])
        assert catalog.crc_of_file("cache/x", other) is None
        assert catalog.crc_of_file("cache/y", OLD) is None


def test_a_file_that_had_just_changed_when_it_was_seen_is_not_remembered(path: Path) -> None:
    now = time.time_ns()
    second = 10**9
    seen_early = Signature(5, 1, now - 10 * second, 7, seen_ns=now - 9 * second)
    seen_late = Signature(5, 1, now - 10 * second, 7, seen_ns=now - 7 * second)
    unknown_late = Signature(5, 1, now - second, 7)
    from_the_future = Signature(5, 1, now + 100 * second, 7)
    with Catalog(path, bucket="b") as catalog:
        for signature, expected in (
            (seen_early, None),
            (unknown_late, None),
            (from_the_future, None),
            (seen_late, "crc"),
        ):
            catalog.remember(files=[("cache/x", signature, "crc")])
            assert catalog.crc_of_file("cache/x", signature) == expected


@pytest.mark.parametrize("mtime_ns", [-62_135_596_801 * 10**9, 2**54 * 10**9])
def test_files_of_any_time_are_remembered(path: Path, mtime_ns: int) -> None:
    with Catalog(path, bucket="b") as catalog:
        catalog.remember(files=[("cache/x", Signature(5, mtime_ns, 1, 7), "crc")])
        assert catalog.crc_of_file("cache/x", Signature(5, mtime_ns, 1, 7)) == "crc"


def test_inode_numbers_of_64_bits_are_remembered(path: Path) -> None:
    with Catalog(path, bucket="b") as catalog:
        for inode in (2**63 - 1, 2**63, 2**64 - 1):
            catalog.remember(files=[(f"cache/{inode}", Signature(5, 1, 1, inode), str(inode))])
        for inode in (2**63 - 1, 2**63, 2**64 - 1):
            assert catalog.crc_of_file(f"cache/{inode}", Signature(5, 1, 1, inode)) == str(inode)


def test_two_buckets_never_mix(path: Path) -> None:
    with Catalog(path, bucket="one") as one, Catalog(path, bucket="two") as two:
        one.remember(objects=[PROVED], assignments={"a": "p/k"}, files=[("cache/x", OLD, "crc")])
        assert one.published.is_empty()
        one.published.replace({("", "a"): PublishedDigests("x", "x")}.items)
        assert two.published.is_empty()
        two.published.replace({("", "b"): PublishedDigests("y", "y")}.items)
        assert (two.objects(), two.assignments()) == ({}, {})
        assert two.published.get("", "a") is None
        assert one.published.get("", "a") == PublishedDigests("x", "x")
        assert two.crc_of_file("cache/x", OLD) == "crc", "files are the same whatever the bucket"


def test_a_failed_transaction_leaves_nothing_behind(path: Path) -> None:
    def files() -> Iterator[tuple[str, Signature, str]]:
        yield "cache/x", OLD, "crc"
        raise ZeroDivisionError

    with Catalog(path, bucket="b") as catalog:
        with pytest.raises(ZeroDivisionError):
            catalog.remember(files=files())
        assert catalog.crc_of_file("cache/x", OLD) is None
        catalog.remember(files=[("cache/y", OLD, "crc")])
        assert catalog.crc_of_file("cache/y", OLD) == "crc"


OPENER = """
import sys
from pathlib import Path
from creative_s3.core.catalog.catalog import Catalog
print("ready", flush=True)
sys.stdin.readline()
for number in range(20):
    with Catalog(Path(sys.argv[1]), bucket="b") as catalog:
        catalog.remember(assignments={f"{sys.argv[2]}-{number}": "k"})
"""


def test_processes_that_open_a_new_catalog_at_once_all_can_use_it(path: Path) -> None:
    environment = {"PYTHONPATH": str(Path(creative_s3.__file__).parents[1])}
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPENER, str(path), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for number in range(3)
    ]
    for opener in openers:
        assert opener.stdout is not None
        assert opener.stdout.readline() == "ready\n"
    results = [opener.communicate("go\n", timeout=120) for opener in openers]
    assert [opener.returncode for opener in openers] == [0, 0, 0], results
    with Catalog(path, bucket="b") as catalog:
        assert len(catalog.assignments()) == 60


def test_a_catalog_of_a_newer_version_is_refused_and_left_as_it_is(path: Path) -> None:
    Catalog(path, bucket="b").close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode = WAL").fetchone()
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(CatalogError, match=f"schema version {SCHEMA_VERSION + 1}") as caught:
        Catalog(path, bucket="b")
    assert caught.value.exit_code is ExitCode.SETTINGS
    assert "pipx upgrade creative-s3" in str(caught.value.hint)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"nonsense" * 200, b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_catalog_is_refused_with_the_command_that_rebuilds_it(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(CatalogError, match="the catalog is damaged") as caught:
        Catalog(path, bucket="b")
    assert caught.value.item == str(path)
    assert f"creative-s3 catalog rebuild --cache-dir {path.parent.parent}" in str(caught.value.hint)
    assert path.read_bytes() == content


def test_damage_found_later_is_told_in_the_same_way(path: Path) -> None:
    with Catalog(path, bucket="b") as catalog:
        catalog.remember(assignments={f"asset-{number}": "k" * 100 for number in range(2000)})
    content = bytearray(path.read_bytes())
    half = len(content) // 2 // 4096 * 4096
    content[half:] = b"\xff" * (len(content) - half)
    path.write_bytes(content)
    with Catalog(path, bucket="b") as catalog, pytest.raises(CatalogError, match="the catalog is damaged"):
        catalog.assignments()


def test_a_database_of_another_program_is_refused(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE file (x)")
    with pytest.raises(CatalogError, match="table file already exists"):
        Catalog(path, bucket="b")
    assert tables(path) == {"file"}


def test_a_catalog_that_cannot_be_opened_says_what_to_check(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(CatalogError, match="the catalog cannot be opened") as caught:
        Catalog(path, bucket="b")
    assert str(path.parent) in str(caught.value.hint)


def test_a_file_in_place_of_its_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").touch()
    with pytest.raises(CatalogError, match="the catalog cannot be opened"):
        Catalog(tmp_path / "folder" / "catalog", bucket="b")


def test_a_catalog_held_too_long_by_another_process_is_a_temporary_failure(
    path: Path,
) -> None:
    with Catalog(path, bucket="b", timeout_s=0) as catalog, closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(TemporaryError, match="another process is using the catalog") as caught:
            catalog.remember(assignments={"a": "k"})
        with pytest.raises(TemporaryError):
            catalog.assignments()
        other.rollback()
        catalog.remember(assignments={"a": "k"})
        assert catalog.assignments() == {"a": "k"}
    assert caught.value.exit_code is ExitCode.TEMPORARY


def test_a_full_disk_is_a_temporary_failure_and_loses_nothing(path: Path) -> None:
    with Catalog(path, bucket="b") as catalog:
        catalog.remember(assignments={"a": "k"})
        # The limit of pages stands for the disk: SQLite reports both as SQLITE_FULL.
        catalog.database.rows("PRAGMA max_page_count = 40")
        many = {f"asset-{number}": "k" * 100 for number in range(2000)}
        with pytest.raises(TemporaryError, match="the disk with the catalog is full") as caught:
            catalog.remember(assignments=many)
        assert catalog.assignments() == {"a": "k"}
        catalog.remember(assignments={"b": "k"})
        assert catalog.assignments() == {"a": "k", "b": "k"}
    assert "free some space" in str(caught.value.hint)


def test_the_catalog_lies_in_the_cache_directory(tmp_path: Path) -> None:
    assert catalog_path(tmp_path) == tmp_path / PRIVATE_DIRECTORY / CATALOG_NAME


@pytest.mark.permission_bits
def test_the_catalog_of_a_read_only_cache_lies_in_the_users_state_directory(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    try:
        found = catalog_path(tmp_path)
    finally:
        tmp_path.chmod(0o755)
    assert tmp_path not in found.parents
    assert found.name == CATALOG_NAME


def test_a_catalog_that_another_run_made_anew_says_so(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    with Catalog(path, bucket="b") as catalog:
        catalog.remember(assignments={"a": "k"})
        path.rename(tmp_path / "old")
        with Catalog(path, bucket="b"):
            pass
        with pytest.raises(TemporaryError, match="made anew by another run"):
            catalog.remember(assignments={"a": "k"})
