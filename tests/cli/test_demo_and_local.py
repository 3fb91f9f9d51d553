"""`demo` and `local`: what a stranger runs first, on servers and in directories of their own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import boto3
import pytest

from creative_s3.core.local import server as local
from tests.cli.program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def stranger(server_env: dict[str, str], tmp_path: Path) -> Program:
    """Somebody without any settings, in an empty directory."""
    env = {name: value for name, value in server_env.items() if not name.startswith("S3_")}
    del env["AWS_PROFILE"], env["AWS_SHARED_CREDENTIALS_FILE"]
    return Program(env, tmp_path)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where the demo goes; nothing of it runs afterwards."""
    yield tmp_path / "demo"
    local.stop(tmp_path / "demo" / "server")


def test_the_demo_ends_with_everything_proved_and_stays_to_be_looked_at(
    stranger: Program, place: Path
) -> None:
    result = stranger("demo", "--dir", str(place))
    assert result.code == 0, result.err
    assert "every file proved" in result.out
    assert "62 by CRC64NVME" in result.err
    server = local.status(place / "server")
    assert server is not None
    access_key, secret_key = local.read_credentials(server)
    s3 = boto3.session.Session(access_key, secret_key, region_name=server.region).client(
        "s3", endpoint_url=server.endpoint_url
    )
    listed = s3.list_objects_v2(Bucket=server.bucket)
    s3.close()
    assert listed["KeyCount"] == 63
    assert secret_key not in result.out + result.err
    again = stranger("demo", "--dir", str(place), "--json")
    assert again.code == 0
    assert again.data["uploaded"] == 0
    assert again.data["validated"]["matching"] == 62


def test_cleaning_removes_all_that_the_demo_made_and_nothing_else(stranger: Program, place: Path) -> None:
    assert stranger("demo", "--dir", str(place)).code == 0
    kept = place / "workspace" / "cache" / "mine.png"
    kept.write_bytes(b"mine")
    result = stranger("demo", "--clean", "--dir", str(place))
    assert result.code == 0
    assert "mine.png" in result.err
    assert [path for path in place.rglob("*") if path.is_file() and path.name != ".creative-s3-sample"] == [
        kept
    ]
    kept.unlink()
    assert stranger("demo", "--clean", "--dir", str(place)).code == 0
    assert not place.exists()


def test_cleaning_never_touches_a_directory_that_is_not_a_demo(stranger: Program, tmp_path: Path) -> None:
    (tmp_path / "precious" / "workspace").mkdir(parents=True)
    (tmp_path / "precious" / "workspace" / "only-copy.png").write_bytes(b"precious")
    result = stranger("demo", "--clean", "--dir", "precious")
    assert result.code == 8
    assert (tmp_path / "precious" / "workspace" / "only-copy.png").read_bytes() == b"precious"


def test_local_up_env_status_and_down(stranger: Program, tmp_path: Path) -> None:
    directory = str(tmp_path / "own-server")
    try:
        up = stranger("local", "up", "--dir", directory)
        assert up.code == 0
        assert "127.0.0.1" in up.out
        status = stranger("local", "status", "--dir", directory, "--json").data
        assert status["running"] is True
        env = stranger("local", "env", "--dir", directory)
        assert env.code == 0
        assert "SECRET" not in env.out.replace("unset", "").replace("AWS_SECRET_ACCESS_KEY", "")
        script = f'{env.out}\n"{sys.executable}" -m creative_s3 assets list --json'
        listed = subprocess.run(
            ["/bin/sh", "-c", script],
            env=dict(stranger.env),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert listed.returncode == 0, listed.stderr
    finally:
        down = stranger("local", "down", "--dir", directory)
    assert down.code == 0
    assert "Stopped" in down.out
    assert stranger("local", "status", "--dir", directory, "--json").data["running"] is False
    gone = stranger("local", "env", "--dir", directory)
    assert gone.code == 4
    assert "local up" in gone.err
