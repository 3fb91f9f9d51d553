"""Find ``http.client``'s own error for an unreadable head below those of botocore and urllib3."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_no_http(error: BaseException | None) -> bool:
    """Tell whether what came is no HTTP; a server that says nothing at all is another matter."""
    return any(
        isinstance(one, http.client.BadStatusLine) and not isinstance(one, http.client.RemoteDisconnected)
        for one in _causes(error)
    )


def why_unreadable(error: BaseException | None) -> str | None:
    """Say why a head cannot be read, such as more than 100 headers; None where that is not the error.

    Asking again makes such an answer no better.
    """
    others = (http.client.BadStatusLine, http.client.IncompleteRead)  # no HTTP, and a body that was cut
    found = (
        one
        for one in _causes(error)
        if isinstance(one, http.client.HTTPException) and not isinstance(one, others)
    )
    return next(map(str, found), None)


def _causes(error: BaseException | None) -> Iterator[object]:
    """Yield what an error of botocore was made of: an error of urllib3, and what that was made of."""
    cause: object = getattr(error, "kwargs", {}).get("error")
    yield from getattr(cause, "args", ())
    yield cause
