"""`catalog check` and `catalog rebuild`, and the way there from every other command."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.catalog.places import catalog_path
from tests.cli.inside import Inside

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.program import Program


@pytest.fixture
def machine(server_env: dict[str, str], workspace: Path) -> Inside:
    """A machine that has uploaded the sample workspace."""
    made = Inside(server_env, workspace)
    assert made("migrate", "upload", "--yes").code == 0
    return made


def damage(machine: Inside) -> Path:
    path = catalog_path(machine.cwd / "cache")
    path.write_bytes(path.read_bytes()[:5000] + bytes(20000))
    return path


def test_a_whole_catalog_is_said_to_be_whole_with_what_it_holds(machine: Inside) -> None:
    result = machine("catalog", "check")
    assert (result.code, result.err) == (0, "")
    assert "It is whole" in result.out
    counts = machine("catalog", "check", "--json").data["counts"]
    assert counts["keys"] > 0
    assert counts["proved"] > 0
    assert counts["pending"] == 0


def test_a_cache_without_a_catalog_is_no_failure(server_env: dict[str, str], tmp_path: Path) -> None:
    result = Inside(server_env, tmp_path)("catalog", "check")
    assert (result.code, "There is no catalog yet" in result.out) == (0, True)
    assert not list(tmp_path.rglob("*.sqlite3"))


def test_damage_ends_a_check_with_7_and_the_command_that_mends_it(machine: Inside) -> None:
    path = damage(machine)
    before = path.read_bytes()
    result = machine("catalog", "check")
    assert result.code == 7
    assert "It is damaged" in result.out
    assert "→ creative-s3 catalog rebuild" in result.err
    quiet = machine("catalog", "check", "-q")
    assert quiet.code == 7
    assert quiet.out
    assert machine("catalog", "check", "--json").data["problems"]
    assert path.read_bytes() == before


def test_every_command_names_the_way_out_of_a_damaged_catalog_and_it_works(
    cli: Program, machine: Inside
) -> None:
    path = damage(machine)
    upload = machine("migrate", "upload")
    assert upload.code == 4
    hint = upload.err.splitlines()[-1].removeprefix("→ set it aside and make it anew (")
    words = shlex.split(hint.partition(": ")[2])
    assert words[:3] == ["creative-s3", "catalog", "rebuild"]
    doctor = machine("doctor")
    assert "creative-s3 catalog rebuild --cache-dir" in " ".join(doctor.out.replace("\\", " ").split())
    rebuild = cli(*words[1:])
    assert rebuild.code == 0
    assert "damaged" in rebuild.out
    assert "The catalog is whole again." in rebuild.out
    assert list(path.parent.glob("catalog.sqlite3.damaged-*"))
    assert machine("migrate", "upload", "--json").data["upload_files"] == 0
    assert machine("catalog", "check").code == 0
    assert machine("doctor").code == 0


def test_a_rebuild_without_a_bucket_says_what_it_could_not_learn(machine: Inside) -> None:
    damage(machine)
    alone = Inside(
        {name: text for name, text in machine.env.items() if name != "S3_BUCKET_NAME"}, machine.cwd
    )
    result = alone("catalog", "rebuild")
    assert result.code == 0
    assert "! the bucket could not be asked for everything: no bucket is set" in result.err
    assert "migrate validate --bucket NAME" in result.err
    # The next look at the bucket finds every key again, and sends nothing.
    assert machine("migrate", "upload", "--json").data["upload_files"] == 0


def test_a_rebuild_tells_scripts_what_became_of_the_old_one(machine: Inside) -> None:
    result = machine("catalog", "rebuild", "--json")
    assert result.code == 0
    data = result.data
    assert data["asked_bucket"] is True
    assert data["problems"] == []
    assert data["proved"] > 0
    assert (machine.cwd / data["set_aside"]).is_file()
    quiet = machine("catalog", "rebuild", "-q")
    assert (machine.cwd / quiet.out.strip()).is_file()
    assert machine("catalog", "rebuild", "--cache-dir", "nowhere").code == 8
