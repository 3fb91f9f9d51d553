"""What a signature covers: by default not the body, whatever the engine; all of it where the profile asks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3.core.s3.connection import connect
from creative_s3.core.transfers.engine import Download
from creative_s3.errors import UnsupportedError
from tests.faults.proxy import FaultProxy
from tests.s3.moving import MIB, a_file, an_upload, connection_to, get, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from creative_s3.core.s3.connection import Connection
    from tests.conftest import S3Server
    from tests.s3.moving import EngineName

UNSIGNED = "UNSIGNED-PAYLOAD"
SIZES = (0, 300 << 10, 17 * MIB)


@pytest.fixture
def wire(s3_server: S3Server) -> Iterator[FaultProxy]:
    """The server, with a record of what it was sent."""
    with FaultProxy(s3_server.endpoint_url) as running:
        yield running


@pytest.fixture
def recorded(
    wire: FaultProxy, s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> Connection:
    """A connection with an AWS configuration as it is out of the box."""
    return connection_to(replace(s3_server.local, endpoint_url=wire.url), bucket, monkeypatch)


@pytest.fixture
def signing(recorded: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Connection:
    """A connection with a profile that asks for signed bodies."""
    path = tmp_path / "config"
    path.write_text("[default]\ns3 =\n  payload_signing_enabled = true\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    return connect(recorded.config)


def moved(connection: Connection, engine: EngineName, tmp_path: Path) -> list[Any]:
    """Move files there and back; return what the files are and what came back."""
    files = [a_file(tmp_path / "files", size_bytes) for size_bytes in SIZES]
    up = put(connection, engine, *(an_upload(path, path.name) for path in files))
    down = [Download(key=path.name, path=tmp_path / path.name) for path in files]
    assert [outcome.error for outcome in (*up, *get(connection, engine, *down))] == [None] * 2 * len(SIZES)
    return [(path.read_bytes(), (tmp_path / path.name).read_bytes()) for path in files]


def signed(wire: FaultProxy) -> set[str]:
    """Return what the requests with a body said of it."""
    sent = wire.passed("PutObject", "UploadPart")
    assert len(sent) == 5  # one for each small file, and three parts
    return {one.request.head.field("x-amz-content-sha256") or "" for one in sent}


def test_by_default_the_checksum_is_signed_and_the_body_is_not(
    wire: FaultProxy, recorded: Connection, engine: EngineName, tmp_path: Path
) -> None:
    assert all(there == back for there, back in moved(recorded, engine, tmp_path))

    assert signed(wire) == {UNSIGNED}
    for one in wire.passed("PutObject", "UploadPart"):
        authorization = one.request.head.field("authorization") or ""
        assert "x-amz-checksum-crc64nvme" in authorization.partition("SignedHeaders=")[2].partition(",")[0]


@pytest.mark.parametrize("engine", ["auto", "classic"])
def test_a_profile_that_asks_for_it_has_every_body_signed(
    wire: FaultProxy, signing: Connection, engine: EngineName, tmp_path: Path
) -> None:
    assert all(there == back for there, back in moved(signing, engine, tmp_path))

    hashes = signed(wire)
    assert UNSIGNED not in hashes
    assert {len(value) for value in hashes} == {64}
    assert len(hashes) == 4  # the whole parts are alike


def test_the_crt_engine_is_refused_where_the_profile_asks_for_signed_bodies(
    signing: Connection, tmp_path: Path
) -> None:
    with pytest.raises(UnsupportedError, match="payload_signing_enabled"):
        put(signing, "crt", an_upload(a_file(tmp_path, 1)))
