"""Putting settings into an env file: read back exactly, other lines as they were, for the owner alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core import env_file
from creative_s3.errors import CreativeS3Error, SettingsError

VALUES = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters="'\\"), max_size=12)


@given(value=VALUES, other=st.lists(st.sampled_from(["# note", "", "OTHER='x y'", "export AWS_PROFILE=a"])))
def test_a_value_is_read_back_exactly_and_other_lines_stay(
    tmp_path_factory: pytest.TempPathFactory, value: str, other: list[str]
) -> None:
    path = tmp_path_factory.mktemp("env") / ".env"
    path.write_text("".join(f"{line}\n" for line in other), encoding="utf-8")
    env_file.write(env_file.edited(path, {"S3_PREFIX": value}))
    assert dotenv_values(path)["S3_PREFIX"] == value
    assert path.read_text(encoding="utf-8").splitlines()[: len(other)] == other


def test_the_last_assignment_is_changed_in_its_place_and_an_export_stays_one() -> None:
    path = Path(".env")
    path.write_bytes(b"S3_REGION=a\r\n# S3_REGION=b\r\nexport S3_REGION=c\r\nLAST=1")
    file = env_file.edited(path, {"S3_REGION": "eu-west-3", "S3_BUCKET_NAME": "assets"})
    assert file.text == (
        "S3_REGION=a\r\n# S3_REGION=b\r\nexport S3_REGION=eu-west-3\r\nLAST=1\r\nS3_BUCKET_NAME=assets\r\n"
    )
    assert file.changed == ("S3_REGION", "S3_BUCKET_NAME")


def test_only_the_owner_can_read_it_whatever_it_was_before() -> None:
    path = Path(".env")
    path.write_text("OTHER=1\n", encoding="utf-8")
    path.chmod(0o644)
    env_file.write(env_file.edited(path, {"S3_BUCKET_NAME": "assets"}))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_stays_a_link() -> None:
    Path("shared.env").write_text("OTHER=1\n", encoding="utf-8")
    Path(".env").symlink_to("shared.env")
    env_file.write(env_file.edited(Path(".env"), {"S3_BUCKET_NAME": "assets"}))
    assert Path(".env").is_symlink()
    assert "S3_BUCKET_NAME=assets" in Path("shared.env").read_text(encoding="utf-8")


def test_what_cannot_be_written_or_read_is_said_and_nothing_is_changed() -> None:
    with pytest.raises(SettingsError):
        env_file.quoted("a\nb")
    Path(".env").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="UTF-8"):
        env_file.edited(Path(".env"), {"S3_PREFIX": "a"})
    assert Path(".env").read_bytes() == b"\xff\xfe"
    with pytest.raises(CreativeS3Error):
        env_file.write(env_file.EnvFile(Path("no-such-directory/.env"), "", (), 0, is_new=True))


def test_saying_the_same_again_changes_nothing() -> None:
    path = Path(".env")
    env_file.write(env_file.edited(path, {"S3_PREFIX": "with space"}))
    assert env_file.edited(path, {"S3_PREFIX": "with space"}).changed == ()
