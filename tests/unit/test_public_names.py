"""What `from creative_s3 import …` gives, and what it costs."""

from __future__ import annotations

import json
import subprocess
import sys
from enum import Enum
from pathlib import Path

import pytest

import creative_s3
from creative_s3 import SemanticMetadata, errors

NAMES = sorted(set(creative_s3.__all__) - {"__version__"})


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_can_be_imported_and_says_what_it_is(name: str) -> None:
    thing = getattr(creative_s3, name)
    assert thing.__name__ == name
    assert (thing.__doc__ or "").strip()


def test_dir_names_the_public_names() -> None:
    assert dir(creative_s3) == sorted(creative_s3.__all__)


def test_an_unknown_name_is_an_attribute_error_as_everywhere() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'S3Manager'"):
        _ = creative_s3.S3Manager  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("statement", "without"),
    [
        ("import creative_s3", {"boto3", "botocore", "pydantic", "awscrt", "sqlite3", "typer", "rich"}),
        ("from creative_s3 import AssetType, SemanticMetadata", {"boto3", "botocore", "pydantic"}),
        ("from creative_s3 import S3Config", {"boto3", "botocore", "awscrt"}),
        ("from creative_s3 import S3MigrationManager, S3StorageManager", {"typer", "rich"}),
    ],
)
def test_importing_loads_nothing_that_is_not_needed(statement: str, without: set[str]) -> None:
    code = f"{statement}; import json, sys; print(json.dumps(sorted(sys.modules)))"
    env = {"PYTHONPATH": str(Path(creative_s3.__file__).parents[1])}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert not without.intersection(json.loads(run.stdout))


def test_the_enumerations_are_the_pipelines() -> None:
    for name in ("AssetType", "ProductCategory", "Season", "VisualStyle"):
        assert issubclass(getattr(creative_s3, name), Enum)
    metadata = SemanticMetadata(asset_type=creative_s3.AssetType.COMPOSITE, region="US")
    assert metadata.to_dict()["asset_type"] == "composite"


def test_the_root_of_all_errors_is_public() -> None:
    assert issubclass(errors.RefusedError, creative_s3.CreativeS3Error)
