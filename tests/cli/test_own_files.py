"""What stands under the names of our own files in a cache from elsewhere is never opened for writing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.s3.server_memory import ServerMemory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.program import Program

NAMES = ("lock", "index.lock", "settling.lock", "catalog.sqlite3", "catalog.sqlite3-journal")


def link(name: Path, target: Path) -> None:
    name.symlink_to(target)


def hard_link(name: Path, target: Path) -> None:
    os.link(target, name)


def dangling(name: Path, target: Path) -> None:
    name.symlink_to(target.with_name("made-by-us"))


def pipe(name: Path, target: Path) -> None:  # noqa: ARG001 - as the others
    os.mkfifo(name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("plant", [link, hard_link, dangling, pipe], ids=lambda one: one.__name__)
def test_a_planted_file_of_ours_is_refused_and_its_target_left_alone(
    cli: Program, tmp_path: Path, name: str, plant: Callable[[Path, Path], None]
) -> None:
    target = tmp_path / "precious"
    target.write_bytes(b"the only copy")
    folder = cli.cwd / "cache" / ".creative-s3"
    folder.mkdir(exist_ok=True)
    plant(folder / name, target)

    done = cli("migrate", "upload", "--yes")

    assert target.read_bytes() == b"the only copy"
    assert not target.with_name("made-by-us").exists()
    if name not in {"index.lock", "settling.lock"}:  # nothing is written into the index here
        assert done.code == 8, done.err
        assert name in done.err
        assert "ls -ld" in done.err


def test_a_folder_of_ours_that_is_a_link_is_refused(cli: Program, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (cli.cwd / "cache" / ".creative-s3").symlink_to(tmp_path / "elsewhere")
    done = cli("migrate", "upload", "--yes")
    assert done.code == 8
    assert ".creative-s3 is a link" in done.err
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.parametrize(
    "command",
    [["doctor"], ["catalog", "check"], ["assets", "find"], ["tiers", "status"], ["discover", "--sync"]],
)
def test_commands_that_only_look_do_not_write_through_a_link_either(
    cli: Program, tmp_path: Path, command: list[str]
) -> None:
    target = tmp_path / "precious"
    target.write_bytes(b"the only copy")
    folder = cli.cwd / "cache" / ".creative-s3"
    folder.mkdir(exist_ok=True)
    for name in NAMES:
        (folder / name).symlink_to(target)
    assert cli(*command).code not in {0, 1}
    assert target.read_bytes() == b"the only copy"


@pytest.mark.parametrize("plant", [link, hard_link, dangling, pipe], ids=lambda one: one.__name__)
def test_a_planted_list_of_pins_is_neither_read_nor_written(
    cli: Program, tmp_path: Path, plant: Callable[[Path, Path], None]
) -> None:
    target = tmp_path / "precious"
    target.write_bytes(b'{"version": 1, "keys": [], "campaigns": []}')
    folder = cli.cwd / "cache" / ".creative-s3"
    folder.mkdir(exist_ok=True)
    plant(folder / "pins.json", target)
    for command in (["tiers", "pin", "--campaign", "x"], ["tiers", "status"]):
        done = cli(*command)
        assert done.code == 8, done.err
        assert "pins.json" in done.err
    assert target.read_bytes() == b'{"version": 1, "keys": [], "campaigns": []}'
    assert not target.with_name("made-by-us").exists()


@pytest.mark.parametrize("plant", [link, hard_link, dangling, pipe], ids=lambda one: one.__name__)
def test_what_is_remembered_of_servers_goes_through_no_link(
    tmp_path: Path, plant: Callable[[Path, Path], None]
) -> None:
    memory = ServerMemory("http://127.0.0.1:1", directory=tmp_path / "servers")
    memory.remember("a", 1)
    (path,) = (tmp_path / "servers").iterdir()
    target = tmp_path / "precious"
    path.rename(target)
    before = target.read_bytes()
    plant(path, target)
    assert memory.recall("a") is None
    memory.remember("a", 2)
    assert memory.recall("a") == 2
    assert target.read_bytes() == before
    assert not target.with_name("made-by-us").exists()
