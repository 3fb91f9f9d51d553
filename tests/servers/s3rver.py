"""s3rver: an S3 server in JavaScript, over a directory."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.servers.installing import npm_package
from tests.servers.processes import HOST, on_a_free_port
from tests.servers.server import Running, Server, installed, missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = "s3rver"
_SCRIPT = "node_modules/s3rver/bin/s3rver.js"
_KEY = "S3RVER"
"""The one user that it has."""


@contextmanager
def _run(directory: Path) -> Iterator[Running]:
    node, data = shutil.which("node"), directory / "data"
    assert node is not None
    data.mkdir(parents=True)

    def arguments(port: int) -> list[str]:
        script = str(installed(_NAME) / _SCRIPT)
        own = ("--allow-mismatched-signatures", "--no-vhost-buckets")
        return [node, script, "-d", str(data), "-a", HOST, "-p", str(port), *own]

    def environment(_port: int) -> dict[str, str]:
        return {"NODE_OPTIONS": "--openssl-legacy-provider"}

    with on_a_free_port(arguments, directory=directory, env=environment) as (endpoint_url, pid):
        yield Running(_NAME, endpoint_url, _KEY, _KEY, pids=(pid,))


def _obstacle() -> str | None:
    return missing(_NAME, _SCRIPT) or (None if shutil.which("node") else "there is no node")


def _install(directory: Path) -> None:
    npm_package(directory, "s3rver@3")


S3RVER = Server(_NAME, "npm: s3rver", _run, _obstacle, _install)
