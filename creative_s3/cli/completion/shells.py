"""Answering a shell: its question comes in the environment, the answer is one word a line.

The scripts that ask are in ``scripts``; `install` puts them in their place. A shell wants words or nothing:
whatever goes wrong ends in silence and an exit code.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

from creative_s3.cli.completion import words
from creative_s3.cli.completion.engine import Answer, complete

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SHELLS = ("bash", "zsh", "fish")
_SOURCE = "source_"
QUESTIONS = (*SHELLS, *(f"{_SOURCE}{shell}" for shell in SHELLS))
"""What may be asked: words, or the script that asks for them, as packagers want it."""
_LINE = "_CREATIVE_S3_LINE"
_BREAKS = "_CREATIVE_S3_BREAKS"
_PROGRAM = "creative-s3"
_WORDS, _CONTINUED = "words", "continued"


def answer_shell(shell: str, environment: Mapping[str, str], arguments: Sequence[str]) -> int:
    """Write the answer to standard output; return the exit code.

    Args:
        shell: One of `QUESTIONS`.
        environment: Has the line in bash and fish.
        arguments: The words in zsh, the one at the cursor last.
    """
    if shell.startswith(_SOURCE):
        sys.stdout.write(script_for(shell.removeprefix(_SOURCE)))
        return 0
    try:
        lines = list(answer(shell, environment, arguments))
        sys.stdout.buffer.write(b"".join(os.fsencode(line) + b"\n" for line in lines))
        sys.stdout.buffer.flush()
    except Exception:  # noqa: BLE001 - the user is in the middle of a word: no message can help there
        return 1
    return 0


def answer(shell: str, environment: Mapping[str, str], arguments: Sequence[str]) -> Iterator[str]:
    """Yield the lines of the answer: how, then the words."""
    if shell == "zsh":
        *before, current = arguments or ("",)
        yield from _for_zsh(complete(load_table(), before, current))
        return
    line = environment.get(_LINE, "")
    if shell == "bash":
        typed = words.read(line, breaks=environment.get(_BREAKS, ""))
    else:
        typed = words.read(line, escapes_in_single_quotes=True)
    if typed.is_redirected:
        yield "files"
        return
    found = complete(load_table(), _after_program(typed.words), typed.current)
    yield from _for_bash(found, typed) if shell == "bash" else _for_fish(found)


def script_for(shell: str) -> str:
    """Return the script that makes one of `SHELLS` ask."""
    with open(_beside(f"scripts/{_PROGRAM}.{shell}"), encoding="utf-8") as file:  # noqa: PTH123 - see below
        return file.read()


def load_table() -> Any:  # noqa: ANN401 - JSON
    """Read the table of commands."""
    with open(_beside("table.json"), encoding="utf-8") as file:  # noqa: PTH123 - see below
        return json.load(file)


def _beside(name: str) -> str:
    return os.path.join(os.path.dirname(__file__), name)  # noqa: PTH118, PTH120 - pathlib takes time to load


def _after_program(given: Sequence[str]) -> Sequence[str]:
    """Return the words after the program's name, which variables or `sudo` may precede."""
    for place, word in enumerate(given):
        if word.rpartition("/")[2] == _PROGRAM:
            return given[place + 1 :]
    return given[1:]


def _for_bash(found: Answer, typed: words.Typed) -> Iterator[str]:
    """Yield what readline puts in the place of the word's last piece, quoted for where it stands."""
    values = [candidate.value for candidate in found.candidates]
    goes_on = len(values) == 1 and _goes_on(values[0])
    yield _CONTINUED if goes_on else found.paths or _WORDS
    for value in values:
        text = words.quoted_for_bash(value[typed.kept :], typed.quote)
        # Readline closes the quote after the only word there is, but not after one that ends with a quote.
        yield text + typed.quote if len(values) == 1 and typed.quote and text.endswith(typed.quote) else text


def _for_zsh(found: Answer) -> Iterator[str]:
    """Yield w for a word, b for the beginning of one, e for one that is explained; zsh quotes them itself."""
    yield found.paths or _WORDS
    for candidate in found.candidates:
        value = candidate.value.removeprefix(found.before)
        if candidate.meaning:
            escaped = value.replace("\\", "\\\\").replace(":", "\\:")
            yield f"e{escaped}:{candidate.meaning}"
        else:
            yield f"b{value}" if _goes_on(candidate.value) else f"w{value}"


def _for_fish(found: Answer) -> Iterator[str]:
    """Yield words, each with what it means after a tab; fish quotes them itself."""
    yield found.paths or _WORDS
    for candidate in found.candidates:
        yield f"{candidate.value}\t{candidate.meaning}" if candidate.meaning else candidate.value


def _goes_on(value: str) -> bool:
    return (
        type(value) is not str
    )  # a `core.search.suggestions.Beginning`, whose module is loaded only when asked
