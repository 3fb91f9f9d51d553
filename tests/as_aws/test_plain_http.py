"""Plain http to another machine, accepted by a flag: files of all sizes, bodies signed or not."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.as_aws.resolution import may_mount, with_hosts
from tests.cli.program import Program
from tests.faults.proxy import FaultProxy
from tests.faults.workshop import KIB, Cache, a_cache, stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from tests.conftest import S3Server

MIB = 1 << 20
NAME = "storage.test"
"""Not this machine, as far as the name tells."""
UNSIGNED = "UNSIGNED-PAYLOAD"
PROFILES = {"as it is": "", "payload signing": "s3 =\n  payload_signing_enabled = true\n"}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return a_cache(tmp_path / "studio", 0, 64 * KIB, 17 * MIB)


@pytest.fixture
def wire(s3_server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(s3_server.endpoint_url) as running:
        yield running


@pytest.fixture
def program(server_env: dict[str, str], wire: FaultProxy, cache: Cache, tmp_path: Path) -> Program:
    parts = urlsplit(wire.url)
    address = (parts.hostname or "", parts.port or 0)
    env = {
        **server_env,
        "S3_ENDPOINT_URL": f"http://{NAME}:{parts.port}",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
    }
    python = with_hosts(tmp_path / "names", [NAME], address, by_mounts=may_mount())
    return Program(env, cache.directory, python)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("engine", ["auto", "classic"])
def test_files_go_there_and_back(  # noqa: PLR0913, PLR0917 - what comes of it is seen in three places
    program: Program,
    cache: Cache,
    wire: FaultProxy,
    s3: S3Client,
    bucket: str,
    tmp_path: Path,
    profile: str,
    engine: str,
) -> None:
    (tmp_path / "config").write_text(f"[profile {program.env['AWS_PROFILE']}]\n{PROFILES[profile]}")

    refused = program("migrate", "upload")
    up = program("migrate", "upload", "--engine", engine, "--insecure-endpoint", "--json")
    again = program("migrate", "upload", "--engine", engine, "--insecure-endpoint", "--json")
    get = ("assets", "download", "asset-02", "--output", "back.png", "--insecure-endpoint")
    back = program(*get, "--engine", engine if may_mount() else "classic")

    assert refused.code == 8
    assert up.code == 0, up.err
    assert stored(s3, bucket) == cache.content
    assert again.data["uploaded"] == 0
    assert back.code == 0, back.err
    assert (program.cwd / "back.png").read_bytes() == cache.content[cache.key_of("02.png")]
    sent = wire.passed("PutObject", "UploadPart")
    assert len(sent) == 6  # two small files, three parts, the published index
    hashes = {one.request.head.field("x-amz-content-sha256") or "" for one in sent}
    if profile == "as it is":
        assert hashes == {UNSIGNED}
    else:
        assert UNSIGNED not in hashes
        assert len(hashes) == 6
