"""Env files: what python-dotenv and bash agree on is read, what they read differently is refused."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import threading
from io import StringIO
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given, settings
from hypothesis import strategies as st

from creative_s3.core import env_file
from creative_s3.dotenv import reading, values
from creative_s3.errors import SettingsError
from creative_s3.settings import S3Config, left_out

BASH = shutil.which("bash")
PIECES = st.sampled_from(
    [
        *"ab/.-_:@%+,=#$\\'\"`~ \t;&|<>(){}!*?é",
        "${T}",
        "${U}",
        "${U:-d}",
        "$T",
        "\\n",
        "\\\\",
        "\\'",
        "${",
        "'",
        '"',
        " # c",
    ]
)
QUOTES = st.sampled_from(["", "'", '"'])


def prefix(content: bytes | str) -> str:
    Path(".env").write_bytes(content if isinstance(content, bytes) else content.encode())
    return S3Config.from_env().prefix


def told(content: bytes | str) -> str:
    with pytest.raises(SettingsError) as caught:
        prefix(content)
    return f"{caught.value.message} [{caught.value.item}]"


def in_bash(text: str) -> str | None:
    """Return what a shell that sources the file has in the variable; None where it cannot read the file."""
    Path("for-bash.env").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [BASH or "bash", "-c", 'set -e; . ./for-bash.env; printf %s "$S3_PREFIX"'],
        env={"PATH": "/nowhere", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=False,
    )
    return None if done.returncode or done.stderr else done.stdout.decode()


@pytest.mark.skipif(BASH is None, reason="there is no bash")
@settings(max_examples=600)
@given(raw=st.lists(PIECES, max_size=6).map("".join), quote=QUOTES, head=st.sampled_from(["", "export "]))
def test_what_is_read_is_what_python_dotenv_and_bash_read(
    tmp_path_factory: pytest.TempPathFactory, raw: str, quote: str, head: str
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("dialect"))
        text = f"T=two\nU=\n{head}S3_PREFIX={quote}{raw}{quote}\n"
        found = _read(text)
        if found is None:
            return
        assert found == dotenv_values(stream=StringIO(text))["S3_PREFIX"]
        said = in_bash(text)
        assert said in {found, None}


def _read(text: str) -> str | None:
    Path(".env").write_text(text, encoding="utf-8")
    try:
        return values.read(Path(".env"), {"S3_PREFIX"}, {}).settings["S3_PREFIX"].text
    except SettingsError:
        return None


@given(value=st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=12))
def test_what_is_written_is_read_back_by_all_or_refused(
    tmp_path_factory: pytest.TempPathFactory, value: str
) -> None:
    try:
        quoted = env_file.quoted(value)
    except SettingsError:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("written"))
        assert _read(f"T=two\nU=\nS3_PREFIX={quoted}\n") == value
        assert dotenv_values(stream=StringIO(f"S3_PREFIX={quoted}\n"))["S3_PREFIX"] == value


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("\ufeffS3_PREFIX=a\n", "a"),
        ("# note\r\nS3_PREFIX=a\r\nOTHER=1\r\n", "a"),
        ("S3_PREFIX=a", "a"),
        ("export S3_PREFIX=a # why\n", "a"),
        ("S3_PREFIX = a/b \n", "a/b"),
        ("S3_PREFIX='a b' # why\n", "a b"),
        ('S3_PREFIX="a\\"b\\\\c"\n', 'a"b\\c'),
        ("S3_PREFIX=a#b\n", "a#b"),
        ("S3_PREFIX= # none\n", "creative-assets"),
        ("S3_PREFIX=a\nS3_PREFIX=b\n", "b"),
        ("s3_prefix=a\n", "a"),
        ("TEAM=red\nS3_PREFIX=${TEAM}/x\n", "red/x"),
        ("S3_PREFIX=${NOT_SET_HERE:-red}/x\n", "red/x"),
        ("S3_PREFIX='$5'\n", "$5"),
        ('KEY="-----BEGIN\nabc\n-----END"\nS3_PREFIX=a\n', "a"),
        ("NOTE=it's fine\nS3_PREFIX=a\n", "a"),
        ("source other.sh\nS3_PREFIX\nS3_PREFIX=a\n", "a"),
        ("S3_PREFIX=a\\b\nS3_PREFIX=b\n", "b"),
    ],
)
def test_usual_forms_are_read(text: str, found: str) -> None:
    assert prefix(text) == found


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        ('OTHER=1\nS3_PREFIX="a\n', 2, "S3_PREFIX"),
        ("S3_PREFIX='a\nS3_REGION=eu-west-1\n", 1, "S3_PREFIX"),
        ('AWS_NOTE="open\nS3_PREFIX="a"\n', 1, "AWS_NOTE"),
        ('AWS_NOTE="open\nS3_PREFIX=a\nEND="\n', 1, "AWS_NOTE"),
        ('S3_PREFIX="a\nb"\n', 1, "S3_PREFIX"),
        ('S3_PREFIX="a"b\n', 1, "S3_PREFIX"),
        ("S3_PREFIX: a\n", 1, "S3_PREFIX"),
        ("\nS3_PREFIX a\n", 2, "S3_PREFIX"),
        ("'S3_PREFIX'=a\n", 1, "S3_PREFIX"),
        ("set S3_PREFIX=a\n", 1, "S3_PREFIX"),
        ("S3_PREFIX+=a\n", 1, "S3_PREFIX"),
        ("\u00a0S3_PREFIX=a\n", 1, "S3_PREFIX"),
        ("OTHER=1 S3_PREFIX=a\n", 1, "S3_PREFIX"),
        ("OTHER=1 \\\nS3_PREFIX=a\n", 1, "OTHER"),
        ("S3_PREFIX=a\\b\n", 1, "S3_PREFIX"),
        ("S3_PREFIX='${HOME}'\n", 1, "S3_PREFIX"),
        ("S3_PREFIX=$HOME\n", 1, "S3_PREFIX"),
        ("S3_PREFIX=${NOT_SET_HERE}/a\n", 1, "S3_PREFIX"),
        ("S3_PREFIX=`id`\n", 1, "S3_PREFIX"),
        ('S3_PREFIX="a\\tb"\n', 1, "S3_PREFIX"),
        ("CACHE_DIR=~/cache\n", 1, "CACHE_DIR"),
        ("CACHE_DIR=my files/cache\n", 1, "CACHE_DIR"),
        ("HOST=h\nS3_PREFIX=$${HOST}\n", 2, "S3_PREFIX"),
        ("S3_PREFIX='a\\\n", 1, "S3_PREFIX"),
        ("S3_MAX_PARALLEL_UPLOADS=ten\n", 1, "S3_MAX_PARALLEL_UPLOADS"),
        ("S3_PREFIX=a\nunset S3_PREFIX\n", 2, "S3_PREFIX"),
        ("typeset -x S3_PREFIX=a\n", 1, "S3_PREFIX"),
    ],
)
def test_what_is_not_certain_is_refused_with_file_line_and_setting(text: str, line: int, name: str) -> None:
    said = told(text)
    assert f"line {line}" in said
    assert ".env" in said
    assert said.endswith(f"[{name}]")


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("S3_PREFIX=a\n".encode("utf-16"), "UTF-16"),
        ("S3_PREFIX=a\n".encode("utf-16-le"), "UTF-16"),
        ("S3_PREFIX=a\n".encode("utf-16-be"), "UTF-16"),
        (b"A=1\nS3_PREFIX=a\0b\n", "line 2 has a NUL"),
        ("A=1\nS3_PREFIX=\u00e9\n".encode("latin-1"), "not UTF-8 text, in line 2"),
        (b"A=1\rS3_PREFIX=a\n", "carriage return within line 1"),
        (b"#" * (reading.LARGEST_BYTES + 1), "no env file"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, part: str) -> None:
    assert part in told(content)


def test_a_value_never_stands_in_the_message() -> None:
    assert "hush" not in told('S3_KMS_KEY_ID="hush\n') + told("S3_KMS_KEY_ID=$hush\\secret\n")


@pytest.mark.parametrize("name", ["S3_BUKET_NAME", "S3_PREFX", "CACHE_DIRS", "s3_regoin"])
def test_a_misspelt_name_is_refused_with_the_right_one_unless_that_is_set_too(name: str) -> None:
    Path(".env").write_text(f"A=1\n{name}=some-thing\n", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"line 2\) is not a setting; (\w+) is") as caught:
        S3Config.from_env()
    right = caught.value.message.split("; ")[1].split(" is")[0]
    with Path(".env").open("a", encoding="utf-8") as file:
        file.write(f"{right}=some-thing\n")
    S3Config.from_env()


def test_a_misspelt_name_in_the_environment_is_refused_and_those_of_others_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("S3_ACCESS_KEY_ID", "S3_SECRET_KEY", "MY_LOG_LEVEL", "S3_TIMEOUT"):
        monkeypatch.setenv(name, "x")
    S3Config.from_env()
    monkeypatch.setenv("S3_BUKET_NAME", "x")
    with pytest.raises(SettingsError, match="S3_BUCKET_NAME"):
        S3Config.from_env()
    S3Config.from_env(bucket_name="given")


def test_what_is_no_file_is_refused_but_a_virtual_environment_is_none() -> None:
    path = Path(".env")
    path.mkdir()
    with pytest.raises(SettingsError, match="is a directory"):
        S3Config.from_env()
    (path / "pyvenv.cfg").touch()
    S3Config.from_env()
    shutil.rmtree(path)
    path.symlink_to("nowhere")
    with pytest.raises(SettingsError, match="does not exist"):
        S3Config.from_env()
    path.unlink()
    path.symlink_to(".env")
    with pytest.raises(SettingsError, match="too many levels"):
        S3Config.from_env()
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(".env")
        with pytest.raises(SettingsError, match="cannot be read"):
            S3Config.from_env()


def test_a_pipe_is_read_once_for_all_and_cannot_be_edited() -> None:
    os.mkfifo(".env")
    writer = threading.Thread(target=Path(".env").write_text, args=("S3_PREFIX=a\nS3_REGION=eu-west-1\n",))
    writer.start()
    assert S3Config.from_env().prefix == "a"
    writer.join()
    assert S3Config.from_env().region == "eu-west-1"
    with pytest.raises(SettingsError, match="a pipe"):
        env_file.edited(Path(".env"), {"S3_PREFIX": "b"})
    assert stat.S_ISFIFO(Path(".env").stat().st_mode)


def test_a_pipe_to_which_no_program_writes_ends_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PATIENCE_S", 0.1)
    os.mkfifo(".env")
    with pytest.raises(SettingsError, match="no program wrote"):
        S3Config.from_env()


def test_edits_follow_what_is_read() -> None:
    path = Path(".env")
    path.write_bytes(b"\xef\xbb\xbfS3_PREFIX=x\ns3_prefix=y\nKEY='\nS3 a\n'\nNOTE=\xe2\x80\xa8z\n")
    env_file.write(env_file.edited(path, {"S3_PREFIX": "it's"}))
    assert path.read_bytes() == (
        b"\xef\xbb\xbfS3_PREFIX=x\ns3_prefix=\"it's\"\nKEY='\nS3 a\n'\nNOTE=\xe2\x80\xa8z\n"
    )
    assert S3Config.from_env().prefix == "it's"


def test_a_blank_after_the_sign_of_another_programs_setting_is_its_own_business() -> None:
    assert prefix("DATABASE_URL= postgres\nS3_PREFIX = mine # where\nexport S3_REGION=\n") == "mine"
    assert "line 1: S3_PREFIX is empty to a shell" in told("S3_PREFIX= mine\n")


def test_lines_that_set_nothing_are_told_without_their_text() -> None:
    lines = (
        "# a note",
        "source other.sh",
        ". ./other.sh",
        "S3_PREFIX",
        "export S3_REGION  # later",
        "TEAM",
        "echo secret",
        "OTHER='a",
        "source b'",
        "S3_PREFIX=a",
    )
    assert prefix("\n".join(lines)) == "a"

    assert left_out() == (
        ".env, line 2 names another file, which only a shell reads: it is left out",
        ".env, line 3 names another file, which only a shell reads: it is left out",
        ".env, line 4 names S3_PREFIX and gives it no value: it is left out",
        ".env, line 5 names S3_REGION and gives it no value: it is left out",
        ".env, line 7 is no assignment: it is left out",
    )
