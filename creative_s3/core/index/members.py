"""A JSON object on its way into a file, a line for each member."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from json import JSONEncoder


class Members:
    """Writes an object; begins it at once.

    Args:
        file: Gets it.
        encoder: Writes names; only ASCII.
        level: How many levels the members stand in: their indentation.
    """

    def __init__(self, file: BinaryIO, *, encoder: JSONEncoder, level: int = 1) -> None:
        self._file = file
        self._encoder = encoder
        self._level = level
        self._line = "\n" + "  " * level
        self._comma = ""
        file.write(b"{")

    def put(self, name: str, text: str) -> None:
        """Write a member; `text` is its JSON, only ASCII."""
        self._file.write(f"{self._comma}{self._line}{self._encoder.encode(name)}: {text}".encode("ascii"))
        self._comma = ","

    def open(self, name: str) -> Members:
        """Begin a member that is an object itself, to be closed before the next one."""
        self.put(name, "")
        return Members(self._file, encoder=self._encoder, level=self._level + 1)

    def close(self) -> None:
        """End the object."""
        end = "\n" + "  " * (self._level - 1) if self._comma else ""
        self._file.write(f"{end}}}".encode("ascii"))
