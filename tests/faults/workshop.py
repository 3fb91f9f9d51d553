"""What the fault tests say in one word: a cache and its plan, a bench for engines, a site for the program."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from creative_s3.core.migration.migration import S3MigrationManager
from creative_s3.core.s3.connection import another_client, connect
from creative_s3.settings import S3Config
from tests.faults.programme import on
from tests.s3 import moving

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping
    from pathlib import Path

    from botocore.config import Config
    from types_boto3_s3 import S3Client

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.transfers.engine import Download, Outcome, Upload
    from tests.cli.program import Program
    from tests.faults.proxy import FaultProxy

PREFIX = "creative-assets"
KIB = 1 << 10
SIZE = 40 * KIB

PUT = on("PutObject")
GET = on("GetObject")
HEAD = on("HeadObject")
CREATE = on("CreateMultipartUpload")
PART = on("UploadPart")
COMPLETE = on("CompleteMultipartUpload")


@dataclass(frozen=True, slots=True)
class Cache:
    """A workspace with a few composites and nothing else.

    Attributes:
        directory: The workspace.
        plan: The key that each file goes to.
    """

    directory: Path
    plan: Mapping[str, Path]

    @property
    def content(self) -> dict[str, bytes]:
        """What the bucket must hold in the end, without the published index."""
        return {key: path.read_bytes() for key, path in self.plan.items()}

    def key_of(self, name: str) -> str:
        """Return the key of the file of that name."""
        (key,) = (key for key, path in self.plan.items() if path.name == name)
        return key


@dataclass(frozen=True, slots=True)
class Bench:
    """What a test of the transfer engines works with.

    Attributes:
        engine: Which engine.
        connection: Through the proxy.
        direct: Past the proxy, for what must not meet a fault.
        proxy: Between them and the server.
        s3: A client past the proxy.
    """

    engine: moving.EngineName
    connection: Connection
    direct: Connection
    proxy: FaultProxy
    s3: S3Client

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.connection.bucket

    def put(self, *uploads: Upload, **options: Any) -> list[Outcome]:  # noqa: ANN401 - passed on
        """Upload through the proxy; `options` are the engine's."""
        return moving.put(self.connection, self.engine, *uploads, **options)

    def get(self, *downloads: Download, **options: Any) -> list[Outcome]:  # noqa: ANN401 - passed on
        """Download through the proxy; `options` are the engine's."""
        return moving.get(self.connection, self.engine, *downloads, **options)

    def put_unseen(self, *uploads: Upload) -> None:
        """Upload past the proxy."""
        assert not failures(moving.put(self.direct, self.engine, *uploads))

    def stored(self) -> dict[str, bytes]:
        """Return what the bucket holds."""
        return stored(self.s3, self.bucket)

    def unfinished(self) -> list[str]:
        """Return the keys of unfinished multipart uploads."""
        return unfinished(self.s3, self.bucket)


@dataclass(frozen=True, slots=True)
class Site:
    """What a test of the real program works with.

    Attributes:
        program: In the cache's workspace, on the bucket, through the proxy.
        cache: What it uploads.
        proxy: Between it and the server.
        s3: A client past the proxy.
        bucket: The bucket's name.
    """

    program: Program
    cache: Cache
    proxy: FaultProxy
    s3: S3Client
    bucket: str

    def stored(self) -> dict[str, bytes]:
        """Return what the bucket holds, without the published index."""
        return stored(self.s3, self.bucket)

    def unfinished(self) -> list[str]:
        """Return the keys of unfinished multipart uploads."""
        return unfinished(self.s3, self.bucket)

    def with_cache(self, cache: Cache) -> Site:
        """Return the same site with another cache."""
        return replace(self, cache=cache, program=replace(self.program, cwd=cache.directory))


def a_cache(directory: Path, *sizes: int, prefix: str = PREFIX, has_folders: bool = False) -> Cache:
    """Make a workspace with a file of each size: ``00.png``, ``01.png`` ….

    Args:
        directory: The workspace.
        sizes: In bytes.
        prefix: What all keys begin with.
        has_folders: Whether each file has a folder of its own, inside the cache.
    """
    output = directory / "output"
    output.mkdir(parents=True)
    (directory / "cache").mkdir()
    entries = {}
    for number, size_bytes in enumerate(sizes):
        path = (directory / f"cache/in-{number:02}" if has_folders else output) / f"{number:02}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(secrets.token_bytes(size_bytes))
        entries[f"asset-{number:02}"] = {
            "cache_key": f"asset-{number:02}",
            "file_path": path.relative_to(directory).as_posix(),
            "semantic_metadata": {"asset_type": "composite", "region": "us"},
            "campaign_id": "spring",
            "created_at": "2025-03-01T09:00:00",
        }
    index = {"semantic_assets": entries}
    (directory / "cache" / "index.json").write_text(json.dumps(index, indent=2), encoding="utf-8")
    config = S3Config.from_env(env_file=None, cache_dir=directory / "cache")
    operations = S3MigrationManager(config, prefix=prefix).create_migration_plan().everything()
    return Cache(directory, {operation.key: operation.path for operation in operations})


def stored(s3: S3Client, bucket: str, prefix: str = "") -> dict[str, bytes]:
    """Return what the bucket holds below a prefix, without published indexes."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
    return {
        key: s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        for key in keys
        if not key.endswith("/metadata/index.json")
    }


def unfinished(s3: S3Client, bucket: str) -> list[str]:
    """Return the keys of unfinished multipart uploads."""
    return [upload["Key"] for upload in s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


def through(connection: Connection, proxy: FaultProxy) -> Connection:
    """Return the same connection by way of the proxy."""
    return connect(connection.config.model_copy(update={"endpoint_url": proxy.url}))


def with_client(connection: Connection, options: Config) -> Connection:
    """Return the connection with other options of botocore, such as shorter time-outs."""
    config = connection.client_options["config"].merge(options)
    made = {**connection.client_options, "config": config}
    client = another_client(connection, options)
    return replace(connection, client_options=made, client=client)


def failures(outcomes: list[Outcome]) -> dict[str, str]:
    """Return why what failed did fail, by key."""
    return {outcome.request.key: outcome.error.message for outcome in outcomes if outcome.error}


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process as a power cut would."""
    process.kill()
    process.wait()
