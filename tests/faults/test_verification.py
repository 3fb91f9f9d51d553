"""A server that confirms what it does not store is found out by reading back; one that stores is believed."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.files.checksums import crc64nvme_of_file
from creative_s3.core.s3.dialect import Dialect
from creative_s3.core.transfers.engine import Proof
from creative_s3.errors import ChecksumMismatchError, NotStoredError
from tests.faults.programme import Answer, Retell, Rule
from tests.faults.proxy import FaultProxy
from tests.faults.workshop import COMPLETE, GET, HEAD, KIB, PUT, SIZE, a_cache
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


def echoes(path: Path, **headers: str) -> Retell:
    """Return HEAD's answer of a server that tells the checksum that it was sent, whatever it holds."""
    told = {"x_amz_checksum_crc64nvme": crc64nvme_of_file(path), **headers}
    return Retell(lambda reply: [reply.but(**told).raw])


@pytest.mark.parametrize("size_bytes", [40 * KIB, MULTIPART])
@pytest.mark.parametrize("replaces", [False, True])
def test_content_that_was_refuted_is_never_confirmed(
    bench: Bench, tmp_path: Path, size_bytes: int, *, replaces: bool
) -> None:
    path = a_file(tmp_path, size_bytes)
    before = bench.s3.put_object(Bucket=bench.bucket, Key="k/x", Body=b"old") if replaces else None
    request = an_upload(path, "k/x", if_match=before["ETag"].strip('"') if before else None)
    bench.proxy.follow(Rule(mixes_up(bench), PUT | COMPLETE), Rule(echoes(path), HEAD))

    (first,) = bench.put(request, patience_s=2)
    bench.proxy.follow(Rule(echoes(path), HEAD))
    (again,) = bench.put(an_upload(path, "k/x"), patience_s=2)

    assert isinstance(first.error, NotStoredError)
    assert first.attempts == 1
    assert first.stored is None
    assert again.error is not None
    assert again.proof is None
    known = Dialect(bench.proxy.url)
    assert known.not_stored == {f"{bench.bucket}/k/x"}
    known.found_stored(bench.bucket, "k/other")
    assert not known.is_known_to_store
    known.found_stored(bench.bucket, "k/x")
    assert Dialect(bench.proxy.url).is_known_to_store


@pytest.mark.parametrize("engine", ["auto"])
def test_an_etag_that_only_head_tells_is_refuted_too(bench: Bench, tmp_path: Path) -> None:
    path = a_file(tmp_path, 40 * KIB)
    head = Rule(
        echoes(path, etag=f'"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}"'), HEAD
    )
    bench.proxy.follow(Rule(mixes_up(bench), PUT), head)

    (outcome,) = bench.put(an_upload(path, "k/x"), patience_s=2)

    assert isinstance(outcome.error, NotStoredError)
    assert Dialect(bench.proxy.url).not_stored


@pytest.mark.parametrize("engine", ["auto"])
def test_what_is_there_already_is_read_until_the_server_has_shown_that_it_stores(
    bench: Bench, tmp_path: Path
) -> None:
    uploads = [an_upload(a_file(tmp_path, KIB), f"k/{number}") for number in range(3)]
    bench.put_unseen(*uploads)

    there = [*bench.put(*uploads), *bench.put(*uploads)]

    assert all(one.already_there and one.error is None for one in there)
    assert len(bench.proxy.passed("GetObject")) == 1


@pytest.fixture
def inside(site: Site, tmp_path: Path) -> Site:
    """The program with three files inside the cache, which may leave."""
    return site.with_cache(a_cache(tmp_path / "inside", *[SIZE] * 3, has_folders=True))


def lie_about(site: Site, *names: str, stores: bool = False) -> None:
    """Have the server tell the checksums of these files, and store others' content unless it `stores`."""
    rules = []
    for name in names:
        key = site.cache.key_of(name)

        def store(reply: Reply, key: str = key) -> Iterator[bytes]:
            site.s3.put_object(Bucket=site.bucket, Key=key, Body=bytes(SIZE), Metadata=metadata_of(site, key))
            yield reply.raw

        rules += [
            *([] if stores else [Rule(Retell(store), PUT, key)]),
            Rule(echoes(site.cache.plan[key]), HEAD, key),
        ]
    site.proxy.follow(*rules)


def metadata_of(site: Site, key: str) -> dict[str, str]:
    """Return an object's metadata."""
    return site.s3.head_object(Bucket=site.bucket, Key=key)["Metadata"]


def test_after_a_refuted_upload_the_server_is_believed_in_nothing(inside: Site) -> None:
    names = [path.name for path in inside.cache.plan.values()]
    lie_about(inside, *names)

    codes = [
        inside.program(*words).code
        for words in (
            ("migrate", "upload", "--yes"),
            ("migrate", "upload", "--yes"),
            ("migrate", "validate", "--deep"),
            ("tiers", "demote", "--type", "composite", "--assume-closed", "--yes"),
        )
    ]

    assert codes == [3, 3, 7, 3]
    assert all(path.exists() for path in inside.cache.plan.values())
    lie_about(inside, *names, stores=True)
    assert inside.program("migrate", "upload", "--yes").code == 0
    assert inside.stored() == inside.cache.content


@pytest.mark.parametrize("is_demoted", [False, True])
def test_an_etag_that_contradicts_the_checksum_is_settled_by_reading(
    inside: Site, *, is_demoted: bool
) -> None:
    assert inside.program("migrate", "upload", "--yes").code == 0  # it has shown that it stores
    path = inside.cache.plan[inside.cache.key_of("00.png")]
    path.write_bytes(secrets.token_bytes(SIZE))
    lie_about(inside, "00.png")
    assert inside.program("migrate", "upload", "--yes").code == 0

    if is_demoted:
        result = inside.program("tiers", "demote", "asset-00", "--assume-closed", "--yes", "--json")
        assert result.code == 3
        assert "gives back other content" in result.data["files"][0]["reason"]
        assert path.exists()
    else:
        result = inside.program("migrate", "validate", "--deep", "--json")
        assert result.code == 7
        assert result.data["counts"]["different"] == 1


def test_a_demotion_reads_one_object_until_the_server_has_shown_that_it_stores(inside: Site) -> None:
    assert inside.program("migrate", "upload", "--no-verify", "--yes").code == 0
    words = ("tiers", "demote", "--type", "composite", "--assume-closed", "--json")

    planned = inside.program(*words, "--dry-run").data["bill"]["requests"]
    demoted = inside.program(*words, "--yes")

    assert demoted.code == 0, {one["reason"] for one in demoted.data["files"]}
    assert not any(path.exists() for path in inside.cache.plan.values())
    assert planned["GetObject"] == demoted.data["requests"]["GetObject"] == 1
