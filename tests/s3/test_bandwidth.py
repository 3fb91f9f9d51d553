"""``max_bandwidth``: small files, large ones and downloads together keep to one limit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.transfers.engine import Download, TransferEngine
from creative_s3.errors import UnsupportedError
from tests.s3.moving import KIB, MIB, a_file, an_upload

if TYPE_CHECKING:
    from pathlib import Path

    from creative_s3.core.s3.connection import Connection

SMALL, LARGE = 256 * KIB, 17 * MIB
LIMIT = 16 * MIB
ENOUGH = 0.7
"""The bucket lets a little go at once before it measures; a busy machine only takes longer."""


def test_uploads_in_one_piece_and_in_parts_keep_to_one_limit_together(
    connection: Connection, tmp_path: Path
) -> None:
    small = a_file(tmp_path, SMALL)
    uploads = [an_upload(a_file(tmp_path, LARGE), "k/large")]
    uploads += [an_upload(small, f"k/{n}") for n in range(28)]
    began = time.monotonic()

    with TransferEngine(connection, max_bandwidth=LIMIT) as transfers:
        outcomes = list(transfers.upload(uploads))

    assert not any(outcome.error for outcome in outcomes)
    took_s = time.monotonic() - began
    assert took_s / (sum(upload.size_bytes for upload in uploads) / LIMIT) > ENOUGH
    assert transfers.name == "classic"


def test_downloads_keep_to_the_limit(connection: Connection, tmp_path: Path) -> None:
    path = a_file(tmp_path, LARGE)
    with TransferEngine(connection) as transfers:
        assert not any(outcome.error for outcome in transfers.upload([an_upload(path, "k")]))
    began = time.monotonic()

    with TransferEngine(connection, max_bandwidth=LIMIT) as transfers:
        (outcome,) = transfers.download([Download("k", tmp_path / "to")])

    assert outcome.error is None
    assert (time.monotonic() - began) / (LARGE / LIMIT) > ENOUGH
    assert (tmp_path / "to").read_bytes() == path.read_bytes()


def test_the_common_runtime_cannot_be_limited_and_says_so(connection: Connection) -> None:
    with pytest.raises(UnsupportedError, match="cannot limit its bandwidth"):
        TransferEngine(connection, engine="crt", max_bandwidth=LIMIT)
