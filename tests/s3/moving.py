"""What the tests of transfers say in one word: files to send, connections, both directions."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING, Any, Literal

from creative_s3.core.local import server as local
from creative_s3.core.s3.connection import Connection, connect
from creative_s3.core.transfers.engine import Download, Outcome, TransferEngine, Upload
from creative_s3.settings import S3Config

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


KIB = 1 << 10
MIB = 1 << 20
MULTIPART = 20 * MIB
SIZES = [0, 1, 64 * KIB, 8 * MIB + 1, MULTIPART]
METADATA = {"cache-key": "zitronen-reiniger", "region": "%E6%97%A5%E6%9C%AC"}
TAGS = {"asset-type": "composite", "season": "back to school"}

EngineName = Literal["auto", "crt", "classic"]


def connection_to(
    server: local.LocalServer,
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
    **settings: Any,  # noqa: ANN401 - passed on
) -> Connection:
    access_key, secret_key = local.read_credentials(server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_key)
    return connect(
        S3Config.from_env(
            None, bucket_name=bucket, endpoint_url=server.endpoint_url, region=server.region, **settings
        )
    )


def a_file(directory: Path, size_bytes: int, name: str | None = None) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / (name or f"{size_bytes}.png")
    path.write_bytes(
        secrets.token_bytes(min(size_bytes, MIB)) * (size_bytes // MIB or 1) + b"x" * (size_bytes % MIB)
    )
    os.truncate(path, size_bytes)
    return path


def an_upload(path: Path, key: str = "k/asset.png", **more: Any) -> Upload:  # noqa: ANN401 - passed on
    return Upload(path=path, key=key, size_bytes=path.stat().st_size, **more)


def put(connection: Connection, engine: EngineName, *uploads: Upload, **options: Any) -> list[Outcome]:  # noqa: ANN401 - passed on
    with TransferEngine(connection, engine=engine, **options) as transfers:
        return list(transfers.upload(uploads))


def get(connection: Connection, engine: EngineName, *downloads: Download, **options: Any) -> list[Outcome]:  # noqa: ANN401 - passed on
    with TransferEngine(connection, engine=engine, **options) as transfers:
        return list(transfers.download(downloads))


def only(outcomes: list[Outcome]) -> Outcome:
    (outcome,) = outcomes
    return outcome


def leftovers(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir() if path.name.startswith("."))
