"""The objects of one bucket, one request at a time: list, look, read and write small ones, tags.

`S3StorageManager` in `core.storage` builds on it what a caller of the library wants. Many files at once are
the engine's work.
"""

from __future__ import annotations

import hashlib
from contextlib import closing, suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO

from creative_s3.core.assets.models import StoredObject
from creative_s3.core.faults.table import DOCTOR
from creative_s3.core.faults.translation import translate
from creative_s3.core.files.checksums import Crc64
from creative_s3.core.s3.conditions import PRECONDITION_FAILED
from creative_s3.core.s3.connection import connect
from creative_s3.core.s3.dialect import status_of
from creative_s3.core.s3.endpoints import Provider, is_directory_bucket
from creative_s3.core.s3.key_order import KNOWN_ORDERS, ListingCheck, by_bytes, by_parts
from creative_s3.core.s3.listing import OPERATION, Page, list_page
from creative_s3.core.s3.objects import bare_etag, from_answer, head, tells_md5
from creative_s3.core.s3.shards import sharded_pages
from creative_s3.core.s3.tally import RequestTally
from creative_s3.errors import (
    AccessDeniedError,
    BucketNotFoundError,
    ChecksumMismatchError,
    CreativeS3Error,
    ObjectNotFoundError,
    PreconditionFailedError,
    TemporaryError,
    UnreadableAnswerError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.s3.key_order import Order
    from creative_s3.settings import S3Config

_BLOCK_BYTES = 1 << 20
_MOST_BYTES = 8 << 30
"""Of what is read whole, such as the published index."""
_MOST_EMPTY_PAGES = 200
"""One after the other, each with another token: a listing that goes on without an end."""
_ORDER_OF: Mapping[Provider, Order] = {Provider.AWS: by_bytes, Provider.SEAWEEDFS: by_parts}
"""The order in which servers list; those that are not here may have any."""


class ObjectStore:
    """The objects of the configured bucket. Any thread may use it.

    Args:
        config: The settings; read from the environment when left out.
        connection: An open connection to use instead of making one.

    Attributes:
        tally: Counts the requests that are sent.

    Raises:
        CredentialsError: There are no credentials.
        RefusedError: The endpoint is plain http and not this machine.
        SettingsError: No bucket is set.
        UsageError: `config` is no `S3Config`.
    """

    def __init__(self, config: S3Config | None = None, *, connection: Connection | None = None) -> None:
        if connection is None:
            from creative_s3.core.arguments import check_settings  # noqa: PLC0415 - for callers' settings
            from creative_s3.settings import S3Config as Config  # noqa: PLC0415 - only needed without a config

            check_settings(config)
            connection = connect(config or Config.from_env())
        self.connection = connection
        self.bucket = connection.bucket
        self.tally = RequestTally()

    @property
    def requests(self) -> dict[str, int]:
        """Requests sent so far, by S3 operation name."""
        return self.tally.counts()

    def count(self, requests: Mapping[str, int]) -> None:
        """Add requests that an engine sent for this bucket."""
        for operation, number in requests.items():
            self.tally.add(operation, number)

    def objects(self, prefix: str = "") -> Iterator[StoredObject]:
        """List the bucket's objects under `prefix`, in the server's order; `metadata` stays None.

        Raises:
            BucketNotFoundError: There is no such bucket.
            TemporaryError: The listing is cut or repeats itself; it is never taken as complete.
            UnsupportedError: It has keys that do not begin with `prefix`.
            CreativeS3Error: A request failed.
        """
        for page in self.pages(prefix):
            yield from page.objects()

    def pages(
        self, prefix: str = "", *, after: str | None = None, order: Order | None = None
    ) -> Iterator[Page]:
        """List the bucket's objects under `prefix` page by page, in the order in which the server has them.

        Args:
            prefix: What the keys begin with.
            after: Only keys that come after this one; None for all.
            order: The only one that the listing may be in; by default any that a server is known to have.

        Raises:
            BucketNotFoundError: There is no such bucket.
            TemporaryError: The listing is cut or repeats itself; it is never taken as complete.
            UnsupportedError: It has keys that do not begin with `prefix`.
            CreativeS3Error: A request failed.
        """
        token: str | None = None
        orders = (order,) if order else () if is_directory_bucket(self.bucket) else KNOWN_ORDERS
        check = ListingCheck(orders)
        empty = 0
        while True:
            page = self._page(prefix, token, after)
            empty = 0 if page.keys else empty + 1
            if repeated := check.repeated(page.keys):
                raise TemporaryError(
                    "the server's listing repeats itself, so it cannot be trusted",
                    item=repeated,
                    hint="run the same command again",
                )
            if outside := next((key for key in page.keys if not key.startswith(prefix)), None):
                raise UnsupportedError(
                    f"this server lists keys that do not begin with {prefix}, which it was asked for",
                    item=outside,
                    hint="run `creative-s3 doctor`",
                )
            yield page
            if not page.is_truncated:
                return
            if not page.token or page.token == token or empty > _MOST_EMPTY_PAGES:
                raise TemporaryError(
                    "the server's listing ends before it is complete",
                    item=f"s3://{self.bucket}/{prefix}",
                    hint="run the same command again",
                )
            token = page.token

    def head(self, key: str) -> StoredObject | None:
        """Ask for one object with its checksum and metadata; None when there is none."""
        self._count("HeadObject")
        return head(self.connection, key)

    def missing(self, key: str) -> CreativeS3Error:
        """Return the error for a key that has no object; HEAD says the same of a bucket that is not there.

        Raises:
            BucketNotFoundError: There is no such bucket.
        """
        with suppress(AccessDeniedError):  # who may not list cannot tell
            next(self.objects(key), None)
        return ObjectNotFoundError(
            "the object does not exist",
            item=key,
            hint="see what is there with `creative-s3 assets list`",
        )

    def read(self, key: str) -> tuple[StoredObject, bytes] | None:
        """Read a small object whole, its checksum verified; None when there is none.

        Raises:
            ChecksumMismatchError: What arrived is not what was stored.
            CreativeS3Error: The request failed.
        """
        content = BytesIO()
        stored = self.read_into(content, key)
        return (stored, content.getvalue()) if stored else None

    def read_into(self, file: BinaryIO, key: str) -> StoredObject | None:
        """Read an object into a file, its checksum verified; None when there is none.

        Raises:
            ChecksumMismatchError: What arrived is not what was stored.
            CreativeS3Error: The request failed.
        """
        self._count("GetObject")
        crc, md5, size_bytes = Crc64(), hashlib.md5(usedforsecurity=False), 0
        try:
            answer = self.connection.client.get_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED")
            with closing(answer["Body"]) as body:
                for block in _blocks(body, key):
                    crc.update(block)
                    md5.update(block)
                    file.write(block)
                    size_bytes += len(block)
        except Exception as error:
            translated = translate(error, item=key, endpoint_url=self.connection.endpoint_url)
            if isinstance(translated, ObjectNotFoundError):
                return None
            raise translated from error
        stored = from_answer(key, answer, size_bytes=size_bytes)
        if stored.crc64nvme is None:
            is_other = tells_md5(self.connection, stored, answer) and stored.etag.lower() != md5.hexdigest()
        else:
            is_other = stored.crc64nvme != crc.base64
        if is_other:
            raise ChecksumMismatchError(
                "what arrived is not what is stored", item=key, hint="run the command again"
            )
        return stored

    def write(
        self,
        key: str,
        content: bytes | BinaryIO,
        *,
        content_type: str,
        if_match: str | None,
        metadata: Mapping[str, str] | None = None,
    ) -> StoredObject:
        """Write an object by one request, conditionally, its checksum checked by the server.

        Args:
            key: The full key.
            content: The whole content, or a file that has it.
            content_type: The media type.
            if_match: The ETag of the object to replace; None to create.
            metadata: User metadata, ASCII.

        Raises:
            PreconditionFailedError: Another writer was faster.
            UnsupportedError: The server tells no ETag of what is to be replaced.
            CreativeS3Error: The request failed.
        """
        if if_match == "":
            raise UnsupportedError(
                "the server tells no ETag of the object, so that it cannot be replaced safely", item=key
            )
        arguments: dict[str, Any] = {"ContentType": content_type, "Metadata": dict(metadata or {})}
        if self.connection.config.kms_key_id:
            arguments |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.connection.config.kms_key_id}
        body = BytesIO(content) if isinstance(content, bytes) else content
        crc, size_bytes = _measured(body)
        answer = self._put(key, if_match, body, arguments | {"ChecksumCRC64NVME": crc})
        return StoredObject(
            key=key,
            size_bytes=size_bytes,
            etag=bare_etag(answer.get("ETag")),
            version_id=answer.get("VersionId"),
            crc64nvme=crc,
            content_type=content_type,
        )

    def _put(
        self, key: str, if_match: str | None, body: BinaryIO, arguments: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Send a write, again where the server refuses a condition that is met, or what else it was sent."""
        connection, conditions = self.connection, self.connection.conditions
        has_learned = was_met = False
        while True:
            if not conditions.protects(if_match):
                self._look_first(key, if_match)
            sent = conditions.sent(if_match)
            body.seek(0)
            self._count("PutObject")
            try:
                answer: Mapping[str, Any] = connection.client.put_object(
                    Bucket=self.bucket, Key=key, Body=body, **arguments, **sent
                )
            except Exception as error:
                if self._is_met(key, if_match, error):
                    # Once, that may also be another writer who has come and gone in between.
                    if not was_met or conditions.refuted(if_match, sent):
                        was_met = not was_met
                        continue
                elif not has_learned and connection.dialect.learn(connection.client, self.bucket, key, error):
                    has_learned = True
                    continue
                elif conditions.doubted(if_match, sent, error):
                    continue
                raise translate(error, item=key, endpoint_url=connection.endpoint_url) from error
            return answer

    def _is_met(self, key: str, if_match: str | None, error: BaseException) -> bool:
        """Tell whether a server refused a condition that is met."""
        if self.connection.is_aws or status_of(error) != PRECONDITION_FAILED:
            return False
        seen = self.head(key)
        return (seen.etag if seen else None) == if_match

    def _look_first(self, key: str, if_match: str | None) -> None:
        """Compare what is there with what was seen, where no condition does so.

        Raises:
            PreconditionFailedError: It is something else.
        """
        seen = self.head(key)
        if (seen.etag if seen else None) != if_match:
            raise PreconditionFailedError("another writer was faster", item=key, hint="run the command again")

    def tags(self, key: str) -> dict[str, str]:
        """Return an object's tags.

        Raises:
            CreativeS3Error: The request failed; reading tags needs a permission of its own.
        """
        self._count("GetObjectTagging")
        try:
            answer = self.connection.client.get_object_tagging(Bucket=self.bucket, Key=key)
        except Exception as error:
            raise translate(error, item=key, endpoint_url=self.connection.endpoint_url) from error
        return {tag["Key"]: tag["Value"] for tag in answer.get("TagSet", ())}

    @property
    def has_temporary_credentials(self) -> bool:
        """Whether the credentials end by themselves, and with them every presigned address.

        Raises:
            CredentialsError: They cannot be resolved.
        """
        try:
            credentials = self.connection.session.get_credentials()
            return credentials is not None and bool(credentials.get_frozen_credentials().token)
        except Exception as error:
            raise translate(error, endpoint_url=self.connection.endpoint_url) from error

    def sharded_pages(self, prefix: str, marks: Sequence[str]) -> Iterator[Page]:
        """List as `pages` does, in ranges that meet at `marks`, all at once; their pages come mixed.

        Only where the server's order is known: ranges that were cut in another one would miss keys.

        Raises:
            CreativeS3Error: As for `pages`.
        """
        order = _ORDER_OF.get(self.connection.guard.provider)
        if not marks or order is None or is_directory_bucket(self.bucket):
            yield from self.pages(prefix)
            return
        yield from sharded_pages(lambda after: self.pages(prefix, after=after, order=order), marks, order)

    def _page(self, prefix: str, token: str | None, after: str | None) -> Page:
        self._count(OPERATION)
        arguments = {"ContinuationToken": token} if token else {"StartAfter": after} if after else {}
        try:
            return list_page(self.connection.client, Bucket=self.bucket, Prefix=prefix, **arguments)
        except Exception as error:
            translated = translate(
                error, item=f"s3://{self.bucket}", endpoint_url=self.connection.endpoint_url
            )
            raise _about_bucket(translated, self.bucket) from error

    def _count(self, request: str) -> None:
        self.tally.add(request)


def _about_bucket(error: Exception, bucket: str) -> Exception:
    """Name the bucket where the general table can only name the request."""
    if isinstance(error, BucketNotFoundError | AccessDeniedError):
        error.item = bucket
    return error


def _blocks(body: Any, key: str) -> Iterator[bytes]:  # noqa: ANN401 - botocore's stream
    left = _MOST_BYTES
    for block in body.iter_chunks(_BLOCK_BYTES):
        left -= len(block)
        if left < 0:
            raise UnreadableAnswerError(
                f"the server sends more than {_MOST_BYTES >> 30} GiB", item=key, hint=DOCTOR
            )
        yield block


def _measured(body: BinaryIO) -> tuple[str, int]:
    """Return the checksum and the size of a file from its beginning, and go back there."""
    crc = Crc64()
    body.seek(0)
    while block := body.read(_BLOCK_BYTES):
        crc.update(block)
    size_bytes = body.tell()
    body.seek(0)
    return crc.base64, size_bytes
