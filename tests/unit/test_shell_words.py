"""Words for a shell: one line each, and the shell reads exactly the text."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from creative_s3.core.shell_words import joined, quoted

BASH = shutil.which("bash")


@pytest.mark.parametrize(
    "text", ["plain", "two words", "it's", "a\rb", "a\nb'c\\d", "\x1b[31mé\x85\u2028", "$HOME\t`id`"]
)
def test_a_text_is_one_word_of_one_line(text: str) -> None:
    word = quoted(text)

    assert len(word.splitlines()) == 1
    if BASH:
        command = [BASH, "-c", f"printf %s {word}"]
        done = subprocess.run(command, capture_output=True, check=True, env={"LC_ALL": "C.UTF-8"})
        assert done.stdout == text.encode()


def test_words_are_joined_by_blanks() -> None:
    assert joined(["assets", "show", "a b", "c\rd"]) == "assets show 'a b' $'c\\rd'"
