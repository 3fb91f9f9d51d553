"""Every server that the tests know, in the order of the matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.servers.ceph import CEPH
from tests.servers.localstack import LOCALSTACK
from tests.servers.moto_server import MOTO, MOTO_WITHOUT_CRT
from tests.servers.nanio import NANIO
from tests.servers.rclone import RCLONE
from tests.servers.s3rver import S3RVER
from tests.servers.seaweedfs import SEAWEEDFS
from tests.servers.swift import SWIFT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.servers.server import Server

SERVERS: Mapping[str, Server] = {
    server.name: server
    for server in (SEAWEEDFS, MOTO, MOTO_WITHOUT_CRT, RCLONE, LOCALSTACK, S3RVER, NANIO, CEPH, SWIFT)
}
EVERY_DAY = (MOTO.name, MOTO_WITHOUT_CRT.name, RCLONE.name)
"""Those that the tests' own requirements bring, but for SeaweedFS, on which all other tests run."""
