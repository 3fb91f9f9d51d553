"""What a listing may look like and how it may go on, whatever the server says."""

from __future__ import annotations

import gzip
import itertools
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from botocore.config import Config

from creative_s3.core.s3.object_store import ObjectStore
from creative_s3.errors import NotS3Error, TemporaryError, UnreadableAnswerError, UnsupportedError
from tests.faults.messages import Head
from tests.faults.programme import Hold, Reply, Retell, Rule, Way, on
from tests.faults.workshop import with_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from creative_s3.core.s3.connection import Connection
    from tests.faults.proxy import FaultProxy
    from tests.faults.workshop import Bench, Site
    from tests.s3.moving import EngineName

LIST = on("ListObjectsV2")


@pytest.fixture
def engine() -> EngineName:
    """Listings are botocore's whatever moves the files."""
    return "classic"


def with_status(status: int, content: bytes | None = None) -> Callable[[Reply], Iterator[bytes]]:
    def tell(reply: Reply) -> Iterator[bytes]:
        body = reply.content if content is None else content
        yield b"HTTP/1.1 %d So\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body

    return tell


def changed(pattern: bytes, by: bytes) -> Callable[[Reply], Iterator[bytes]]:
    return lambda reply: with_status(200, re.sub(pattern, by, reply.content))(reply)


def going_on() -> Callable[[Reply], Iterator[bytes]]:
    numbers = itertools.count()

    def tell(reply: Reply) -> Iterator[bytes]:
        page = b"<IsTruncated>true</IsTruncated><NextContinuationToken>%d</NextContinuationToken>"
        yield from with_status(200, b"<ListBucketResult>" + page % next(numbers) + b"</ListBucketResult>")(
            reply
        )

    return tell


def listed(bench: Bench) -> list[str]:
    return [one.key for one in ObjectStore(connection=bench.connection).objects()]


@pytest.mark.parametrize("status", [201, 203, 206])
def test_another_status_of_success_is_one(bench: Bench, status: int) -> None:
    bench.s3.put_object(Bucket=bench.bucket, Key="k")
    bench.proxy.follow(Rule(Retell(with_status(status)), LIST))

    assert listed(bench) == ["k"]


@pytest.mark.parametrize(
    ("tell", "error"),
    [
        (with_status(204, b""), NotS3Error),
        (with_status(206, b"<Error><Code>InternalError</Code></Error>"), TemporaryError),
        (with_status(206, b"<ListBucketRes"), TemporaryError),
        (going_on(), TemporaryError),
    ],
)
def test_what_is_no_listing_or_has_no_end_is_told(
    bench: Bench, tell: Callable[[Reply], Iterator[bytes]], error: type[Exception]
) -> None:
    bench.proxy.follow(Rule(Retell(tell), LIST))

    with pytest.raises(error):
        listed(bench)


def told_by(bench: Bench, tell: Callable[[Reply], Iterator[bytes]]) -> UnsupportedError:
    bench.s3.put_object(Bucket=bench.bucket, Key="ours/k", Body=b"x")
    bench.proxy.follow(Rule(Retell(tell), LIST))
    with pytest.raises(UnsupportedError) as caught:
        list(ObjectStore(connection=bench.connection).objects("ours/"))
    assert bench.proxy.struck == 1
    return caught.value


def test_a_listing_without_sizes_is_told_at_once(bench: Bench) -> None:
    error = told_by(bench, changed(rb"<Size>[^<]*</Size>", b""))

    assert "this server's listing has objects without a key or a size" in error.message


def test_keys_that_do_not_begin_with_the_prefix_never_count(bench: Bench) -> None:
    other = b"<Contents><Key>theirs/k</Key><Size>1</Size></Contents></ListBucketResult>"

    error = told_by(bench, changed(b"</ListBucketResult>", other))

    assert "keys that do not begin with ours/" in error.message
    assert error.item == "theirs/k"


def test_nothing_is_downloaded_from_a_server_that_ignores_the_prefix(site: Site) -> None:
    assert site.program("migrate", "upload", "--yes").code == 0
    other = b"<Contents><Key>theirs/k</Key><Size>1</Size></Contents></ListBucketResult>"
    site.proxy.follow(Rule(Retell(changed(b"</ListBucketResult>", other)), LIST))

    done = site.program("assets", "download", "--prefix", "creative-assets/", "--output", "to", "--json")

    assert done.code == 4, done
    assert "this server lists keys" in done.envelope["error"]["message"]
    assert not (site.cache.directory / "to").exists()


@pytest.mark.parametrize("count", [120, 5])
def test_a_listing_with_too_large_a_head_is_told_at_once(bench: Bench, count: int) -> None:
    def tell(reply: Reply) -> Iterator[bytes]:
        more = ((f"x-{number}", "v" * (70_000 if count < 100 else 3)) for number in range(count))
        yield Head(reply.head.start, (*reply.head.fields, *more)).raw + reply.content

    bench.proxy.follow(Rule(Retell(tell), LIST))

    with pytest.raises(UnreadableAnswerError, match="head cannot be read: got more than"):
        listed(bench)
    assert bench.proxy.struck == 1


def test_a_listing_that_is_compressed_on_the_way_is_told_as_that(bench: Bench) -> None:
    def tell(reply: Reply) -> Iterator[bytes]:
        body = gzip.compress(reply.content)
        yield reply.but(content_encoding="gzip", content_length=str(len(body))).head.raw + body

    bench.proxy.follow(Rule(Retell(tell), LIST))

    with pytest.raises(NotS3Error, match=r"compressed on the way \(gzip\)"):
        listed(bench)


def test_a_server_that_is_silent_is_asked_once_more_only(bench: Bench) -> None:
    hasty = replace(bench, connection=with_client(bench.connection, Config(read_timeout=1)))
    bench.proxy.follow(Rule(Hold(Way.DOWN), LIST))

    with pytest.raises(TemporaryError):
        listed(hasty)

    assert bench.proxy.struck <= 2


def test_the_doctor_outlasts_objects_without_keys(site: Site) -> None:
    site.program("migrate", "upload", "--yes")
    site.proxy.follow(Rule(Retell(changed(rb"<Key>[^<]*</Key>", b"")), LIST))

    assert site.program("doctor").code in {0, 5}


@pytest.mark.parametrize("number", [b"2_0", b"+20", b"-20", b"0x14", b"2\xd9\xa0", b"9" * 19])
@pytest.mark.parametrize(
    ("operation", "field"),
    [
        ("list_parts", b"Size"),
        ("list_parts", b"PartNumber"),
        ("list_object_versions", b"Size"),
    ],
)
def test_numbers_that_are_none_are_refused(
    connection: Connection, proxy: FaultProxy, operation: str, field: bytes, number: bytes
) -> None:
    client, bucket = connection.client, {"Bucket": connection.bucket}
    client.put_object(**bucket, Key="y", Body=b"y")
    upload = client.create_multipart_upload(**bucket, Key="x")["UploadId"]
    client.upload_part(**bucket, Key="x", UploadId=upload, PartNumber=1, Body=b"x")
    told = b"<%s>%s</%s>" % (field, number, field)
    proxy.follow(Rule(Retell(changed(b"<%s>[^<]*</%s>" % (field, field), told))))
    more = {"Key": "x", "UploadId": upload} if operation == "list_parts" else {}

    with pytest.raises(UnreadableAnswerError):
        getattr(client, operation)(**bucket, **more)


@pytest.mark.parametrize(
    ("operation", "field", "commands"),
    [
        ("ListMultipartUploads", b"Key", ("bucket uploads", "assets stats --cost", "doctor")),
        ("ListMultipartUploads", b"UploadId", ("bucket uploads", "doctor")),
        ("ListMultipartUploads", b"Initiated", ("lifecycle simulate --suggest", "bucket uploads")),
        ("ListParts", b"Size", ("bucket uploads", "doctor")),
    ],
)
def test_lists_that_leave_out_what_they_are_for_crash_nothing(
    site: Site, operation: str, field: bytes, commands: tuple[str, ...]
) -> None:
    site.program("migrate", "upload", "--yes")
    begun = site.s3.create_multipart_upload(Bucket=site.bucket, Key="creative-assets/x")
    site.s3.upload_part(
        Bucket=site.bucket, Key="creative-assets/x", UploadId=begun["UploadId"], PartNumber=1, Body=b"x"
    )
    leaving_out = changed(b"<%s>[^<]*</%s>" % (field, field), b"")
    site.proxy.follow(Rule(Retell(leaving_out), on(operation)))

    assert all(site.program(*command.split()).code in {0, 3} for command in commands)
    assert site.proxy.struck
