"""What S3 really answered: botocore drops every element that its model does not know.

Each client that `core.aws` makes is watched. Answers are kept only inside `collected`, and only for the
thread that asks. Headers that are not what they are for are taken for none: botocore would fail on a time or
a number that is none, whatever else the answer says.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from botocore.utils import parse_timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBERS: Final = frozenset({"integer", "long"})
_MOST_DIGITS: Final = 18
_asking = threading.local()


def watch(client: Any) -> None:  # noqa: ANN401 - boto3's clients have no common type
    """Let `collected` see the answers that a client gets, and take unusable headers out of them."""
    client.meta.events.register("before-parse.s3", _note, unique_id="creative-s3-answers")
    client.meta.events.register("before-parse.s3", _leave_out, unique_id="creative-s3-answers-headers")


@contextmanager
def collected() -> Iterator[list[bytes]]:
    """Collect the bodies of the answers that this thread gets inside the block."""
    bodies: list[bytes] = []
    _asking.bodies = bodies
    try:
        yield bodies
    finally:
        _asking.bodies = None


def _note(response_dict: dict[str, Any], **_: Any) -> None:  # noqa: ANN401 - botocore's signature
    bodies = getattr(_asking, "bodies", None)
    if bodies is not None:
        bodies.append(response_dict["body"])


def _leave_out(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:  # noqa: ANN401 - the same
    shape, headers = operation_model.output_shape, response_dict["headers"]
    for member in shape.members.values() if shape else ():
        if member.serialization.get("location") == "header":
            name = member.serialization.get("name", "")
            if name in headers and not _is_usable(member.type_name, headers[name]):
                del headers[name]


def _is_usable(kind: str, text: str) -> bool:
    if kind in _NUMBERS:
        return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    if kind == "timestamp":
        try:
            parse_timestamp(text).astimezone(UTC)
        except (ArithmeticError, ValueError):
            return False
    return True
