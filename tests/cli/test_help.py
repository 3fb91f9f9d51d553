"""What ``--help`` shows, and what it costs."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Annotated, Literal

import pytest
import typer
from typer.testing import CliRunner

from creative_s3 import __version__
from creative_s3.cli.app import app, new_app
from creative_s3.cli.declare import options
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run  # noqa: TC001 - commands' annotations are read at run time
from tests.cli.probe import data, environment, invoke, probe, run

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_alone_or_asked_the_program_prints_its_help(arguments: tuple[str, ...]) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 0
    assert "Usage: creative-s3 [OPTIONS] COMMAND" in result.stdout
    assert "Shortcuts" in result.stdout
    assert result.stderr == ""


def test_a_group_alone_prints_its_help() -> None:
    result = invoke("work")
    assert result.exit_code == 0
    assert "Usage: creative-s3 work" in result.stdout


def test_a_program_without_a_command_is_a_usage_error_for_scripts() -> None:
    result = invoke("--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["message"] == "no command is given"


def test_the_help_of_a_command_begins_with_its_own_options_and_ends_with_examples() -> None:
    help_text = CliRunner().invoke(probe(), ["work", "do", "--help"], env={"COLUMNS": "80"}).stdout
    places = [
        help_text.index(word) for word in ("--times", "Settings", "--bucket", "Global options", "Examples")
    ]
    assert places == sorted(places)
    assert "And say so afterwards." in help_text
    assert " 2. Twice\n" in re.sub(r" +\n", "\n", help_text)
    assert "    creative-s3 work do one --times 2" in help_text
    assert "<bool>" not in help_text
    assert max(len(text) for text in help_text.splitlines()) <= 80


def test_a_long_example_is_broken_as_a_shell_understands_it() -> None:
    line = f"creative-s3 work do {'x' * 60} --times '{'two words ' * 4}' -n --bucket b"
    broken = options.continued(line)
    assert max(len(text) for text in broken.splitlines()) <= 75
    assert any(text.strip().startswith("--times 'two words") for text in broken.splitlines())
    assert shlex.split(broken.replace("\\\n", "")) == shlex.split(line)


def test_the_help_of_a_group_begins_with_its_commands() -> None:
    help_text = invoke("--help").stdout
    places = [help_text.index(f"\n{word}") for word in ("Commands", "Shortcuts", "Options", "Global options")]
    assert places == sorted(places)
    assert "  do          Do something." in re.sub(r" +\n", "\n", invoke("work", "--help").stdout)


def test_a_long_list_of_choices_is_a_sentence() -> None:
    root = new_app()

    @options.command(root, "pick")
    def pick(
        run: Run,  # noqa: ARG001 - every command gets it
        colour: Annotated[
            Literal["crimson", "vermilion", "ultramarine", "chartreuse"], typer.Option(help="It.")
        ],
        size: Annotated[Literal["s", "m"], typer.Option(help="How big. [default: none]")] = "s",
    ) -> Report:
        """Pick one."""
        return Report(data={"colour": colour, "size": size})

    help_text = CliRunner().invoke(root, ["pick", "--help"], env={"COLUMNS": "100"}).stdout
    assert "--colour COLOUR" in help_text
    assert "One of: crimson, vermilion, ultramarine, chartreuse." in re.sub(r"\s+", " ", help_text)
    assert "--size s|m" in help_text
    assert "How big. [default: none]" in help_text


@pytest.mark.parametrize("columns", [20, 40, 80, 200])
def test_help_fits_the_screen(columns: int) -> None:
    help_text = CliRunner().invoke(probe(), ["--help"], env={"COLUMNS": str(columns)}).stdout
    assert max(len(text.rstrip()) for text in help_text.splitlines()) <= min(columns, 100)
    assert "Global" in help_text


def test_a_shortcut_is_the_same_command_with_its_own_examples() -> None:
    help_text = CliRunner().invoke(probe(), ["do", "--help"], env={"COLUMNS": "80"}).stdout
    assert "    creative-s3 do one --times 2" in help_text
    answer = json.loads(invoke("do", "x", "--json").stdout)
    assert answer["command"] == "do"
    assert answer["data"]["what"] == "x"


def test_the_version_is_printed() -> None:
    assert invoke("--version").stdout == f"creative-s3 {__version__}\n"
    assert invoke("--version", "-q").stdout == f"{__version__}\n"
    assert data(invoke("--version", "--json")) == {"version": __version__}


def commands_of(root: typer.Typer) -> Iterator[tuple[str, str, str]]:
    """Yield path, help and epilog of every command, shortcuts included."""

    def walk(command: object, path: str) -> Iterator[tuple[str, str, str]]:
        for name, child in getattr(command, "commands", {}).items():
            if hasattr(child, "commands"):
                yield from walk(child, f"{path} {name}")
            else:
                yield f"{path} {name}", child.help or "", child.epilog or ""

    yield from walk(typer.main.get_command(root), "creative-s3")


REAL_COMMANDS = list(commands_of(app))


@pytest.mark.parametrize(
    ("path", "help_text", "epilog"), REAL_COMMANDS, ids=[path for path, _, _ in REAL_COMMANDS]
)
def test_every_command_has_a_purpose_and_examples_that_parse_and_fit(
    path: str, help_text: str, epilog: str
) -> None:
    purpose = help_text.split("\n\n", 1)[0]
    assert purpose.endswith(".")
    assert len(purpose) <= 100
    assert max(len(text) for text in epilog.splitlines()) <= 80
    whole = epilog.replace(" \\\n       ", " ")
    lines = [text.strip() for text in whole.splitlines() if text.startswith("     ")]
    assert 2 <= len(lines) <= 3, f"{path} has {len(lines)} examples"
    for example in lines:
        for arguments in calls_in(example):
            result = CliRunner().invoke(app, [*arguments, "--help"])
            assert result.exit_code == 0, f"{example}: {result.stderr}"


def calls_in(line: str) -> Iterator[list[str]]:
    """Yield the arguments of every call of the program in a shell line."""
    lexer = shlex.shlex(line.replace('"$(', "").replace(')"', ""), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words = list(lexer)
    for place, word in enumerate(words):
        if word == "creative-s3":
            rest = words[place + 1 :]
            end = next((at for at, other in enumerate(rest) if set(other) <= set("|&;<>")), len(rest))
            yield rest[:end]


HEAVY = (
    "boto3",
    "botocore",
    "awscrt",
    "s3transfer",
    "pydantic",
    "pydantic_settings",
    "sqlite3",
    "platformdirs",
)


@pytest.mark.parametrize("arguments", [["--help"], ["config", "--help"], ["--version"], ["nonsense"]])
def test_nothing_heavy_is_imported_for_help(arguments: list[str]) -> None:
    script = f"""
        import sys
        from creative_s3.cli.app import main
        try:
            main({arguments!r})
        except SystemExit:
            pass
        print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == "[]"


def test_a_plain_locale_gets_ascii_help() -> None:
    done = run("config", "--help", LC_ALL="C")
    assert done.returncode == 0
    assert done.stdout.isascii()


def test_a_plain_locale_gets_an_ascii_table() -> None:
    done = run("config", LC_ALL="C", S3_PREFIX="日本")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "\\u65e5\\u672c" in done.stdout


def test_no_color_holds_for_help_even_where_colours_are_forced() -> None:
    colour = re.compile(r"\x1b\[[\d;]*3[0-7]m")
    assert colour.search(run("--help", FORCE_COLOR="1", TERM="xterm").stdout)
    assert not colour.search(run("--no-color", "--help", FORCE_COLOR="1", TERM="xterm").stdout)
