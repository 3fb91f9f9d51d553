"""Bringing back a version that one CopyObject cannot take: in parts, with what it carried, and proved."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3.core.bucket.versions import plan_recovery, recover
from creative_s3.core.events import Progressed
from creative_s3.errors import PreconditionFailedError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from creative_s3.core.bucket.versions import Recovered
    from creative_s3.core.events import Event
    from creative_s3.core.s3.connection import Connection

MIB = 2**20
KEY = "products/a b/film é.mov"
FIRST = os.urandom(12 * MIB)
LIMITS: dict[str, Any] = {"copy_limit_bytes": MIB, "part_bytes": 5 * MIB}


@pytest.fixture
def first(s3: S3Client, bucket: str) -> str:
    """The version of a large object under a newer, small one."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put = s3.put_object(
        Bucket=bucket,
        Key=KEY,
        Body=FIRST,
        ContentType="video/quicktime",
        CacheControl="max-age=60",
        Metadata={"cache-key": "film", "region": "%E6%97%A5"},
        Tagging="campaign=spring&kind=composite",
        ChecksumAlgorithm="CRC64NVME",
    )
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"second")
    return put["VersionId"]


def back(connection: Connection, version_id: str, **more: Any) -> Recovered:  # noqa: ANN401 - passed on
    return recover(connection, plan_recovery(connection, KEY, version_id), **LIMITS, **more)


def everything(s3: S3Client, bucket: str, **which: Any) -> dict[str, Any]:  # noqa: ANN401 - boto3 checks it
    answer = s3.get_object(Bucket=bucket, Key=KEY, **which)
    tags = s3.get_object_tagging(Bucket=bucket, Key=KEY, **which)["TagSet"]
    names = ("ContentType", "CacheControl", "Metadata")
    return {name: answer.get(name) for name in names} | {"tags": tags, "content": answer["Body"].read()}


def test_a_large_version_comes_back_in_parts_with_all_that_it_carried(
    connection: Connection, s3: S3Client, bucket: str, first: str
) -> None:
    events: list[Event] = []
    wanted = everything(s3, bucket, VersionId=first)
    done = back(connection, first, emit=events.append)
    assert (done.proof, done.size_bytes) == ("checksum", len(FIRST))
    assert wanted["content"] == FIRST
    assert everything(s3, bucket) == wanted
    moved = [event.delta_bytes for event in events if isinstance(event, Progressed)]
    assert moved == [5 * MIB, 5 * MIB, 2 * MIB]
    kept = s3.list_object_versions(Bucket=bucket, Prefix=KEY)["Versions"]
    assert sorted(one["Size"] for one in kept) == [len(b"second"), len(FIRST), len(FIRST)]
    assert not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_a_large_version_comes_back_over_delete_markers(
    connection: Connection, s3: S3Client, bucket: str, first: str
) -> None:
    s3.delete_object(Bucket=bucket, Key=KEY)
    assert back(connection, first).proof == "checksum"
    assert everything(s3, bucket)["content"] == FIRST


def test_a_server_that_tells_no_set_of_tags_at_all_has_none(connection: Connection, first: str) -> None:
    def bare(response_dict: dict[str, Any], **_: object) -> None:
        response_dict["body"] = b"<Tagging/>"

    connection.client.meta.events.register("before-parse.s3.GetObjectTagging", bare)

    assert back(connection, first).proof == "checksum"


def test_somebody_who_writes_while_the_parts_are_copied_wins(
    connection: Connection, s3: S3Client, bucket: str, first: str
) -> None:
    def overwrite(**_: object) -> None:
        s3.put_object(Bucket=bucket, Key=KEY, Body=b"third")

    connection.client.meta.events.register_first("before-call.s3.CompleteMultipartUpload", overwrite)
    with pytest.raises(PreconditionFailedError):
        back(connection, first)
    assert everything(s3, bucket)["content"] == b"third"
    assert not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")
