"""The bed: a server reached as AWS is reached, by its names and TLS on 443, with a record of what came."""

from __future__ import annotations

import contextlib
import os
import secrets
import ssl
import subprocess
import sys
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
import trustme
from botocore.config import Config

import creative_s3
from tests.as_aws.names import CERTIFIED, host_of, hosts
from tests.as_aws.resolution import HTTPS, may_mount, with_hosts
from tests.faults.proxy import FaultProxy
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from types_boto3_s3 import S3Client

    from tests.cli.program import Program
    from tests.servers.server import Running

_TRIES = 20


@dataclass(frozen=True, slots=True)
class Bed:
    """A server behind AWS's names.

    Attributes:
        server: What stores objects.
        end: Where TLS ends; it records each request and can ill-treat it.
        asked: The names that clients asked for as TLS began; None for a client that asked for none.
        address: Where the names lead.
        ca_file: The authority that signed the names' certificate.
        s3: A client past all of it, for looking.
    """

    server: Running
    end: FaultProxy
    asked: list[str | None]
    address: tuple[str, int]
    ca_file: Path
    s3: S3Client

    @property
    def resolves_all(self) -> bool:
        """Whether libraries in C find the server, too."""
        return self.address[1] == HTTPS

    def python(self, directory: Path, buckets: Iterable[str]) -> tuple[str, ...]:
        """Return what begins a command line, up to ``-m`` or ``-c``; AWS's names then lead here."""
        return with_hosts(directory, hosts(buckets), self.address, by_mounts=self.resolves_all)

    def environment(self, home: Path, bucket: str, region: str) -> dict[str, str]:
        """Return the environment of a user of AWS: no endpoint, only who signed the certificates."""
        return {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
            "PYTHONPATH": str(Path(creative_s3.__file__).parents[1]),
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "AWS_CONFIG_FILE": str(home / "no-config"),
            "AWS_SHARED_CREDENTIALS_FILE": str(home / "no-credentials"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ACCESS_KEY_ID": self.server.access_key,
            "AWS_SECRET_ACCESS_KEY": self.server.secret_key,
            "AWS_CA_BUNDLE": str(self.ca_file),
            "S3_BUCKET_NAME": bucket,
            "S3_REGION": region,
        }


@dataclass(frozen=True, slots=True)
class Office:
    """A user's workplace: a workspace, a bucket on AWS, the program.

    Attributes:
        bed: Where AWS's names lead.
        program: In the workspace.
        bucket: The bucket's name.
        region: The bucket's region.
        begun: How many requests had come before.
    """

    bed: Bed
    program: Program
    bucket: str
    region: str
    begun: int = field(default=0)

    @property
    def host(self) -> str:
        """Where requests about the bucket go."""
        return host_of(self.bucket, self.region)

    def hosts_seen(self, *operations: str) -> set[str]:
        """Return the hosts that requests, or these of them, were sent to since this office was opened."""
        passed = self.bed.end.passed()[self.begun :]
        return {
            one.request.head.field("host") or ""
            for one in passed
            if not operations or one.request.operation in operations
        }

    def sent(self, *operations: str, key: str = "*", status: int | None = None) -> int:
        """Return how many of these requests came since this office was opened."""
        return sum(
            one.request.operation in operations
            and fnmatchcase(one.request.key, key)
            and status in {None, one.status}
            for one in self.bed.end.passed()[self.begun :]
        )

    def until_sent(self, count: int, *operations: str) -> None:
        """Wait until so many of these requests have succeeded."""
        wait_until(lambda: self.sent(*operations, status=200) >= count)

    def stored(self) -> dict[str, bytes]:
        """Return what the bucket holds, without the published index."""
        pages = self.bed.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return {
            key: self.bed.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            for key in keys
            if not key.endswith("/metadata/index.json")
        }

    def run(self, code: str, *arguments: str, python: tuple[str, ...] = (), within_s: float = 60) -> str:
        """Run Python under the same names, or those of `python`; return what it printed."""
        done = subprocess.run(
            [*(python or self.program.python), "-c", code, *arguments],
            env=dict(self.program.env),
            cwd=self.program.cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within_s,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextlib.contextmanager
def made(server: Running, directory: Path, *, on_443: bool) -> Iterator[Bed]:
    """Put a server behind AWS's names while the body of the ``with`` runs.

    Args:
        server: The server.
        directory: For files of the bed.
        on_443: Whether to listen on AWS's own port, if this user may; else only Python finds the server.
    """
    authority = trustme.CA()
    ca_file = directory / "authority.pem"
    authority.cert_pem.write_to_path(str(ca_file))
    asked: list[str | None] = []
    session = boto3.session.Session(
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name="us-east-1",
    )
    client = session.client(
        "s3", endpoint_url=server.endpoint_url, config=Config(s3={"addressing_style": "path"})
    )
    tls = _tls(authority, asked)
    with contextlib.closing(client), _listening(server, tls, on_443=on_443) as (end, address):
        yield Bed(server, end, asked, address, ca_file, client)


def _tls(authority: trustme.CA, asked: list[str | None]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*CERTIFIED).configure_cert(context)

    def note(_: object, name: str | None, __: object) -> None:
        asked.append(name)

    context.sni_callback = note
    return context


@contextlib.contextmanager
def _listening(
    server: Running, tls: ssl.SSLContext, *, on_443: bool
) -> Iterator[tuple[FaultProxy, tuple[str, int]]]:
    """Listen on AWS's own port, or else on any free one."""
    with contextlib.ExitStack() as stack:
        end = _on_443(server, tls, stack) if on_443 and may_mount() else None
        end = end or stack.enter_context(FaultProxy(server.endpoint_url, tls=tls))
        parts = urlsplit(end.url)
        yield end, (parts.hostname or "", parts.port or 0)


def _on_443(server: Running, tls: ssl.SSLContext, stack: contextlib.ExitStack) -> FaultProxy | None:
    """Listen at an address of this machine that is free; None where such ports are not for this user."""
    for _ in range(_TRIES):
        host = f"127.{secrets.randbelow(254) + 1}.{secrets.randbelow(256)}.{secrets.randbelow(254) + 1}"
        with contextlib.suppress(OSError):
            proxy = FaultProxy(server.endpoint_url, host=host, port=HTTPS, tls=tls)
            return stack.enter_context(proxy)
    return None
