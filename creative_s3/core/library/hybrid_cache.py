"""`S3CacheManager`: the pipeline's library with S3 behind it: cold assets come when they are needed.

Without a bucket, without credentials or offline it works on local disk alone; what could not be uploaded is
in index.json like everything else, and the next ``migrate upload`` sends it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from creative_s3.core.arguments import check_limit, check_settings
from creative_s3.core.assets.layout import asset_of, owner_of
from creative_s3.core.catalog.asset_rows import AssetRecord, Source
from creative_s3.core.catalog.places import NOWHERE, remote_side
from creative_s3.core.catalog.settling import entry_of
from creative_s3.core.catalog.storing import StoringRun
from creative_s3.core.catalog.usage import DOWNLOADS, MISSES
from creative_s3.core.costs.pricing import GB
from creative_s3.core.files import local_files
from creative_s3.core.files.workspace import FileState
from creative_s3.core.index.entries import CACHE_SECTION, SEMANTIC_SECTION
from creative_s3.core.library.cache import CacheManager
from creative_s3.core.library.locator import AssetLocator
from creative_s3.core.library.registrations import result_of
from creative_s3.core.library.replacing import check_replacement
from creative_s3.core.library.single_flight import SingleFlight
from creative_s3.core.migration.execution import proved_download
from creative_s3.core.s3.objects import is_archived
from creative_s3.core.storage.additions import FileAdder
from creative_s3.core.storage.landing import landing_in
from creative_s3.core.storage.manager import S3StorageManager
from creative_s3.core.storage.retrieval import archived
from creative_s3.core.storage.storage_files import single_engine
from creative_s3.core.tiers.limit_keeping import LimitKeeper
from creative_s3.core.transfers.file_results import UploadResult
from creative_s3.errors import (
    CreativeS3Error,
    CredentialsError,
    ItemError,
    ObjectNotFoundError,
    SettingsError,
    UsageError,
)
from creative_s3.settings import S3Config

if TYPE_CHECKING:
    from pathlib import Path

    from creative_s3.core.assets.models import Asset, SemanticMetadata, StoredObject
    from creative_s3.core.library.given_files import GivenPath
    from creative_s3.core.library.registrations import Registration
    from creative_s3.core.storage.landing import Landing
    from creative_s3.core.tiers.report import TierReport
    from creative_s3.core.transfers.file_results import DownloadResult

_log = logging.getLogger(__name__)
_Download = tuple["StoredObject", "DownloadResult"]


class S3CacheManager(CacheManager):
    """A `CacheManager` whose assets may also be in S3. A context manager; any thread may use it.

    Making one sends nothing.

    Args:
        cache_dir: The pipeline's cache directory.
        s3_config: The settings; from the environment and ``.env`` when left out.
        enable_s3: Whether to use S3; without a bucket or credentials it is not, and the log says so. Left
            out, it is used.
        local_cache_size_limit_gb: How large the local files may grow before `manage_cache_tiers` demotes
            some, in GiB; None for no limit.
        auto_manage: Whether the limit is kept without being asked: after a download that exceeds it, files go
            by the same policy, with the same proof. What stands against it is in the log.
        assume_closed: Whether local files may be removed where the system cannot say whether another process
            has them open: on a shared disk, or on macOS.
        s3_manager: An open storage manager to use instead of making one.

    Raises:
        SettingsError: A setting has a wrong value.
        UsageError: `auto_manage` has no limit to keep, or `s3_config` is something else.
    """

    def __init__(  # noqa: PLR0913 - the guide's own options, and one more
        self,
        cache_dir: GivenPath = "cache",
        s3_config: S3Config | None = None,
        enable_s3: bool | None = None,  # noqa: FBT001 - the guide's own signature
        local_cache_size_limit_gb: float | None = None,
        *,
        auto_manage: bool = False,
        assume_closed: bool = False,
        s3_manager: S3StorageManager | None = None,
    ) -> None:
        check_settings(s3_config)
        check_limit(local_cache_size_limit_gb)
        super().__init__(cache_dir)
        self.local_cache_size_limit_gb = local_cache_size_limit_gb
        if auto_manage and local_cache_size_limit_gb is None:
            hint = "for example local_cache_size_limit_gb=10.0"
            raise UsageError("auto_manage keeps a limit, and there is none", item="auto_manage", hint=hint)
        make_room = partial(self.manage_cache_tiers, promote_hot_assets=False)
        self._keeper = LimitKeeper(self.workspace, make_room) if auto_manage else None
        self._assumes_closed = assume_closed
        self._downloads: SingleFlight[Path] = SingleFlight()
        self._obstacle: CreativeS3Error | None = None
        self._locator: AssetLocator | None = None
        self._uploads = StoringRun("register_semantic_asset")
        uses_s3 = enable_s3 is None or enable_s3
        self.s3_manager = s3_manager if uses_s3 else None
        if uses_s3 and s3_manager is None:
            self.s3_manager = self._connected(s3_config or S3Config.from_env())

    @property
    def s3_enabled(self) -> bool:
        """Whether there is a bucket to work with."""
        return self.s3_manager is not None

    def register_semantic_asset(
        self,
        cache_key: str,
        file_path: GivenPath,
        metadata: SemanticMetadata,
        campaign_id: str | None = None,
        upload_to_s3: bool = True,  # noqa: FBT001, FBT002 - the guide's own signature
    ) -> Registration:
        """Register an asset with its description, and upload its file at once if wanted.

        The registration is durable whatever becomes of the upload. A file that cannot be uploaded now is sent
        by the next ``migrate upload``.

        Args:
            cache_key: Its identity.
            file_path: Its file: absolute, or relative to the workspace or the current directory.
            metadata: What it shows and suits.
            campaign_id: The campaign that made it.
            upload_to_s3: Whether to upload it before this returns, proved.

        Returns:
            The file and, where an upload was tried, what became of it.

        Raises:
            CreativeS3Error: The asset cannot be registered; see `CacheManager.register_semantic_asset`.
        """
        registered = super().register_semantic_asset(cache_key, file_path, metadata, campaign_id)
        if not upload_to_s3 or self.s3_manager is None:
            return registered
        upload = self._upload(cache_key, registered.path)
        if not upload.success:
            _log.warning(
                "%s was not uploaded: %s; the next `migrate upload` sends it", cache_key, upload.error
            )
        return replace(registered, upload=upload)

    def get_asset_path(self, cache_key: str, auto_download: bool = True) -> Path:  # noqa: FBT001, FBT002 - the guide's own signature
        """Return the file of an asset, brought from S3 if it is not on local disk, and record the use.

        A file appears under its name only whole and verified. Threads that ask for one asset at once share a
        download. An asset that the catalog does not know is looked for in the published index, then in a
        listing of the bucket, at most once a minute.

        Args:
            cache_key: The asset.
            auto_download: Whether to bring it when it is in S3 only.

        Raises:
            ObjectNotFoundError: There is no such asset, or its object is gone, or it is not on local disk and
                may not be downloaded.
            ArchivedError: It has to be restored first; the hint says how, how long and for how much.
            CreativeS3Error: S3 cannot be reached, or the content is not what it should be.
        """
        record, file = self._look(cache_key)
        if record is not None and file is not None and file.state is not FileState.MISSING:
            path = self._use(cache_key, file)
            if record.is_cold:  # somebody has put it back
                self._open().assets.set_cold([cache_key], is_cold=False)
            return path
        self._counts.add(MISSES)
        if not auto_download:
            hint = f"bring it: creative-s3 assets download {cache_key}"
            raise ObjectNotFoundError(
                "the asset is not on local disk, and auto_download is off", item=cache_key, hint=hint
            )
        return self._downloads.do(cache_key, lambda: self._fetch(cache_key, record))

    def manage_cache_tiers(
        self,
        promote_hot_assets: bool = True,  # noqa: FBT001, FBT002 - the guide's own signature
        demote_cold_assets: bool = True,  # noqa: FBT001, FBT002 - the same
        cold_threshold_days: int = 30,
        *,
        dry_run: bool = False,
    ) -> TierReport:
        """Remove cold files from local disk, and bring back the assets that are used often.

        A file goes only after S3 was proved, in this call, to have its content for this asset. What is
        pinned, open, changed, shared or not proved stays, and what would need somebody's yes does, too: files
        whose copies a lifecycle rule will delete, and more than half of the local bytes. The report says why.

        Args:
            promote_hot_assets: Whether cold assets come back that were used 3 times in the last 30 days,
                while the limit allows.
            demote_cold_assets: Whether files may go: those that are cold, and over the limit
                (``local_cache_size_limit_gb``) the least regretted others until it is kept by 10 %.
            cold_threshold_days: Not used for so many days is cold.
            dry_run: Only tell what would be done.

        Raises:
            UsageError: `cold_threshold_days` is no whole number of days.
            LockedError: Another run works on this cache.
            CreativeS3Error: The bucket cannot be used. What was removed before is proved and recorded.
        """
        from creative_s3.core.tiers.library import manage_cache  # noqa: PLC0415 - rarely needed

        storage = self._storage()
        self.flush()
        with self._lock:
            catalog = self._ready()
        return manage_cache(
            catalog,
            self.workspace,
            storage,
            cold_days=cold_threshold_days,
            limit_gb=self.local_cache_size_limit_gb,
            promotes=promote_hot_assets,
            demotes=demote_cold_assets,
            assume_closed=self._assumes_closed,
            dry_run=dry_run,
            before_leaving=self.flush,
        )

    def get_s3_stats(self) -> dict[str, Any]:
        """Return how the library is used and what it holds, as ``assets stats`` shows it.

        Among others: ``cache_hit_rate`` (percent), ``hits``, ``misses``, ``uploads``, ``downloads``,
        ``s3_assets``; sizes in bytes.

        Raises:
            CatalogError: The catalog cannot be used.
        """
        from creative_s3.core.catalog.statistics import library_statistics  # noqa: PLC0415 - rarely needed

        with self._lock:
            catalog = self._ready()
            self._counts.write(catalog.usage)
        return {"s3_enabled": self.s3_enabled, **library_statistics(catalog).to_dict()}

    def _connected(self, config: S3Config) -> S3StorageManager | None:
        try:
            config.require_bucket()
            return S3StorageManager(config=config)
        except (SettingsError, CredentialsError) as error:
            self._obstacle = error
            _log.warning("working without S3: %s (%s)", error.message, error.hint)
            return None

    def _remote_side(self) -> str:
        return remote_side(self.s3_manager.connection, self._prefix) if self.s3_manager else NOWHERE

    @property
    def _prefix(self) -> str:
        return self._storage().connection.config.prefix

    def _storage(self) -> S3StorageManager:
        if self.s3_manager is None:
            if self._obstacle is not None:
                raise self._obstacle
            raise SettingsError("S3 is switched off", item="enable_s3", hint="pass enable_s3=True")
        return self.s3_manager

    def _upload(self, cache_key: str, path: Path) -> UploadResult:
        storage = self._storage()
        key = cache_key
        size_bytes = 0
        try:
            with self._lock:
                record = self._open().assets.get(cache_key)
            if record is None:
                raise ItemError("the asset is not registered", item=cache_key)
            adder = FileAdder(
                storage,
                path,
                record.asset,
                prefix=self._prefix,
                cache_dir=self.cache_dir,
                run=self._uploads,
                replaces=True,
            )
            plan = adder.plan()
            key, size_bytes = plan.operation.key, plan.operation.size_bytes
            with self._lock:
                check_replacement(self._open(), plan, record.asset.file_path)
            added = adder.add(plan, engine=single_engine(size_bytes))
        except CreativeS3Error as error:
            return UploadResult(
                success=False, s3_key=key, local_path=path, size_bytes=size_bytes, exception=error
            )
        return result_of(added)

    def _fetch(self, cache_key: str, record: AssetRecord | None) -> Path:
        if record is not None:  # another thread may have been faster
            file = self.workspace.locate(record.asset.file_path)
            if file.state is FileState.PRESENT:
                return self._use(cache_key, file)
        storage = self._storage()
        stored = self._object_of(cache_key, record)
        if is_archived(stored):
            raise archived(stored, storage.connection)
        if record is None:  # a listing may have shown it
            with self._lock:
                record = self._ready().assets.get(cache_key)
        landing = landing_in(self.workspace, self._open())
        found = record.asset if record else self._newcomer(stored, landing)
        target = landing.place(found.file_path)
        if target.exists():
            raise ItemError(
                "a file that is not known as this asset is in its place",
                item=str(target),
                hint="register it, or move it away",
            )
        if stored.crc64nvme is not None:
            with self._lock:
                self._open().remember(origins=[(found.file_path, stored.crc64nvme)])
        result = storage.download(
            stored.key,
            target,
            check=landing.checker(found.file_path),
            below=landing.root(found.file_path),
        )
        if result.exception is not None:
            raise result.exception
        if record is None:
            self._adopt(found, stored)
        self._brought(cache_key, record, found.file_path, (stored, result))
        return target

    def _newcomer(self, stored: StoredObject, landing: Landing) -> Asset:
        """Return the asset that an object says it is, with a place for its file."""
        found = asset_of(stored.key, stored.metadata or {}, self._prefix)
        if found is None:
            raise ObjectNotFoundError(
                "this is an object and no asset: it does not say where its file belongs",
                item=stored.key,
                hint=f"fetch it as a file: creative-s3 assets download {stored.key}",
            )
        return landing.landed(found, stored.key.removeprefix(f"{self._prefix}/"))

    def _object_of(self, cache_key: str, record: AssetRecord | None) -> StoredObject:
        storage = self._storage()
        with self._lock:
            key = self._open().assignment(cache_key)
        if self._locator is None:
            self._locator = AssetLocator(storage, prefix=self._prefix, cache_dir=self.cache_dir)
        stored = self._locator.locate(cache_key, key)
        owner = owner_of(stored.metadata)
        if owner not in {None, cache_key} and record is not None:
            with self._lock:
                other = self._open().assets.get(owner or "")
            if other is not None and other.asset.file_path != record.asset.file_path:
                raise ItemError(
                    f"the object belongs to another asset by now: {owner}",
                    item=key,
                    hint="see what is there: creative-s3 assets discover",
                )
        return stored

    def _adopt(self, asset: Asset, stored: StoredObject) -> None:
        """Record an asset that only the bucket knew."""
        section = SEMANTIC_SECTION if asset.metadata else CACHE_SECTION
        adopted = AssetRecord(
            asset, section, asset.cache_key, source=Source.DISCOVERED, size_bytes=stored.size_bytes
        )
        with self._lock:
            catalog = self._ready()
            if catalog.assets.get(asset.cache_key) is None:
                with catalog.database.transaction():
                    catalog.journal.add(section, asset.cache_key, entry_of(adopted))
                    catalog.assets.put([adopted])
                    catalog.remember(assignments={asset.cache_key: stored.key})

    def _brought(self, cache_key: str, record: AssetRecord | None, file_path: str, got: _Download) -> None:
        stored, result = got
        signature = local_files.unchanged(result.local_path, result.fingerprint)
        with self._lock:
            catalog = self._open()
            if result.crc64nvme is not None:
                catalog.remember(
                    files=[(file_path, signature, result.crc64nvme)] if signature else [],
                    objects=[proved_download(stored, result)],
                    assignments={cache_key: stored.key},
                    origins=[(file_path, result.crc64nvme)],
                )
            if record is not None and record.is_cold:
                catalog.assets.set_cold([record.asset.cache_key], is_cold=False)
        if not result.already_there:
            self._counts.add(DOWNLOADS, result.size_bytes)
        self._counts.use(cache_key)
        self._flusher.wake()
        if self._keeper and self.local_cache_size_limit_gb is not None and not result.already_there:
            self._keeper.add(result.size_bytes, limit_bytes=int(self.local_cache_size_limit_gb * GB))
