"""The users' guide's Python blocks about `S3CacheManager`, run against a real server."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.guide import run_block

USING_THE_CACHE_MANAGER = """
    from cache_manager_s3 import S3CacheManager
    from cache_manager import SemanticMetadata, AssetType, ProductCategory

    # Initialize with S3 support
    cache_manager = S3CacheManager(
        cache_dir="cache",
        enable_s3=True,
        local_cache_size_limit_gb=10.0
    )

    # Register asset with automatic S3 upload
    metadata = SemanticMetadata(
        asset_type=AssetType.PRODUCT_TRANSPARENT,
        product_category=ProductCategory.DISH_SOAP,
        region="US",
    )

    cache_manager.register_semantic_asset(
        cache_key="dish-soap-us-001",
        file_path="cache/products/dish_soap.png",
        metadata=metadata,
        campaign_id="spring_2025",
        upload_to_s3=True  # Automatically uploads to S3
    )

    # Get asset (downloads from S3 if not local)
    asset_path = cache_manager.get_asset_path(
        cache_key="dish-soap-us-001",
        auto_download=True
    )

    # Get S3 statistics
    stats = cache_manager.get_s3_stats()
    print(f"S3 Assets: {stats['s3_assets']}")
    print(f"Cache Hit Rate: {stats['cache_hit_rate']}%")
"""
PERFORMANCE_METRICS = """
    stats = cache_manager.get_s3_stats()
    print(f"Cache Hit Rate: {stats['cache_hit_rate']}%")
    print(f"Total Downloads: {stats['downloads']}")
    print(f"Total Uploads: {stats['uploads']}")
"""


@pytest.fixture(autouse=True)
def _surroundings(server_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings that the guide's .env would give, and the file that its block names."""
    for name, value in server_env.items():
        if name.startswith(("AWS_", "S3_")):
            monkeypatch.setenv(name, value)
    Path("cache/products").mkdir(parents=True)
    Path("cache/products/dish_soap.png").write_bytes(b"a picture of soap")


def test_using_the_cache_manager_and_performance_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    left = run_block(USING_THE_CACHE_MANAGER)
    assert left["asset_path"] == Path("cache/products/dish_soap.png").resolve()
    assert capsys.readouterr().out.splitlines() == ["S3 Assets: 1", "Cache Hit Rate: 100.0%"]

    left["asset_path"].unlink()
    assert left["cache_manager"].get_asset_path("dish-soap-us-001").read_bytes() == b"a picture of soap"

    run_block(PERFORMANCE_METRICS, cache_manager=left["cache_manager"])
    assert capsys.readouterr().out.splitlines() == [
        "Cache Hit Rate: 50.0%",
        "Total Downloads: 1",
        "Total Uploads: 1",
    ]
    left["cache_manager"].close()
