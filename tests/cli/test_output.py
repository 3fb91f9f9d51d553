from __future__ import annotations

import io
import json
import re
import sys
import weakref
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.table import Table
from rich.text import Text

from creative_s3.cli.output import Look, Output, Report, envelope, to_plain
from creative_s3.cli.terminal import ascii_wanted, prepare_streams
from creative_s3.errors import (
    BucketNotFoundError,
    CreativeS3Error,
    ExitCode,
    RefusedError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

REPORT = Report(
    data={"files": 2},
    human=Text("two files"),
    lines=("a.png", "b.png"),
    warnings=("one is missing",),
    next_steps=("creative-s3 migrate validate  # prove every object",),
)
ERROR = BucketNotFoundError("the bucket does not exist", item="my-bucket", hint="create it first")


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_envelope_of_a_result_is_a_public_contract(capsys: pytest.CaptureFixture[str]) -> None:
    Output(Look(json=True)).finish("migrate upload", REPORT)
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {
        "schema_version": 1,
        "command": "migrate upload",
        "ok": True,
        "exit_code": 0,
        "data": {"files": 2},
        "warnings": ["one is missing"],
        "error": None,
    }
    assert captured.err == ""


def test_the_envelope_of_an_error_is_a_public_contract(capsys: pytest.CaptureFixture[str]) -> None:
    Output(Look(json=True)).fail("migrate upload", ERROR)
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {
        "schema_version": 1,
        "command": "migrate upload",
        "ok": False,
        "exit_code": 5,
        "data": None,
        "warnings": [],
        "error": {
            "code": "bucket-not-found",
            "message": "the bucket does not exist",
            "item": "my-bucket",
            "hint": "create it first",
        },
    }
    assert captured.err == ""


def test_any_exit_code_but_zero_is_not_ok() -> None:
    assert [envelope("x", code)["ok"] for code in (ExitCode.OK, ExitCode.DIFFERENT)] == [True, False]


def test_the_envelope_takes_the_values_that_commands_have() -> None:
    class Kind(StrEnum):
        PRODUCT = "product"

    @dataclass(frozen=True, slots=True)
    class Row:
        path: Path
        kind: Kind

    value = {
        "row": Row(Path("a/b"), Kind.PRODUCT),
        "when": datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC),
        "price": Decimal("1.25"),
        "set": frozenset({"b", "a"}),
        "generator": (number for number in (1, 2)),
    }
    assert json.loads(json.dumps(value, default=to_plain)) == {
        "row": {"path": "a/b", "kind": "product"},
        "when": "2025-01-02T03:04:05+00:00",
        "price": 1.25,
        "set": ["a", "b"],
        "generator": [1, 2],
    }


def test_what_an_iterator_yields_is_the_same_json_as_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"é": number, "price": Decimal("1.5")} for number in range(3)]
    told = []
    for data in (
        {"a": 1, "rows": rows, "none": [], "last": {"x": None}},
        {"a": 1, "rows": iter(rows), "none": iter([]), "last": {"x": None}},
    ):
        Output(Look(json=True)).finish("migrate plan", Report(data=data, warnings=["w"]))
        told.append(capsys.readouterr().out)
    assert told[0] == told[1]
    assert json.loads(told[1])["data"]["rows"][2] == {"é": 2, "price": 1.5}


def test_an_iterator_that_fails_leaves_nothing_on_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def rows() -> Iterator[str]:
        yield "x" * 2_000_000
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Output(Look(json=True)).finish("migrate plan", Report(data={"rows": rows()}))
    assert capsys.readouterr().out == ""


def test_long_data_is_never_in_memory_together(capsys: pytest.CaptureFixture[str]) -> None:
    taken: list[int] = []

    def rows() -> Iterator[object]:
        for number in range(300):
            row = Row("x" * 10_000)
            weakref.finalize(row, taken.append, number)
            assert number - len(taken) < 3
            yield row

    Output(Look(json=True)).finish("migrate plan", Report(data={"rows": rows()}))
    assert len(json.loads(capsys.readouterr().out)["data"]["rows"]) == 300


@dataclass
class Row:
    """A row that tells when it goes."""

    text: str


def test_a_value_without_a_json_form_is_a_bug() -> None:
    with pytest.raises(TypeError, match="object has no JSON form"):
        to_plain(object())


def test_json_is_ascii_whatever_the_names_are(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["日本.png", "\x9b31m", b"\xff".decode("utf-8", "surrogateescape")]
    Output(Look(json=True)).finish("assets list", Report(data={"names": names}))
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert json.loads(out)["data"]["names"] == names


def test_a_person_gets_data_on_stdout_and_the_rest_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    Output().finish("migrate upload", REPORT)
    captured = capsys.readouterr()
    assert captured.out == "two files\n"
    assert captured.err == ("! one is missing\n→ creative-s3 migrate validate  # prove every object\n")


def test_quiet_prints_the_data_lines_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(Look(quiet=True))
    output.note("a note")
    output.warn("a warning")
    output.finish("assets list", REPORT)
    captured = capsys.readouterr()
    assert captured.out == "a.png\nb.png\n"
    assert captured.err == ""


def test_quiet_prints_errors(capsys: pytest.CaptureFixture[str]) -> None:
    Output(Look(quiet=True)).fail("assets list", ERROR)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "Error: the bucket does not exist (my-bucket)\n→ create it first\n"


def test_an_item_that_the_message_names_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    Output().fail(None, UsageError("S3_REGION is wrong.", item="S3_REGION"))
    assert capsys.readouterr().err == "Error: S3_REGION is wrong\n"


def test_a_message_that_wants_its_item_before_it_gets_it_there(capsys: pytest.CaptureFixture[str]) -> None:
    Output(Look()).fail(None, CreativeS3Error("is not a JSON object: line 1", item="cache/index.json"))
    assert capsys.readouterr().err == "Error: cache/index.json is not a JSON object: line 1\n"


def test_an_endless_name_is_shortened_for_people_and_whole_in_json(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = CreativeS3Error("there is no such asset", item="a" + "x" * 3000 + "z")
    Output(Look()).fail(None, error)
    told = capsys.readouterr().err
    assert len(told) < 400
    assert "(axxx" in told
    assert "xxxz)" in told
    Output(Look(json=True)).fail(None, error)
    assert json.loads(capsys.readouterr().out)["error"]["item"] == error.item


def test_a_hint_of_prose_wraps_at_words_and_a_command_never(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    terminal = _Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    prose = "allowed: lowercase letters, digits, dots and hyphens, and a letter or digit at both ends"
    command = "creative-s3 migrate upload --prefix somewhere --bucket somewhere-else --dry-run"
    for hint in (prose, command):
        Output(Look()).fail(None, CreativeS3Error("no", hint=hint))
    said = re.sub("\x1b\\[[0-9;]*m", "", terminal.getvalue())
    assert f"→ {command}\n" in said
    assert all(len(line) <= 40 for line in said.splitlines() if "creative-s3" not in line)
    assert " ".join(prose.split()) in " ".join(said.split())


def test_a_name_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "a\x1b[2Jb\nc[red]d"
    output = Output()
    output.warn(evil)
    output.fail(None, CreativeS3Error(f"no such key {evil}", item=evil, hint=f"rm {evil}"))
    output.finish("assets list", Report(lines=(evil,)))
    Output(Look(quiet=True)).finish("assets list", Report(lines=(evil,)))
    captured = capsys.readouterr()
    assert "\x1b" not in captured.out + captured.err
    assert captured.out == "a\\x1b[2Jb\\nc[red]d\n"
    assert "! a\\x1b[2Jb\\nc[red]d\n" in captured.err


def test_a_view_that_forgets_to_escape_is_still_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("Key")
    table.add_row(Text("evil\x1b]0;title\x07name"))
    Output().finish("assets list", Report(human=table))
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "evil" in out


def test_secrets_are_taken_out_of_errors(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-canary-canary")
    error = CreativeS3Error("refused canary-canary-canary", hint="try canary-canary-canary")
    Output().fail(None, error, details="Traceback: canary-canary-canary")
    Output(Look(json=True)).fail(None, error)
    captured = capsys.readouterr()
    assert "canary" not in captured.out + captured.err


@pytest.mark.parametrize("look", [Look(), Look(json=True), Look(quiet=True)])
def test_a_question_that_nobody_can_answer_is_a_usage_error_that_names_the_flag(look: Look) -> None:
    with pytest.raises(UsageError) as caught:
        Output(look).confirm("Delete 3 files (1.2 MiB)?", assume_yes=False)
    assert caught.value.exit_code == 2
    assert "--yes" in (caught.value.hint or "")
    assert "Delete 3 files" in caught.value.message


def test_a_question_is_not_asked_when_the_answer_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    Output().confirm("Delete?", assume_yes=True)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_yes_goes_on(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", _Terminal(answer))
    monkeypatch.setattr(sys, "stderr", _Terminal())
    Output().confirm("Delete?", assume_yes=False)


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "maybe\n"])
def test_any_other_answer_stops_with_nothing_done(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", _Terminal(answer))
    monkeypatch.setattr(sys, "stderr", _Terminal())
    with pytest.raises(RefusedError, match="nothing was done"):
        Output().confirm("Delete?", assume_yes=False)


@pytest.mark.parametrize(
    ("environ", "look", "coloured"),
    [
        ({"TERM": "xterm-256color"}, Look(), True),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, Look(), False),
        ({"TERM": "xterm-256color"}, Look(no_color=True), False),
        ({"TERM": "dumb"}, Look(), False),
    ],
)
def test_styles_appear_only_where_they_are_wanted(
    environ: dict[str, str], look: Look, *, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    stream = _Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    Output(look).fail(None, UsageError("wrong", hint="right"))
    assert ("\x1b[" in stream.getvalue()) is coloured
    assert "Error: " in stream.getvalue()


def test_a_pipe_gets_no_styles_and_no_cut_lines(capsys: pytest.CaptureFixture[str]) -> None:
    key = "creative-assets/" + "x" * 150
    table = Table("Key", box=None)
    table.add_row(key)
    Output().finish("assets list", Report(human=table))
    out = capsys.readouterr().out
    assert key in out
    assert "\x1b" not in out


def test_columns_is_respected(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    table = Table("Key")
    table.add_row("x" * 100)
    Output().finish("assets list", Report(human=table))
    assert max(len(line) for line in capsys.readouterr().out.splitlines()) == 20


@pytest.mark.parametrize(
    ("environ", "plain"),
    [
        ({}, False),
        ({"LANG": "C"}, True),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True),
        ({"LC_ALL": "POSIX", "LANG": "en_GB.UTF-8"}, True),
        ({"LC_ALL": "C.UTF-8", "LANG": "C"}, False),
        ({"LANG": "C", "LC_CTYPE": "ja_JP.UTF-8"}, False),
        ({"LANG": "C", "PYTHONUTF8": "1"}, False),
        ({"LANG": "fr_FR.UTF-8"}, False),
    ],
)
def test_the_plain_locale_is_recognised_behind_pythons_own_utf8(
    environ: dict[str, str], *, plain: bool
) -> None:
    assert ascii_wanted(environ) is plain


def test_an_ascii_terminal_gets_marks_and_borders_of_the_same_width(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("LC_ALL", "PYTHONUTF8", "PYTHONIOENCODING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LC_ALL", "C")
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-8"))
    prepare_streams()
    table = Table("State")
    table.add_row("✓ ✗ → … ·")
    Output().finish("doctor", Report(human=table))
    sys.stdout.flush()
    lines = raw.getvalue().decode("ascii").splitlines()
    assert any("+ x > ~ -" in line for line in lines)
    assert len({len(line) for line in lines}) == 1


def test_data_lines_stay_utf8_where_the_screen_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.delenv("PYTHONUTF8", raising=False)
    monkeypatch.delenv("PYTHONIOENCODING", raising=False)
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-8"))
    prepare_streams()
    Output(Look(quiet=True)).finish("assets list", Report(lines=("日本.png",)))
    sys.stdout.flush()
    assert raw.getvalue().decode() == "日本.png\n"


@pytest.mark.parametrize(
    ("arguments", "look"),
    [
        ((), Look()),
        (("--json", "list"), Look(json=True)),
        (("list", "-qv"), Look(quiet=True, verbose=True)),
        (("--debug", "--no-color"), Look(verbose=True, no_color=True)),
        (("download", "--", "--json", "-q"), Look()),
        (("download", "-"), Look()),
    ],
)
def test_the_look_is_read_off_a_command_line_that_may_be_wrong(
    arguments: tuple[str, ...], look: Look
) -> None:
    assert Look.from_arguments(arguments) == look
