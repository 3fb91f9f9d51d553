"""A workspace with a bucket on one server, and the real program in it, as a person would run it."""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

import creative_s3
from tests.cli.program import Program

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from tests.cli.program import Result
    from tests.servers.server import Running

LARGE = "odd:large"
UNICODE = "odd:unicode"
EMPTY = "odd:empty"
LARGE_BYTES = 20 << 20
_ODD = {
    EMPTY: ("empty.png", b""),
    UNICODE: ("ünï côdé ☃.png", b"snow"),
    LARGE: ("large.bin", random.Random(7).randbytes(LARGE_BYTES)),  # noqa: S311 - content for a test
}


@dataclass(frozen=True, slots=True)
class Site:
    """One machine's view of a bucket.

    Attributes:
        server: Where the bucket is.
        bucket: Its name.
        cwd: The workspace.
        home: The home directory, with what is remembered of servers.
        client: A client of the tests' own.
    """

    server: Running
    bucket: str
    cwd: Path
    home: Path
    client: S3Client = field(repr=False)

    def __call__(self, *arguments: str, **more: str) -> Result:
        """Run the program."""
        return self.program(*arguments, **more)

    @property
    def program(self) -> Program:
        """The program."""
        env = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
            "PYTHONPATH": str(Path(creative_s3.__file__).parents[1]),
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "AWS_CONFIG_FILE": str(self.home / "no-config"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "S3_BUCKET_NAME": self.bucket,
            **self.server.environment(),
        }
        return Program(env, self.cwd)

    def another(self, cwd: Path) -> Site:
        """Return a second machine that has nothing yet."""
        (cwd / "cache").mkdir(parents=True)
        home = cwd.with_name(f"{cwd.name}-home")
        home.mkdir()
        return Site(self.server, self.bucket, cwd, home, self.client)

    def path_of(self, name: str) -> Path:
        """Return the file of one of the odd assets."""
        return self.cwd / "cache" / "odd" / _ODD[name][0]

    def objects(self) -> dict[str, bytes]:
        """Return what is in the bucket, by key."""
        client, bucket = self.client, self.bucket
        keys = [entry["Key"] for entry in client.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def keys(self) -> set[str]:
        """Return the keys in the bucket."""
        return {entry["Key"] for entry in self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])}

    def key_of(self, name: str) -> str:
        """Return the key of an asset, as the published index has it."""
        entry = self.published()[name]
        key: str = entry["s3_key"]
        return key

    def published(self) -> dict[str, Any]:
        """Return the published index."""
        answer = self.client.get_object(Bucket=self.bucket, Key="creative-assets/metadata/index.json")
        index: dict[str, Any] = json.loads(answer["Body"].read())
        return index


def client_of(server: Running) -> S3Client:
    """Return a client of the tests' own."""
    return boto3.client(
        "s3",
        endpoint_url=server.endpoint_url,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name=server.region,
        config=Config(
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def add_odd_files(workspace: Path) -> None:
    """Put an empty file, one with a name in Unicode and one of several parts into a workspace."""
    path = workspace / "cache" / "index.json"
    index = json.loads(path.read_bytes())
    folder = workspace / "cache" / "odd"
    folder.mkdir()
    for name, (file, content) in _ODD.items():
        (folder / file).write_bytes(content)
        index[name] = {
            "file_path": f"cache/odd/{file}",
            "metadata": {"type": "background"},
            "created_at": "2025-01-01T00:00:00",
            "size_bytes": len(content),
        }
    path.write_text(json.dumps(index, ensure_ascii=False), encoding="utf-8")


def copy_workspace(source: Path, target: Path) -> Path:
    """Copy a workspace so that it can be written, with the odd files."""
    shutil.copytree(source, target)
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    add_odd_files(target)
    return target
