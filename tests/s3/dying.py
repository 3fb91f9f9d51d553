"""Moves tiers in processes that die: each is a fork that kills itself with SIGKILL at a line of our code.

Run as a program it reads orders from standard input, one JSON object a line, and answers each with one.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import creative_s3.core
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.intake import take_in
from creative_s3.core.catalog.places import catalog_path, remote_side
from creative_s3.core.files.workspace import Workspace
from creative_s3.core.storage.manager import S3StorageManager
from creative_s3.core.tiers.manager import TierManager
from creative_s3.core.tiers.tiers import Policy
from creative_s3.settings import S3Config

if TYPE_CHECKING:
    from types import FrameType

CORE = Path(creative_s3.core.__file__).parent
WATCHED = frozenset(
    {
        "tiers/demotion.py",
        "tiers/leaving.py",
        "tiers/replay.py",
        "tiers/movements.py",
        "tiers/promotion.py",
        "catalog/database.py",
        "catalog/asset_table.py",
        "concurrency/pool.py",
    }
)
"""The modules whose lines are counted, as far as the main thread runs them."""
assert all((CORE / name).is_file() for name in WATCHED)


class Counter:
    """Counts the lines that run, and kills the process at one of them."""

    def __init__(self, last: int | None) -> None:
        self.lines = 0
        self._last = last

    def start(self) -> None:
        sys.settrace(self._enter)

    def _enter(self, frame: FrameType, _event: str, _argument: Any) -> Any:  # noqa: ANN401 - settrace's form
        return self._line if _is_watched(frame.f_code.co_filename) else None

    def _line(self, _frame: FrameType, _event: str, _argument: Any) -> Any:  # noqa: ANN401 - the same
        self.lines += 1
        if self.lines == self._last:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._line


@cache
def _is_watched(filename: str) -> bool:
    path = Path(filename)
    return path.is_relative_to(CORE) and path.relative_to(CORE).as_posix() in WATCHED


def move(cache_dir: Path, prefix: str, action: str, last: int | None) -> int:
    """Demote what is cold, bring it back, or only settle what was left; return how many lines it took."""
    config = S3Config.from_env(prefix, env_file=None)
    store = S3StorageManager(config)
    workspace = Workspace(cache_dir)
    counter = Counter(last)
    with Catalog(catalog_path(cache_dir), bucket=remote_side(store.connection, config.prefix)) as catalog:
        take_in(catalog, workspace)
        tiers = TierManager(catalog, workspace, store, prefix=config.prefix, engine="classic")
        if action == "undo":
            counter.start()
            tiers.undo()
        elif action == "promote":
            files = [file for file in tiers.look().files if file.is_cold]
            counter.start()
            tiers.promote(files)
        else:
            plan = tiers.plan(Policy(promotes=False, demotes=action == "demote"))
            counter.start()
            tiers.apply(plan)
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
                lines = move(Path(order["cache_dir"]), order["prefix"], order["action"], order["last"])
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
