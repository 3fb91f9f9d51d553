"""Servers that answer a request for a range in another way: the object arrives whole, and is proved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from creative_s3.core.transfers.engine import Download, Proof
from tests.faults.messages import Head
from tests.faults.programme import Reply, Retell, Rule
from tests.faults.workshop import GET, HEAD, failures
from tests.s3.moving import MIB, MULTIPART, a_file, an_upload, leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.workshop import Bench

PATIENCE_S = 60


def the_whole(content: bytes, *, status: str = "200 OK", etag: bool = True) -> Retell:
    """Answer a request for a range with all of the content."""

    def tell(reply: Reply) -> Iterator[bytes]:
        told = reply.but(content_range=None, content_length=str(len(content)))
        told = told if etag else told.but(etag=None)
        yield Head(f"HTTP/1.1 {status}", told.head.fields).raw
        yield content

    return Retell(tell)


@pytest.mark.parametrize("skip", [0, 1])
def test_an_object_whose_ranges_are_ignored_is_fetched_whole(bench: Bench, tmp_path: Path, skip: int) -> None:
    path = a_file(tmp_path / "from", MULTIPART)
    bench.put_unseen(*(an_upload(path, f"k/{number}") for number in range(2)))
    bench.proxy.follow(Rule(the_whole(path.read_bytes()), GET, skip=skip))

    outcomes = bench.get(
        *(Download(f"k/{number}", tmp_path / "to" / str(number)) for number in range(2)),
        patience_s=PATIENCE_S,
    )

    assert failures(outcomes) == {}
    assert [outcome.proof for outcome in outcomes] == [Proof.CHECKSUM] * 2
    assert all((tmp_path / "to" / str(number)).read_bytes() == path.read_bytes() for number in range(2))


@pytest.mark.parametrize("status", [416, 501])
def test_an_object_whose_ranges_are_refused_is_fetched_whole(
    bench: Bench, tmp_path: Path, status: int
) -> None:
    path = a_file(tmp_path / "from", MULTIPART)
    bench.put_unseen(an_upload(path, "k/x"))

    def tell(reply: Reply) -> Iterator[bytes]:
        if reply.head.field("content-range") is None:
            yield reply.raw
        else:
            yield b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status

    bench.proxy.follow(Rule(Retell(tell), GET))

    (outcome,) = bench.get(Download("k/x", tmp_path / "to" / "x"), patience_s=PATIENCE_S)

    assert outcome.proof is Proof.CHECKSUM
    assert (tmp_path / "to" / "x").read_bytes() == path.read_bytes()


def test_other_content_that_comes_whole_never_gets_a_name(bench: Bench, tmp_path: Path) -> None:
    path = a_file(tmp_path / "from", MULTIPART)
    bench.put_unseen(an_upload(path, "k/x"))
    bench.proxy.follow(Rule(the_whole(path.read_bytes()[:-1] + b"?", status="203 Other"), GET))

    (outcome,) = bench.get(Download("k/x", tmp_path / "to" / "x"), patience_s=PATIENCE_S)

    assert outcome.error is not None
    assert "what arrived is not what S3" in outcome.error.message
    assert not (tmp_path / "to" / "x").exists()
    assert leftovers(tmp_path / "to") == []


@pytest.mark.parametrize("size_bytes", [3 * MIB, MULTIPART])
@pytest.mark.parametrize("operations", [GET, GET | HEAD], ids=["GET", "GET and HEAD"])
def test_an_object_arrives_where_answers_have_no_etag(
    bench: Bench, tmp_path: Path, operations: frozenset[str], size_bytes: int
) -> None:
    path = a_file(tmp_path / "from", size_bytes)
    bench.put_unseen(an_upload(path, "k/x"))
    bench.proxy.follow(Rule(Retell(lambda reply: [reply.but(etag=None).raw]), operations))

    (outcome,) = bench.get(Download("k/x", tmp_path / "to" / "x"), patience_s=PATIENCE_S)

    assert outcome.proof is Proof.CHECKSUM
    assert (tmp_path / "to" / "x").read_bytes() == path.read_bytes()
