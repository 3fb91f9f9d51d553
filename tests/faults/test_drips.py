"""Fault 48: an answer that drips or never ends is ended; the others go on."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from creative_s3.core.transfers.engine import Download
from creative_s3.errors import TemporaryError
from tests.faults.programme import Reply, Retell, Rule, on
from tests.faults.workshop import GET, KIB, PUT, failures, with_client
from tests.s3.moving import a_file, an_upload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.workshop import Bench


def drops_of_a_head(reply: Reply) -> Iterator[bytes]:
    yield f"{reply.head.start}\r\nX-Drops: ".encode()
    yield from itertools.repeat(b"x")


def drops_of_a_body(reply: Reply) -> Iterator[bytes]:
    yield reply.but(content_length=None, transfer_encoding="chunked").head.raw
    yield from itertools.repeat(b"1\r\nx\r\n")


@pytest.fixture
def hasty(bench: Bench) -> Bench:
    """The same with time-outs of a second."""
    return replace(bench, connection=with_client(bench.connection, Config(read_timeout=1)))


@pytest.mark.parametrize("engine", ["auto"])
@pytest.mark.parametrize("drops", [drops_of_a_head, drops_of_a_body])
def test_a_transfer_that_drips_ends_and_the_others_go_on(hasty: Bench, tmp_path: Path, drops: object) -> None:
    path = a_file(tmp_path, 40 * KIB)
    hasty.put_unseen(*(an_upload(path, f"k/{n}") for n in range(6)))
    hasty.proxy.follow(Rule(Retell(drops, pause_s=0.05), PUT | GET, "k/[3u]"))  # type: ignore[arg-type]

    got = hasty.get(*(Download(f"k/{n}", tmp_path / "to" / str(n)) for n in range(6)), patience_s=2)
    put = hasty.put(*(an_upload(path, f"k/{n}") for n in "tuv"), patience_s=2)

    assert list(failures(got)) == ["k/3"]
    assert isinstance(next(one.error for one in got if one.error), TemporaryError)
    assert set(failures(put)) <= {"k/u"}  # it is stored, and only its answer drips


@pytest.mark.parametrize("drops", [drops_of_a_head, drops_of_a_body])
@pytest.mark.parametrize("engine", ["classic"])
def test_a_listing_that_drips_ends(hasty: Bench, drops: object) -> None:
    hasty.proxy.follow(Rule(Retell(drops, pause_s=0.05), on("ListObjectsV2")))  # type: ignore[arg-type]

    with pytest.raises(BotoCoreError):
        hasty.connection.client.list_objects_v2(Bucket=hasty.bucket)
