"""Every lie of a broken server, to GET, PUT, HEAD and LIST by every engine: it ends, and the others go on."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from creative_s3.core.files.checksums import crc64nvme_of
from creative_s3.core.published.team import team_history
from creative_s3.core.s3.object_store import ObjectStore
from creative_s3.core.s3.tally import RequestTally
from creative_s3.core.tiers.movements import Movement
from creative_s3.core.tiers.older_versions import fetch_version
from creative_s3.core.transfers.engine import Download, Proof
from creative_s3.core.transfers.heads import heads
from creative_s3.errors import ChecksumMismatchError, CreativeS3Error, UnreadableAnswerError
from tests.faults import lies
from tests.faults.programme import Rule, on
from tests.faults.workshop import COMPLETE, GET, HEAD, KIB, PUT, failures, with_client
from tests.s3.moving import MIB, MULTIPART, a_file, an_upload

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from creative_s3.core.transfers.choice import EngineName
    from tests.faults.programme import Fault
    from tests.faults.workshop import Bench

LIST = on("ListObjectsV2")
KINDS: Mapping[str, Mapping[str, Fault]] = {
    "drips": lies.DRIPS,
    "endless": lies.ENDLESS,
    "endless bodies": lies.ENDLESS_BODIES,
    "lengths": lies.ODD_LENGTHS,
    "chunks": lies.ODD_CHUNKS,
    "status": lies.BARE_STATUS,
    "named": lies.NAMED,
}
OF_BODIES = {
    "a body that drips",
    "chunks that drip",
    "trailers that drip",
    *lies.ENDLESS_BODIES,
    *lies.ODD_CHUNKS,
}
"""HEAD has no body; what such an answer says besides is taken, but for a size that is none."""
PADDED = {"a length of many digits", "chunks with many digits"}
FINE = ("k/first", "k/last")
MOST_TOLD_BYTES = 40 * MIB
"""What of one lie without an end is taken by the buffers of the system and by those who try again."""


@pytest.fixture(params=["auto", "crt", "classic"] if os.environ.get("EVERY_LIE") else ["auto"])
def engine(request: pytest.FixtureRequest) -> EngineName:
    """The usual one; with ``EVERY_LIE``, as in ``nox -s long``, every one."""
    name: EngineName = request.param
    return name


@pytest.fixture
def hasty(bench: Bench) -> Bench:
    """The same with a short time-out of reading."""
    lies.Told.size_bytes = 0
    return replace(bench, connection=with_client(bench.connection, Config(read_timeout=0.5)))


def told_on_keys(hasty: Bench, kind: str, operations: frozenset[str]) -> dict[str, str]:
    """Have each lie of a kind told of one key; return the lies by key."""
    keys = {f"k/{number}": lie for number, lie in enumerate(KINDS[kind])}
    hasty.proxy.follow(*(Rule(KINDS[kind][lie], operations, key) for key, lie in keys.items()))
    return keys


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_fetched(hasty: Bench, tmp_path: Path, kind: str) -> None:
    path = a_file(tmp_path, 40 * KIB)
    hasty.put_unseen(*(an_upload(path, key) for key in (*FINE, *(f"k/{n}" for n in range(len(KINDS[kind]))))))
    stored = {one.key: one for one in ObjectStore(connection=hasty.direct).objects()}
    keys = told_on_keys(hasty, kind, GET)
    to = tmp_path / "to"

    got = hasty.get(
        *(Download(key, to / key[2:], stored=stored[key]) for key in (FINE[0], *keys, FINE[1])), patience_s=1
    )

    assert set(failures(got)) == set(keys)
    assert all(isinstance(one.error, CreativeS3Error) for one in got if one.request.key in keys)
    assert {file.name: file.read_bytes() for file in to.iterdir()} == {
        key[2:]: path.read_bytes() for key in FINE
    }
    assert hasty.engine == "crt" or lies.Told.size_bytes < MOST_TOLD_BYTES * len(keys)


@pytest.mark.parametrize("engine", ["auto", "classic"])
@pytest.mark.parametrize("kind", ["endless bodies", "lengths", "chunks"])
def test_what_is_fetched_in_parts(hasty: Bench, tmp_path: Path, kind: str) -> None:
    path = a_file(tmp_path, MULTIPART)
    hasty.put_unseen(*(an_upload(path, f"k/{n}") for n in range(len(KINDS[kind]))))
    stored = {one.key: one for one in ObjectStore(connection=hasty.direct).objects()}
    keys = told_on_keys(hasty, kind, GET)

    got = hasty.get(
        *(Download(key, tmp_path / "to" / key[2:], stored=stored[key]) for key in keys), patience_s=1
    )

    # The Common Runtime reads right numbers with zeros before them, as RFC 9110 has them; botocore does not.
    padded = {key for key, lie in keys.items() if lie in PADDED and hasty.engine != "classic"}
    assert set(failures(got)) | padded == set(keys)
    assert all(file.read_bytes() == path.read_bytes() for file in (tmp_path / "to").iterdir())
    assert {f"k/{file.name}" for file in (tmp_path / "to").iterdir()} == set(keys) - set(failures(got))


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_sent(hasty: Bench, tmp_path: Path, kind: str) -> None:
    path = a_file(tmp_path, 40 * KIB)
    keys = told_on_keys(hasty, kind, PUT)

    # What lies without an end keeps this process, which has the proxy, too busy for a shorter patience.
    put = hasty.put(*(an_upload(path, key) for key in (FINE[0], *keys, FINE[1])), patience_s=3)

    assert not set(failures(put)) & set(FINE)
    assert all(one.error is not None or one.proof is not None for one in put)
    arrived = FINE if kind == "named" else (*FINE, *keys)  # but for these, only the answers lie
    assert hasty.stored() == dict.fromkeys(arrived, path.read_bytes())


@pytest.mark.parametrize("engine", ["classic"])
def test_a_server_that_works_for_ever_is_not_asked_again_at_once(bench: Bench) -> None:
    """S3 sends a space now and then while it completes an upload; 15 time-outs of that are enough."""
    name, direct = {"Bucket": bench.bucket, "Key": "k/x"}, bench.direct.client
    upload = direct.create_multipart_upload(**name)["UploadId"]
    part = direct.upload_part(**name, UploadId=upload, PartNumber=1, Body=b"x")
    bench.proxy.follow(Rule(lies.DRIPS["chunks that drip"], COMPLETE))

    with (
        closing(with_client(bench.connection, Config(read_timeout=0.2)).client) as hasty,
        pytest.raises(ReadTimeoutError),
    ):
        hasty.complete_multipart_upload(
            **name, UploadId=upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        )

    assert bench.proxy.struck <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_asked_of_single_objects(hasty: Bench, tmp_path: Path, kind: str) -> None:
    path = a_file(tmp_path, 40 * KIB)
    hasty.put_unseen(*(an_upload(path, key) for key in (*FINE, *(f"k/{n}" for n in range(len(KINDS[kind]))))))
    keys = told_on_keys(hasty, kind, HEAD)

    asked = dict(
        heads(hasty.connection, [FINE[0], *keys, FINE[1]], engine=hasty.engine, tally=RequestTally())
    )

    assert not any(isinstance(asked[key], CreativeS3Error) or asked[key] is None for key in FINE)
    for key, lie in keys.items():
        answer = asked[key]
        if lie not in OF_BODIES and lie != "404 NoSuchBucket":  # to HEAD it is a bare 404
            assert isinstance(answer, CreativeS3Error), lie


@pytest.mark.parametrize("engine", ["classic"])
@pytest.mark.parametrize(
    "lie",
    [
        *lies.DRIPS,
        *lies.ENDLESS,
        *lies.ENDLESS_BODIES,
        *lies.ODD_LENGTHS,
        *lies.ODD_CHUNKS,
        "HTTP 400",
        "HTTP 501",
    ],
)
def test_what_is_listed(hasty: Bench, lie: str) -> None:
    hasty.s3.put_object(Bucket=hasty.bucket, Key="k/x", Body=b"x")
    faults = {name: fault for kind in KINDS.values() for name, fault in kind.items()}
    hasty.proxy.follow(Rule(faults[lie], LIST))

    with pytest.raises(CreativeS3Error):
        list(ObjectStore(connection=hasty.connection).objects())

    assert lies.Told.size_bytes < 3 * MOST_TOLD_BYTES  # a page may have 64 MiB


@pytest.mark.parametrize("size_bytes", [40 * KIB, 3 * MIB, 12 * MIB])
def test_a_flipped_bit_is_found_by_the_etag_where_there_is_no_checksum(
    bench: Bench, tmp_path: Path, size_bytes: int
) -> None:
    for key in ("k/flipped", "k/fine"):
        bench.s3.put_object(Bucket=bench.bucket, Key=key, Body=bytes(size_bytes))
    stored = {one.key: one for one in ObjectStore(connection=bench.direct).objects()}
    bench.proxy.follow(Rule(lies.FLIPPED, GET, "k/flipped"), Rule(lies.WITHOUT_CHECKSUM, GET | HEAD))
    to = tmp_path / "to"

    got = bench.get(*(Download(key, to / key[2:], stored=one) for key, one in stored.items()), patience_s=5)

    assert {one.request.key: type(one.error) for one in got if one.error} == {
        "k/flipped": ChecksumMismatchError
    }
    assert [file.name for file in to.iterdir()] == ["fine"]
    assert (to / "fine").read_bytes() == bytes(size_bytes)


@pytest.mark.parametrize("engine", ["classic"])
def test_a_flipped_bit_is_found_where_an_object_is_read_whole(bench: Bench) -> None:
    bench.s3.put_object(Bucket=bench.bucket, Key="k/x", Body=b"{}")
    bench.proxy.follow(Rule(lies.FLIPPED, GET))

    with pytest.raises(ChecksumMismatchError):
        ObjectStore(connection=bench.connection).read("k/x")


@pytest.mark.parametrize("engine", ["auto"])
def test_etags_that_are_no_md5s_deny_nothing_once_an_upload_has_found_that_out(
    bench: Bench, tmp_path: Path
) -> None:
    path = a_file(tmp_path, 40 * KIB)
    bench.proxy.follow(Rule(lies.OTHER_ETAGS))

    (put,) = bench.put(an_upload(path, "k/x"))
    (got,) = bench.get(Download("k/x", tmp_path / "to" / "x"))

    assert (put.proof, got.proof) == (Proof.READ_BACK, Proof.UNVERIFIABLE)
    assert (tmp_path / "to" / "x").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("engine", ["classic"])
@pytest.mark.parametrize("lie", lies.ENDLESS_BODIES)
def test_versions_end_where_they_should(bench: Bench, tmp_path: Path, lie: str) -> None:
    lies.Told.size_bytes = 0
    bench.s3.put_bucket_versioning(Bucket=bench.bucket, VersioningConfiguration={"Status": "Enabled"})
    content, store = bytes(40 * KIB), ObjectStore(connection=bench.connection)
    key = "creative-assets/metadata/index.json"
    version = bench.s3.put_object(Bucket=bench.bucket, Key=key, Body=content)["VersionId"]
    stored = store.head(key)
    bench.proxy.follow(Rule(KINDS["endless bodies"][lie], GET))
    known = Movement(
        *(0, "cache/x", "2025-03-01T09:00:00+00:00", "demote", "tiers demote", bench.bucket, "x", key),
        *(version, len(content), crc64nvme_of(content), 0o644, 0, ""),
    )

    fetched = fetch_version(store, Download(key, tmp_path / "x", stored=stored), known=known)
    with pytest.raises(UnreadableAnswerError):
        team_history(store, prefix="creative-assets", limit=1)

    assert isinstance(fetched.error, UnreadableAnswerError)
    assert list(tmp_path.iterdir()) == []
    assert lies.Told.size_bytes < MOST_TOLD_BYTES
