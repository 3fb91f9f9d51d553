"""What was learned of compatible servers, remembered for a week: one small file for each endpoint."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from typing import TYPE_CHECKING, Any

from creative_s3.core.files import user_directories
from creative_s3.core.files.local_files import write_private
from creative_s3.core.files.own_files import read_own
from creative_s3.errors import CreativeS3Error, RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REMEMBERED_S = 7 * 86_400
_writing = threading.Lock()


class ServerMemory:
    """The facts about one server.

    Args:
        endpoint_url: The server.
        directory: Where it is remembered; by default in the user's state directory.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        endpoint_url: str | None,
        *,
        directory: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoint_url = endpoint_url
        self._clock = clock
        name = hashlib.sha256((endpoint_url or "").encode()).hexdigest()
        state = directory or user_directories.state_path() / "servers"
        self._path = state / f"{name}.json"

    def recall(self, fact: str) -> Any:  # noqa: ANN401 - JSON
        """Return what is remembered; None where nothing is, or only illegibly."""
        return self._known().get(fact)

    def remember(self, fact: str, value: Any) -> None:  # noqa: ANN401 - JSON
        """Remember it beside what else is; where that cannot be written, it is learned again."""
        with _writing:
            known = self._known() | {
                "endpoint_url": self._endpoint_url,
                fact: value,
                "learned_at": self._clock(),
            }
            try:
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                write_private(self._path, json.dumps(known).encode())
            except (OSError, CreativeS3Error):
                return

    def _known(self) -> dict[str, Any]:
        try:
            known = json.loads(read_own(self._path))
            is_fresh = 0 <= self._clock() - float(known["learned_at"]) < REMEMBERED_S
        except (OSError, ValueError, TypeError, KeyError, RefusedError):
            return {}
        return known if is_fresh else {}
