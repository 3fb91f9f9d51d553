"""`S3StorageManager`: what a caller of the library does with a bucket and its objects.

Making one sends nothing and changes nothing. The work is in the modules that its methods call.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from creative_s3.core.arguments import check_callback, is_whole_number, local_file
from creative_s3.core.cdn.invalidations import InvalidationResult, invalidate
from creative_s3.core.faults.translation import translate
from creative_s3.core.files.local_files import sweep_partials
from creative_s3.core.lifecycle.bucket_rules import LifecycleResult, set_policy
from creative_s3.core.lifecycle.planning import check_policy
from creative_s3.core.lifecycle.rules import make_policy
from creative_s3.core.s3.connection import presigning_client
from creative_s3.core.s3.object_store import ObjectStore
from creative_s3.core.storage.listings import GB, MB, Amount, BucketSize, ListedObject
from creative_s3.core.storage.storage_files import (
    Manner,
    download_file,
    look_at,
    single_engine,
    upload_files,
)
from creative_s3.core.transfers.progress import ProgressMeter, TransferProgress
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from creative_s3.core.arguments import PathText
    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.storage.storage_files import FileMapping, Labels
    from creative_s3.core.transfers.choice import EngineName
    from creative_s3.core.transfers.file_results import DownloadResult, UploadResult
    from creative_s3.settings import S3Config

_log = logging.getLogger(__name__)
PRESIGN_LIMIT_S = 7 * 24 * 3600
"""A presigned URL lives seven days at most (AWS: "Sharing objects with presigned URLs")."""


class S3StorageManager(ObjectStore):
    """The objects of the configured bucket.

    Keys are full keys, taken as they are: ``S3_PREFIX`` is not put before them. Any thread may call any
    method; where two write the same key at the same time, one of them finds the other's object.

    What concerns one file or object is data in its result (``success``, ``error``, and ``exception`` with a
    ``hint``). Raised is what makes the whole call impossible:

    * ``UsageError``: an argument is wrong;
    * ``SettingsError``, ``CredentialsError``, ``ClockError``: nothing can be sent with these settings;
    * ``BucketNotFoundError``: there is no such bucket;
    * ``AccessDeniedError``, ``TemporaryError``: from methods that return no result per object.

    Args:
        config: The settings; read from the environment when left out.
        connection: An open connection to use instead of making one.

    Raises:
        CredentialsError: There are no credentials.
        RefusedError: The endpoint is plain http and not this machine.
        SettingsError: No bucket is set.
    """

    def __init__(self, config: S3Config | None = None, *, connection: Connection | None = None) -> None:
        super().__init__(config, connection=connection)
        self._swept: set[Path] = set()

    def upload_file(  # noqa: PLR0913 - each of them is a choice of the caller
        self,
        local_path: PathText,
        s3_key: str,
        metadata: Labels | None = None,
        tags: Labels | None = None,
        content_type: str | None = None,
        *,
        replace: bool = False,
        storage_class: str | None = None,
    ) -> UploadResult:
        """Store one file under a key, and prove by CRC64NVME that S3 has exactly its content.

        An object is created only where none is. The same content there is a success (``already_there``), and
        keeps its metadata and tags. Other content is left alone, and the result says so, unless `replace` is
        given: then exactly the object that was seen is replaced (``If-Match``), also when only the metadata
        differ.

        Args:
            local_path: A regular file, read once for its checksum and once to be sent.
            s3_key: The full key, at most 1,024 bytes.
            metadata: User metadata, 2 KB at most as it is stored: a value that is not plain ASCII, or has a
                ``%``, is stored percent-encoded as UTF-8. Of a value that is None, nothing is stored.
            tags: At most 10 object tags.
            content_type: The media type; by default told from the file's name.
            replace: Whether other content under the key is replaced.
            storage_class: S3's own word; by default ``S3_STORAGE_CLASS``.

        Raises:
            CreativeS3Error: The whole call is impossible, see the class.
        """
        sendings = look_at([(local_path, s3_key, metadata, tags)])
        manner = self._manner(
            replace=replace,
            content_type=content_type,
            storage_class=storage_class,
            engine=single_engine(sendings[0].size_bytes),
        )
        meter = ProgressMeter(total_files=1, total_bytes=sendings[0].size_bytes)
        (result,) = upload_files(self, sendings, manner=manner, meter=meter)
        return result

    def batch_upload(
        self,
        file_mappings: Iterable[FileMapping],
        progress_callback: Callable[[TransferProgress], object] | None = None,
        *,
        replace: bool = False,
        storage_class: str | None = None,
        engine: EngineName = "auto",
    ) -> tuple[tuple[UploadResult, ...], TransferProgress]:
        """Store many files at once, each as `upload_file` does.

        ``S3_MAX_PARALLEL_UPLOADS`` requests are in flight. One file's failure does not stop the others. An
        interrupted call can be repeated: what is there already is found and not sent again.

        Args:
            file_mappings: Tuples of path, key, and if wanted user metadata and tags. They are all looked at
                before anything is sent.
            progress_callback: Called by this thread, at most every half second, and once at the end, after
                Ctrl-C too; with what it raises, the upload ends.
            replace: Whether other content under the keys is replaced.
            storage_class: S3's own word; by default ``S3_STORAGE_CLASS``.
            engine: ``auto`` is s3transfer's CRT engine where it can serve.

        Returns:
            The results in the order of the mappings, and the progress at the end.

        Raises:
            CreativeS3Error: The whole call is impossible, see the class.
        """
        check_callback(progress_callback)
        sendings = look_at(file_mappings)
        meter = ProgressMeter(
            total_files=len(sendings),
            total_bytes=sum(sending.size_bytes for sending in sendings),
            callback=progress_callback,
        )
        manner = self._manner(replace=replace, storage_class=storage_class, engine=engine)
        try:
            results = upload_files(self, sendings, manner=manner, meter=meter) if sendings else ()
        except KeyboardInterrupt:
            meter.finish()  # what was proved meanwhile is in it
            raise
        return results, meter.finish()

    def download_file(self, s3_key: str, local_path: PathText, *, replace: bool = False) -> bool:
        """Fetch one object as `download` does; True when the file is there, proved.

        Why it failed is in the log; `download` returns it.

        Args:
            s3_key: The full key.
            local_path: The file to make.
            replace: Whether a file with other content is replaced.

        Raises:
            CreativeS3Error: The whole call is impossible, see the class.
        """
        result = self.download(s3_key, local_path, replace=replace)
        if result.exception is not None:
            _log.error("%s was not downloaded: %s (%s)", s3_key, result.error, result.exception.hint)
        return result.success

    def download(
        self,
        s3_key: str,
        local_path: PathText,
        *,
        replace: bool = False,
        check: Callable[[Path], None] | None = None,
        below: Path | None = None,
    ) -> DownloadResult:
        """Fetch one object to a file, proved before the file gets its name.

        The file appears whole or not at all, its parents are made. A file with the same content is a success
        (``already_there``), one with other content is left alone unless `replace` is given. For an archived
        object, ``exception`` is an ``ArchivedError`` that names the command that restores it, its wait and
        its price.

        Args:
            s3_key: The full key.
            local_path: The file to make.
            replace: Whether a file with other content is replaced.
            check: Looks at the file before it gets its name, and raises a `CreativeS3Error` where it may not
                have it.
            below: The folder above the file that may be reached by links, and below which none is followed;
                by default the file's own.

        Raises:
            CreativeS3Error: The whole call is impossible, see the class.
        """
        path = local_file(local_path)
        self._sweep(path.parent)
        return download_file(self, s3_key, path, replace=replace, check=check, below=below)

    def list_objects(self, prefix: str | None = None, max_keys: int | None = None) -> list[ListedObject]:
        """List objects, in the order in which the server has them; one request for each 1,000.

        `objects` yields the same as values, one by one, for listings that are too long for a list.

        Args:
            prefix: What the full keys begin with; by default those below ``S3_PREFIX``. "" lists the bucket.
            max_keys: How many at most; None for all.

        Raises:
            UsageError: `max_keys` is no whole number from 1 on.
            CreativeS3Error: The bucket cannot be listed.
        """
        if max_keys is not None and not is_whole_number(max_keys, least=1):
            raise UsageError(
                "max_keys is a whole number from 1 on", item=repr(max_keys), hint="leave it out for all"
            )
        return [
            ListedObject(
                s3_key=stored.key,
                size_bytes=stored.size_bytes,
                last_modified=stored.last_modified,
                last_modified_iso=stored.last_modified.isoformat() if stored.last_modified else None,
                etag=stored.etag,
                storage_class=stored.storage_class,
            )
            for stored in islice(self.objects(self._below_prefix if prefix is None else prefix), max_keys)
        ]

    def get_bucket_size(self, prefix: str = "") -> BucketSize:
        """Count the objects whose keys begin with `prefix`, and their bytes; one request for each 1,000.

        Older versions and unfinished uploads cost storage, too, and are not in it.

        Raises:
            CreativeS3Error: The bucket cannot be listed.
        """
        classes: dict[str, Amount] = {}
        for stored in self.objects(prefix):
            amount = classes.setdefault(stored.storage_class, Amount(objects=0, size_bytes=0))
            amount["objects"] += 1
            amount["size_bytes"] += stored.size_bytes
        size_bytes = sum(amount["size_bytes"] for amount in classes.values())
        return BucketSize(
            total_objects=sum(amount["objects"] for amount in classes.values()),
            total_size_bytes=size_bytes,
            total_size_mb=size_bytes / MB,
            total_size_gb=size_bytes / GB,
            by_storage_class=dict(sorted(classes.items())),
        )

    def get_presigned_url(self, s3_key: str, expiration: int = 3600) -> str:
        """Return an address that lets anybody read the object for a while, without credentials.

        Sends nothing, also not to see whether the object exists. The address cannot be taken back before it
        ends; `has_temporary_credentials` tells whether it may end sooner.

        Args:
            s3_key: The full key.
            expiration: Seconds, 1 to 604,800 (seven days). Temporary credentials end it earlier.

        Raises:
            UsageError: `expiration` is out of range.
            CredentialsError: The credentials cannot be resolved.
        """
        if not is_whole_number(expiration, least=1, most=PRESIGN_LIMIT_S):
            raise UsageError(
                "a presigned address lives from 1 second to 7 days",
                item=f"{expiration} s",
                hint="choose 604,800 or less; on the command line: --expires 7d",
            )
        try:
            url: str = self._presigner.generate_presigned_url(
                "get_object", Params={"Bucket": self.bucket, "Key": s3_key}, ExpiresIn=expiration
            )
        except Exception as error:
            raise translate(error, item=s3_key, endpoint_url=self.connection.endpoint_url) from error
        return url

    def setup_lifecycle_policy(  # noqa: PLR0913 - each of them is a choice of the caller
        self,
        transition_days: int | None = 90,
        expiration_days: int | None = None,
        archive_storage_class: str = "GLACIER",
        *,
        prefix: str | None = None,
        expire_existing: bool = False,
        accept_expiry: Collection[str] = (),
    ) -> LifecycleResult:
        """Let S3 move assets to a colder class as they grow old, and delete them only if asked to.

        AN EXPIRATION DELETES. In a bucket without versions assets are gone for good: old and new ones, used
        or not, also where S3 has the only copy. In a versioned bucket they are hidden behind a delete marker,
        can be brought back, and cost as before. So there is none unless `expiration_days` is given; and where
        assets are older than that already, nothing is changed without `expire_existing`; where S3 has the
        only copy of some, nothing without `accept_expiry`, as with `creative-s3 lifecycle set`.

        One rule for each folder of assets under the prefix: the published index and the objects of others are
        never touched. Our rules of an earlier call are replaced, all rules of others stay as they are. Sends
        GET and, if something changes, one PUT and a GET until S3 shows the rules; with an expiration, also a
        LIST of the assets. Somebody who changes the rules at the same moment can be overwritten: S3 has no
        condition for this request.

        Args:
            transition_days: Age at which assets move, counted from when they were stored; None for never.
            expiration_days: Age at which S3 deletes assets, counted likewise; None for never.
            archive_storage_class: Where they move. What is in GLACIER or DEEP_ARCHIVE cannot be read before a
                restore.
            prefix: What the assets' keys begin with; by default ``S3_PREFIX``.
            expire_existing: Accept that assets which are too old already are deleted at once.
            accept_expiry: The IDs of the rules that may delete the only copy of assets.

        Raises:
            UsageError: The numbers or the class make no sense.
            RefusedError: Assets would be deleted at once, or their only copy one day; or a rule of others
                could not be kept as it is.
            UnsupportedError: The server has no such rules; it was sent nothing that it could misread.
            NotKeptError: It accepted the rules, and has others.
            CreativeS3Error: A request failed; needs ``s3:GetLifecycleConfiguration`` and
                ``s3:PutLifecycleConfiguration``.
        """
        policy = make_policy(
            transition_days=transition_days,
            expiration_days=expiration_days,
            archive_storage_class=archive_storage_class,
        )
        prefix = self.connection.config.prefix if prefix is None else prefix.strip("/")
        now = datetime.now(UTC)
        check_policy(self, policy, prefix=prefix, now=now, accepted=accept_expiry)
        return set_policy(self, policy, prefix=prefix, now=now, expire_existing=expire_existing)

    def invalidate_cloudfront_cache(
        self, paths: Iterable[str], *, token: str | None = None
    ) -> InvalidationResult:
        """Let CloudFront fetch paths anew, in front of the bucket; it takes effect within minutes.

        Paths are what viewers ask for: keys without the distribution's origin path, often the prefix.
        ``*`` at the end stands for all that begins so. Each path is billed after the account's first 1,000 of
        a month, a wildcard as one; what a wildcard of the same call covers is left out.

        Args:
            paths: At most 3,000, and 15 with a wildcard.
            token: Names the request, so that the same call again is not paid again; by default each call is
                new, and only botocore's own repetitions are recognised.

        Raises:
            UsageError: A path cannot be invalidated.
            SettingsError: ``CLOUDFRONT_DISTRIBUTION_ID`` is not set, or names none.
            UnsupportedError: The settings name another server than AWS.
            CreativeS3Error: The request failed; needs ``cloudfront:CreateInvalidation``.
        """
        return invalidate(self.connection, paths, token=token)

    @property
    def config(self) -> S3Config:
        """The settings."""
        return self.connection.config

    @property
    def _below_prefix(self) -> str:
        return f"{self.config.prefix}/" if self.config.prefix else ""

    @cached_property
    def _presigner(self) -> Any:  # noqa: ANN401 - boto3's clients have no common type
        return presigning_client(self.connection)

    def _manner(
        self,
        *,
        replace: bool,
        storage_class: str | None,
        engine: EngineName,
        content_type: str | None = None,
    ) -> Manner:
        return Manner(
            storage_class=storage_class or self.connection.config.storage_class,
            content_type=content_type,
            replace=replace,
            engine=engine,
        )

    def _sweep(self, folder: Path) -> None:
        """Remove what killed downloads left in a folder, once for each manager."""
        if folder not in self._swept and folder.is_dir():
            self._swept.add(folder)
            sweep_partials(folder)
