"""One table from what S3, botocore, the AWS Common Runtime and the file system report to our errors.

Only texts and classes are chosen here; what to do about an error is the caller's business. No text carries a
secret: S3's own words are shortened and stripped of keys, tokens and signatures.
"""

from __future__ import annotations

import errno
import ipaddress
import re
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import awscrt.exceptions
import awscrt.s3
import urllib3.exceptions
from botocore import exceptions as boto
from botocore.utils import parse_timestamp
from s3transfer.exceptions import RetriesExceededError, S3DownloadFailedError

from creative_s3.core.concurrency.limits import of_limit
from creative_s3.core.faults import proxies
from creative_s3.core.faults.table import (
    BROKEN,
    CLOCK,
    DOCTOR,
    FAST,
    LACKS,
    NO_ACCELERATION,
    NO_BUCKET,
    OF_BOTOCORE,
    OF_BUCKET,
    OF_CODE,
    OF_CRT,
    PLAN_AGAIN,
    READING,
    REGION,
    RENEW,
    RUN_AGAIN,
    Row,
)
from creative_s3.core.http import answer_heads
from creative_s3.core.http.retry_after import UNTOLD_S, asked_s
from creative_s3.errors import (
    BucketNotFoundError,
    ClockError,
    CreativeS3Error,
    CredentialsError,
    FileUnreadableError,
    FileVanishedError,
    ItemError,
    NotS3Error,
    SettingsError,
    SlowDownError,
    TemporaryError,
    UnreadableAnswerError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


NOT_MODIFIED = 304
_REDIRECT = range(300, 400)
_PARSERS = frozenset({"botocore.handlers", "botocore.parsers"})
_ENDPOINT_HINT = "creative-s3 config  # shows S3_ENDPOINT_URL and where it comes from"


class NotHttpError(boto.HTTPClientError):
    """What a server said is not what HTTP has it say; ``error`` is in our words."""


def not_http(error: BaseException) -> NotHttpError | None:
    """Return the error for an answer that is not HTTP, also out of botocore's; None for any other."""
    found = error.kwargs.get("error") if type(error) is boto.HTTPClientError else error
    return found if isinstance(found, NotHttpError) else None


def translate(
    error: BaseException, *, item: str | None = None, endpoint_url: str | None = None, service: str = "S3"
) -> CreativeS3Error:
    """Turn any error of S3, botocore, s3transfer, the AWS Common Runtime or the file system into ours.

    Use it with ``raise … from error``. An exception that no row covers is a bug and is raised as it is.

    Args:
        error: What was raised.
        item: The key or path it concerns.
        endpoint_url: The S3-compatible server, when it is not AWS.
        service: Who answered, for answers that no row covers.
    """
    if isinstance(error, RetriesExceededError):
        error = error.last_exception
    about = _About(item, endpoint_url, service)
    for kinds, handler in _HANDLERS:
        if isinstance(error, kinds):
            return handler(error, about)
    if (reached := of_limit(error)) is not None:
        return reached
    if _is_of_parser(error):
        return _unreadable(f"an answer with values that are none: {clean(str(error))}", about)
    raise error


def _unreadable(what: str, about: _About) -> UnreadableAnswerError:
    return UnreadableAnswerError(
        f"the server gave {what}", item=about.item or about.endpoint_url, hint=DOCTOR
    )


def _is_of_parser(error: BaseException) -> bool:
    """Tell whether botocore failed to read an answer: a number or a time in it is none."""
    if not isinstance(error, (ArithmeticError, LookupError, TypeError, ValueError)):
        return False
    frames = traceback.walk_tb(error.__traceback__)
    return any(frame.f_globals.get("__name__") in _PARSERS for frame, _ in frames)


def not_s3(why: str, endpoint_url: str | None, body: bytes = b"") -> NotS3Error:
    """Return the error for a server that is none of S3's.

    Args:
        why: What it said.
        endpoint_url: Where it is; None for AWS's own address.
        body: What it said in full.
    """
    hint = _ENDPOINT_HINT if endpoint_url else "check the network: something answers in the place of AWS"
    if b"HTTPS" in body and endpoint_url and endpoint_url.startswith("http:"):  # nginx's and Go's words
        hint = f"it speaks TLS: write the endpoint as {endpoint_url.replace('http:', 'https:', 1)}"
    return NotS3Error(f"this is no S3 server: {why}", item=endpoint_url, hint=hint)


def redirected(status: int, location: str | None, endpoint_url: str | None) -> NotS3Error:
    """Return the error for an answer that sends the request to another place, and not to another region."""
    place = urlsplit(clean(location or ""))
    if not place.netloc:
        return not_s3(f"it redirects (HTTP {status})", endpoint_url)
    where = f"{place.scheme or 'https'}://{place.netloc.rpartition('@')[2]}"
    return NotS3Error(
        f"the endpoint sends requests on to {where} (HTTP {status}), and content follows no redirect",
        item=endpoint_url,
        hint=f"if that is the S3 server: set S3_ENDPOINT_URL={where}",
    )


def region_of(headers: Mapping[str, str], body: bytes) -> str | None:
    """Return the region that S3 names in an error; None where it names none."""
    region: str | None = headers.get("x-amz-bucket-region")
    return region or response_of(0, (), body)["Error"].get("Region")


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
    service: str = "S3"


def _made(row: Row, item: str | None, message: str | None = None, hint: str | None = None) -> CreativeS3Error:
    return row.kind(message or row.message, item=item, hint=hint or row.hint)


def _of_client(error: boto.ClientError, about: _About) -> CreativeS3Error:
    if error.response.get("Error", {}).get("Code") == "NoSuchKey" and OF_BUCKET.match(error.operation_name):
        what = f"the server does not know the request {error.operation_name}: it looks for an object"
        return _made(LACKS, about.item, what)
    return _with_wait(_of_response(error.response, about), error.response)


def _with_wait(error: CreativeS3Error, response: Mapping[str, Any]) -> CreativeS3Error:
    if isinstance(error, TemporaryError):
        said: Mapping[str, Any] = response.get("ResponseMetadata", {})
        error.retry_after_s = asked_s(int(said.get("HTTPStatusCode") or 0), said.get("HTTPHeaders", {}))
    return error


def _of_download(_error: S3DownloadFailedError, about: _About) -> CreativeS3Error:
    return _made(FAST, about.item)


def _of_crt_response(error: awscrt.s3.S3ResponseError, about: _About) -> CreativeS3Error:
    response = _response_of_crt(error)
    return _with_wait(_of_response(response, about), response)


def _of_response(response: Mapping[str, Any], about: _About) -> CreativeS3Error:
    item = about.item
    fields: Mapping[str, Any] = response.get("Error", {})
    envelope: Mapping[str, Any] = response.get("ResponseMetadata", {})
    code = str(fields.get("Code", ""))
    status = int(envelope.get("HTTPStatusCode") or 0)
    row = OF_CODE.get(code)
    region = fields.get("Region") or envelope.get("HTTPHeaders", {}).get("x-amz-bucket-region")
    if code == "400" and region:
        row = REGION
    if code == "InvalidRequest" and "Transfer Acceleration" in str(fields.get("Message", "")):
        row = NO_ACCELERATION
    if row is None and (code == "" or status >= 500):  # noqa: PLR2004 - HTTP's own classes
        row = OF_CODE.get(str(status), BROKEN if status >= 500 else None)  # noqa: PLR2004 - the same
    if row is None:
        return ItemError(
            f"{about.service} answered {code}: {clean(str(fields.get('Message', '')))}",
            item=item,
            hint=DOCTOR,
        )
    is_bare = code in {"", str(status)}  # whoever says it in S3's own words is S3
    if row is REGION and is_bare and not region and status in _REDIRECT and status != NOT_MODIFIED:
        return redirected(status, envelope.get("HTTPHeaders", {}).get("location"), about.endpoint_url)
    if row is REGION and region:
        return _made(row, item, f"the bucket is in the region {region}", f"set S3_REGION={region}")
    if row is NO_BUCKET and fields.get("BucketName"):
        return _made(row, str(fields["BucketName"]))
    if row is CLOCK:
        return _made(row, item, _clock_message(fields, envelope))
    return _made(row, item)


def _response_of_crt(error: awscrt.s3.S3ResponseError) -> dict[str, Any]:
    return response_of(error.status_code, error.headers or (), error.body or b"")


def response_of(status: int, headers: Iterable[tuple[str, str]], body: bytes) -> dict[str, Any]:
    """Give an error response that botocore has not read the shape that botocore gives its own."""
    fields: dict[str, str] = {}
    try:
        root = ET.fromstring(body)  # noqa: S314 - from the server we chose
        fields = {
            child.tag.rpartition("}")[2]: child.text or "" for child in root.iter() if child is not root
        }
    except ET.ParseError:
        fields = {}
    fields.setdefault("Code", "" if body else str(status))
    return {
        "Error": fields,
        "ResponseMetadata": {
            "HTTPStatusCode": status,
            "HTTPHeaders": {name.lower(): value for name, value in headers},
        },
    }


def _clock_message(fields: Mapping[str, Any], envelope: Mapping[str, Any]) -> str:
    """Say how far the clock is off when the response tells the server's time."""
    server = fields.get("ServerTime") or envelope.get("HTTPHeaders", {}).get("date")
    if not server:
        return CLOCK.message
    try:
        ours = parse_timestamp(fields["RequestTime"]) if fields.get("RequestTime") else datetime.now(UTC)
        minutes = round((ours - parse_timestamp(server)).total_seconds() / 60)
    except (ValueError, TypeError):
        return CLOCK.message
    return f"this machine's clock is {abs(minutes)} minutes {'fast' if minutes > 0 else 'slow'}"


def _of_connection(error: boto.BotoCoreError, about: _About) -> CreativeS3Error:
    cause = error.kwargs.get("error")
    if isinstance(error, boto.ProxyConnectionError):
        return proxies.of_connection(error)
    if isinstance(cause, urllib3.exceptions.NameResolutionError):
        return _unknown_host(about.endpoint_url)
    return _no_answer(about.endpoint_url)


def _is_address(host: str) -> bool:
    """Tell whether a host needs no name service: a number, or this machine."""
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


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
    if (odd := not_http(error)) is not None:
        return _unreadable(str(odd.kwargs["error"]), about)
    if answer_heads.is_no_http(error):
        return not_s3("it does not answer in HTTP", about.endpoint_url)
    if (why := answer_heads.why_unreadable(error)) is not None:
        return _unreadable(f"an answer whose head cannot be read: {clean(why)}", about)
    for kind, row in OF_BOTOCORE:
        if isinstance(error, kind):
            return _made(row, item)
    if isinstance(error, boto.ParamValidationError):
        return ItemError(clean(str(error)), item=item, hint=DOCTOR)
    return SettingsError(clean(str(error)), item=item, hint=DOCTOR)


def _of_crt(error: awscrt.exceptions.AwsCrtError, about: _About) -> CreativeS3Error:
    item = about.item
    name: str = error.name
    if row := OF_CRT.get(name):
        made = _made(row, item)
        if isinstance(made, SlowDownError):
            made.retry_after_s = UNTOLD_S
        return made
    if name.startswith("AWS_AUTH_"):
        return CredentialsError("the credentials could not be fetched", item=item, hint=RENEW)
    if name in {"AWS_IO_DNS_INVALID_NAME", "AWS_IO_DNS_QUERY_FAILED", "AWS_IO_DNS_NO_ADDRESS_FOR_HOST"}:
        # CRT says the same when every address it knew has failed: a number needs no resolving.
        is_number = _is_address(urlsplit(about.endpoint_url or "").hostname or "")
        return _no_answer(about.endpoint_url) if is_number else _unknown_host(about.endpoint_url)
    if name.startswith("AWS_IO_TLS_") and ("CERTIFICATE" in name or name.endswith("NEGOTIATION_FAILURE")):
        return SettingsError(
            "the server's TLS certificate is not trusted", item=item, hint="check AWS_CA_BUNDLE"
        )
    if name.startswith("AWS_IO_SOCKET_") and name != "AWS_IO_SOCKET_CLOSED":  # that one did answer before
        return _no_answer(about.endpoint_url)
    return TemporaryError(f"the connection broke ({name})", item=item, hint=RUN_AGAIN)


def _of_os(error: OSError, about: _About) -> CreativeS3Error:
    path = about.item or (str(error.filename) if error.filename else None)
    what = error.strerror or str(error)
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            return FileVanishedError("the file is gone", item=path, hint=PLAN_AGAIN)
        case errno.ENOSPC | errno.EDQUOT | errno.EFBIG:
            return ItemError(
                f"there is no room on the disk: {what}", item=path, hint="free some space, then run again"
            )
        case errno.EROFS:
            return ItemError("the file system is read-only", item=path, hint="choose another directory")
        case errno.EMFILE | errno.ENFILE:
            return TemporaryError("too many files are open", item=path, hint="lower S3_MAX_PARALLEL_UPLOADS")
    if isinstance(error, (ConnectionError, TimeoutError)):
        return TemporaryError(f"the connection broke: {what}", item=path, hint=RUN_AGAIN)
    return FileUnreadableError(
        f"the file cannot be used: {what}", item=path, hint="check its permissions and the disk"
    )


_SECRET = re.compile(
    r"(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|(?i:x-amz-(?:signature|credential|security-token))[=:]\S+"
    r"|(?i:authorization)\s*[=:].*"
)


def clean(text: str) -> str:
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
    ((boto.BotoCoreError, *READING), _of_botocore),
    (OSError, _of_os),
)
