"""Moves tiers in processes that die: each is a fork that kills itself with SIGKILL at a line of our code.

Run as a program it reads orders from standard input, one JSON object a line, and answers each with one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creative_s3.core.catalog.catalog import Catalog, catalog_path, remote_side
from creative_s3.core.catalog.intake import take_in
from creative_s3.core.storage.manager import S3StorageManager
from creative_s3.core.tiers.manager import TierManager
from creative_s3.core.tiers.tiers import Policy
from creative_s3.core.workspace import Workspace
from creative_s3.settings import S3Config

if TYPE_CHECKING:
    from types import FrameType

WATCHED = ("demotion", "leaving", "replay", "movements", "database", "asset_table", "promotion", "pool")
"""The modules whose lines are counted, as far as the main thread runs them."""


class Counter:
    """Counts the lines that run, and kills the process at one of them."""

    def __init__(self, last: int | None) -> None:
        self.lines = 0
        self._last = last

    def start(self) -> None:
        sys.settrace(self._enter)

    def _enter(self, frame: FrameType, _event: str, _argument: Any) -> Any:  # noqa: ANN401 - settrace's form
        path = Path(frame.f_code.co_filename)
        return self._line if path.parent.name == "core" and path.stem in WATCHED else None

    def _line(self, _frame: FrameType, _event: str, _argument: Any) -> Any:  # noqa: ANN401 - the same
        self.lines += 1
        if self.lines == self._last:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._line


def move(cache_dir: Path, action: str, last: int | None) -> int:
    """Demote what is cold, or undo that; return how many lines it took."""
    config = S3Config.from_env(None)
    store = S3StorageManager(config)
    workspace = Workspace(cache_dir)
    counter = Counter(last)
    with Catalog(catalog_path(cache_dir), bucket=remote_side(store.connection, config.prefix)) as catalog:
        take_in(catalog, workspace)
        tiers = TierManager(catalog, workspace, store, prefix=config.prefix, engine="classic")
        if action == "demote":
            plan = tiers.plan(Policy())
            counter.start()
            tiers.apply(plan)
        else:
            counter.start()
            tiers.undo()
        sys.settrace(None)
    return counter.lines


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                lines = move(Path(order["cache_dir"]), order["action"], order["last"])
                os.write(writing, str(lines).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as said:
            lines_text = said.read()
        _, status = os.waitpid(child, 0)
        answer = {"killed": os.WIFSIGNALED(status), "lines": int(lines_text or 0)}
        print(json.dumps(answer), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
