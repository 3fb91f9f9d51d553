"""creative-s3: moves a creative pipeline's asset cache to S3, proves every byte, prices every step first.

Public names load lazily, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from creative_s3.core.bucket_rules import LifecycleResult
    from creative_s3.core.cache import CacheManager
    from creative_s3.core.file_results import DownloadResult, UploadResult
    from creative_s3.core.hybrid_cache import S3CacheManager
    from creative_s3.core.invalidations import InvalidationResult
    from creative_s3.core.migration import S3MigrationManager
    from creative_s3.core.migration_report import MigrationReport
    from creative_s3.core.models import (
        AssetType,
        ProductCategory,
        Season,
        SemanticMetadata,
        StoredObject,
        VisualStyle,
    )
    from creative_s3.core.outcomes import Proof
    from creative_s3.core.planning import MigrationPlan
    from creative_s3.core.progress import TransferProgress
    from creative_s3.core.registrations import Registration
    from creative_s3.core.storage import S3StorageManager
    from creative_s3.core.tier_report import TierReport
    from creative_s3.core.validation import ValidationReport
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
    "AssetType": "creative_s3.core.models",
    "CacheManager": "creative_s3.core.cache",
    "CreativeS3Error": "creative_s3.errors",
    "DownloadResult": "creative_s3.core.file_results",
    "InvalidationResult": "creative_s3.core.invalidations",
    "LifecycleResult": "creative_s3.core.bucket_rules",
    "MigrationPlan": "creative_s3.core.planning",
    "MigrationReport": "creative_s3.core.migration_report",
    "ProductCategory": "creative_s3.core.models",
    "Proof": "creative_s3.core.outcomes",
    "Registration": "creative_s3.core.registrations",
    "S3CacheManager": "creative_s3.core.hybrid_cache",
    "S3Config": "creative_s3.settings",
    "S3MigrationManager": "creative_s3.core.migration",
    "S3StorageManager": "creative_s3.core.storage",
    "Season": "creative_s3.core.models",
    "SemanticMetadata": "creative_s3.core.models",
    "StoredObject": "creative_s3.core.models",
    "TierReport": "creative_s3.core.tier_report",
    "TransferProgress": "creative_s3.core.progress",
    "UploadResult": "creative_s3.core.file_results",
    "ValidationReport": "creative_s3.core.validation",
    "VisualStyle": "creative_s3.core.models",
}


if not TYPE_CHECKING:  # so that a type checker finds a name that is misspelt

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
