"""Answers as other servers and what stands between tell them: framing, line ends, headers that are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from boto3.s3.transfer import TransferConfig

from creative_s3.core.transfers.engine import Download, Proof
from creative_s3.errors import ItemError, TemporaryError, UnreadableAnswerError
from tests.faults.programme import Reply, Retell, Rule, on
from tests.faults.workshop import COMPLETE, CREATE, GET, HEAD, KIB, PART, PUT, failures
from tests.s3.moving import MIB, MULTIPART, a_file, an_upload, leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.faults.workshop import Bench, Site

SIZES = (0, 40 * KIB, 3 * MIB, MULTIPART)


def in_chunks(reply: Reply) -> Iterator[bytes]:
    yield reply.but(content_length=None, transfer_encoding="Chunked").head.raw
    for start in range(0, len(reply.content), 70_000):
        piece = reply.content[start : start + 70_000]
        yield b"%x;size=%d\r\n%s\r\n" % (len(piece), len(piece), piece)
    yield b"0\r\nx-trailer: one\r\n\r\n"


def to_the_end(reply: Reply) -> Iterator[bytes]:
    yield reply.but(content_length=None).raw


def with_close(reply: Reply) -> Iterator[bytes]:
    yield reply.but(connection="close").raw


def without_carriage_returns(reply: Reply) -> Iterator[bytes]:
    yield reply.head.raw.replace(b"\r\n", b"\n") + reply.content


def after_interim_answers(reply: Reply) -> Iterator[bytes]:
    yield b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nA: b\r\n\r\n"
    yield reply.raw


def in_small_pieces(reply: Reply) -> Iterator[bytes]:
    raw = reply.head.raw
    yield from (raw[at : at + 7] for at in range(0, len(raw), 7))
    yield reply.content


WITH_BODY = PUT | GET | CREATE | PART | COMPLETE | on("ListObjectsV2")
WAYS = {
    "chunks": Retell(in_chunks),
    "to the end": Retell(to_the_end, hangs_up=True),
    "Connection: close": Retell(with_close, hangs_up=True),
    "closed without a word": Retell(lambda reply: [reply.raw], hangs_up=True),
    "bare LF": Retell(without_carriage_returns),
    "small pieces": Retell(in_small_pieces),
}


@pytest.mark.parametrize("way", WAYS)
def test_everything_arrives_both_ways_and_again(bench: Bench, tmp_path: Path, way: str) -> None:
    uploads = [an_upload(a_file(tmp_path / "from", size), f"k/{size}") for size in SIZES]
    bench.proxy.follow(Rule(WAYS[way], WITH_BODY))

    put, again = bench.put(*uploads, patience_s=20), bench.put(*uploads, patience_s=20)
    got = bench.get(*(Download(f"k/{size}", tmp_path / "to" / str(size)) for size in SIZES), patience_s=20)

    assert failures([*put, *again, *got]) == {}
    assert {outcome.proof for outcome in (*put, *again)} == {Proof.CHECKSUM}
    assert bench.stored() == {upload.key: upload.path.read_bytes() for upload in uploads}
    for upload in uploads:
        assert (tmp_path / "to" / upload.key[2:]).read_bytes() == upload.path.read_bytes()


@pytest.mark.parametrize("engine", ["crt"])
def test_a_head_that_the_common_runtime_never_reads_ends_in_seconds(bench: Bench, tmp_path: Path) -> None:
    path = a_file(tmp_path / "from", 40 * KIB)
    bench.put_unseen(an_upload(path, "k/there"))
    bench.proxy.follow(Rule(WAYS["bare LF"], WITH_BODY))

    got = bench.get(Download("k/there", tmp_path / "to" / "x"))

    assert failures(got) == {}
    assert got[0].duration_s < 30  # its own time-out, of which it takes four
    assert (tmp_path / "to" / "x").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("way", ["chunks", "to the end", "bare LF"])
def test_the_real_program_does_its_whole_journey_through_it(site: Site, way: str) -> None:
    site.proxy.follow(Rule(WAYS[way], WITH_BODY))

    codes = [
        site.program(*command).code
        for command in (
            ("migrate", "upload"),
            ("migrate", "upload"),
            ("migrate", "validate", "--deep"),
            ("assets", "discover"),
        )
    ]

    assert codes == [0] * 4
    assert site.stored() == site.cache.content


MALFORMED = ("not base64", "AAAA", "AAECAwQFBgc", "\xe9\xff", "A" * 50_000)


@pytest.mark.parametrize("checksum", MALFORMED, ids=["text", "short", "unpadded", "Latin-1", "long"])
def test_a_checksum_that_is_none_proves_nothing_and_stops_nothing(site: Site, checksum: str) -> None:
    one = site.cache.key_of("00.png")
    retell = Retell(lambda reply: [reply.but(x_amz_checksum_crc64nvme=checksum).raw])
    site.proxy.follow(Rule(retell, PUT | GET | HEAD, one))

    results = [
        site.program(*command, "--json")
        for command in (
            ("migrate", "upload"),
            ("migrate", "upload"),
            ("migrate", "validate", "--deep"),
            ("assets", "download", *site.cache.plan, "--output", str(site.cache.directory / "to")),
        )
    ]

    assert [result.code for result in results] == [0] * 4  # its MD5 proves it
    assert site.stored() == site.cache.content


def test_content_that_nothing_proves_is_a_finding_and_the_others_go_on(bench: Bench, tmp_path: Path) -> None:
    paths = {key: a_file(tmp_path / "from", 6 * MIB, key[2:]) for key in ("k/a", "k/b", "k/c")}
    bench.put_unseen(*(an_upload(path, key) for key, path in paths.items() if key != "k/b"))
    odd = 5 * MIB + 4321  # no program's size: the ETag proves nothing
    in_parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=odd)
    bench.s3.upload_file(str(paths["k/b"]), bench.bucket, "k/b", Config=in_parts)
    told = Retell(lambda reply: [reply.but(x_amz_checksum_crc64nvme="?").raw])
    bench.proxy.follow(Rule(told, GET | HEAD, "k/b"))

    outcomes = {
        outcome.request.key: outcome
        for outcome in bench.get(*(Download(key, tmp_path / "to" / key[2:]) for key in paths))
    }

    assert outcomes["k/b"].proof is Proof.UNVERIFIABLE
    assert [outcomes[key].proof for key in ("k/a", "k/c")] == [Proof.CHECKSUM] * 2


ODD: Mapping[str, Mapping[str, str | None]] = {
    "no length": {"content_length": None},
    "a negative length": {"content_length": "-5"},
    "a length in words": {"content_length": "many"},
    "an endless length": {"content_length": "9" * 30},
    "no time": {"last_modified": "garbage"},
    "year 0": {"last_modified": "Sat, 01 Jan 0000 00:00:00 GMT"},
    "after the last year": {"last_modified": "Fri, 31 Dec 9999 23:59:59 -1100"},
    "a long ETag": {"etag": f'"{"e" * 40_000}"'},
    "an ETag in Latin-1": {"etag": '"\xe9\x80"'},
    "metadata that are none": {
        "x_amz_meta_cache_key": "%ff%",
        "x_amz_meta_tags": "\xff",
        "x_amz_meta_dimensions": "[",
    },
    "counts that are none": {
        "x_amz_mp_parts_count": "many",
        "x_amz_missing_meta": "-",
        "x_amz_tagging_count": "x",
    },
    "an unknown class": {"x_amz_storage_class": "\xe9" * 300},
    "an unknown restore": {"x_amz_restore": "ongoing-request=?", "x_amz_archive_status": "?"},
    "times of locks": {"x_amz_object_lock_retain_until_date": "never", "expires": "0"},
    "a long version": {"x_amz_version_id": "v" * 60_000},
}


@pytest.mark.parametrize("odd", ODD)
def test_headers_that_are_none_concern_that_object_only(site: Site, odd: str) -> None:
    one, *others = site.cache.plan
    assert site.program("migrate", "upload").code == 0
    fields = ODD[odd]
    hangs_up = "content_length" in fields
    site.proxy.follow(
        Rule(Retell(lambda reply: [reply.but(**fields).raw], hangs_up=hangs_up), GET | HEAD, one)
    )

    show = site.program("assets", "show", "asset-00")
    validate = site.program("migrate", "validate", "--deep")
    download = site.program(
        "assets", "download", one, *others, "--output", str(site.cache.directory / "to"), "--json"
    )

    assert {show.code, validate.code, download.code} <= {0, 3, 5, 7}
    assert len(download.data["failed"]) <= 1
    arrived = {path.read_bytes() for path in (site.cache.directory / "to").rglob("*.png")}
    assert arrived >= {site.cache.content[key] for key in others}
    assert not [path for path in (site.cache.directory / "to").rglob(".*") if path.is_file()]


@pytest.mark.parametrize("engine", ["auto", "classic"])
@pytest.mark.parametrize("size_bytes", [40 * KIB, 12 * MIB])
def test_more_than_the_object_has_is_never_written_on(bench: Bench, tmp_path: Path, size_bytes: int) -> None:
    bench.put_unseen(an_upload(a_file(tmp_path, size_bytes), "k/x"))

    def flood(reply: Reply) -> Iterator[bytes]:
        yield reply.but(content_length=None, transfer_encoding="chunked").head.raw
        for _ in range(2_000):
            yield b"10000\r\n%s\r\n" % bytes(65_536)

    bench.proxy.follow(Rule(Retell(flood, hangs_up=True), GET))
    (outcome,) = bench.get(Download("k/x", tmp_path / "to" / "x"), patience_s=5)

    assert isinstance(outcome.error, (ItemError, TemporaryError))
    assert leftovers(tmp_path / "to") == []
    assert not (tmp_path / "to" / "x").exists()


@pytest.mark.parametrize("engine", ["auto", "classic"])
def test_an_answer_that_tells_another_part_is_proved_or_an_error(bench: Bench, tmp_path: Path) -> None:
    path = a_file(tmp_path, MULTIPART)
    bench.put_unseen(an_upload(path, "k/x"))

    def of_another(reply: Reply) -> Iterator[bytes]:
        ranged = reply.head.field("content-range") is not None
        yield (reply.but(content_range=f"bytes 0-0/{MULTIPART}") if ranged else reply).raw

    bench.proxy.follow(Rule(Retell(of_another), GET))
    (outcome,) = bench.get(Download("k/x", tmp_path / "to" / "x"), patience_s=5)

    if bench.engine == "classic":  # s3transfer looks at it
        assert isinstance(outcome.error, UnreadableAnswerError)
        assert not (tmp_path / "to" / "x").exists()
    else:
        assert outcome.proof is Proof.CHECKSUM
        assert (tmp_path / "to" / "x").read_bytes() == path.read_bytes()
