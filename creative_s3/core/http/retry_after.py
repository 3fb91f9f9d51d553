"""``Retry-After``: how long a server that has too much to do asks to be left alone (RFC 9110, 10.2.3).

botocore knows only a header of AWS's own, in milliseconds, and adds five seconds to its own delay at most.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST_S: Final = 60.0
"""Whatever a server asks for: a proxy that says "in a day" must not stop everything for a day."""
UNTOLD_S: Final = 3.0
"""How long to wait where the Common Runtime says that the server asks to slow down, and not for how long."""
_ASKING: Final = frozenset({429, 503})
_MOST_WAITED_S: Final = 120.0
_FEWEST_ATTEMPTS: Final = 3
"""Clients with fewer are asked by somebody who waits."""
_WAITED: Final = "creative_s3_waited_s"


def asked_s(status: int, headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """Return how many seconds a server asks to wait; None where it asks for nothing that can be read.

    Args:
        status: HTTP's.
        headers: The answer's, by name in lower case.
        now: Seconds since 1970.
    """
    said = (headers.get("retry-after") or "").strip()
    if status not in _ASKING or not said:
        return None
    if said.isascii() and said.isdigit():
        return min(LONGEST_S, float(said[:9]))
    try:
        then = parsedate_to_datetime(said)
        there = parsedate_to_datetime(headers["date"]).timestamp() if headers.get("date") else None
    except (ArithmeticError, ValueError):
        return None
    seconds = (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()
    from_s = there if there is not None else (datetime.now(UTC).timestamp() if now is None else now)
    return min(LONGEST_S, max(0.0, seconds - from_s))


def honour(client: Any, *, clock: Callable[[], float] = time.time) -> None:  # noqa: ANN401 - boto3's clients have no common type
    """Let a client wait as long as it is asked to, and two minutes with one request at most."""
    most_attempts = (client.meta.config.retries or {}).get("total_max_attempts", 0)
    if most_attempts < _FEWEST_ATTEMPTS:
        return

    def wait_s(response: Any, attempts: int, request_dict: dict[str, Any], **_: Any) -> float | None:  # noqa: ANN401 - botocore's signature
        if response is None or attempts >= most_attempts:
            return None
        asked = asked_s(response[0].status_code, response[0].headers, now=clock())
        waited = request_dict["context"].get(_WAITED, 0.0)
        if not asked or waited + asked > _MOST_WAITED_S:
            return None
        request_dict["context"][_WAITED] = waited + asked
        return asked

    client.meta.events.register_first("needs-retry.s3", wait_s, unique_id="creative-s3-retry-after")
