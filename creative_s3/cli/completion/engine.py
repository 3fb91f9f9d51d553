"""What the word at the cursor may become, by the table of commands; the values of options by the catalog.

It walks the line as Typer would parse it, and never fails for a line that Typer would refuse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from creative_s3.cli.completion import values
from creative_s3.cli.completion.values import Line
from creative_s3.cli.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FILES = "files"
DIRECTORIES = "directories"


class Candidate(NamedTuple):
    """What the word may become, whole, and what that means."""

    value: str
    meaning: str = ""


class Answer(NamedTuple):
    """What a shell is told.

    Attributes:
        candidates: What the word may become.
        paths: `FILES` or `DIRECTORIES` where the shell shall complete these; else empty.
        before: What the candidates begin with that is an option's name: ``--campaign=``.
    """

    candidates: list[Candidate]
    paths: str = ""
    before: str = ""


class _Walk:
    """The state of a parser after the words before the cursor.

    Attributes:
        command: The group or command it is in.
        line: What was given.
        names: The options given, by each of their names.
        waiting: The option whose value comes next.
        is_after_dashes: Whether ``--`` was given: no options any more.
        is_lost: Whether a word was no command.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.command = table
        self.line = Line()
        self.names: set[str] = set()
        self.waiting: Mapping[str, Any] | None = None
        self.is_after_dashes = False
        self.is_lost = False

    def take(self, word: str) -> None:
        """Take the next word."""
        if self.waiting is not None:
            self._give(self.waiting, word)
            self.waiting = None
        elif word == "--" and not self.is_after_dashes:
            self.is_after_dashes = True
        elif word.startswith("--") and not self.is_after_dashes:
            name, has_value, value = word.partition("=")
            self._take_option(name, value if has_value else None)
        elif word.startswith("-") and word != "-" and not self.is_after_dashes:
            self._take_letters(word[1:])
        elif "commands" in self.command:
            following = self.command["commands"].get(word)
            self.is_lost = self.is_lost or following is None
            self.command = following or self.command
            self.names.clear()
        else:
            self.line.arguments.append(word)

    def option(self, name: str) -> Mapping[str, Any] | None:
        """Return the option with a name, dashes included."""
        options: list[Mapping[str, Any]] = self.command.get("options", [])
        return next((option for option in options if name in option["names"]), None)

    def argument(self) -> Mapping[str, Any] | None:
        """Return the argument that the word at the cursor is."""
        arguments: list[Mapping[str, Any]] = self.command.get("arguments", [])
        place = len(self.line.arguments)
        if arguments and arguments[-1].get("many"):
            return arguments[min(place, len(arguments) - 1)]
        return arguments[place] if place < len(arguments) else None

    def _take_option(self, name: str, value: str | None) -> None:
        option = self.option(name)
        if option is None:
            return
        if not option.get("value"):
            self.names.update(option["names"])
        elif value is None:
            self.waiting = option
        else:
            self._give(option, value)

    def _take_letters(self, letters: str) -> None:
        for place, letter in enumerate(letters, start=1):
            option = self.option(f"-{letter}")
            if option is not None and option.get("value"):
                if letters[place:]:
                    self._give(option, letters[place:])
                else:
                    self.waiting = option
                return
            if option is not None:
                self.names.update(option["names"])

    def _give(self, option: Mapping[str, Any], value: str) -> None:
        self.names.update(option["names"])
        self.line.options[option["names"][0]] = value


def complete(table: Mapping[str, Any], words: Sequence[str], current: str) -> Answer:
    """Return what the word at the cursor may become.

    Args:
        table: The commands; see `table`.
        words: The words after the program's name and before the cursor.
        current: The word at the cursor so far.
    """
    walk = _Walk(table)
    for word in words:
        walk.take(word)
    if walk.is_lost:
        return Answer([])
    if walk.waiting is not None:
        return _values(walk, walk.waiting, current)
    if current.startswith("-") and not walk.is_after_dashes:
        name, has_value, beginning = current.partition("=")
        option = walk.option(name) if has_value else None
        return _values(walk, option, beginning, before=f"{name}=") if option else _options(walk, current)
    return _operand(walk, current)


def _operand(walk: _Walk, current: str) -> Answer:
    """Complete a word that is no option: a command or an argument, and where there can be none, options."""
    argument = walk.argument()
    if "commands" in walk.command:
        found = walk.command["commands"].items()
        return Answer(
            [Candidate(name, command.get("help", "")) for name, command in found if name.startswith(current)]
        )
    if argument is not None:
        found = _values(walk, argument, current)
        # A name such as "--yes" would be an option there, and is a name only after "--".
        named = [one for one in found.candidates if walk.is_after_dashes or not one.value.startswith("-")]
        return found._replace(candidates=named)
    return Answer([]) if current or walk.is_after_dashes else _options(walk, "-")


def _options(walk: _Walk, beginning: str) -> Answer:
    """Offer what can still be given: by all the names that fit, or at first by the long ones."""
    found = []
    for option in walk.command.get("options", ()):
        if option.get("hidden") or (walk.names.intersection(option["names"]) and not option.get("many")):
            continue
        names = [name for name in option["names"] if name.startswith(beginning)]
        if beginning == "-":
            names = names[:1]  # the first one is long
        found += [Candidate(name, option.get("help", "")) for name in names]
    return Answer(found)


def _values(walk: _Walk, parameter: Mapping[str, Any], current: str, *, before: str = "") -> Answer:
    found: list[str] = []
    if "values" in parameter:
        found = [value for value in parameter["values"] if value.startswith(current)]
    elif "completer" in parameter:
        found = getattr(values, parameter["completer"])(walk.line, current)
    taken = () if before or not parameter.get("many") else walk.line.arguments
    candidates = [
        Candidate(type(value)(before + value))
        for value in found
        if value not in taken and printable(value) == value  # what cannot be shown cannot be typed either
    ]
    return Answer(candidates, parameter.get("paths", ""), before)
