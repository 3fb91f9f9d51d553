"""A small cache on a real server for the tests of the tiers: files of some age, uploaded and proved."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.intake import take_in
from creative_s3.core.catalog.places import catalog_path, remote_side
from creative_s3.core.files.workspace import Workspace
from creative_s3.core.migration.migration import S3MigrationManager
from creative_s3.core.storage.manager import S3StorageManager
from creative_s3.core.tiers.manager import TierManager
from creative_s3.core.tiers.survey import find_files
from creative_s3.core.tiers.tiers import Policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.tiers.report import TierReport
    from creative_s3.core.tiers.tiers import TierFile

OLD_DAYS = 100


@dataclass(slots=True)
class ACache:
    """A workspace and the bucket behind it.

    Attributes:
        root: The workspace.
        connection: The bucket.
        contents: What each asset's file holds: cache key -> bytes.
        paths: Where it is, relative to the workspace.
    """

    root: Path
    connection: Connection
    contents: dict[str, bytes] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)

    @property
    def cache_dir(self) -> Path:
        return self.root / "cache"

    @property
    def prefix(self) -> str:
        return self.connection.config.prefix

    @property
    def store(self) -> S3StorageManager:
        return S3StorageManager(connection=self.connection)

    def add(
        self,
        cache_key: str,
        content: bytes | None = None,
        *,
        days: float = OLD_DAYS,
        path: str | None = None,
        **entry: Any,  # noqa: ANN401 - whatever the index may hold
    ) -> Path:
        """Add an asset whose file was written, and used last, so many days ago."""
        content = f"the picture {cache_key} ".encode() * 50 if content is None else content
        self.contents[cache_key] = content
        file_path = self.paths[cache_key] = path or f"cache/backgrounds/{cache_key}.png"
        file = self.root / file_path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        self.age(file, days)
        used = datetime.now() - timedelta(days=days)  # noqa: DTZ005 - as the pipeline writes it
        self.edit_index(
            "semantic_assets",
            cache_key,
            {
                "cache_key": cache_key,
                "file_path": file_path,
                "semantic_metadata": {"asset_type": "scene_background", "region": "US", "season": "fall"},
                "campaign_id": "autumn",
                "created_at": used.isoformat(),
                "last_used": used.isoformat(),
                **entry,
            },
        )
        return file

    def edit_index(self, section: str, name: str, entry: Mapping[str, Any]) -> None:
        path = self.cache_dir / "index.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        document = json.loads(path.read_text()) if path.exists() else {}
        document.setdefault(section, {})[name] = dict(entry)
        path.write_text(json.dumps(document, indent=2))

    @staticmethod
    def age(file: Path, days: float = OLD_DAYS) -> None:
        then = time.time() - days * 86400
        os.utime(file, (then, then))

    def path(self, cache_key: str) -> Path:
        return self.root / self.paths[cache_key]

    def upload(self) -> None:
        """Upload and prove everything, as ``migrate upload`` does, and let the clocks move on."""
        migration = self.migration()
        report = migration.execute_migration(migration.create_migration_plan())
        assert not report.failures
        self.wait_until_settled()

    def migration(self) -> S3MigrationManager:
        migration = S3MigrationManager(self.connection.config, self.store)
        migration.workspace = Workspace(self.cache_dir)
        return migration

    def wait_until_settled(self) -> None:
        """Wait until no file has changed a moment ago."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            changes = [file.stat().st_ctime for file in self.root.rglob("*.png")]
            if time.time() - max(changes, default=0) > 0.12:
                return
            time.sleep(0.01)

    @contextmanager
    def opened(self) -> Iterator[Catalog]:
        workspace = Workspace(self.cache_dir)
        with Catalog(
            catalog_path(self.cache_dir), bucket=remote_side(self.connection, self.prefix)
        ) as catalog:
            take_in(catalog, workspace)
            yield catalog

    @contextmanager
    def tiers(self, **options: Any) -> Iterator[TierManager]:  # noqa: ANN401 - passed on
        with self.opened() as catalog:
            yield TierManager(catalog, Workspace(self.cache_dir), self.store, prefix=self.prefix, **options)

    def demote(self, *cache_keys: str, **options: Any) -> TierReport:  # noqa: ANN401 - passed on
        """Demote some assets, or all that are cold."""
        with self.tiers(**options) as tiers:
            if not cache_keys:
                return tiers.apply(tiers.plan(Policy()))
            return tiers.demote(find_files(cache_keys, tiers.survey().files))

    def file(self, cache_key: str) -> TierFile:
        with self.tiers() as tiers:
            return next(file for file in tiers.look().files if cache_key in file.cache_keys)

    def key(self, cache_key: str) -> str:
        with self.opened() as catalog:
            key = catalog.assignment(cache_key)
        assert key is not None
        return key

    def is_cold(self, cache_key: str) -> bool:
        with self.opened() as catalog:
            record = catalog.assets.get(cache_key)
            assert record is not None
            return record.is_cold

    def check_nothing_is_lost(self) -> None:
        """Make sure that the content of each asset is on disk, or in the bucket under its key."""
        for cache_key, content in self.contents.items():
            path = self.path(cache_key)
            if path.exists():
                assert path.read_bytes() == content, cache_key
            else:
                read = self.store.read(self.key(cache_key))
                assert read is not None, cache_key
                assert read[1] == content, cache_key
