"""nanio: a small S3 server in Python, over a directory."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.servers.installing import python_packages
from tests.servers.processes import HOST, on_a_free_port
from tests.servers.server import ACCESS_KEY, SECRET_KEY, Running, Server, installed, missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = "nanio"
_PROGRAM = "bin/nanio"


@contextmanager
def _run(directory: Path) -> Iterator[Running]:
    data = directory / "data"
    data.mkdir(parents=True)

    def arguments(port: int) -> list[str]:
        where = ("--host", HOST, "--port", str(port), "--data-dir", str(data))
        return [str(installed(_NAME) / _PROGRAM), "serve", *where]

    def environment(_port: int) -> dict[str, str]:
        return {"NANIO_ACCESS_KEY": ACCESS_KEY, "NANIO_SECRET_KEY": SECRET_KEY}

    with on_a_free_port(arguments, directory=directory, env=environment) as (endpoint_url, pid):
        yield Running(_NAME, endpoint_url, pids=(pid,))


def _obstacle() -> str | None:
    return missing(_NAME, _PROGRAM)


def _install(directory: Path) -> None:
    python_packages(directory, ("nanio>=0.1.7",))


NANIO = Server(_NAME, "PyPI: nanio", _run, _obstacle, _install)
