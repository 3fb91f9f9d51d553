"""Connections and the table of errors: what is refused before any request, what each failure is called."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import awscrt.exceptions
import awscrt.s3
import pytest
from botocore import exceptions as boto

from creative_s3.core.faults.translation import ends_run, is_retryable, translate
from creative_s3.core.local import server as local
from creative_s3.core.s3.connection import Connection, connect
from creative_s3.core.s3.objects import head
from creative_s3.core.s3.tally import RequestTally
from creative_s3.core.transfers.choice import open_engine
from creative_s3.errors import (
    AccessDeniedError,
    ArchivedError,
    BucketNotFoundError,
    ChecksumMismatchError,
    ClockError,
    CreativeS3Error,
    CredentialsError,
    FileUnreadableError,
    FileVanishedError,
    ItemError,
    NotS3Error,
    ObjectNotFoundError,
    PreconditionFailedError,
    RefusedError,
    SettingsError,
    SlowDownError,
    TemporaryError,
    UnsupportedError,
)
from creative_s3.settings import S3Config

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from tests.conftest import S3Server


@pytest.fixture
def config(s3_server: S3Server, bucket: str) -> S3Config:
    return S3Config.from_env(
        None, bucket_name=bucket, endpoint_url=s3_server.endpoint_url, region=s3_server.region
    )


@pytest.fixture
def keys(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    access_key, secret_key = local.read_credentials(s3_server.local)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret_key)


def failure(connection: Connection, operation: str, **arguments: str) -> CreativeS3Error:
    """Send a request that fails and return what the failure becomes."""
    with pytest.raises(Exception, match=r"\S") as caught:
        getattr(connection.client, operation)(Bucket=connection.bucket, **arguments)
    return translate(caught.value, endpoint_url=connection.endpoint_url)


def answered(
    code: str, *, status: int = 400, headers: dict[str, str] | None = None, **more: str
) -> CreativeS3Error:
    """Translate an error answer as botocore gives it."""
    response: Any = {
        "Error": {"Code": code, "Message": "server's words", **more},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers or {}},
    }
    return translate(boto.ClientError(response, "PutObject"), item="the/key")


# -- connections


def test_without_credentials_nothing_is_sent(config: S3Config) -> None:
    with pytest.raises(CredentialsError) as caught:
        connect(config)
    assert "aws configure" in (caught.value.hint or "")
    assert "creative-s3 local env" in (caught.value.hint or "")


def test_an_unknown_profile_is_a_credentials_error(config: S3Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(CredentialsError, match="profile"):
        connect(config)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    "url", ["http://storage.example.com:9000", "http://192.0.2.7", "http://[2001:db8::1]:80"]
)
def test_plain_http_to_another_machine_needs_a_flag(config: S3Config, url: str) -> None:
    plain = config.model_copy(update={"endpoint_url": url})

    with pytest.raises(RefusedError) as caught:
        connect(plain)

    assert "--insecure-endpoint" in (caught.value.hint or "")
    assert connect(plain, insecure_endpoint=True).endpoint_url == url


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    "url", ["http://localhost:1", "http://127.0.0.2:1", "http://[::1]:1", "https://s3.example.com"]
)
def test_this_machine_and_https_need_no_flag(config: S3Config, url: str) -> None:
    connection = connect(config.model_copy(update={"endpoint_url": url}))
    assert connection.endpoint_url == url
    assert not connection.is_aws


@pytest.mark.usefixtures("keys")
def test_without_an_endpoint_it_is_aws(config: S3Config) -> None:
    connection = connect(config.model_copy(update={"endpoint_url": None, "region": "eu-west-1"}))
    assert connection.is_aws
    assert connection.region == "eu-west-1"
    assert "eu-west-1" in connection.client.meta.endpoint_url


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("url", ["http://storage.example.com:9000", "http://s3.us-east-1.amazonaws.com"])
def test_an_endpoint_that_only_botocore_knows_is_refused_just_the_same(
    config: S3Config, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
    with pytest.raises(RefusedError):
        connect(config.model_copy(update={"endpoint_url": None}))


@pytest.mark.usefixtures("keys")
def test_retries_time_outs_and_addressing_are_explicit(config: S3Config) -> None:
    used = connect(config).client.meta.config
    assert used.retries["mode"] == "standard"
    assert used.retries["total_max_attempts"] > 1
    assert used.connect_timeout < used.read_timeout
    assert used.max_pool_connections >= 2 * config.max_parallel_uploads  # those that send, those that prove
    assert used.s3["addressing_style"] == "path"
    assert "creative-s3/" in used.user_agent_extra


@pytest.mark.usefixtures("keys")
def test_a_connection_shows_no_secret(config: S3Config, s3_server: S3Server) -> None:
    assert s3_server.secret_key not in repr(connect(config))


# -- failures of a real server


@pytest.mark.usefixtures("keys")
def test_a_missing_bucket_has_its_name(config: S3Config) -> None:
    connection = connect(config.model_copy(update={"bucket_name": "no-such-bucket-here"}))
    error = failure(connection, "list_objects_v2")
    assert isinstance(error, BucketNotFoundError)
    assert error.item == "no-such-bucket-here"


@pytest.mark.usefixtures("keys")
def test_a_missing_object_is_not_found_by_get_and_none_by_head(config: S3Config) -> None:
    connection = connect(config)
    assert isinstance(failure(connection, "get_object", Key="none"), ObjectNotFoundError)
    assert isinstance(failure(connection, "head_object", Key="none"), ObjectNotFoundError)
    assert head(connection, "none") is None


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("variable", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_wrong_keys_are_a_credentials_error_that_does_not_show_them(
    config: S3Config, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "CANARY0123456789CANARY")
    error = failure(connect(config), "list_objects_v2")
    assert isinstance(error, CredentialsError)
    assert "CANARY" not in f"{error.message} {error.item} {error.hint}"


@pytest.mark.usefixtures("keys")
def test_a_refused_connection_names_the_endpoint(config: S3Config) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        error = failure(connect(config.model_copy(update={"endpoint_url": url})), "list_objects_v2")
    assert isinstance(error, TemporaryError)
    assert url in error.message
    assert is_retryable(error)


@pytest.mark.usefixtures("keys")
def test_a_host_that_does_not_resolve_names_the_setting(config: S3Config) -> None:
    connection = connect(config.model_copy(update={"endpoint_url": "https://nowhere.invalid"}))
    error = failure(connection, "list_objects_v2")
    assert isinstance(error, SettingsError)
    assert error.item == "S3_ENDPOINT_URL"
    assert ends_run(error)


@pytest.mark.usefixtures("keys")
def test_head_tells_all_that_s3_knows(config: S3Config, bucket: str, s3: S3Client) -> None:
    s3.put_object(
        Bucket=bucket,
        Key="k",
        Body=b"123456789",
        ChecksumAlgorithm="CRC64NVME",
        ContentType="text/plain",
        Metadata={"cache-key": "a%20b"},
        StorageClass="STANDARD_IA",
    )

    stored = head(connect(config), "k")

    assert stored is not None
    assert stored.size_bytes == 9
    assert '"' not in stored.etag
    assert stored.crc64nvme == "rosUhgp5mIg="
    assert stored.content_type == "text/plain"
    assert stored.metadata == {"cache-key": "a%20b"}
    assert stored.storage_class == "STANDARD_IA"
    assert stored.version_id is None
    assert stored.last_modified is not None
    assert abs(stored.last_modified - datetime.now(UTC)) < timedelta(minutes=5)


# -- the table


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("NoSuchBucket", 404, BucketNotFoundError),
        ("NoSuchKey", 404, ObjectNotFoundError),
        ("404", 404, ObjectNotFoundError),
        ("AccessDenied", 403, AccessDeniedError),
        ("403", 403, AccessDeniedError),
        ("InvalidAccessKeyId", 403, CredentialsError),
        ("SignatureDoesNotMatch", 403, CredentialsError),
        ("ExpiredToken", 400, CredentialsError),
        ("TokenRefreshRequired", 400, CredentialsError),
        ("RequestTimeTooSkewed", 403, ClockError),
        ("PermanentRedirect", 301, SettingsError),
        ("301", 301, NotS3Error),
        ("AuthorizationHeaderMalformed", 400, SettingsError),
        ("SlowDown", 503, SlowDownError),
        ("503", 503, SlowDownError),
        ("InternalError", 500, TemporaryError),
        ("500", 500, TemporaryError),
        ("SomethingNew", 599, TemporaryError),
        ("RequestTimeout", 400, TemporaryError),
        ("InvalidObjectState", 403, ArchivedError),
        ("PreconditionFailed", 412, PreconditionFailedError),
        ("ConditionalRequestConflict", 409, PreconditionFailedError),
        ("BadDigest", 400, ChecksumMismatchError),
        ("XAmzContentChecksumMismatch", 400, ChecksumMismatchError),
        ("NotImplemented", 501, UnsupportedError),
        ("SomethingNew", 400, ItemError),
    ],
)
def test_each_code_has_its_error_and_a_hint(code: str, status: int, kind: type[CreativeS3Error]) -> None:
    error = answered(code, status=status)
    assert type(error) is kind
    assert error.hint
    assert is_retryable(error) is issubclass(kind, TemporaryError)


def test_an_error_inside_a_successful_answer_is_an_error() -> None:
    assert isinstance(answered("InternalError", status=200), TemporaryError)


def test_the_right_region_is_named() -> None:
    error = answered("PermanentRedirect", status=301, headers={"x-amz-bucket-region": "eu-north-1"})
    assert "eu-north-1" in error.message
    assert error.hint == "set S3_REGION=eu-north-1"


@pytest.mark.parametrize(
    ("ours", "expected"),
    [("20261122T182000Z", "20 minutes fast"), ("20261122T174000Z", "20 minutes slow")],
)
def test_the_clock_error_says_how_far_the_clock_is_off(ours: str, expected: str) -> None:
    error = answered("RequestTimeTooSkewed", status=403, RequestTime=ours, ServerTime="2026-11-22T18:00:00Z")
    assert expected in error.message


def test_words_of_the_server_are_shown_without_secrets() -> None:
    response: Any = {
        "Error": {
            "Code": "Strange",
            "Message": "AKIAABCDEFGHIJKLMNOP X-Amz-Signature=abc123 X-Amz-Security-Token=tok456 why",
        },
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    message = translate(boto.ClientError(response, "PutObject")).message
    assert "why" in message
    assert not any(secret in message for secret in ("AKIA", "abc123", "tok456"))


def test_an_answer_of_the_common_runtime_is_read_like_botocores() -> None:
    error = awscrt.s3.S3ResponseError(
        code=0,
        name="AWS_ERROR_S3_INVALID_RESPONSE_STATUS",
        message="",
        status_code=404,
        headers=[("Content-Type", "application/xml")],
        body=b"<Error><Code>NoSuchBucket</Code><BucketName>pictures</BucketName></Error>",
    )
    ours = translate(error)
    assert isinstance(ours, BucketNotFoundError)
    assert ours.item == "pictures"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("AWS_IO_SOCKET_CONNECTION_REFUSED", TemporaryError),
        ("AWS_ERROR_HTTP_CONNECTION_CLOSED", TemporaryError),
        ("AWS_IO_DNS_INVALID_NAME", SettingsError),
        ("AWS_AUTH_CREDENTIALS_PROVIDER_DELEGATE_FAILURE", CredentialsError),
        ("AWS_ERROR_S3_RESPONSE_CHECKSUM_MISMATCH", ChecksumMismatchError),
    ],
)
def test_failures_of_the_common_runtime_have_their_errors(name: str, kind: type[CreativeS3Error]) -> None:
    error = awscrt.exceptions.AwsCrtError(0, name, "")
    assert type(translate(error, endpoint_url="https://s3.example.com")) is kind


@pytest.mark.parametrize(
    ("number", "kind", "word"),
    [
        (errno.ENOENT, FileVanishedError, "gone"),
        (errno.EACCES, FileUnreadableError, "denied"),
        (errno.EIO, FileUnreadableError, "error"),
        (errno.ENOSPC, ItemError, "room"),
        (errno.EROFS, ItemError, "read-only"),
        (errno.ECONNRESET, TemporaryError, "connection"),
    ],
)
def test_failures_of_the_file_system_name_the_path(
    tmp_path: Path, number: int, kind: type[CreativeS3Error], word: str
) -> None:
    error = translate(OSError(number, os.strerror(number), str(tmp_path / "f")))
    assert type(error) is kind
    assert error.item == str(tmp_path / "f")
    assert word in error.message


def test_an_expired_sso_session_says_how_to_log_in() -> None:
    error = translate(boto.UnauthorizedSSOTokenError())
    assert isinstance(error, CredentialsError)
    assert "aws sso login" in (error.hint or "")


def test_an_error_of_ours_stays_as_it_is() -> None:
    error = RefusedError("no")
    assert translate(error) is error


def test_a_bug_is_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError):
        translate(ZeroDivisionError())


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    connection: Connection, s3: S3Client, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"here")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    through = connect(connection.config)
    answer = through.client.get_object(Bucket=bucket, Key="k")
    with contextlib.closing(answer["Body"]) as body:
        assert body.read() == b"here"
    assert open_engine("auto", through, tally=RequestTally()).name == "direct"
