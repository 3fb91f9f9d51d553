"""One table from what S3, botocore, the AWS Common Runtime and the file system report to our errors.

Only texts and classes are chosen here; what to do about an error is the caller's business. No text carries a
secret: S3's own words are shortened and stripped of keys, tokens and signatures.
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import awscrt.exceptions
import awscrt.s3
import urllib3.exceptions
from botocore import exceptions as boto
from botocore.utils import parse_timestamp
from s3transfer.exceptions import RetriesExceededError, S3DownloadFailedError

from creative_s3.errors import (
    AccessDeniedError,
    ArchivedError,
    BucketNotFoundError,
    ChecksumMismatchError,
    ClockError,
    CreativeS3Error,
    CredentialsError,
    FileChangedError,
    FileUnreadableError,
    FileVanishedError,
    ItemError,
    ObjectNotFoundError,
    PreconditionFailedError,
    SettingsError,
    TemporaryError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_RUN_AGAIN = "run the same command again"
_DOCTOR = "run `creative-s3 doctor`"
_SSO = "run `aws sso login`, then the same command again"
_RENEW = "renew the credentials (`aws sso login`, or `aws configure`), then run the same command again"
_PLAN_AGAIN = "run the same command again: it plans from what is there now"


@dataclass(frozen=True, slots=True)
class _Row:
    """What one error code becomes."""

    kind: type[CreativeS3Error]
    message: str
    hint: str


_NO_BUCKET = _Row(
    BucketNotFoundError,
    "the bucket does not exist",
    "check S3_BUCKET_NAME and S3_REGION with `creative-s3 config`",
)
_NO_OBJECT = _Row(
    ObjectNotFoundError, "the object does not exist", "see what is there with `creative-s3 assets list`"
)
_DENIED = _Row(AccessDeniedError, "S3 denies access", f"{_DOCTOR}: it names the permission that is missing")
_BAD_KEY_ID = _Row(CredentialsError, "S3 does not know this access key", f"{_DOCTOR}; check AWS_PROFILE")
_BAD_SECRET = _Row(
    CredentialsError,
    "S3 refuses the signature: the secret access key does not match",
    "check AWS_SECRET_ACCESS_KEY",
)
_EXPIRED = _Row(CredentialsError, "the credentials have expired", _RENEW)
_CLOCK = _Row(ClockError, "this machine's clock is wrong", "set the clock (`timedatectl set-ntp true`)")
_REGION = _Row(SettingsError, "the bucket is in another region", "set S3_REGION to the bucket's region")
_BUSY = _Row(TemporaryError, "S3 asks to slow down", _RUN_AGAIN)
_BROKEN = _Row(TemporaryError, "S3 failed on its side", _RUN_AGAIN)
_LATE = _Row(TemporaryError, "the request took too long", _RUN_AGAIN)
_FAST = _Row(
    PreconditionFailedError, "another writer was faster: the object is not what the plan saw", _PLAN_AGAIN
)
_DIGEST = _Row(ChecksumMismatchError, "S3 received other content than was sent and refused it", _RUN_AGAIN)
_ARCHIVED = _Row(
    ArchivedError,
    "the object is archived",
    "restore it first: `aws s3api restore-object`, then wait until it is there",
)
_LACKS = _Row(UnsupportedError, "the server does not support this request", _DOCTOR)

_OF_CODE: Mapping[str, _Row] = {
    "NoSuchBucket": _NO_BUCKET,
    "NoSuchKey": _NO_OBJECT,
    "NoSuchVersion": _NO_OBJECT,
    "NotFound": _NO_OBJECT,
    "404": _NO_OBJECT,
    "NoSuchUpload": _Row(TemporaryError, "the multipart upload is gone", _RUN_AGAIN),
    "AccessDenied": _DENIED,
    "AllAccessDisabled": _DENIED,
    "AccountProblem": _DENIED,
    "403": _DENIED,
    "InvalidAccessKeyId": _BAD_KEY_ID,
    "SignatureDoesNotMatch": _BAD_SECRET,
    "ExpiredToken": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "InvalidToken": _Row(CredentialsError, "S3 does not accept the session token", _RENEW),
    "401": _Row(CredentialsError, "S3 does not accept the credentials", _DOCTOR),
    "400": _Row(
        CredentialsError, "S3 refuses the request; expired credentials are the usual reason", _DOCTOR
    ),
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _CLOCK,
    "PermanentRedirect": _REGION,
    "TemporaryRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "301": _REGION,
    "307": _REGION,
    "SlowDown": _BUSY,
    "Throttling": _BUSY,
    "ThrottlingException": _BUSY,
    "TooManyRequests": _BUSY,
    "ServiceUnavailable": _BUSY,
    "429": _BUSY,
    "503": _BUSY,
    "InternalError": _BROKEN,
    "OperationAborted": _BROKEN,
    "500": _BROKEN,
    "502": _BROKEN,
    "504": _BROKEN,
    "RequestTimeout": _LATE,
    "IncompleteBody": _LATE,
    "408": _LATE,
    "InvalidObjectState": _ARCHIVED,
    "PreconditionFailed": _FAST,
    "ConditionalRequestConflict": _FAST,
    "412": _FAST,
    "409": _FAST,
    "BadDigest": _DIGEST,
    "InvalidDigest": _DIGEST,
    "XAmzContentChecksumMismatch": _DIGEST,
    "XAmzContentSHA256Mismatch": _DIGEST,
    "NotImplemented": _LACKS,
    "MethodNotAllowed": _LACKS,
    "501": _LACKS,
    "405": _LACKS,
    "KMS.NotFoundException": _Row(SettingsError, "the KMS key does not exist", "check S3_KMS_KEY_ID"),
    "KMS.DisabledException": _Row(SettingsError, "the KMS key is disabled", "check S3_KMS_KEY_ID"),
    "EntityTooLarge": _Row(ItemError, "the file is larger than an S3 object can be", "split it"),
    "QuotaExceeded": _Row(ItemError, "the server's quota is used up", _DOCTOR),
}

_OF_BOTOCORE: tuple[tuple[type[Exception], _Row], ...] = (
    (
        boto.ProfileNotFound,
        _Row(
            CredentialsError,
            "the AWS profile does not exist",
            "list profiles with `aws configure list-profiles`",
        ),
    ),
    (boto.UnauthorizedSSOTokenError, _Row(CredentialsError, "the SSO session has expired", _SSO)),
    (boto.SSOError, _Row(CredentialsError, "the SSO session cannot be used", _SSO)),
    (boto.TokenRetrievalError, _Row(CredentialsError, "the SSO session has expired", _SSO)),
    (
        boto.NoCredentialsError,
        _Row(CredentialsError, "no AWS credentials were found", "run `aws configure`, or set AWS_PROFILE"),
    ),
    (
        boto.PartialCredentialsError,
        _Row(CredentialsError, "the AWS credentials are incomplete", "run `aws configure`"),
    ),
    (boto.CredentialRetrievalError, _Row(CredentialsError, "the credentials could not be fetched", _RENEW)),
    (
        boto.SSLError,
        _Row(SettingsError, "the server's TLS certificate is not trusted", "check AWS_CA_BUNDLE"),
    ),
    (boto.ConnectTimeoutError, _Row(TemporaryError, "the server did not answer in time", _RUN_AGAIN)),
    (boto.ReadTimeoutError, _Row(TemporaryError, "the server stopped answering", _RUN_AGAIN)),
    (boto.FlexibleChecksumError, _Row(ChecksumMismatchError, "what arrived is not what S3 sent", _RUN_AGAIN)),
    (boto.ChecksumError, _Row(ChecksumMismatchError, "what arrived is not what S3 sent", _RUN_AGAIN)),
    (boto.HTTPClientError, _Row(TemporaryError, "the connection broke", _RUN_AGAIN)),
    (boto.IncompleteReadError, _Row(TemporaryError, "the answer was cut short", _RUN_AGAIN)),
)

_OF_CRT: Mapping[str, _Row] = {
    "AWS_ERROR_S3_INCORRECT_CONTENT_LENGTH": _Row(
        FileChangedError, "the file changed while it was read", _RUN_AGAIN
    ),
    "AWS_ERROR_S3_FILE_MODIFIED": _Row(FileChangedError, "the file changed while it was read", _RUN_AGAIN),
    "AWS_ERROR_S3_OBJECT_MODIFIED": _FAST,
    "AWS_ERROR_S3_RESPONSE_CHECKSUM_MISMATCH": _Row(
        ChecksumMismatchError, "what arrived is not what S3 sent", _RUN_AGAIN
    ),
    "AWS_ERROR_S3_REQUEST_TIME_TOO_SKEWED": _CLOCK,
    "AWS_ERROR_S3_SLOW_DOWN": _BUSY,
    "AWS_ERROR_FILE_READ_FAILURE": _Row(FileUnreadableError, "the file cannot be read", "check the disk"),
    "AWS_ERROR_FILE_OPEN_FAILURE": _Row(
        FileUnreadableError, "the file cannot be opened", "check its permissions"
    ),
    "AWS_ERROR_FILE_WRITE_FAILURE": _Row(
        ItemError, "the file cannot be written", "check the disk's free space"
    ),
}


def translate(
    error: BaseException, *, item: str | None = None, endpoint_url: str | None = None
) -> CreativeS3Error:
    """Turn any error of S3, botocore, s3transfer, the AWS Common Runtime or the file system into ours.

    Use it with ``raise … from error``. An exception that no row covers is a bug and is raised as it is.

    Args:
        error: What was raised.
        item: The key or path it concerns.
        endpoint_url: The S3-compatible server, when it is not AWS.
    """
    if isinstance(error, RetriesExceededError):
        error = error.last_exception
    about = _About(item, endpoint_url)
    for kinds, handler in _HANDLERS:
        if isinstance(error, kinds):
            return handler(error, about)
    raise error


def is_retryable(error: CreativeS3Error) -> bool:
    """Tell whether the same request may succeed a little later."""
    return isinstance(error, TemporaryError)


def ends_run(error: CreativeS3Error) -> bool:
    """Tell whether every other item would fail in the same way, so that the run should stop."""
    return isinstance(
        error, (BucketNotFoundError, CredentialsError, ClockError, SettingsError, UnsupportedError)
    )


@dataclass(frozen=True, slots=True)
class _About:
    """What the error concerns."""

    item: str | None
    endpoint_url: str | None


def _made(
    row: _Row, item: str | None, message: str | None = None, hint: str | None = None
) -> CreativeS3Error:
    return row.kind(message or row.message, item=item, hint=hint or row.hint)


def _of_client(error: boto.ClientError, about: _About) -> CreativeS3Error:
    return _of_response(error.response, about.item)


def _of_download(_error: S3DownloadFailedError, about: _About) -> CreativeS3Error:
    return _made(_FAST, about.item)


def _of_crt_response(error: awscrt.s3.S3ResponseError, about: _About) -> CreativeS3Error:
    return _of_response(_response_of_crt(error), about.item)


def _of_response(response: Mapping[str, Any], item: str | None) -> CreativeS3Error:
    fields: Mapping[str, Any] = response.get("Error", {})
    about: Mapping[str, Any] = response.get("ResponseMetadata", {})
    code = str(fields.get("Code", ""))
    status = int(about.get("HTTPStatusCode") or 0)
    row = _OF_CODE.get(code)
    region = fields.get("Region") or about.get("HTTPHeaders", {}).get("x-amz-bucket-region")
    if code == "400" and region:
        row = _REGION
    if row is None and (code == "" or status >= 500):  # noqa: PLR2004 - HTTP's own classes
        row = _OF_CODE.get(str(status), _BROKEN if status >= 500 else None)  # noqa: PLR2004 - the same
    if row is None:
        return ItemError(
            f"S3 answered {code}: {_clean(str(fields.get('Message', '')))}", item=item, hint=_DOCTOR
        )
    if row is _REGION and region:
        return _made(row, item, f"the bucket is in the region {region}", f"set S3_REGION={region}")
    if row is _NO_BUCKET and fields.get("BucketName"):
        return _made(row, str(fields["BucketName"]))
    if row is _CLOCK:
        return _made(row, item, _clock_message(fields, about))
    return _made(row, item)


def _response_of_crt(error: awscrt.s3.S3ResponseError) -> dict[str, Any]:
    """Give an error response of the Common Runtime the shape that botocore gives its own."""
    fields: dict[str, str] = {}
    try:
        root = ET.fromstring(error.body or b"")  # noqa: S314 - from the server we chose
        fields = {
            child.tag.rpartition("}")[2]: child.text or "" for child in root.iter() if child is not root
        }
    except ET.ParseError:
        fields = {}
    fields.setdefault("Code", "" if error.body else str(error.status_code))
    headers = {name.lower(): value for name, value in error.headers or ()}
    return {
        "Error": fields,
        "ResponseMetadata": {"HTTPStatusCode": error.status_code, "HTTPHeaders": headers},
    }


def _clock_message(fields: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Say how far the clock is off when the response tells the server's time."""
    server = fields.get("ServerTime") or about.get("HTTPHeaders", {}).get("date")
    if not server:
        return _CLOCK.message
    try:
        ours = parse_timestamp(fields["RequestTime"]) if fields.get("RequestTime") else datetime.now(UTC)
        minutes = round((ours - parse_timestamp(server)).total_seconds() / 60)
    except (ValueError, TypeError):
        return _CLOCK.message
    return f"this machine's clock is {abs(minutes)} minutes {'fast' if minutes > 0 else 'slow'}"


def _of_connection(error: boto.BotoCoreError, about: _About) -> CreativeS3Error:
    cause = error.kwargs.get("error")
    if isinstance(error, boto.ProxyConnectionError):
        return TemporaryError(
            "the proxy does not answer", item=about.item, hint="check HTTPS_PROXY and NO_PROXY"
        )
    if isinstance(cause, urllib3.exceptions.NameResolutionError):
        return _unknown_host(about.endpoint_url)
    return _no_answer(about.endpoint_url)


def _unknown_host(endpoint_url: str | None) -> CreativeS3Error:
    if endpoint_url:
        return SettingsError(
            f"the endpoint's name does not resolve: {endpoint_url}",
            item="S3_ENDPOINT_URL",
            hint="check its spelling",
        )
    return TemporaryError(
        "the name of the S3 endpoint does not resolve", hint="check the network connection, and S3_REGION"
    )


def _no_answer(endpoint_url: str | None) -> CreativeS3Error:
    if endpoint_url:
        return TemporaryError(
            f"nothing answers at {endpoint_url}",
            item=endpoint_url,
            hint="check that the server runs (`creative-s3 local status` for the embedded one)",
        )
    return TemporaryError(
        "S3 cannot be reached", hint="check the network connection, then run the same command again"
    )


def _of_botocore(error: Exception, about: _About) -> CreativeS3Error:
    item = about.item
    for kind, row in _OF_BOTOCORE:
        if isinstance(error, kind):
            return _made(row, item)
    if isinstance(error, urllib3.exceptions.HTTPError) or type(error).__name__ == "ResponseParserError":
        return TemporaryError("the answer was cut short", item=item, hint=_RUN_AGAIN)
    if isinstance(error, boto.ParamValidationError):
        return ItemError(_clean(str(error)), item=item, hint=_DOCTOR)
    return SettingsError(_clean(str(error)), item=item, hint=_DOCTOR)


def _of_crt(error: awscrt.exceptions.AwsCrtError, about: _About) -> CreativeS3Error:
    item = about.item
    name: str = error.name
    if row := _OF_CRT.get(name):
        return _made(row, item)
    if name.startswith("AWS_AUTH_"):
        return CredentialsError("the credentials could not be fetched", item=item, hint=_RENEW)
    if name in {"AWS_IO_DNS_INVALID_NAME", "AWS_IO_DNS_QUERY_FAILED", "AWS_IO_DNS_NO_ADDRESS_FOR_HOST"}:
        return _unknown_host(about.endpoint_url)
    if name.startswith("AWS_IO_TLS_") and ("CERTIFICATE" in name or name.endswith("NEGOTIATION_FAILURE")):
        return SettingsError(
            "the server's TLS certificate is not trusted", item=item, hint="check AWS_CA_BUNDLE"
        )
    if name.startswith("AWS_IO_SOCKET_"):
        return _no_answer(about.endpoint_url)
    return TemporaryError(f"the connection broke ({name})", item=item, hint=_RUN_AGAIN)


def _of_os(error: OSError, about: _About) -> CreativeS3Error:
    path = about.item or (str(error.filename) if error.filename else None)
    what = error.strerror or str(error)
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return FileVanishedError("the file is gone", item=path, hint=_PLAN_AGAIN)
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return ItemError(
                f"there is no room on the disk: {what}", item=path, hint="free some space, then run again"
            )
        case errno.EROFS:
            return ItemError("the file system is read-only", item=path, hint="choose another directory")
        case errno.EMFILE | errno.ENFILE:
            return TemporaryError("too many files are open", item=path, hint="lower S3_MAX_PARALLEL_UPLOADS")
    if isinstance(error, (ConnectionError, TimeoutError)):
        return TemporaryError(f"the connection broke: {what}", item=path, hint=_RUN_AGAIN)
    return FileUnreadableError(
        f"the file cannot be used: {what}", item=path, hint="check its permissions and the disk"
    )


_SECRET = re.compile(
    r"(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|(?i:x-amz-(?:signature|credential|security-token))[=:]\S+"
    r"|(?i:authorization)\s*[=:].*"
)


def _clean(text: str) -> str:
    """Shorten somebody else's words and take secrets out of them."""
    return _SECRET.sub("(hidden)", " ".join(text.split()))[:300]


def _of_ours(error: CreativeS3Error, _about: _About) -> CreativeS3Error:
    return error


_HANDLERS: tuple[
    tuple[type[BaseException] | tuple[type[BaseException], ...], Callable[..., CreativeS3Error]], ...
] = (
    (CreativeS3Error, _of_ours),
    (boto.ClientError, _of_client),
    (awscrt.s3.S3ResponseError, _of_crt_response),
    (awscrt.exceptions.AwsCrtError, _of_crt),
    ((boto.EndpointConnectionError, boto.ProxyConnectionError), _of_connection),
    (S3DownloadFailedError, _of_download),
    ((boto.BotoCoreError, urllib3.exceptions.HTTPError), _of_botocore),
    (OSError, _of_os),
)
