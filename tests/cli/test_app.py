from __future__ import annotations

import errno
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import pytest
import typer
from typer.testing import CliRunner, Result

from creative_s3 import __version__
from creative_s3.cli import options
from creative_s3.cli.app import app, new_app
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run  # noqa: TC001 - commands' annotations are read at run time
from creative_s3.errors import BucketNotFoundError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "creative_s3"]


# A program of the same making, whose commands do what a test needs.


def probe() -> typer.Typer:
    root = new_app()
    group = options.group("work", "Work hard.")
    root.add_typer(group)

    @options.command(
        group,
        "do",
        settings=("bucket", "cache_dir", "insecure_endpoint"),
        examples=(("Do it", "creative-s3 work do one"), ("Twice", "creative-s3 work do one --times 2")),
    )
    def do(run: Run, what: str, times: Annotated[int, typer.Option(help="How often.")] = 1) -> Report:
        """Do something.

        And say so
        afterwards.
        """
        flags = {name: str(value) for name, value in run.flags.items()}
        look = run.output.look
        return Report(
            data={
                "what": what,
                "times": times,
                "flags": flags,
                "insecure": run.session.insecure_endpoint,
                "look": look,
                "again": run.again,
            },
            lines=(what,) * times,
            human=f"did {what}",
        )

    @options.command(group, "fail")
    def fail(run: Run, how: str) -> Report:  # noqa: ARG001 - every command gets it
        """Fail in some way."""
        if how == "items":
            return Report(data={"failed": 1}, exit_code=ExitCode.ITEMS_FAILED)
        raise {
            "known": BucketNotFoundError("the bucket does not exist", item="my-bucket", hint="create it"),
            "bug": ZeroDivisionError("division by zero\nsecond line"),
            "full": OSError(errno.ENOSPC, "No space left on device", "out/file.png"),
            "rights": PermissionError(errno.EACCES, "Permission denied", "cache"),
            "interrupt": KeyboardInterrupt(),
        }[how]

    options.shortcut(root, "do", do)
    return root


def invoke(*arguments: str, of: typer.Typer | None = None) -> Result:
    return CliRunner().invoke(of or probe(), arguments)


def data(result: Result) -> dict[str, object]:
    answer: dict[str, object] = json.loads(result.stdout)["data"]
    return answer


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


# Help.


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
EXAMPLE = re.compile(r"\[bold\](creative-s3 .*?|.*)\[/\]")


@pytest.mark.parametrize(
    ("path", "help_text", "epilog"), REAL_COMMANDS, ids=[path for path, _, _ in REAL_COMMANDS]
)
def test_every_command_has_a_purpose_and_examples_that_parse_and_fit(
    path: str, help_text: str, epilog: str
) -> None:
    purpose = help_text.split("\n\n", 1)[0]
    assert purpose.endswith(".")
    assert len(purpose) <= 100
    lines = EXAMPLE.findall(epilog)
    assert 2 <= len(lines) <= 3, f"{path} has {len(lines)} examples"
    for example in lines:
        assert len(example) <= 74, f"too long for 80 columns: {example}"
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


# The real process.


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(CHECKOUT)} | more


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments],
        env=environment(**more),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


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


def completed(words: str) -> list[str]:
    done = run(
        _CREATIVE_S3_COMPLETE="complete_bash", COMP_WORDS=words, COMP_CWORD=str(len(words.split(" ")) - 1)
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_the_shell_completes_commands_and_options() -> None:
    assert completed("creative-s3 conf") == ["config"]
    assert "--bucket" in completed("creative-s3 config --")
    assert "--json" in completed("creative-s3 --js")


def test_nothing_heavy_is_imported_for_completion() -> None:
    script = f"""
        import sys
        from creative_s3.cli.app import main
        try:
            main([])
        except SystemExit:
            pass
        print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=environment(_CREATIVE_S3_COMPLETE="complete_bash", COMP_WORDS="creative-s3 co", COMP_CWORD="1"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "config" in done.stdout.split()
    assert done.stderr.splitlines()[-1] == "[]"


def test_the_completion_script_can_be_shown() -> None:
    done = run("--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert done.returncode == 0
    assert "_CREATIVE_S3_COMPLETE=complete_bash" in done.stdout


def test_a_plain_locale_gets_ascii_help() -> None:
    done = run("config", "--help", LC_ALL="C")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "+- Settings" in done.stdout


def test_no_color_holds_for_help_even_where_colours_are_forced() -> None:
    colour = re.compile(r"\x1b\[[\d;]*3[0-7]m")
    assert colour.search(run("--help", FORCE_COLOR="1", TERM="xterm").stdout)
    assert not colour.search(run("--no-color", "--help", FORCE_COLOR="1", TERM="xterm").stdout)


@pytest.mark.parametrize("arguments", [("--help",), ("config",), ("config", "--json"), ("config", "-q")])
def test_a_closed_pipe_is_141_and_silent(arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)  # as if `head` had left already
    process = subprocess.Popen(
        [*PROGRAM, *arguments], env=environment(), stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 141
    assert stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [("config", "-q"), ("config",)])
def test_a_full_disk_under_stdout_is_not_a_success(arguments: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, *arguments],
            env=environment(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 9
    assert done.stderr.startswith("Error: no space left on device (standard output)\n")
    assert "Traceback" not in done.stderr


WORKER = '''
import sys, threading, time
from creative_s3.cli import options, stops
from creative_s3.cli.app import new_app
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run  # noqa: TC001 - commands' annotations are read at run time
from creative_s3.cli.terminal import prepare_streams
from typer.main import get_command

app = new_app()

@options.command(app, "wait")
def wait(run: Run, how: str) -> Report:
    """Wait to be stopped."""
    with run.live() as live:
        try:
            print("ready", file=sys.stderr, flush=True)
            threading.Event().wait(60)
        except KeyboardInterrupt:
            if how == "drain":
                print("drained", file=sys.stderr, flush=True)
            if how == "stuck":
                threading.Event().wait(60)
            raise
    return Report()

prepare_streams()
stops.install()
get_command(app).main(sys.argv[1:], prog_name="creative-s3")
'''


@pytest.fixture
def worker(tmp_path: Path) -> Path:
    path = tmp_path / "worker.py"
    path.write_text(WORKER, encoding="utf-8")
    return path


def started(worker: Path, *arguments: str, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*before, sys.executable, str(worker), *arguments],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until_says(process.stderr, "ready")
    return process


def until_says(stream: IO[str] | None, text: str) -> None:
    assert stream is not None
    for said in stream:
        if text in said:
            return
    raise AssertionError(f"it ended without saying {text!r}")


@pytest.mark.parametrize(
    ("number", "code", "what"),
    [
        (signal.SIGINT, 130, "Interrupted"),
        (signal.SIGTERM, 143, "Asked to end"),
        (signal.SIGHUP, 129, "The terminal went away"),
    ],
)
def test_a_signal_is_announced_lets_the_work_drain_and_has_its_exit_code(
    number: signal.Signals, code: int, what: str, worker: Path
) -> None:
    process = started(worker, "wait", "drain")
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == code
    assert stdout == ""
    told = stderr.splitlines()
    assert told[0].startswith(f"{what}: finishing what is in flight")
    assert told[1] == "drained"
    assert told[-1] == "→ creative-s3 wait drain  # goes on where this stopped"
    assert "Traceback" not in stderr


def test_a_signal_in_json_is_the_envelope(worker: Path) -> None:
    process = started(worker, "--json", "wait", "drain")
    process.send_signal(signal.SIGTERM)
    stdout, _ = process.communicate(timeout=20)
    answer = json.loads(stdout)
    assert process.returncode == answer["exit_code"] == 143
    assert answer["error"]["code"] == "interrupted"
    assert answer["error"]["hint"].startswith("creative-s3 --json wait drain")


def test_a_second_signal_ends_it_now(worker: Path) -> None:
    process = started(worker, "wait", "stuck")
    process.send_signal(signal.SIGINT)
    until_says(process.stderr, "Interrupted")
    before = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert time.monotonic() - before < 3
    assert "Leaving now." in stderr


def test_work_that_does_not_drain_is_left_after_its_time(worker: Path) -> None:
    process = started(worker, "wait", "stuck")
    before = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 143
    assert 5 <= time.monotonic() - before < 12
    assert "Still busy" in stderr


def test_a_hangup_that_nohup_ignores_stays_ignored(worker: Path) -> None:
    process = started(worker, "wait", "drain", before=("nohup",))
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 143
    assert "went away" not in stderr


def test_on_a_terminal_ctrl_c_is_answered_and_the_cursor_comes_back(worker: Path) -> None:
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(worker), "wait", "drain"],
        env=environment(TERM="xterm-256color", COLUMNS="80"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = _read_until(mine, b"Working")
    process.send_signal(signal.SIGINT)
    shown += _read_until(mine, b"goes on where this stopped")
    assert process.wait(20) == 130
    os.close(mine)
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")


def _read_until(descriptor: int, text: bytes) -> bytes:
    """Read a terminal until `text` appears; pytest's own time limit is the deadline."""
    seen = b""
    while text not in seen:
        seen += os.read(descriptor, 65536)
    return seen
