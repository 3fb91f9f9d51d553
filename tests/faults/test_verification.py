"""A server that confirms what it does not store is found out by reading back; one that stores is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from creative_s3.core.dialect import Dialect
from creative_s3.core.transfers.engine import Proof
from creative_s3.errors import ChecksumMismatchError
from tests.faults.programme import Answer, Retell, Rule
from tests.faults.proxy import FaultProxy
from tests.faults.workshop import COMPLETE, GET, HEAD, KIB, PUT
from tests.s3.moving import MULTIPART, a_file, an_upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.conftest import S3Server
    from tests.faults.programme import Reply
    from tests.faults.workshop import Bench, Site


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    """A server of which nothing is known."""
    with FaultProxy(s3_server.endpoint_url) as running:
        yield running


def loses(bench: Bench) -> Retell:
    """Return the answer of a server that has lost the object by then."""

    def tell(reply: Reply) -> Iterator[bytes]:
        bench.s3.delete_object(Bucket=bench.bucket, Key="k/x")
        yield reply.raw

    return Retell(tell)


def mixes_up(bench: Bench) -> Retell:
    """Return the answer of a server that has stored other content of the same size."""

    def tell(reply: Reply) -> Iterator[bytes]:
        size_bytes = bench.s3.head_object(Bucket=bench.bucket, Key="k/x")["ContentLength"]
        bench.s3.put_object(Bucket=bench.bucket, Key="k/x", Body=bytes(size_bytes))
        yield reply.raw

    return Retell(tell)


@pytest.mark.parametrize("size_bytes", [40 * KIB, MULTIPART])
@pytest.mark.parametrize("stores", [loses, mixes_up])
def test_what_was_only_confirmed_is_no_success(
    bench: Bench, tmp_path: Path, size_bytes: int, stores: Callable[[Bench], Retell]
) -> None:
    bench.proxy.follow(Rule(stores(bench), PUT | COMPLETE))

    (outcome,) = bench.put(an_upload(a_file(tmp_path, size_bytes), "k/x"), patience_s=2)

    assert outcome.error is not None
    assert outcome.proof is None
    assert stores is mixes_up or isinstance(outcome.error, ChecksumMismatchError)
    assert not Dialect(bench.proxy.url).is_known_to_store


@pytest.mark.parametrize("engine", ["auto"])
def test_a_server_that_stores_is_asked_once_and_remembered(bench: Bench, tmp_path: Path) -> None:
    path = a_file(tmp_path, 40 * KIB)

    first = bench.put(*(an_upload(path, f"k/{number}") for number in range(30)))
    then = bench.put(an_upload(path, "k/then"))

    assert {one.proof for one in (*first, *then)} == {Proof.CHECKSUM}
    assert len(bench.proxy.passed("GetObject")) == 1
    assert Dialect(bench.proxy.url).is_known_to_store


@pytest.mark.parametrize("engine", ["auto"])
@pytest.mark.parametrize(
    ("fault", "operations"),
    [
        (Answer(403, "AccessDenied"), HEAD | GET),
        (Answer(403, "AccessDenied"), GET),
        (Answer(403, "InvalidObjectState"), GET),
    ],
)
def test_what_may_not_be_read_is_not_doubted(
    bench: Bench, tmp_path: Path, fault: Answer, operations: frozenset[str]
) -> None:
    bench.proxy.follow(Rule(fault, operations))

    put = bench.put(*(an_upload(a_file(tmp_path, KIB), f"k/{number}") for number in range(3)))

    assert {one.proof for one in put} == {Proof.CHECKSUM}
    assert not Dialect(bench.proxy.url).is_known_to_store


@pytest.mark.parametrize("engine", ["auto"])
def test_a_sample_is_read_back_where_that_is_asked_for(bench: Bench, tmp_path: Path) -> None:
    path = a_file(tmp_path, KIB)

    bench.put(*(an_upload(path, f"k/{number}") for number in range(101)), verify=True)
    assert len(bench.proxy.passed("GetObject")) == 2
    bench.put(*(an_upload(path, f"l/{number}") for number in range(3)), verify=False)
    assert len(bench.proxy.passed("GetObject")) == 2


def test_the_program_ends_with_3_and_the_plan_has_the_price(site: Site) -> None:
    plans = [
        site.program("migrate", "upload", "--dry-run", "--json", *more).data["bill"]["requests"]
        for more in ((), ("--no-verify",), ("--verify",))
    ]

    def tell(reply: Reply) -> Iterator[bytes]:
        for key in site.cache.plan:
            site.s3.delete_object(Bucket=site.bucket, Key=key)
        yield reply.raw

    site.proxy.follow(Rule(Retell(tell), PUT, "*.png"))
    result = site.program("migrate", "upload", "--yes", "--json")

    assert [plan["GetObject"] for plan in plans] == [2, 1, 2]
    assert result.code == 3
    assert "the server confirmed the upload and has no such object" in result.out
    site.proxy.follow()
    assert site.program("migrate", "upload", "--yes").code == 0
    assert site.stored() == site.cache.content
