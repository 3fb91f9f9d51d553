"""`S3StorageManager` on a real server: one file up, and many."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3.core.assets.layout import decode_text
from creative_s3.core.files.checksums import crc64nvme_of_file
from creative_s3.core.storage.manager import S3StorageManager
from creative_s3.core.transfers.outcomes import Proof
from creative_s3.errors import (
    BucketNotFoundError,
    CredentialsError,
    FileUnreadableError,
    FileVanishedError,
    PreconditionFailedError,
    SettingsError,
    UsageError,
)
from creative_s3.settings import S3Config
from tests.faults.programme import Hold, Rule, Way, on
from tests.faults.proxy import FaultProxy
from tests.faults.workshop import through
from tests.s3.moving import KIB, MIB, MULTIPART, SIZES, EngineName, a_file, connection_to

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.transfers.progress import TransferProgress
    from tests.conftest import S3Server


def body(s3: S3Client, bucket: str, key: str) -> bytes:
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


# -- one file up


@pytest.mark.parametrize("size_bytes", SIZES)
def test_an_upload_is_proved_and_says_everything_about_the_object(
    storage: S3StorageManager, s3: S3Client, bucket: str, tmp_path: Path, size_bytes: int
) -> None:
    path = a_file(tmp_path, size_bytes, "image.png")

    result = storage.upload_file(path, "products/image.png", {"Type": "product"}, {"campaign": "spring_2025"})

    assert result.success
    assert result.exception is None
    assert (result.s3_key, result.local_path, result.size_bytes) == ("products/image.png", path, size_bytes)
    assert (result.crc64nvme, result.proof) == (crc64nvme_of_file(path), Proof.CHECKSUM)
    assert result.duration_seconds > 0
    there = s3.head_object(Bucket=bucket, Key="products/image.png")
    assert there["ETag"].strip('"') == result.etag
    assert (there["ContentType"], there["Metadata"]) == ("image/png", {"type": "product"})
    assert s3.get_object_tagging(Bucket=bucket, Key="products/image.png")["TagSet"] == [
        {"Key": "campaign", "Value": "spring_2025"}
    ]
    assert body(s3, bucket, "products/image.png") == path.read_bytes()


def test_metadata_that_is_not_ascii_can_be_read_back(storage: S3StorageManager, tmp_path: Path) -> None:
    result = storage.upload_file(a_file(tmp_path, 1), "k", {"region": "日本", "share": "50%", "plain": "a b"})
    assert result.success
    stored = storage.head("k")
    assert stored is not None
    assert stored.metadata is not None
    values = {name.lower(): value for name, value in stored.metadata.items()}
    assert values == {"region": "%E6%97%A5%E6%9C%AC", "share": "50%25", "plain": "a b"}
    assert decode_text(values["region"]) == "日本"


def test_class_and_content_type_can_be_chosen(storage: S3StorageManager, s3: S3Client, bucket: str) -> None:
    Path("image.png").write_bytes(b"x")
    storage.upload_file("image.png", "k", content_type="image/x-own", storage_class="STANDARD_IA")
    there = s3.head_object(Bucket=bucket, Key="k")
    assert (there["ContentType"], there["StorageClass"]) == ("image/x-own", "STANDARD_IA")


def test_in_a_versioned_bucket_the_result_names_the_version(
    storage: S3StorageManager, s3: S3Client, bucket: str, tmp_path: Path
) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    result = storage.upload_file(a_file(tmp_path, 1), "k")
    assert result.version_id
    assert result.version_id == s3.head_object(Bucket=bucket, Key="k")["VersionId"]


def test_the_same_content_again_is_a_success_that_sends_nothing_new(
    storage: S3StorageManager, s3: S3Client, bucket: str, tmp_path: Path
) -> None:
    path = a_file(tmp_path, KIB)
    storage.upload_file(path, "k", {"who": "first"})
    again = storage.upload_file(path, "k", {"who": "second"})
    assert (again.success, again.already_there, again.proof) == (True, True, Proof.CHECKSUM)
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"who": "first"}


def test_other_content_is_left_alone_and_the_hint_says_how_to_replace_it(
    storage: S3StorageManager, s3: S3Client, bucket: str, tmp_path: Path
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"somebody else's")
    result = storage.upload_file(a_file(tmp_path, KIB), "k")
    assert not result.success
    assert isinstance(result.exception, PreconditionFailedError)
    assert "replace=True" in (result.exception.hint or "")
    assert (result.etag, result.crc64nvme, result.proof) == (None, None, None)
    assert body(s3, bucket, "k") == b"somebody else's"


@pytest.mark.parametrize("size_bytes", [KIB, MULTIPART])
def test_replace_replaces_what_is_there(
    storage: S3StorageManager, s3: S3Client, bucket: str, tmp_path: Path, size_bytes: int
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=bytes(size_bytes), ChecksumAlgorithm="CRC64NVME")
    path = a_file(tmp_path, size_bytes)
    result = storage.upload_file(path, "k", replace=True)
    assert (result.success, result.already_there) == (True, False)
    assert body(s3, bucket, "k") == path.read_bytes()


def test_replace_sends_nothing_where_content_and_metadata_are_the_same(
    storage: S3StorageManager, s3: S3Client, bucket: str, tmp_path: Path
) -> None:
    path = a_file(tmp_path, KIB)
    storage.upload_file(path, "k", {"Who": "we"})
    before = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    sent = storage.requests["PutObject"]
    again = storage.upload_file(path, "k", {"who": "we"}, replace=True)
    assert (again.already_there, again.proof, again.etag is not None) == (True, Proof.CHECKSUM, True)
    assert storage.requests["PutObject"] == sent
    assert s3.head_object(Bucket=bucket, Key="k")["LastModified"] == before


def test_replace_sends_again_where_only_the_metadata_differs(
    storage: S3StorageManager, s3: S3Client, bucket: str, tmp_path: Path
) -> None:
    path = a_file(tmp_path, KIB)
    storage.upload_file(path, "k", {"who": "we"})
    assert not storage.upload_file(path, "k", {"who": "you"}, replace=True).already_there
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"who": "you"}


def test_replace_creates_where_nothing_is(storage: S3StorageManager, tmp_path: Path) -> None:
    assert storage.upload_file(a_file(tmp_path, 1), "k", replace=True).success


def test_a_file_that_is_not_there_is_data(storage: S3StorageManager) -> None:
    result = storage.upload_file("nowhere.png", "k")
    assert isinstance(result.exception, FileVanishedError)
    assert "no such file" in result.exception.message
    assert (bool(result), result.size_bytes, storage.requests) == (False, 0, {})


def test_a_directory_is_data_too(storage: S3StorageManager, tmp_path: Path) -> None:
    assert isinstance(storage.upload_file(tmp_path, "k").exception, FileUnreadableError)


@pytest.mark.parametrize(
    ("key", "metadata", "tags"),
    [
        ("/k", None, None),
        ("k" * 1025, None, None),
        ("k", {"note": "x" * 3000}, None),
        ("k", None, {str(number): "x" for number in range(11)}),
        ("k", None, {"note": "x" * 257}),
    ],
)
def test_what_s3_does_not_take_is_data_and_nothing_is_sent(
    storage: S3StorageManager,
    tmp_path: Path,
    key: str,
    metadata: dict[str, object] | None,
    tags: dict[str, object] | None,
) -> None:
    result = storage.upload_file(a_file(tmp_path, 1), key, metadata, tags)
    assert isinstance(result.exception, UsageError)
    assert storage.requests == {}


@pytest.mark.parametrize(
    "arguments", [(5, "k"), ("", "k"), ("a", "k", "metadata"), ("a", "k", None, ["tags"])]
)
def test_arguments_of_the_wrong_kind_raise(storage: S3StorageManager, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(UsageError):
        storage.upload_file(*arguments)


def test_a_bucket_that_is_missing_raises_from_every_method(
    s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    storage = S3StorageManager(connection=connection_to(s3_server.local, "not-a-bucket-here", monkeypatch))
    path = a_file(tmp_path, 1)
    for call in (
        lambda: storage.upload_file(path, "k"),
        lambda: storage.upload_file(path, "k", replace=True),
        lambda: storage.batch_upload([(path, "k")]),
        lambda: storage.download("k", tmp_path / "new"),
        storage.list_objects,
        storage.get_bucket_size,
        storage.setup_lifecycle_policy,
    ):
        with pytest.raises(BucketNotFoundError):
            call()


def test_without_credentials_there_is_no_manager() -> None:
    with pytest.raises(CredentialsError):
        S3StorageManager(S3Config(bucket_name="some-bucket"))


def test_without_a_bucket_there_is_no_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with pytest.raises(SettingsError):
        S3StorageManager(S3Config())


# -- many files up


def test_a_batch_keeps_the_order_and_goes_on_after_failures(
    storage: S3StorageManager, s3: S3Client, bucket: str, tmp_path: Path, engine: EngineName
) -> None:
    files = [a_file(tmp_path, KIB + number, f"{number}.png") for number in range(40)]
    s3.put_object(Bucket=bucket, Key="taken", Body=b"other")
    mappings: list[Any] = [(path, f"b/{path.name}", {"number": path.stem}) for path in files]
    mappings[3] = (tmp_path / "nowhere", "b/nowhere")
    mappings[7] = (files[7], "taken", {"type": "x"}, {"tag": "y"})
    mappings[11] = (files[11], "/wrong")
    mappings[13] = (files[13], "b/13.png", None, {"season": "fall"})

    results, progress = storage.batch_upload(iter(mappings), engine=engine)

    assert [result.s3_key for result in results] == [mapping[1] for mapping in mappings]
    assert [number for number, result in enumerate(results) if not result.success] == [3, 7, 11]
    assert (progress.uploaded, progress.failed, progress.skipped, progress.total_files) == (37, 3, 0, 40)
    uploaded = [result.size_bytes for result in results if result.success]
    assert (progress.uploaded_bytes, progress.percent_complete) == (sum(uploaded), 100)
    assert progress.total_bytes == sum(path.stat().st_size for path in files) - files[3].stat().st_size
    assert progress.upload_speed_mbps > 0
    assert len(storage.list_objects("b/")) == 37
    assert s3.head_object(Bucket=bucket, Key="b/5.png")["Metadata"] == {"number": "5"}

    again, progress = storage.batch_upload(mappings, engine=engine)
    assert (progress.uploaded, progress.skipped, progress.failed) == (0, 37, 3)
    assert (progress.uploaded_bytes, progress.percent_complete) == (0, 100)
    assert sum(result.already_there for result in again) == 37


def test_a_batch_can_replace(storage: S3StorageManager, s3: S3Client, bucket: str, tmp_path: Path) -> None:
    files = [a_file(tmp_path, KIB + number, f"{number}.png") for number in range(30)]
    for path in files[:20]:
        s3.put_object(Bucket=bucket, Key=path.name, Body=b"old")
    results, progress = storage.batch_upload([(path, path.name) for path in files], replace=True)
    assert (all(results), progress.uploaded) == (True, 30)
    assert all(body(s3, bucket, path.name) == path.read_bytes() for path in files)


def test_two_files_for_one_key_do_not_both_win(storage: S3StorageManager, tmp_path: Path) -> None:
    files = [a_file(tmp_path, KIB, "a"), a_file(tmp_path, KIB, "b")]
    results, progress = storage.batch_upload([(path, "k") for path in files])
    assert sorted(result.success for result in results) == [False, True]
    assert (progress.uploaded, progress.failed) == (1, 1)


def test_an_empty_batch_is_done_at_once(storage: S3StorageManager) -> None:
    seen: list[TransferProgress] = []
    results, progress = storage.batch_upload([], progress_callback=seen.append)
    assert (results, progress.percent_complete, len(seen), storage.requests) == ((), 100, 1, {})


def test_progress_is_reported_by_the_calling_thread_while_a_large_file_moves(
    storage: S3StorageManager, tmp_path: Path, engine: EngineName
) -> None:
    path = a_file(tmp_path, 96 * MIB)
    seen: list[tuple[int, TransferProgress]] = []

    storage.batch_upload(
        [(path, "k")],
        engine=engine,
        progress_callback=lambda progress: seen.append((threading.get_ident(), progress)),
    )

    assert {thread for thread, _ in seen} == {threading.get_ident()}
    percents = [progress.percent_complete for _, progress in seen]
    assert len(percents) >= 2
    assert percents == sorted(percents)
    assert (percents[-1], percents.count(100.0)) == (100, 1)
    assert seen[-1][1].uploaded_bytes == 96 * MIB


@pytest.mark.parametrize("size_bytes", [KIB, MULTIPART])
def test_what_a_progress_callback_raises_ends_the_upload_and_surfaces(
    connection: Connection, s3: S3Client, tmp_path: Path, engine: EngineName, size_bytes: int
) -> None:
    path, bucket = a_file(tmp_path, size_bytes), connection.bucket

    def callback(_progress: TransferProgress) -> None:
        proxy.until_struck()
        raise LookupError("no screen")

    with FaultProxy(connection.endpoint_url or "") as proxy:
        proxy.follow(Rule(Hold(Way.UP), on("PutObject", "UploadPart")))  # it cannot end before the callback
        storage = S3StorageManager(connection=through(connection, proxy))
        with pytest.raises(LookupError, match="no screen"):
            storage.batch_upload([(path, "k")], engine=engine, progress_callback=callback)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize("mapping", ["image.png", ("image.png",), 5, ("a", "k", None, None, None), (5, "k")])
def test_a_mapping_of_the_wrong_form_raises_before_anything_is_sent(
    storage: S3StorageManager,
    tmp_path: Path,
    mapping: Any,  # noqa: ANN401 - on purpose
) -> None:
    with pytest.raises(UsageError):
        storage.batch_upload([(a_file(tmp_path, 1), "k"), mapping])
    assert storage.requests == {}


def test_a_manager_serves_many_threads(storage: S3StorageManager, tmp_path: Path) -> None:
    path = a_file(tmp_path, KIB)
    results = []
    threads = [
        threading.Thread(target=lambda key=f"k{number}": results.append(storage.upload_file(path, key)))
        for number in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(results)
    assert len(storage.list_objects(prefix="")) == 16
