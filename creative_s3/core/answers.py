"""What S3 really answered: botocore drops every element that its model does not know.

Each client that `core.aws` makes is watched. Answers are kept only inside `collected`, and only for the
thread that asks.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_asking = threading.local()


def watch(client: Any) -> None:  # noqa: ANN401 - boto3's clients have no common type
    """Let `collected` see the answers that a client gets."""
    client.meta.events.register("before-parse.s3", _note, unique_id="creative-s3-answers")


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
