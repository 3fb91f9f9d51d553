"""Index documents as the pipeline writes them, and the short way to read one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from creative_s3.core.index.index import Index, IndexProblem, Reference, assets_of, references

if TYPE_CHECKING:
    from creative_s3.core.assets.models import Asset

PREFIX = "creative-assets"
CACHE = Path("/studio/cache")


def walk(document: dict[str, Any], cache_dir: Path = CACHE) -> tuple[list[Reference], list[IndexProblem]]:
    found: list[Reference] = []
    problems: list[IndexProblem] = []
    for thing in references(Index(cache_dir / "index.json", document), cache_dir=cache_dir):
        if isinstance(thing, Reference):
            found.append(thing)
        else:
            problems.append(thing)
    return found, problems


def assets(document: dict[str, Any], cache_dir: Path = CACHE) -> dict[str, Asset]:
    found, problems = walk(document, cache_dir)
    assert problems == []
    return {asset.cache_key: asset for asset in assets_of(found, PREFIX)}


def problem(document: dict[str, Any]) -> IndexProblem:
    found, problems = walk(document)
    assert found == []
    assert len(problems) == 1
    return problems[0]


def composite(file_path: object = "output/final.jpg", **details: object) -> dict[str, Any]:
    return {"file_path": file_path, "semantic_metadata": {"asset_type": "composite", **details}}


def product(slug: str, **fields: object) -> dict[str, Any]:
    folder = f"products/{slug}"
    return {
        "name": slug,
        "slug": slug,
        "file_path": f"cache/{folder}/transparent.png",
        "cache_filename": f"{folder}/transparent.png",
        "product_cache_filename": f"{folder}/product.png",
        "tags": ["hair_care", "cpg"],
        "campaigns_used": ["spring"],
        "created_at": "2025-01-01T00:00:00",
        **fields,
    }
