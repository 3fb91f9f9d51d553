"""Many HEADs at once: by either engine they tell what botocore's single HEAD tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from creative_s3.core.assets.models import StoredObject
from creative_s3.core.s3 import objects
from creative_s3.core.s3.tally import RequestTally
from creative_s3.core.transfers.heads import from_headers, heads
from tests.s3.moving import KIB, METADATA, a_file, an_upload, put

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from creative_s3.core.s3.connection import Connection
    from tests.s3.moving import EngineName

KEYS = ["plain.png", "a folder/with spaces+and%25.png", "é/日本.png", "a/q?x=1&y#z"]


def test_they_tell_what_a_single_head_tells(
    connection: Connection, engine: EngineName, s3: S3Client, tmp_path: Path
) -> None:
    s3.put_bucket_versioning(Bucket=connection.bucket, VersioningConfiguration={"Status": "Enabled"})
    path = a_file(tmp_path, 3 * KIB)
    ours = [
        an_upload(path, key, content_type="image/png", storage_class="STANDARD_IA", metadata=METADATA)
        for key in KEYS[:3]
    ]
    put(connection, engine, *ours)
    for key in KEYS[3:]:
        s3.put_object(Bucket=connection.bucket, Key=key, Body=b"x", ChecksumAlgorithm="CRC32")
    tally = RequestTally()

    found = dict(heads(connection, [*KEYS, "nothing"], engine=engine, tally=tally))

    assert found == {key: objects.head(connection, key) for key in [*KEYS, "nothing"]}
    assert found["nothing"] is None
    for key in KEYS:
        stored, expected = found[key], objects.head(connection, key)
        assert isinstance(stored, StoredObject)
        assert expected is not None
        assert stored.metadata == expected.metadata
        assert (stored.crc64nvme is not None, stored.version_id is not None) == (key in KEYS[:3], True)
    assert tally.counts() == {"HeadObject": len(KEYS) + 1}


def test_hundreds_are_asked_for_by_the_engine_that_serves_here(
    connection: Connection, s3: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket=connection.bucket, Key="k/7", Body=b"x")

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("botocore was asked")

    monkeypatch.setattr(objects, "head", fail)
    found = dict(heads(connection, [f"k/{n}" for n in range(300)], engine="auto", tally=RequestTally()))

    assert len(found) == 300
    assert [key for key, stored in found.items() if stored] == ["k/7"]


def test_headers_are_decoded_as_botocore_decodes_them() -> None:
    stored = from_headers(
        "k",
        {
            "content-length": "12",
            "etag": '"abc"',
            "last-modified": "Thu, 26 Nov 2026 19:00:00 GMT",
            "x-amz-checksum-crc64nvme": "AAECAwQFBgc=",
            "x-amz-checksum-type": "COMPOSITE",
            "x-amz-meta-cache-key": "a",
            "x-amz-version-id": "null",
            "x-amz-storage-class": "GLACIER",
            "x-amz-restore": 'ongoing-request="true"',
        },
    )

    assert stored.crc64nvme is None
    assert stored.version_id is None
    assert stored.last_modified is not None
    assert stored.last_modified.isoformat() == "2026-11-26T19:00:00+00:00"
    assert stored.metadata == {"cache-key": "a"}
    assert objects.is_archived(stored)


def test_an_answer_without_a_length_is_none() -> None:
    with pytest.raises(ValueError, match="no length"):
        from_headers("k", {"etag": '"abc"'})
