"""What will not pass by waiting: said in seconds, of that object, in words that name the cause."""

from __future__ import annotations

import gzip
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.s3 import objects
from creative_s3.core.transfers.engine import Download
from creative_s3.errors import ChecksumMismatchError, ItemError, UnreadableAnswerError
from tests.faults.messages import Head
from tests.faults.programme import Reply, Retell, Rule
from tests.faults.workshop import GET, KIB
from tests.s3.moving import MIB, MULTIPART, a_file, an_upload, leftovers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.errors import CreativeS3Error
    from tests.faults.workshop import Bench

MOST_ATTEMPTS = 4
"""Three more than the first: none of them waits long, and the two minutes of what may pass are far away."""


def failure(bench: Bench, to: Path, stored: StoredObject | None = None) -> CreativeS3Error:
    """Download the object; return why that failed."""
    (outcome,) = bench.get(Download("k/x", to / "x", stored=stored))
    assert outcome.error is not None
    assert outcome.attempts <= MOST_ATTEMPTS
    assert leftovers(to) == []
    assert not (to / "x").exists()
    return outcome.error


@pytest.mark.parametrize("size_bytes", [40 * KIB, MULTIPART])
@pytest.mark.parametrize("listed_bytes", [7, MULTIPART + MIB])
def test_a_size_that_only_the_listing_tells(
    bench: Bench, tmp_path: Path, size_bytes: int, listed_bytes: int
) -> None:
    bench.put_unseen(an_upload(a_file(tmp_path / "from", size_bytes), "k/x"))
    seen = objects.head(bench.direct, "k/x")
    assert seen is not None

    error = failure(
        bench, tmp_path / "to", replace(seen, size_bytes=listed_bytes, metadata=None, crc64nvme=None)
    )

    assert isinstance(error, ItemError)
    assert error.message == f"this server lists {listed_bytes} bytes, and the object has {size_bytes}"


@pytest.mark.parametrize("content", [b"abc" * 9_000, bytes(range(256)) * 4], ids=["smaller", "larger"])
def test_content_that_a_proxy_compresses(bench: Bench, tmp_path: Path, content: bytes) -> None:
    path = a_file(tmp_path / "from", 0)
    path.write_bytes(content)
    bench.put_unseen(an_upload(path, "k/x"))

    def tell(reply: Reply) -> Iterator[bytes]:
        body = gzip.compress(reply.content)
        yield reply.but(content_encoding="gzip", content_length=str(len(body))).head.raw + body

    bench.proxy.follow(Rule(Retell(tell), GET))

    error = failure(bench, tmp_path / "to")

    assert isinstance(error, (ChecksumMismatchError, UnreadableAnswerError))
    assert error.message.endswith("it came with Content-Encoding: gzip, as from a proxy")


@pytest.mark.parametrize("size_bytes", [40 * KIB, MULTIPART])
def test_an_objects_own_content_encoding_is_no_matter(bench: Bench, tmp_path: Path, size_bytes: int) -> None:
    content = a_file(tmp_path / "from", size_bytes).read_bytes()
    bench.s3.put_object(Bucket=bench.bucket, Key="k/x", Body=content, ContentEncoding="gzip")

    (outcome,) = bench.get(Download("k/x", tmp_path / "to" / "x"))

    assert outcome.error is None
    assert (tmp_path / "to" / "x").read_bytes() == content


@pytest.mark.parametrize("engine", ["classic"])
@pytest.mark.parametrize(("count", "length"), [(120, 3), (1, 70_000)])
def test_a_head_that_botocore_does_not_read(bench: Bench, tmp_path: Path, count: int, length: int) -> None:
    bench.put_unseen(an_upload(a_file(tmp_path / "from", 40 * KIB), "k/x"))

    def tell(reply: Reply) -> Iterator[bytes]:
        more = ((f"x-{number}", "v" * length) for number in range(count))
        yield Head(reply.head.start, (*reply.head.fields, *more)).raw + reply.content

    bench.proxy.follow(Rule(Retell(tell), GET))

    error = failure(bench, tmp_path / "to")

    assert isinstance(error, UnreadableAnswerError)
    assert "head cannot be read: got more than" in error.message
    assert bench.proxy.struck == MOST_ATTEMPTS  # botocore does not ask again by itself
