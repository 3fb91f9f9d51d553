from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.cli.text import count, duration, printable, screen_safe, size, speed


@pytest.mark.parametrize(
    ("size_bytes", "shown"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1024 * 1024 - 1, "1.0 MiB"),
        (1_258_291, "1.2 MiB"),
        (3 * 1024**3, "3.0 GiB"),
        (5 * 1024**5, "5.0 PiB"),
        (5000 * 1024**5, "5000.0 PiB"),
        (-2048, "-2.0 KiB"),
    ],
)
def test_a_size_has_a_binary_unit_and_one_decimal(size_bytes: int, shown: str) -> None:
    assert size(size_bytes) == shown


def test_a_speed_is_always_in_mebibytes_per_second() -> None:
    assert speed(88_395_000) == "84.3 MiB/s"
    assert speed(0) == "0.0 MiB/s"
    assert speed(2000 * 1024**2) == "2,000.0 MiB/s"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0.0 s"),
        (0.4, "0.4 s"),
        (9.96, "10 s"),
        (42.2, "42 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7620, "2 h 07 min"),
        (273_600, "3 d 04 h"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_a_count_has_thousands_separators_and_a_noun_that_agrees() -> None:
    assert count(1234) == "1,234"
    assert count(1, "file") == "1 file"
    assert count(0, "file") == "0 files"
    assert count(1_000_000, "file") == "1,000,000 files"
    assert count(2, "retry", "retries") == "2 retries"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain é 日本 🎨.png", "plain é 日本 🎨.png"),
        ("two\nlines\r\t", r"two\nlines\r\t"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x9b31m", r"\x9b31m"),
        ("nul\x00", r"nul\x00"),
        ("gpj.\u202eexe", r"gpj.\u202eexe"),
        (b"\xff".decode("utf-8", "surrogateescape"), r"\udcff"),
    ],
)
def test_a_name_is_shown_on_one_line_with_its_control_characters_written_out(name: str, shown: str) -> None:
    assert printable(name) == shown


@given(st.text(st.characters(codec=None)))
def test_nothing_that_acts_on_a_terminal_is_printable(name: str) -> None:
    shown = printable(name)
    assert not any(ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 for character in shown)
    shown.encode()
    assert printable(shown) == shown


def test_a_screen_keeps_its_line_ends() -> None:
    assert screen_safe("a\n\tb\x1b") == "a\n\tb\\x1b"
