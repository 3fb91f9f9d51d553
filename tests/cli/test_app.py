"""Shared options, and how each error ends: in this process, on a program made for it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.main import get_command

from creative_s3.cli import groups
from creative_s3.cli.app import new_app
from tests.cli.probe import data, invoke

# Options on both sides.


@pytest.mark.parametrize(
    "arguments",
    [
        ("--json", "work", "do", "x"),
        ("work", "--json", "do", "x"),
        ("work", "do", "--json", "x"),
        ("work", "do", "x", "--json"),
        ("--json", "do", "x"),
    ],
)
def test_a_global_option_is_accepted_everywhere(arguments: tuple[str, ...]) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 0
    assert data(result)["what"] == "x"
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("-q", "quiet"),
        ("--quiet", "quiet"),
        ("-v", "verbose"),
        ("--verbose", "verbose"),
        ("--debug", "verbose"),
        ("--no-color", "no_color"),
    ],
)
def test_every_look_reaches_the_command_from_both_sides(option: str, name: str) -> None:
    for arguments in ((option, "work", "do", "x", "--json"), ("work", "do", "x", "--json", option)):
        look = data(invoke(*arguments))["look"]
        assert isinstance(look, dict)
        assert look[name] is True


def test_the_settings_of_both_sides_are_merged_and_the_later_wins() -> None:
    result = invoke(
        "--bucket", "a", "--region", "r", "work", "do", "x", "--bucket", "b", "--cache-dir", "c", "--json"
    )
    assert data(result)["flags"] == {"bucket_name": "b", "region": "r", "cache_dir": "c"}


@pytest.mark.parametrize(
    "arguments", [("--insecure-endpoint", "work", "do", "x"), ("work", "do", "x", "--insecure-endpoint"), ()]
)
def test_a_flag_counts_from_both_sides(arguments: tuple[str, ...]) -> None:
    result = invoke("--json", *(arguments or ("work", "do", "x")))
    assert data(result)["insecure"] is bool(arguments)


def test_a_command_knows_the_line_that_runs_it_again() -> None:
    result = invoke("--json", "work", "do", "two words")
    assert data(result)["again"] == "creative-s3 --json work do 'two words'"


def test_a_setting_that_a_command_does_not_use_is_refused_after_it_only() -> None:
    assert invoke("--prefix", "p", "work", "do", "x").exit_code == 0
    assert invoke("work", "do", "x", "--prefix", "p").exit_code == 2


# Errors.


def test_an_error_of_ours_is_one_paragraph_and_its_exit_code() -> None:
    result = invoke("work", "fail", "known")
    assert result.exit_code == 5
    assert result.stdout == ""
    assert result.stderr == "Error: the bucket does not exist (my-bucket)\n→ create it\n"


def test_an_error_of_ours_in_json_is_the_envelope() -> None:
    result = invoke("work", "fail", "known", "--json")
    assert result.exit_code == 5
    assert result.stderr == ""
    answer = json.loads(result.stdout)
    assert (answer["command"], answer["ok"], answer["exit_code"]) == ("work fail", False, 5)
    assert answer["error"]["code"] == "bucket-not-found"


def test_failed_items_are_a_report_with_an_exit_code() -> None:
    result = invoke("work", "fail", "items", "--json")
    assert result.exit_code == 3
    answer = json.loads(result.stdout)
    assert (answer["ok"], answer["exit_code"], answer["data"], answer["error"]) == (
        False,
        3,
        {"failed": 1},
        None,
    )


def test_a_bug_is_one_line_the_logs_path_and_exit_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    result = invoke("work", "fail", "bug")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith(
        "Error: unexpected error, a bug in creative-s3: ZeroDivisionError: division by zero\n"
    )
    assert "second line" not in result.stderr
    assert "Traceback" not in result.stderr
    path = re.search(r"the log (\S+) tells more", result.stderr)
    assert path is not None
    assert "Traceback" in Path(path[1]).read_text()


def test_verbose_shows_the_traceback_of_a_bug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    result = invoke("-v", "work", "fail", "bug")
    assert "Traceback" in result.stderr
    assert result.stdout == ""


def test_a_bug_in_json_is_the_envelope(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    answer = json.loads(invoke("--json", "work", "fail", "bug").stdout)
    assert (answer["exit_code"], answer["error"]["code"]) == (1, "unexpected")


@pytest.mark.parametrize(
    ("how", "code", "text"),
    [("full", 9, "no space left on device (out/file.png)"), ("rights", 4, "permission denied (cache)")],
)
def test_the_systems_own_refusals_are_no_bugs(how: str, code: int, text: str) -> None:
    result = invoke("work", "fail", how)
    assert result.exit_code == code
    assert f"Error: {text}\n" in result.stderr


def test_an_interruption_is_130_and_names_the_command_that_goes_on() -> None:
    result = invoke("work", "fail", "interrupt")
    assert result.exit_code == 130
    assert "→ creative-s3 work fail interrupt" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("wrok",), "No such command 'wrok'. Did you mean 'work'?"),
        (("work", "od"), "No such command 'od'"),
        (("work", "do"), "Missing argument 'what'"),
        (("work", "do", "x", "--tmies", "2"), "No such option: --tmies"),
        (("work", "do", "x", "--times", "two"), "Invalid value for '--times'"),
        (("--nope",), "No such option: --nope"),
    ],
)
def test_a_wrong_command_line_is_explained_and_ends_with_2(arguments: tuple[str, ...], text: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert text in result.stderr
    assert result.stderr.rstrip().endswith("--help")


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("--json", "wrok"), None),
        (("work", "do", "--json"), "work do"),
        (("work", "do", "x", "--nope", "--json"), "work do"),
        (("work", "nope", "--json"), "work"),
    ],
)
def test_a_wrong_command_line_in_json_is_the_envelope(
    arguments: tuple[str, ...], command: str | None
) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert result.stderr == ""
    answer = json.loads(result.stdout)
    assert (answer["ok"], answer["exit_code"], answer["command"]) == (False, 2, command)
    assert answer["error"]["code"] == "usage"
    assert answer["error"]["hint"].endswith("--help")


def test_a_wrong_word_cannot_act_on_the_terminal() -> None:
    assert "\x1b" not in invoke("work", "\x1b[2J").stderr
    assert "\x1b" not in invoke("--\x1b[2J").stderr


def test_a_command_line_loads_only_the_modules_that_its_words_name() -> None:
    assert groups.modules_for(["migrate", "upload"]) == ("migrate.commands",)
    assert groups.modules_for(["--bucket", "migrate", "list"]) == ("migrate.commands", "assets.commands")
    assert groups.modules_for(["--help", "tiers"]) == tuple(groups.NAMES)
    assert groups.modules_for(["uplaod"]) == tuple(groups.NAMES)


@pytest.mark.parametrize("module", groups.NAMES)
def test_each_module_registers_the_names_that_are_said_of_it(module: str) -> None:
    root = new_app()
    groups.register(root, [module])
    assert set(get_command(root).commands) == set(groups.NAMES[module])  # type: ignore[attr-defined]
