"""Odd surroundings: no home, no directory, no size, another encoding, no threads, nowhere for a crash."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from tests.cli.program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

SETPRIV = shutil.which("setpriv")
AS_NOBODY = [
    *(SETPRIV or "setpriv", "--reuid=12345", "--clear-groups"),
    *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),  # only so that it may read this Python
]
needs_root = pytest.mark.skipif(
    SETPRIV is None or os.geteuid() != 0, reason="only root may become another user"
)
CRASHING = """
import sys
from typer.main import get_command
from creative_s3.cli import app, stops
from creative_s3.cli.terminal import prepare_streams

prepare_streams()
stops.install()
root = app.new_app()
root.command("other")(lambda: None)

@root.command("crash")
def crash() -> None:
    raise ZeroDivisionError("half a pair: \\udc80, and \\u2192")

sys.exit(get_command(root).main(args=["crash"], prog_name="creative-s3"))
"""


@pytest.fixture
def env(server_env: dict[str, str]) -> dict[str, str]:
    return {**server_env, "TMPDIR": server_env["HOME"]}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A workspace with one file whose name is not ASCII."""
    root = tmp_path / "work"
    (root / "cache").mkdir(parents=True)
    (root / "cache/café.png").write_bytes(b"coffee")
    entry = {"file_path": "cache/café.png", "metadata": {"asset_type": "scene_background"}}
    index = json.dumps({"semantic_assets": {"café": entry}}, ensure_ascii=False)
    (root / "cache/index.json").write_text(index, encoding="utf-8")
    return root


@pytest.fixture
def place(work: Path) -> Iterator[Path]:
    """A directory of the user without a name, with the workspace in it; pytest's own are root's alone."""
    with TemporaryDirectory() as folder:
        shutil.copytree(work, Path(folder) / "work")
        for path in (Path(folder), *Path(folder).rglob("*")):
            os.chown(path, 12345, -1)
        yield Path(folder)


@needs_root
def test_without_a_home_and_a_name_of_the_user_everything_works(env: dict[str, str], place: Path) -> None:
    env = {**env, "TMPDIR": str(place)}
    del env["HOME"]
    for command in (
        "config",
        "migrate upload",
        "migrate validate",
        "status",
        "tiers status",
        "doctor",
        "local status",
    ):
        done = subprocess.run(
            [*AS_NOBODY, sys.executable, "-m", "creative_s3", *command.split()],
            env=env,
            cwd=place / "work",
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (command, done)
    made = place / "creative-s3-12345"
    assert made.stat().st_mode & 0o777 == 0o700
    assert made.stat().st_uid == 12345


@needs_root
def test_a_place_that_another_user_prepared_is_not_used(env: dict[str, str], work: Path) -> None:
    del env["HOME"]
    (Path(env["TMPDIR"]) / "creative-s3-12345").symlink_to(work)
    done = subprocess.run(
        [*AS_NOBODY, sys.executable, "-m", "creative_s3", "lifecycle", "prices"],
        env=env,
        cwd=work,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4
    assert "set HOME to a directory" in done.stderr


@pytest.mark.parametrize(
    "command", ["migrate upload", "status", "assets find", "doctor", "init --bucket abc --yes"]
)
def test_in_a_directory_that_was_deleted_there_is_a_sentence(
    env: dict[str, str], tmp_path: Path, command: str
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["/bin/sh", "-c", f'rmdir ../gone; exec "$0" -m creative_s3 {command}', sys.executable],
        env=env,
        cwd=gone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done
    assert "the current directory has been deleted" in done.stderr


@pytest.mark.parametrize("size", ["0", "-5", "x", "³", "9" * 30, "00", ""])
def test_a_size_that_is_none_is_not_taken_for_one(env: dict[str, str], work: Path, size: str) -> None:
    sizes = {"COLUMNS": size, "LINES": size, "TERM": "none-such"}
    done = Program(env, work)("config", **sizes)
    assert done.code == 0
    assert "S3_BUCKET_NAME" in done.out
    failed = Program(env, work)("assets", "nonsense", **sizes)
    assert failed.code == 2
    assert "nonsense" in failed.err


@pytest.mark.parametrize(
    "encoding",
    [
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "POSIX"},
        {"PYTHONIOENCODING": "ascii"},
    ],
)
def test_names_of_files_are_utf8_whatever_the_terminal_is(
    env: dict[str, str], work: Path, encoding: dict[str, str]
) -> None:
    program = Program(env, work)
    done = program("migrate", "upload", **encoding)
    assert done.code == 0, done
    assert "Uploaded 1 file" in done.out
    found = program("assets", "find", "café", "--json", **encoding)
    assert found.code == 0
    assert "caf\\u00e9" in found.out
    shown = program("assets", "show", "café", **encoding)
    assert shown.code == 0


def test_the_library_says_how_to_have_utf8_names(env: dict[str, str], work: Path) -> None:
    code = "from creative_s3 import S3CacheManager, S3Config; S3CacheManager('cache', S3Config())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**env, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        cwd=work,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (
        "SettingsError: this process reads the names of files in another encoding than UTF-8" in done.stderr
    )


@needs_root
def test_without_threads_there_is_a_sentence(env: dict[str, str], place: Path) -> None:
    done = subprocess.run(
        [
            *AS_NOBODY,
            "prlimit",
            "--nproc=1",
            sys.executable,
            "-m",
            "creative_s3",
            "migrate",
            "upload",
        ],
        env={**env, "HOME": str(place)},
        cwd=place / "work",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 4, done
    assert "no more threads" in done.stderr


@pytest.mark.parametrize(
    ("streams", "home"),
    [
        ("", "."),
        (">&-", "."),
        ("2>&-", "."),
        (">&- 2>&- <&-", "."),
        (">/dev/full", "."),
        ("2>/dev/full", "."),
        (">/dev/full 2>/dev/full", "."),
        ("", "/proc"),
        ("", "/dev/null"),
        ("", "relative"),
        ("", None),
    ],
)
def test_a_crash_ends_with_1_wherever_its_words_can_go(
    env: dict[str, str], tmp_path: Path, streams: str, home: str | None
) -> None:
    (tmp_path / "crashing.py").write_text(CRASHING, encoding="utf-8")
    env = {**env, "HOME": str(tmp_path) if home == "." else home or ""}
    if home is None:
        del env["HOME"]
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$0" crashing.py {streams}', sys.executable],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    assert ("a bug in creative-s3: ZeroDivisionError" in done.stderr) is ("2>" not in streams)


def test_a_name_that_the_file_system_refuses_as_too_long_is_told(env: dict[str, str], work: Path) -> None:
    for command in (("catalog", "rebuild"), ("tiers", "undo", "--dry-run")):
        result = Program(env, work)(*command, "--cache-dir", "x" * 5000)
        assert result.code == 4
        assert "file name too long" in result.err
