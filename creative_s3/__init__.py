"""creative-s3: moves a creative pipeline's asset cache to S3, proves every byte, prices every step first.

Public names load lazily, so that importing the package costs next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # that of `typing` would double what the import costs
if TYPE_CHECKING:
    from creative_s3.core.assets.models import (
        AssetType,
        ProductCategory,
        Season,
        SemanticMetadata,
        StoredObject,
        VisualStyle,
    )
    from creative_s3.core.cdn.invalidations import InvalidationResult
    from creative_s3.core.library.cache import CacheManager
    from creative_s3.core.library.hybrid_cache import S3CacheManager
    from creative_s3.core.library.registrations import Registration
    from creative_s3.core.lifecycle.bucket_rules import LifecycleResult
    from creative_s3.core.migration.migration import S3MigrationManager
    from creative_s3.core.migration.planning import MigrationPlan
    from creative_s3.core.migration.report import MigrationReport
    from creative_s3.core.migration.validation import ValidationReport
    from creative_s3.core.storage.manager import S3StorageManager
    from creative_s3.core.tiers.report import TierReport
    from creative_s3.core.transfers.file_results import DownloadResult, UploadResult
    from creative_s3.core.transfers.outcomes import Proof
    from creative_s3.core.transfers.progress import TransferProgress
    from creative_s3.errors import CreativeS3Error
    from creative_s3.settings import S3Config

__version__ = "0.1.0"
__all__ = [
    "AssetType",
    "CacheManager",
    "CreativeS3Error",
    "DownloadResult",
    "InvalidationResult",
    "LifecycleResult",
    "MigrationPlan",
    "MigrationReport",
    "ProductCategory",
    "Proof",
    "Registration",
    "S3CacheManager",
    "S3Config",
    "S3MigrationManager",
    "S3StorageManager",
    "Season",
    "SemanticMetadata",
    "StoredObject",
    "TierReport",
    "TransferProgress",
    "UploadResult",
    "ValidationReport",
    "VisualStyle",
    "__version__",
]

_HOMES = {
    "AssetType": "creative_s3.core.assets.models",
    "CacheManager": "creative_s3.core.library.cache",
    "CreativeS3Error": "creative_s3.errors",
    "DownloadResult": "creative_s3.core.transfers.file_results",
    "InvalidationResult": "creative_s3.core.cdn.invalidations",
    "LifecycleResult": "creative_s3.core.lifecycle.bucket_rules",
    "MigrationPlan": "creative_s3.core.migration.planning",
    "MigrationReport": "creative_s3.core.migration.report",
    "ProductCategory": "creative_s3.core.assets.models",
    "Proof": "creative_s3.core.transfers.outcomes",
    "Registration": "creative_s3.core.library.registrations",
    "S3CacheManager": "creative_s3.core.library.hybrid_cache",
    "S3Config": "creative_s3.settings",
    "S3MigrationManager": "creative_s3.core.migration.migration",
    "S3StorageManager": "creative_s3.core.storage.manager",
    "Season": "creative_s3.core.assets.models",
    "SemanticMetadata": "creative_s3.core.assets.models",
    "StoredObject": "creative_s3.core.assets.models",
    "TierReport": "creative_s3.core.tiers.report",
    "TransferProgress": "creative_s3.core.transfers.progress",
    "UploadResult": "creative_s3.core.transfers.file_results",
    "ValidationReport": "creative_s3.core.migration.validation",
    "VisualStyle": "creative_s3.core.assets.models",
}


if not TYPE_CHECKING:  # so that a type checker finds a name that is misspelt

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module  # noqa: PLC0415 - nothing is imported before it is needed

        return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
