"""Which engine moves the bytes: direct and CRT where they can serve, else the classic one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from botocore import UNSIGNED

from creative_s3.core.concurrency.limits import limits
from creative_s3.core.faults import proxies
from creative_s3.core.s3.endpoints import is_directory_bucket
from creative_s3.core.transfers.classic import ClassicEngine
from creative_s3.core.transfers.crt import CrtEngine
from creative_s3.core.transfers.direct import DirectEngine
from creative_s3.errors import UnsupportedError

if TYPE_CHECKING:
    from creative_s3.core.concurrency.limits import Limits
    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.s3.tally import RequestTally
    from creative_s3.core.transfers.bandwidth import Bandwidth
    from creative_s3.core.transfers.flights import Engine

_CRT_FILES = 100
_CRT_BYTES = 2 << 30
"""What the Common Runtime takes for its buffers by itself."""

EngineName = Literal["auto", "crt", "classic"]


def open_engine(
    name: EngineName, connection: Connection, *, tally: RequestTally, bandwidth: Bandwidth | None = None
) -> Engine:
    """Make the engine that `name` asks for; ``auto`` is direct, with CRT behind it, where both can serve.

    Args:
        name: Which one.
        connection: Where to.
        tally: Counts requests that botocore does not see.
        bandwidth: A limit, which only the classic engine can keep.

    Raises:
        UnsupportedError: CRT was asked for and cannot serve here.
        CredentialsError: The credentials cannot be resolved.
    """
    if chosen(name, connection, bandwidth=bandwidth) == "classic":
        return ClassicEngine(connection, bandwidth=bandwidth)
    if name == "auto" and is_ordinary(connection.bucket):
        return DirectEngine(connection, tally=tally)
    return CrtEngine(connection, tally=tally)


def chosen(
    name: EngineName, connection: Connection, *, bandwidth: Bandwidth | None = None
) -> Literal["crt", "classic"]:
    """Return which engine `name` means here.

    Raises:
        UnsupportedError: CRT was asked for and cannot serve here.
    """
    obstacle = "it cannot limit its bandwidth" if bandwidth else _crt_obstacle(connection)
    if name == "crt" and not obstacle and proxies.is_any():
        obstacle = "it would go through the proxy of the environment by itself"
    if name == "crt" and obstacle:
        raise UnsupportedError(
            f"the CRT engine cannot serve here: {obstacle}", item="--engine crt", hint="use --engine auto"
        )
    return "classic" if name == "classic" or obstacle else "crt"


def is_ordinary(bucket: str) -> bool:
    """Tell whether requests for a bucket are signed as usual: directory buckets and access points are not."""
    return not is_directory_bucket(bucket) and not bucket.startswith("arn:")


def _crt_obstacle(connection: Connection) -> str | None:
    """Say why the CRT engine cannot serve, or None when it can."""
    meta = connection.client.meta
    if proxies.serves(connection.client):
        return "requests go through a proxy"
    if meta.config.signature_version is UNSIGNED or "v4" not in str(meta.config.signature_version):
        return "it signs with signature version 4 only"
    if (meta.config.s3 or {}).get("payload_signing_enabled"):
        return "the AWS profile asks for signatures of what is sent (payload_signing_enabled)"
    if connection.dialect.refuses:
        return "the server refuses some of what it sends"
    return _scarcity(limits())


def _scarcity(left: Limits) -> str | None:
    """Say what the Common Runtime would lack; where memory ends, it aborts the process."""
    if left.open_files is not None and left.open_files < _CRT_FILES:
        return "it needs more open files than ulimit -n leaves"
    if left.memory_bytes is not None and left.memory_bytes < _CRT_BYTES:
        return "it needs more memory than ulimit -v leaves"
    return None
