"""HTTP/1.1 answers as text: heads, and how their bodies are framed (RFC 9112). Pure; `wire` has the bytes.

Read as widely as botocore reads: a line may end with LF alone, a header may be folded. What could be read in
two ways is refused.
"""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING, NamedTuple

from creative_s3.core.faults.translation import NotHttpError

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_HEAD_BYTES = 64 << 10
END_OF_HEAD = re.compile(rb"\n\r?\n")
_STATUS = re.compile(r"HTTP/1\.(\d) +(\d{3})(?: .*)?", re.DOTALL)
_HEX = frozenset(string.hexdigits)
_MOST_DIGITS = 18
_SHOWN_CHARACTERS = 40


class AnswerHead(NamedTuple):
    """The head of an answer.

    Attributes:
        status: HTTP's.
        headers: By name in lower case, read as Latin-1, as botocore does; those of one name joined by commas.
        is_old: Whether it is HTTP/1.0, which keeps no connection.
    """

    status: int
    headers: dict[str, str]
    is_old: bool = False

    @property
    def says_close(self) -> bool:
        """Whether no other answer comes over this connection."""
        return self.is_old or "close" in _listed(self.headers.get("connection", ""))


def parse_head(raw: bytes) -> AnswerHead:
    """Read a head, without the empty line that ends it.

    Raises:
        NotHttpError: It is none.
    """
    first, *lines = raw.decode("latin-1").split("\n")
    found = _STATUS.fullmatch(first.removesuffix("\r"))
    if found is None:
        raise unreadable(first)
    headers: dict[str, str] = {}
    name = ""
    for line in lines:
        if line[:1] in {" ", "\t"} and name:
            headers[name] = f"{headers[name]} {line.strip()}".strip()
            continue
        name, colon, value = line.partition(":")
        name = name.strip().lower()
        if not colon or not name:
            raise unreadable(line)
        value = value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return AnswerHead(int(found[2]), headers, is_old=found[1] == "0")


def is_chunked(head: AnswerHead) -> bool:
    """Tell whether a body comes in chunks.

    Raises:
        NotHttpError: It comes in a way that was not asked for.
    """
    said = head.headers.get("transfer-encoding", "")
    codings = [coding for coding in _listed(said) if coding != "identity"]
    if codings not in ([], ["chunked"]):
        raise unreadable(f"Transfer-Encoding: {said}")
    return bool(codings)


def is_framed(head: AnswerHead) -> bool:
    """Tell whether a body has an end of its own, and not just that of the connection."""
    return is_chunked(head) or "content-length" in head.headers


def length_of(headers: Mapping[str, str]) -> int | None:
    """Return a body's length; None where it is not told.

    Raises:
        NotHttpError: It is no number, or there are two of them.
    """
    said = headers.get("content-length")
    if said is None:
        return None
    lengths = {length.strip() for length in said.split(",")}
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit() and len(length) <= _MOST_DIGITS):
        raise unreadable(f"Content-Length: {said}")
    return int(length)


def chunk_size(line: bytes) -> int:
    """Read the line before a chunk; what follows a semicolon is an extension.

    Raises:
        NotHttpError: There is no size.
    """
    size = line.decode("latin-1").partition(";")[0].strip()
    if not size or not _HEX.issuperset(size) or len(size) > _MOST_DIGITS:
        raise unreadable(f"a chunk of {size} bytes")
    return int(size, 16)


def unreadable(what: str) -> NotHttpError:
    """Return the error for an answer that is not HTTP."""
    shown = "".join(character if character.isprintable() else "?" for character in what[:_SHOWN_CHARACTERS])
    return NotHttpError(error=f"an answer that is not HTTP: {shown}")


def _listed(value: str) -> list[str]:
    return [part.strip().lower() for part in value.split(",") if part.strip()]
