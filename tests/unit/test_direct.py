"""The direct engine against a server that says what it is told to say: no success without its grounds."""

from __future__ import annotations

from queue import SimpleQueue
from typing import TYPE_CHECKING

from botocore.exceptions import ConnectionClosedError

from creative_s3 import S3Config
from creative_s3.core.assets.models import StoredObject
from creative_s3.core.s3.connection import Connection, connect
from creative_s3.core.s3.tally import RequestTally
from creative_s3.core.transfers.direct import DirectEngine
from creative_s3.core.transfers.engine import Download, TransferEngine
from creative_s3.core.transfers.flights import Flight, Reply
from creative_s3.errors import PreconditionFailedError
from tests.unit.test_wire import told

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CRC = "AAECAwQFBgc="


def a_connection(url: str, monkeypatch: pytest.MonkeyPatch) -> Connection:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return connect(S3Config(bucket_name="a-bucket", endpoint_url=url))


def an_engine(url: str, monkeypatch: pytest.MonkeyPatch) -> DirectEngine:
    return DirectEngine(a_connection(url, monkeypatch), tally=RequestTally())


def test_a_success_before_the_whole_body_was_sent_is_a_broken_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(12 << 20))
    fine = f'HTTP/1.1 200 X\r\nETag: "e"\r\nx-amz-checksum-crc64nvme: {CRC}\r\nContent-Length: 0\r\n\r\n'
    replies: SimpleQueue[Reply] = SimpleQueue()
    with told(fine.encode()) as teller:
        engine = an_engine(teller.url, monkeypatch)
        engine.put(
            Flight("k", path, path.stat().st_size, lambda _: None, replies.put), {"ChecksumCRC64NVME": CRC}
        )
        reply = replies.get(timeout=60)
        engine.close()

    assert isinstance(reply.error, ConnectionClosedError)


def test_a_download_never_writes_into_a_file_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = tmp_path / "partial"
    partial.write_bytes(b"another's")
    replies: SimpleQueue[Reply] = SimpleQueue()
    with told(b'HTTP/1.1 200 X\r\nETag: "e"\r\nContent-Length: 4\r\n\r\nours') as teller:
        engine = an_engine(teller.url, monkeypatch)
        engine.get(Flight("k", partial, 4, lambda _: None, replies.put))
        reply = replies.get(timeout=60)
        engine.close()

    assert isinstance(reply.error, FileExistsError)
    assert partial.read_bytes() == b"another's"


def test_another_version_than_was_asked_for_never_becomes_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a server that does not look at If-Match, of an object of which only the size is known."""
    asked_for = StoredObject(
        key="k", size_bytes=4, etag="asked-for", last_modified=None, storage_class="STANDARD", metadata={}
    )
    target = tmp_path / "out" / "k"
    answer = b'HTTP/1.1 200 X\r\nETag: "another"\r\nContent-Length: 4\r\nConnection: close\r\n\r\n'
    with told(answer + b"ours", answer) as teller:  # HEAD says the same
        teller.hangs_up_after = 1
        connection = a_connection(teller.url, monkeypatch)
        with TransferEngine(connection) as transfers:
            (outcome,) = transfers.download([Download("k", target, stored=asked_for)])

    assert isinstance(outcome.error, PreconditionFailedError)
    assert list(target.parent.iterdir()) == []
