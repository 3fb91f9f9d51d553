"""Lists of names on standard input, as editors and other programs write them; and names with line breaks."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.inside import Inside

if TYPE_CHECKING:
    from pathlib import Path

ODD = ("two\nlines", "with\rreturn", " blanks ", "right-\u202eleft", "tab\tname", "-dash", "plain", "é")


@pytest.fixture
def cli(server_env: dict[str, str], tmp_path: Path) -> Inside:
    """A workspace whose assets have odd names; all of them are in the bucket."""
    root = tmp_path / "work"
    (root / "cache").mkdir(parents=True)
    entries = {}
    for number, name in enumerate(ODD):
        (root / f"cache/{number}.png").write_bytes(name.encode())
        entries[name] = {
            "file_path": f"cache/{number}.png",
            "metadata": {"asset_type": "scene_background", "tags": ["odd"]},
        }
    (root / "cache/index.json").write_text(json.dumps({"semantic_assets": entries}), encoding="utf-8")
    made = Inside(server_env, root)
    assert made("migrate", "upload").code == 0
    return made


def shown(cli: Inside, stdin: bytes, *arguments: str) -> list[str]:
    result = cli("assets", "show", *arguments, "--json", "-", stdin=stdin)
    assert (result.code, result.data["failed"]) == (0, []), result
    return [one["asset"]["cache_key"] for one in result.data["assets"]]


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"\xef\xbb\xbfplain\n", ["plain"]),
        (b"plain\r\n\r\n-dash\r\n", ["plain", "-dash"]),
        (b"plain", ["plain"]),
        (b"plain\nplain\n\nplain\n", ["plain"]),
        (b" blanks \ntab\tname\n", [" blanks ", "tab\tname"]),
        ("\ufeffé\n".encode(), ["é"]),
    ],
)
def test_lines_are_read_as_editors_write_them(cli: Inside, content: bytes, names: list[str]) -> None:
    assert shown(cli, content) == names


@pytest.mark.parametrize(
    ("content", "names"),
    [
        (b"two\nlines\0with\rreturn\0", ["two\nlines", "with\rreturn"]),
        (b"\xef\xbb\xbfplain\0\0 blanks ", ["plain", " blanks "]),
    ],
)
def test_with_null_names_end_with_nul(cli: Inside, content: bytes, names: list[str]) -> None:
    assert shown(cli, content, "-0") == names
    assert shown(cli, content, "--null") == names


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        ("plain\n".encode("utf-16"), (), "are UTF-16"),
        ("plain\n".encode("utf-16-le"), (), "are UTF-16"),
        ("plain\n".encode("utf-16-be"), (), "are UTF-16"),
        ("plain\n".encode("utf-16"), ("-0",), "are UTF-16"),
        (b"plain\0two\nlines\0", (), "end with NUL"),
        (b"\xef\xbb\xbf\r\n\n", (), "no names"),
        (b"\0\0", ("-0",), "no names"),
        (b"x" * (2 << 20), (), "no list of names"),
    ],
)
def test_what_is_no_such_list_is_refused_by_name(
    cli: Inside, content: bytes, arguments: tuple[str, ...], said: str
) -> None:
    result = cli("assets", "show", *arguments, "-", stdin=content)
    assert result.code == 2, result
    assert said in result.err


def test_every_command_that_reads_names_refuses_it(cli: Inside) -> None:
    for command in (
        "assets download",
        "assets url",
        "assets retire",
        "tiers demote --yes",
        "tiers promote",
        "tiers pin",
        "tiers restore",
        "lifecycle class --to STANDARD_IA",
    ):
        result = cli(*command.split(), "-", stdin="plain\n".encode("utf-16"))
        assert (result.code, "are UTF-16" in result.err) == (2, True), (command, result)


def test_bytes_that_are_no_utf8_are_a_name_that_is_missing(cli: Inside) -> None:
    result = cli("assets", "show", "-", "-q", stdin=b"caf\xe9\nplain\n")
    assert result.code == 5
    assert len(result.out.splitlines()) == 1
    assert "caf" in result.err


def test_a_hint_keeps_its_line_whatever_the_name_has_in_it(cli: Inside) -> None:
    result = cli("tiers", "pin", "-", stdin=b"no\rsuch\n")

    assert result.code in {3, 5}, result
    assert "creative-s3 assets find $'no\\rsuch'" in result.err + result.out, result


def test_names_with_line_breaks_travel_between_commands(cli: Inside) -> None:
    lines = cli("assets", "find", "--tag", "odd", "-q")
    assert lines.code == 3
    assert "-0 ends each with NUL" in lines.err
    for flags in (("-q", "-0"), ("-q0",), ("--null",)):
        found = cli("assets", "find", "--tag", "odd", *flags)
        assert (found.code, found.err) == (0, "")
        assert sorted(found.out.split("\0")) == sorted(("", *ODD))
    line = f"{sys.executable} -m creative_s3"
    done = subprocess.run(
        [
            "/bin/sh",
            "-c",
            f"{line} assets find -q0 --tag odd | {line} assets download -q0 - --output fetched",
        ],
        env=dict(cli.env),
        cwd=cli.cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    keys = [key for key in done.stdout.split("\0") if key]
    assert len(keys) == len(ODD)
    fetched = {path.read_bytes().decode() for path in (cli.cwd / "fetched").rglob("*") if path.is_file()}
    assert fetched == set(ODD)


def test_a_million_names_are_read_in_pieces(cli: Inside) -> None:
    names = b"".join(b"plain\n" for _ in range(1_000_000))
    assert shown(cli, names) == ["plain"]
