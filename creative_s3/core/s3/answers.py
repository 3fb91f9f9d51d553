"""What S3 really answered: botocore drops every element that its model does not know.

Each client that `core.s3.connection` makes is watched. Answers are kept only inside `collected`, and only for
the thread that asks. Headers that are not what they are for are taken for none: botocore would fail on a time
or a number that is none, whatever else the answer says. A list whose entries lack what they are for is an
error.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from botocore.utils import parse_timestamp

from creative_s3.errors import UnreadableAnswerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NUMBERS: Final = frozenset({"integer", "long"})
_MOST_DIGITS: Final = 18
_NUMBER: Final = re.compile(rb"<(NextPartNumberMarker|PartNumber|Size)>([^<]+)<")
_DIGITS: Final = re.compile(rb"\s*[0-9]{1,18}\s*")
_ALWAYS_THERE: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "GetObjectTagging": {"TagSet": ("Key", "Value")},
    "ListMultipartUploads": {"Uploads": ("Key", "UploadId")},
    "ListObjectVersions": dict.fromkeys(("DeleteMarkers", "Versions"), ("Key", "IsLatest", "LastModified")),
    "ListParts": {"Parts": ("PartNumber", "Size")},
}
"""What each entry of a list has to say, or the list cannot be used (AWS API reference)."""
_asking = threading.local()


def watch(client: Any) -> None:  # noqa: ANN401 - boto3's clients have no common type
    """Let `collected` see the answers that a client gets, and take unusable headers out of them."""
    client.meta.events.register("before-parse.s3", _note, unique_id="creative-s3-answers")
    client.meta.events.register("before-parse.s3", _leave_out, unique_id="creative-s3-answers-headers")
    client.meta.events.register("before-parse.s3", _check_numbers, unique_id="creative-s3-answers-numbers")
    client.meta.events.register("after-call.s3", _look_at_lists, unique_id="creative-s3-answers-lists")


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


def _check_numbers(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:  # noqa: ANN401 - the same
    """Refuse lists whose numbers are none: Python takes ``2_0`` and ``+20`` for some."""
    body = response_dict["body"]
    if operation_model.name not in _ALWAYS_THERE or not isinstance(body, bytes):
        return
    for name, text in _NUMBER.findall(body):
        if not _DIGITS.fullmatch(text):
            raise UnreadableAnswerError(
                f"the server's {operation_model.name} has a {name.decode()} that is no number",
                hint="run `creative-s3 doctor`",
            )


def _look_at_lists(parsed: Mapping[str, Any], model: Any, **_: Any) -> None:  # noqa: ANN401 - the same
    for name, needed in _ALWAYS_THERE.get(model.name, {}).items():
        for entry in parsed.get(name, ()):
            if lacking := [one for one in needed if one not in entry]:
                raise UnreadableAnswerError(
                    f"the server's {model.name} leaves out {' and '.join(lacking)}",
                    hint="run `creative-s3 doctor`",
                )


def _is_usable(kind: str, text: str) -> bool:
    if kind in _NUMBERS:
        return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    if kind == "timestamp":
        try:
            parse_timestamp(text).astimezone(UTC)
        except (ArithmeticError, ValueError):
            return False
    return True
