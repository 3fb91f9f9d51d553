"""Absurd values of every option and argument: an answer or a usage error, never a bug.

A few numbers, sizes, dates and durations are tried every day. With ABSURD_VALUES=all, as in ``nox -s long``,
many are, for the options that take a text, too.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest
import typer

from creative_s3.cli.app import app
from tests.cli.inside import Inside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALL = os.environ.get("ABSURD_VALUES") == "all"
KINDS = {"N", "SIZE", "TIME", "DAYS", "CLASS:DAYS", "SPEED", "AGE", "PERCENT", "RUN", "PORT", "AMOUNT"}
"""The metavars of numbers, dates and durations."""
COMMON = ("99999999999", "1e23", "0001-01-01", "9" * 400)
RARE = (
    *("0", "9223372036854775807", "9223372036854775808", "18446744073709551616", "-9223372036854775809"),
    *("nan", "inf", "-inf", "1e-400", "1e400", "0.0000001", "0x10", "1_000", "\u0663", "", " ", "-1", "-0"),
    *("9999-12-31", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59", "2026-02-30", "+5", "100.0001"),
    *(
        "999999999w",
        "999999999d",
        "999999999s",
        "0d",
        "999999999999999PB",
        "STANDARD_IA:99999999999",
        "STANDARD_IA:-1",
    ),
    *(
        "GLACIER:",
        ":",
        "a\x00b",
        "\udcff",
        "x" * 5000,
        "%s",
        "[bold]",
        "../..",
        "999999999999999.999999999PiB",
    ),
)
REQUIRED = {
    "keys": "gradient_elegant",
    "key": "creative-assets/metadata/index.json",
    "file": "cache/scenes/not_indexed.png",
    "name": "a-bucket-that-is-not-there",
    "state": "status",
    "destination": "another-bucket",
    "asset_type": "composite",
    "to": "STANDARD_IA",
    "role": "arn:aws:iam::123456789012:role/copies",
}
"""What is given for what must be there, by the names in Python."""
SHARED = {"larger", "older", "unused_since", "max_bandwidth", "cold_days", "limit", "min_free"}
"""What several commands declare together is tried in one of them, every day."""
SPARED = {"local", "demo", "init"}
"""They start servers or make workspaces: only their numbers are tried."""


def walk(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:  # noqa: ANN401 - Typer's
    for name, one in getattr(command, "commands", {}).items():
        yield from walk(one, (*path, name))
    if path and not hasattr(command, "commands"):
        yield path, command


def lines() -> Iterator[tuple[str, ...]]:
    """Yield the command lines up to the absurd value."""
    seen = set()
    for path, command in walk(typer.main.get_command(app)):
        for one in command.params:
            is_option = one.param_type_name == "option"
            is_number = str(one.metavar) in KINDS or "int" in str(one.type_descriptor.annotation)
            known = one.name if one.name in SHARED else (one.name, command.callback.__name__)
            if is_option and (one.is_flag or one.is_eager):
                continue
            if is_number if ALL and path[0] in SPARED else ALL or (is_number and known not in seen):
                seen.add(known)
                yield tuple(_line(path, command, one))


def _line(path: tuple[str, ...], command: Any, absurd: Any) -> Iterator[str]:  # noqa: ANN401 - Typer's
    yield from path
    if any("--dry-run" in one.opts for one in command.params):
        yield "--dry-run"
    for one in command.params:
        if one is not absurd and one.required:
            value = REQUIRED[one.name]
            yield from [one.opts[0], value] if one.param_type_name == "option" else [value]
    yield absurd.opts[0] if absurd.param_type_name == "option" else "--"


LINES = sorted(set(lines()))


@pytest.fixture
def cli(server_env: dict[str, str], workspace: Path) -> Inside:
    """The program in a workspace that has uploaded, so that there is something to choose from."""
    made = Inside(server_env, workspace)
    assert made("migrate", "upload", "--yes").code == 0
    return made


@pytest.mark.timeout(3600 if ALL else 120)
@pytest.mark.parametrize("first", sorted({line[0] for line in LINES}))
def test_no_absurd_value_is_a_bug(cli: Inside, first: str) -> None:
    wrong = []
    for line in LINES:
        for value in (*COMMON, *(RARE if ALL else ())) if line[0] == first else ():
            words = [*line, value] if line[-1] == "--" else [*line[:-1], f"{line[-1]}={value}"]
            began_s = time.monotonic()
            result = cli(*words)
            if result.code == 1 or "Traceback" in result.err + result.out or time.monotonic() - began_s > 30:
                wrong.append((" ".join(words)[:300], result.code, result.err[:300]))
    assert wrong == []


def test_every_number_of_the_application_is_tried() -> None:
    tried = {(line[0], line[-1]) for line in LINES}
    assert {
        ("assets", "--older"),
        ("migrate", "--"),
        ("assets", "--expires"),
    } <= tried
    assert len(LINES) > 25
