"""moto's server: with ``awscrt`` beside it, it answers CRC64NVME; without, it does not."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.servers.processes import HOST, on_a_free_port
from tests.servers.server import Running, Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HIDDEN = "import sys; sys.modules['awscrt'] = None; "
_MAIN = "from moto.server import main; main()"


@contextmanager
def _with_crt(directory: Path) -> Iterator[Running]:
    yield from _run("moto", _MAIN, directory)


@contextmanager
def _without_crt(directory: Path) -> Iterator[Running]:
    yield from _run("moto-without-crt", _HIDDEN + _MAIN, directory)


def _run(name: str, code: str, directory: Path) -> Iterator[Running]:
    def arguments(port: int) -> list[str]:
        return [sys.executable, "-c", code, "-H", HOST, "-p", str(port)]

    with on_a_free_port(arguments, directory=directory) as (endpoint_url, pid):
        yield Running(name, endpoint_url, pids=(pid,))


def _obstacle() -> str | None:
    return None


MOTO = Server("moto", "PyPI: moto[server,s3]", _with_crt, _obstacle)
MOTO_WITHOUT_CRT = Server(
    "moto-without-crt", "PyPI: moto[server,s3], where awscrt cannot be imported", _without_crt, _obstacle
)
