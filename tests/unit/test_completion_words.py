"""Reading half-typed lines, and writing values that a shell reads back."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creative_s3.cli.completion.words import Typed, quoted_for_bash, read

BASH = shutil.which("bash")
BREAKS = " \t\n\"'@><=;|&(:"
VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@pytest.mark.parametrize(
    ("line", "words", "current"),
    [
        ("creative-s3 ", ["creative-s3"], ""),
        ("creative-s3 as", ["creative-s3"], "as"),
        ("  creative-s3   as", ["creative-s3"], "as"),
        (r"x a\ b c\ d", ["x", "a b"], "c d"),
        ('x "a b" "c d', ["x", "a b"], "c d"),
        ("x 'a \"b' 'c d", ["x", 'a "b'], "c d"),
        ("x '' ", ["x", ""], ""),
        (r'x "a\"b\c', ["x"], r'a"b\c'),
        ("x a\\", ["x"], "a"),
        ("x --tag=a:b", ["x"], "--tag=a:b"),
        ("x <in a", ["x"], "a"),
        ("x a>out b", ["x", "a"], "b"),
    ],
)
def test_a_line_is_split_as_bash_would(line: str, words: list[str], current: str) -> None:
    typed = read(line, breaks=BREAKS)
    assert (typed.words, typed.current) == (words, current)


def test_the_word_after_a_redirection_is_a_file() -> None:
    assert read("x > ou").is_redirected
    assert read("x 2>ou").is_redirected
    assert not read("x > out a").is_redirected


@pytest.mark.parametrize(
    ("line", "kept", "quote"),
    [
        ("x abc", 0, ""),
        ("x a:b", 2, ""),
        ("x a:b:", 4, ""),
        (r"x a\:b", 0, ""),
        ('x "a:b', 0, '"'),
        ('x a"b', 1, '"'),
        ('x "a"b', 1, ""),
        ("x --tag=a", 6, ""),
    ],
)
def test_readline_replaces_what_follows_the_last_break(line: str, kept: int, quote: str) -> None:
    typed = read(line, breaks=BREAKS)
    assert (typed.kept, typed.quote) == (kept, quote)


def test_fish_escapes_within_single_quotes() -> None:
    assert read(r"x 'it\'s \x", escapes_in_single_quotes=True).current == r"it's \x"
    assert read(r"x 'a\\b", escapes_in_single_quotes=True).current == r"a\b"


@pytest.mark.skipif(BASH is None, reason="bash is not installed")
@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_bash_reads_a_quoted_value_back_as_it_was(value: str) -> None:
    given = " ".join(f"{quote}{quoted_for_bash(value, quote)}{quote}" for quote in ("", "'", '"'))
    done = subprocess.run([str(BASH), "-c", rf"printf '%s\0' {given}"], capture_output=True, check=True)
    assert done.stdout.decode() == f"{value}\0" * 3


@given(VALUES)
def test_our_own_reading_agrees_with_our_quoting(value: str) -> None:
    for quote in ("", "'", '"'):
        line = f"x {quote}{quoted_for_bash(value, quote)}{quote} "
        assert read(line) == Typed(["x", value], "")


@given(st.text())
def test_any_line_can_be_read(line: str) -> None:
    typed = read(line, breaks=BREAKS)
    assert 0 <= typed.kept <= len(typed.current)
