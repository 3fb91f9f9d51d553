"""The doctor's look at the bucket: does it exist, what may we do there, is it set up as the settings want it.

A permission is tried by a request that must fail in a telling way: HEAD of a key that nothing has, PUT on the
condition that such a key has a certain content. Only GET, HEAD and LIST go to every server; that PUT goes to
those that are known to honour the condition. There is no DELETE.
"""

from __future__ import annotations

import shlex
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from creative_s3.core.bucket.uploads import is_none, parts_size
from creative_s3.core.bucket.wanted import same_key
from creative_s3.core.checks.checks import Check, Group, Topic, advice, told
from creative_s3.core.checks.connection import seaweedfs_version
from creative_s3.core.faults.translation import translate
from creative_s3.core.s3.conditions import UNPROTECTED, Purpose
from creative_s3.errors import (
    AccessDeniedError,
    BucketNotFoundError,
    CreativeS3Error,
    ObjectNotFoundError,
    PreconditionFailedError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from creative_s3.core.checks.connection import Visit
    from creative_s3.settings import S3Config

BUCKET = Topic(Group.BUCKET, "bucket")
LIST = Topic(Group.BUCKET, "list")
READ = Topic(Group.BUCKET, "read")
WRITE = Topic(Group.BUCKET, "write")
TAGS = Topic(Group.BUCKET, "tags")
CONDITIONS = Topic(Group.BUCKET, "conditional writes")
CHECKSUMS = Topic(Group.BUCKET, "checksums")
VERSIONING = Topic(Group.BUCKET, "versioning")
ENCRYPTION = Topic(Group.BUCKET, "encryption")
UPLOADS = Topic(Group.BUCKET, "unfinished uploads")

_OTHERS = (READ, WRITE, TAGS, CONDITIONS, CHECKSUMS, VERSIONING, ENCRYPTION, UPLOADS)
_IMPOSSIBLE_ETAG = '"00000000000000000000000000000000"'
_HONEST_SEAWEEDFS = (4, 44)
"""From this version on it was seen to refuse a conditional PUT without leaving anything."""
_MIB = 1024**2
_MOST_SIZED = 50
"""Uploads whose parts are counted: one request each."""
_LATER = "known after the first upload"
_ENCRYPT = "creative-s3 bucket apply --only encryption"
STALE_AFTER = timedelta(days=1)
"""An unfinished upload that is older is nobody's work in progress any more."""


def checks(visit: Visit | None, *, config: S3Config) -> tuple[Check, ...]:
    """Look at the bucket; without a `visit`, say why not."""
    if visit is None:
        reason = "no bucket is set" if config.bucket_name is None else "the server cannot be used yet"
        return tuple(topic.not_tried(reason) for topic in (BUCKET, LIST, *_OTHERS))
    return _checks(visit)


def _checks(visit: Visit) -> tuple[Check, ...]:
    bucket = visit.config.require_bucket()
    if isinstance(visit.error, BucketNotFoundError):
        missing = BUCKET.problem(
            f"{bucket} does not exist",
            f"creative-s3 bucket create {bucket}  # or correct S3_BUCKET_NAME",
        )
        return missing, *(topic.not_tried("there is no bucket") for topic in (LIST, *_OTHERS))
    looks: tuple[Callable[[Visit], tuple[Check, ...]], ...] = (
        _read,
        _write,
        _checksums,
        _versioning,
        _encryption,
        _uploads,
    )
    with ThreadPoolExecutor(max_workers=len(looks), thread_name_prefix="bucket-checks") as pool:
        found = tuple(pool.map(lambda look: look(visit), looks))
    return BUCKET.ok(f"{bucket} exists"), _list(visit), *(check for group in found for check in group)


def _list(visit: Visit) -> Check:
    if visit.error is None:
        where = f"under {visit.config.prefix}/" if visit.config.prefix else "in the bucket"
        empty = not (visit.page or {}).get("Contents")
        return LIST.ok(f"allowed; nothing is {where} yet" if empty else "allowed")
    if isinstance(visit.error, AccessDeniedError):
        return LIST.problem("S3 denies it", _permit(visit, "s3:ListBucket", objects=False))
    return LIST.failed(visit.error)


def _read(visit: Visit) -> tuple[Check, ...]:
    """HEAD a key that nothing has: 404 is what somebody gets who may list and read (AWS: "HeadObject")."""
    error = _error_of(visit, "head_object", Key=_free_key(visit))
    if isinstance(error, AccessDeniedError) and visit.page is None:
        return (READ.not_tried("cannot be told from outside while listing is denied"),)
    if isinstance(error, AccessDeniedError):
        return (READ.problem("S3 denies it", _permit(visit, "s3:GetObject")),)
    if error is None or isinstance(error, ObjectNotFoundError):
        return (READ.ok("allowed"),)
    return (READ.failed(error),)


def _write(visit: Visit) -> tuple[Check, ...]:
    """PUT on a condition that no object can meet; somebody who may not write gets 403 before that."""
    if not _honours_conditions(visit):
        reason = f"not known whether this server honours conditions, so nothing was sent; {_LATER}"
        return WRITE.not_tried(reason), TAGS.not_tried(reason), _learned(visit, reason)
    key = _free_key(visit)
    arguments: dict[str, Any] = {"Key": key, "Body": b"", "IfMatch": _IMPOSSIBLE_ETAG}
    arguments["StorageClass"] = visit.config.storage_class
    if visit.config.kms_key_id:
        arguments |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": visit.config.kms_key_id}
    plain = _error_of(visit, "put_object", **arguments)
    if plain is None:
        created = CONDITIONS.problem(
            f"the server ignores If-Match: it stored {key}", _command(visit, "delete-object", "--key", key)
        )
        return WRITE.ok("allowed"), TAGS.not_tried("the server ignores conditions"), created
    if isinstance(plain, AccessDeniedError) and visit.page is None:
        reason = "cannot be told from outside while listing is denied"
        return tuple(topic.not_tried(reason) for topic in (WRITE, TAGS, CONDITIONS))
    if isinstance(plain, AccessDeniedError):
        denied = WRITE.problem("S3 denies it", _permit(visit, "s3:PutObject"))
        return denied, *(topic.not_tried("writing is denied") for topic in (TAGS, CONDITIONS))
    if not _is_refusal(plain):
        return WRITE.failed(plain), *(topic.not_tried("writing fails") for topic in (TAGS, CONDITIONS))
    tagged = _error_of(visit, "put_object", **arguments, Tagging="asset-type=doctor")
    return WRITE.ok("allowed"), _tags(visit, tagged), CONDITIONS.ok("If-Match is honoured")


def _tags(visit: Visit, error: CreativeS3Error | None) -> Check:
    if isinstance(error, AccessDeniedError):
        return TAGS.problem("S3 denies them on upload", _permit(visit, "s3:PutObjectTagging"))
    return TAGS.ok("allowed") if error is None or _is_refusal(error) else TAGS.failed(error)


def _is_refusal(error: CreativeS3Error) -> bool:
    """Tell whether the condition was what stopped a PUT (AWS: "PutObject", 404 and 412)."""
    return isinstance(error, (PreconditionFailedError, ObjectNotFoundError))


def _learned(visit: Visit, reason: str) -> Check:
    """Tell what uploads have learned of the server's conditions; `reason` says why nothing was tried now."""
    connection = visit.connection
    known = {one: connection.conditions.standing(one) for one in Purpose} if connection else {}
    if not any(known.values()):
        return CONDITIONS.not_tried(reason)
    words = "; ".join(f"to {one}: {standing or 'not known yet'}" for one, standing in known.items())
    if UNPROTECTED.isdisjoint(known.values()):
        return CONDITIONS.ok(f"as uploads have learned, {words}")
    return CONDITIONS.warning(
        f"as uploads have learned, {words}; each key is looked at right before it is written"
    )


def _honours_conditions(visit: Visit) -> bool:
    version = seaweedfs_version(visit.server)
    return visit.is_aws or (version is not None and version >= _HONEST_SEAWEEDFS)


def _checksums(visit: Visit) -> tuple[Check, ...]:
    """See whether an object that is there already carries the checksum that proves it."""
    if visit.is_aws:
        return (CHECKSUMS.ok("CRC64NVME, S3's own"),)
    first = next(iter((visit.page or {}).get("Contents", ())), None)
    if first is not None and first.get("Key"):
        try:
            answer = visit.client.head_object(
                Bucket=visit.config.require_bucket(), Key=first["Key"], ChecksumMode="ENABLED"
            )
        except Exception as error:  # noqa: BLE001 - translate raises what it does not know
            reason = told(translate(error, endpoint_url=visit.endpoint_url))
            return (CHECKSUMS.not_tried(f"{reason}; {_LATER}"),)
        if answer.get("ChecksumCRC64NVME"):
            return (CHECKSUMS.ok("CRC64NVME is kept"),)
    return (CHECKSUMS.not_tried(_LATER),)


def _versioning(visit: Visit) -> tuple[Check, ...]:
    answer = _ask(visit, "get_bucket_versioning")
    if isinstance(answer, CreativeS3Error):
        return (_unseen(visit, VERSIONING, answer, "s3:GetBucketVersioning"),)
    return (versioning(visit, str(answer.get("Status") or "")),)


def versioning(visit: Visit, status: str) -> Check:
    """Compare the bucket's versioning, ``Enabled``, ``Suspended`` or empty, with the settings."""
    state = {"Enabled": "on", "Suspended": "suspended"}.get(status, "off")
    if not visit.config.enable_versioning:
        return VERSIONING.ok(f"{state}; S3_ENABLE_VERSIONING does not ask for it")
    if state == "on":
        return VERSIONING.ok("on")
    return VERSIONING.warning(
        f"{state}, and S3_ENABLE_VERSIONING asks for it", "creative-s3 bucket apply --only versioning"
    )


def _encryption(visit: Visit) -> tuple[Check, ...]:
    answer = _ask(visit, "get_bucket_encryption")
    if isinstance(answer, CreativeS3Error):
        # The table of errors has no row for S3's way to say that there is none.
        if "ServerSideEncryptionConfigurationNotFoundError" in answer.message:
            return (encryption(visit, {}),)
        return (_unseen(visit, ENCRYPTION, answer, "s3:GetEncryptionConfiguration"),)
    rules = answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", ())
    return (encryption(visit, rules[0] if rules else {}),)


def encryption(visit: Visit, rule: Mapping[str, Any]) -> Check:
    """Compare the bucket's default encryption with the settings; `rule` is S3's, empty when there is none."""
    wanted_key = visit.config.kms_key_id
    default: Mapping[str, str] = rule.get("ApplyServerSideEncryptionByDefault", {})
    algorithm, key = default.get("SSEAlgorithm", ""), default.get("KMSMasterKeyID", "")
    state = {"AES256": "SSE-S3", "aws:kms": "SSE-KMS", "aws:kms:dsse": "DSSE-KMS"}.get(algorithm, algorithm)
    if not algorithm and visit.is_aws:
        state = "SSE-S3"  # AWS: "Amazon S3 now automatically encrypts all new objects"
    if not visit.config.enable_encryption:
        return ENCRYPTION.ok(f"{state or 'off'}; S3_ENABLE_ENCRYPTION does not ask for it")
    if not state:
        return ENCRYPTION.warning("off, and S3_ENABLE_ENCRYPTION asks for it", _ENCRYPT)
    if wanted_key and not same_key(wanted_key, key):
        return ENCRYPTION.warning(
            f"{state}{f' with {key}' if key else ''}; uploads use S3_KMS_KEY_ID, other writers would not",
            _ENCRYPT,
        )
    with_key = f"{state}{f' with {key}' if key else ''}"
    if algorithm == "aws:kms" and not rule.get("BucketKeyEnabled"):
        return ENCRYPTION.warning(
            f"{with_key}, without a bucket key: KMS is asked, and paid, for every object",
            _ENCRYPT if wanted_key else f"set S3_KMS_KEY_ID, then {_ENCRYPT}",
        )
    return ENCRYPTION.ok(with_key)


def _uploads(visit: Visit) -> tuple[Check, ...]:
    prefix = f"{visit.config.prefix}/" if visit.config.prefix else ""
    answer = _ask(visit, "list_multipart_uploads", Prefix=prefix)
    if isinstance(answer, CreativeS3Error):
        if is_none(answer.__cause__):
            return (UPLOADS.ok("none"),)
        return (_unseen(visit, UPLOADS, answer, "s3:ListBucketMultipartUploads"),)
    found = tuple(one for one in answer.get("Uploads", ()) if one["Key"].startswith(prefix))
    more = bool(answer.get("IsTruncated"))
    size_bytes = None
    if visit.connection is not None and len(found) <= _MOST_SIZED:
        try:
            size_bytes = sum(parts_size(visit.connection, one["Key"], one["UploadId"]) for one in found)
        except CreativeS3Error:
            size_bytes = None  # what they hold is told if it can be seen
    return (uploads(found, more=more, size_bytes=size_bytes, now=datetime.now(UTC)),)


def uploads(
    found: tuple[Mapping[str, Any], ...], *, more: bool, size_bytes: int | None, now: datetime
) -> Check:
    """Judge the unfinished multipart uploads under the prefix: their parts are stored, and paid for.

    Args:
        found: As S3 lists them.
        more: Whether the list is longer than this.
        size_bytes: What their parts hold; None when that is not known.
        now: The present time.
    """
    if not found:
        return UPLOADS.ok("none")
    begun = [upload["Initiated"] for upload in found if upload.get("Initiated")]
    oldest = now - min(begun) if begun else timedelta(0)
    held = "" if size_bytes is None else f" with {size_bytes / _MIB:,.1f} MiB"
    count = f"{'at least ' if more else ''}{len(found):,}{held}, the oldest {_age(oldest)} old"
    if oldest < STALE_AFTER:
        return UPLOADS.ok(f"{count}: a run may be working on it")
    return UPLOADS.warning(
        f"{count}; S3 charges for their parts", "creative-s3 bucket uploads --abort-older 1d"
    )


def _age(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    if hours < 1:
        return f"{round(hours * 60)} min"
    return f"{hours:.0f} h" if hours < 48 else f"{age.days:,} days"  # noqa: PLR2004 - two days


def _unseen(visit: Visit, topic: Topic, error: CreativeS3Error, action: str) -> Check:
    """Say why the bucket's configuration cannot be seen; uploads work without."""
    if isinstance(error, UnsupportedError):
        return topic.not_tried("this server does not support it")
    if isinstance(error, AccessDeniedError):
        return topic.warning("S3 does not let us see it", _permit(visit, action, objects=False))
    return topic.warning(told(error), advice(error))


def _ask(visit: Visit, operation: str, **arguments: Any) -> Mapping[str, Any] | CreativeS3Error:  # noqa: ANN401
    try:
        answer: Mapping[str, Any] = getattr(visit.client, operation)(
            Bucket=visit.config.require_bucket(), **arguments
        )
    except Exception as error:  # noqa: BLE001 - translate raises what it does not know
        ours = translate(error, endpoint_url=visit.endpoint_url)
        ours.__cause__ = error
        return ours
    return answer


def _error_of(visit: Visit, operation: str, **arguments: Any) -> CreativeS3Error | None:  # noqa: ANN401
    answer = _ask(visit, operation, **arguments)
    return answer if isinstance(answer, CreativeS3Error) else None


def _free_key(visit: Visit) -> str:
    """Return a key that nothing has."""
    name = f".creative-s3-doctor-{uuid4().hex}"
    return f"{visit.config.prefix}/{name}" if visit.config.prefix else name


def _permit(visit: Visit, action: str, *, objects: bool = True) -> str:
    arn = f"arn:aws:s3:::{visit.config.bucket_name}"
    if objects:
        arn += f"/{visit.config.prefix}/*" if visit.config.prefix else "/*"
    return f"allow {action} on {arn} for these credentials"


def _command(visit: Visit, verb: str, *words: str) -> str:
    """Return a line of the AWS CLI that acts on the bucket."""
    where = (
        ["--endpoint-url", visit.endpoint_url] if visit.endpoint_url else ["--region", visit.config.region]
    )
    return shlex.join(["aws", "s3api", verb, "--bucket", visit.config.require_bucket(), *words, *where])
