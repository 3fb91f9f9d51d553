"""The table of errors: what each code or class becomes, in which words. Data; `translation` applies it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError
from s3transfer.exceptions import S3ValidationError
from urllib3.exceptions import HTTPError

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
    ItemError,
    ObjectNotFoundError,
    PreconditionFailedError,
    SettingsError,
    SlowDownError,
    TemporaryError,
    UnreadableAnswerError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

RUN_AGAIN = "run the same command again"
DOCTOR = "run `creative-s3 doctor`"
SSO = "run `aws sso login`, then the same command again"
RENEW = "renew the credentials (`aws sso login`, or `aws configure`), then run the same command again"
PLAN_AGAIN = "run the same command again: it plans from what is there now"


@dataclass(frozen=True, slots=True)
class Row:
    """What one error code becomes."""

    kind: type[CreativeS3Error]
    message: str
    hint: str


NO_BUCKET = Row(
    BucketNotFoundError,
    "the bucket does not exist",
    "check S3_BUCKET_NAME and S3_REGION with `creative-s3 config`",
)
NO_OBJECT = Row(
    ObjectNotFoundError, "the object does not exist", "see what is there with `creative-s3 assets list`"
)
DENIED = Row(AccessDeniedError, "S3 denies access", f"{DOCTOR}: it names the permission that is missing")
BAD_KEY_ID = Row(CredentialsError, "S3 does not know this access key", f"{DOCTOR}; check AWS_PROFILE")
BAD_SECRET = Row(
    CredentialsError,
    "S3 refuses the signature: the secret access key does not match",
    "check AWS_SECRET_ACCESS_KEY, or the profile's; `creative-s3 config` names the source",
)
EXPIRED = Row(CredentialsError, "the credentials have expired", RENEW)
CLOCK = Row(ClockError, "this machine's clock is wrong", "set the clock (`timedatectl set-ntp true`)")
REGION = Row(SettingsError, "the bucket is in another region", "set S3_REGION to the bucket's region")
BUSY = Row(SlowDownError, "S3 asks to slow down", RUN_AGAIN)
BROKEN = Row(TemporaryError, "S3 failed on its side", RUN_AGAIN)
LATE = Row(TemporaryError, "the request took too long", RUN_AGAIN)
FAST = Row(
    PreconditionFailedError, "another writer was faster: the object is not what the plan saw", PLAN_AGAIN
)
DIGEST = Row(ChecksumMismatchError, "S3 received other content than was sent and refused it", RUN_AGAIN)
ARCHIVED = Row(
    ArchivedError,
    "the object is archived",
    "restore it first: `aws s3api restore-object`, then wait until it is there",
)
NO_ACCELERATION = Row(
    SettingsError,
    "Transfer Acceleration is off at this bucket",
    "creative-s3 bucket accelerate on; or set S3_USE_ACCELERATE=false",
)
LACKS = Row(UnsupportedError, "the server does not support this request", DOCTOR)

PROXY_CREDENTIALS = Row(
    SettingsError,
    "the proxy does not accept the user and password that it was given, or wants some (HTTP 407)",
    "check HTTPS_PROXY and HTTP_PROXY: http://USER:PASSWORD@HOST:PORT, with %40 for an @",
)

REFUSED_OBJECT = "RefusedObject"
"""Our own code for a bare status that `head_refusals` has found to concern one object."""

OF_BUCKET = re.compile(
    "(?:Get|Put|Delete)(?:Bucket|PublicAccessBlock)|List(?:MultipartUploads|ObjectVersions)"
)
"""Operations that concern no single object."""

OF_CODE: Mapping[str, Row] = {
    "NoSuchBucket": NO_BUCKET,
    "NoSuchKey": NO_OBJECT,
    "NoSuchVersion": NO_OBJECT,
    "NotFound": NO_OBJECT,
    "404": NO_OBJECT,
    "NoSuchUpload": Row(TemporaryError, "the multipart upload is gone", RUN_AGAIN),
    "AccessDenied": DENIED,
    "AllAccessDisabled": DENIED,
    "AccountProblem": DENIED,
    "403": DENIED,
    "InvalidAccessKeyId": BAD_KEY_ID,
    "SignatureDoesNotMatch": BAD_SECRET,
    "ExpiredToken": EXPIRED,
    "TokenRefreshRequired": EXPIRED,
    "InvalidToken": Row(CredentialsError, "S3 does not accept the session token", RENEW),
    "401": Row(CredentialsError, "S3 does not accept the credentials", DOCTOR),
    "400": Row(
        CredentialsError, "S3 refuses the request (HTTP 400)", f"{DOCTOR}: credentials may have expired"
    ),
    REFUSED_OBJECT: Row(ItemError, "the server refuses this object, and accepts other requests", DOCTOR),
    "RequestTimeTooSkewed": CLOCK,
    "RequestExpired": CLOCK,
    "PermanentRedirect": REGION,
    "TemporaryRedirect": REGION,
    "AuthorizationHeaderMalformed": REGION,
    "IllegalLocationConstraintException": REGION,
    "301": REGION,
    "302": REGION,
    "303": REGION,
    "307": REGION,
    "308": REGION,
    "SlowDown": BUSY,
    "Throttling": BUSY,
    "ThrottlingException": BUSY,
    "TooManyRequests": BUSY,
    "ServiceUnavailable": BUSY,
    "429": BUSY,
    "503": BUSY,
    "InternalError": BROKEN,
    "OperationAborted": BROKEN,
    "500": BROKEN,
    "502": BROKEN,
    "504": BROKEN,
    "RequestTimeout": LATE,
    "IncompleteBody": LATE,
    "408": LATE,
    "407": PROXY_CREDENTIALS,
    "InvalidObjectState": ARCHIVED,
    "PreconditionFailed": FAST,
    "ConditionalRequestConflict": FAST,
    "412": FAST,
    "409": FAST,
    "BadDigest": DIGEST,
    "InvalidDigest": DIGEST,
    "XAmzContentChecksumMismatch": DIGEST,
    "XAmzContentSHA256Mismatch": DIGEST,
    "NotImplemented": LACKS,
    "MethodNotAllowed": LACKS,
    "501": LACKS,
    "405": LACKS,
    "KMS.NotFoundException": Row(SettingsError, "the KMS key does not exist", "check S3_KMS_KEY_ID"),
    "KMS.DisabledException": Row(SettingsError, "the KMS key is disabled", "check S3_KMS_KEY_ID"),
    "NoSuchDistribution": Row(
        SettingsError, "the CloudFront distribution does not exist", "check CLOUDFRONT_DISTRIBUTION_ID"
    ),
    "TooManyInvalidationsInProgress": Row(
        TemporaryError,
        "CloudFront has too many invalidations of this distribution in progress",
        "wait until some are completed, then try again",
    ),
    "BatchTooLarge": Row(
        ItemError, "CloudFront takes fewer paths at once", "use wildcards such as /products/*"
    ),
    "EntityTooLarge": Row(ItemError, "the file is larger than an S3 object can be", "split it"),
    "QuotaExceeded": Row(ItemError, "the server's quota is used up", DOCTOR),
}

READING = (HTTPError, ResponseParserError, S3ValidationError)
"""What is raised while an answer is read, and is no error of botocore's own."""

OF_BOTOCORE: tuple[tuple[type[Exception], Row], ...] = (
    (
        boto.ProfileNotFound,
        Row(
            CredentialsError,
            "the AWS profile does not exist",
            "list profiles with `aws configure list-profiles`",
        ),
    ),
    (boto.UnauthorizedSSOTokenError, Row(CredentialsError, "the SSO session has expired", SSO)),
    (boto.SSOError, Row(CredentialsError, "the SSO session cannot be used", SSO)),
    (boto.TokenRetrievalError, Row(CredentialsError, "the SSO session has expired", SSO)),
    (
        boto.NoCredentialsError,
        Row(CredentialsError, "no AWS credentials were found", "run `aws configure`, or set AWS_PROFILE"),
    ),
    (
        boto.PartialCredentialsError,
        Row(CredentialsError, "the AWS credentials are incomplete", "run `aws configure`"),
    ),
    (boto.CredentialRetrievalError, Row(CredentialsError, "the credentials could not be fetched", RENEW)),
    (
        boto.SSLError,
        Row(SettingsError, "the server's TLS certificate is not trusted", "check AWS_CA_BUNDLE"),
    ),
    (boto.ConnectTimeoutError, Row(TemporaryError, "the server did not answer in time", RUN_AGAIN)),
    (boto.ReadTimeoutError, Row(TemporaryError, "the server stopped answering", RUN_AGAIN)),
    (boto.FlexibleChecksumError, Row(ChecksumMismatchError, "what arrived is not what S3 sent", RUN_AGAIN)),
    (boto.ChecksumError, Row(ChecksumMismatchError, "what arrived is not what S3 sent", RUN_AGAIN)),
    (boto.HTTPClientError, Row(TemporaryError, "the connection broke", RUN_AGAIN)),
    (boto.IncompleteReadError, Row(TemporaryError, "the answer was cut short", RUN_AGAIN)),
    (
        S3ValidationError,
        Row(UnreadableAnswerError, "the server gave another part than it was asked for", DOCTOR),
    ),
    (ResponseParserError, Row(TemporaryError, "the answer was cut short", RUN_AGAIN)),
    (HTTPError, Row(TemporaryError, "the answer was cut short", RUN_AGAIN)),
)

OF_CRT: Mapping[str, Row] = {
    "AWS_ERROR_S3_INCORRECT_CONTENT_LENGTH": Row(
        FileChangedError, "the file changed while it was read", RUN_AGAIN
    ),
    "AWS_ERROR_S3_FILE_MODIFIED": Row(FileChangedError, "the file changed while it was read", RUN_AGAIN),
    "AWS_ERROR_S3_OBJECT_MODIFIED": FAST,
    "AWS_ERROR_S3_RESPONSE_CHECKSUM_MISMATCH": Row(
        ChecksumMismatchError, "what arrived is not what S3 sent", RUN_AGAIN
    ),
    "AWS_ERROR_S3_REQUEST_TIME_TOO_SKEWED": CLOCK,
    "AWS_ERROR_S3_SLOW_DOWN": BUSY,
    "AWS_ERROR_S3_INTERNAL_ERROR": BROKEN,
    "AWS_ERROR_FILE_READ_FAILURE": Row(FileUnreadableError, "the file cannot be read", "check the disk"),
    "AWS_ERROR_FILE_OPEN_FAILURE": Row(
        FileUnreadableError, "the file cannot be opened", "check its permissions"
    ),
    "AWS_ERROR_SYS_CALL_FAILURE": Row(  # of the network it says AWS_IO_SOCKET_…
        ItemError, "the system refused to read or write the file", "check the disk's free space and quota"
    ),
    "AWS_ERROR_FILE_WRITE_FAILURE": Row(
        ItemError, "the file cannot be written", "check the disk's free space"
    ),
}
