"""A text file seen through a window that slides over it, so that its size costs no memory.

Knows bytes, characters, lines and columns. What the text says is not its concern.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from creative_s3.core.index.documents import LONGEST_PIECE, DocumentError, refuse_utf16, too_long

if TYPE_CHECKING:
    from collections.abc import Callable

_MARK = b"\xef\xbb\xbf"


class TextWindow:
    """The part of a UTF-8 text that is in memory.

    Args:
        read: Returns up to so many more bytes of the file; none at its end.
        block_bytes: How much to read at once; more when one piece of the text is larger than that.

    Attributes:
        text: What is in memory. Positions count from its beginning.
        ended: Whether it reaches to the end of the file.
    """

    def __init__(self, read: Callable[[int], bytes], *, block_bytes: int) -> None:
        self.text = ""
        self.ended = False
        self._read = read
        self._block_bytes = block_bytes
        self._undecoded = b""
        self._start = 0
        self._known = (0, 0)
        self._lines_before = 0
        self._column_before = 0
        self._bytes_lines = 0
        self._bytes_column = 0
        self._begin()

    def slide(self, keep_from: int) -> bool:
        """Forget what stands before a position and read on; afterwards that position is 0.

        What is kept is at least doubled: looking for the end of a large piece again and again costs no more
        than twice its size.

        Returns:
            Whether there was more. If not, nothing was forgotten.

        Raises:
            DocumentError: What follows is not UTF-8, or what is kept is too long; names line and column.
            OSError: It cannot be read.
        """
        if len(self.text) - keep_from > LONGEST_PIECE and not self.ended:
            raise too_long(self.where(keep_from))
        more = "" if self.ended else self._decoded(max(self._block_bytes, len(self.text) - keep_from))
        if not more:
            self.ended = True
            return False
        self._forget(keep_from)
        self.text = self.text[keep_from:] + more
        return True

    def offset(self, position: int) -> int:
        """Return how many bytes of the file stand before a position."""
        if self.text.isascii():
            return self._start + position
        known_position, known_bytes = self._known if self._known[0] <= position else (0, 0)
        self._known = (position, known_bytes + len(self.text[known_position:position].encode()))
        return self._start + self._known[1]

    def where(self, position: int) -> str:
        """Name the line and column of a position, as a text editor counts them."""
        line = self._lines_before + self.text.count("\n", 0, position) + 1
        newline = self.text.rfind("\n", 0, position)
        column = position - newline if newline >= 0 else self._column_before + position + 1
        return f"line {line}, column {column}"

    def _begin(self) -> None:
        while len(self._undecoded) < len(_MARK):
            block = self._read(self._block_bytes)
            if not block:
                break
            self._undecoded += block
        refuse_utf16(self._undecoded)
        if self._undecoded.startswith(_MARK):
            self._undecoded = self._undecoded[len(_MARK) :]
            self._start = self._bytes_column = len(_MARK)

    def _decoded(self, size_bytes: int) -> str:
        """Return the next characters; none at the end. One character may take several reads."""
        while True:
            block = self._read(size_bytes)
            raw = self._undecoded + block
            try:
                text, used = codecs.utf_8_decode(raw, "strict", not block)
            except UnicodeDecodeError as error:
                self._count(raw[: error.start])
                where = f"line {self._bytes_lines + 1}, column {self._bytes_column + 1}"
                raise DocumentError(f"is not UTF-8 text: {where}") from None
            self._count(raw[:used])
            self._undecoded = raw[used:]
            if text or not block:
                return text

    def _count(self, raw: bytes) -> None:
        """Count lines in bytes, too: a byte that is no text has no column in characters."""
        self._bytes_lines += raw.count(b"\n")
        newline = raw.rfind(b"\n")
        self._bytes_column = len(raw) - newline - 1 if newline >= 0 else self._bytes_column + len(raw)

    def _forget(self, position: int) -> None:
        self._start = self.offset(position)
        self._known = (0, 0)
        self._lines_before += self.text.count("\n", 0, position)
        newline = self.text.rfind("\n", 0, position)
        self._column_before = position - newline - 1 if newline >= 0 else self._column_before + position
