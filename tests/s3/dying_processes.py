"""The tests' side of ``dying``: processes that move tiers, and die where they are told to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.conftest import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.s3.a_cache import ACache


class Dying:
    """Moves tiers in a process for each order, which dies at a line of our code."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, cache: ACache, action: str, last: int | None) -> dict[str, Any]:
        """Move, and die at the line of this number if there is one; say ``killed`` and how many ``lines``."""
        assert self._process.stdin
        assert self._process.stdout
        order = {"cache_dir": str(cache.cache_dir), "prefix": cache.prefix, "action": action, "last": last}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def dying_processes(server_env: Mapping[str, str]) -> Iterator[Dying]:
    """Start what makes them: a process that has loaded everything, and forks."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.s3.dying"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**server_env, "PYTHONPATH": os.pathsep.join([str(CHECKOUT), server_env["PYTHONPATH"]])},
    ) as process:
        yield Dying(process)
