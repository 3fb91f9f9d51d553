"""The values: equal when they mean the same, and in the pipeline's own words."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.assets.models import (
    KIND_OF_TYPE,
    Asset,
    AssetType,
    Kind,
    ProductCategory,
    Season,
    SemanticMetadata,
    StoredObject,
    VisualStyle,
)
from creative_s3.core.index.fields import semantic_metadata

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
METADATA = st.builds(
    SemanticMetadata,
    asset_type=st.sampled_from(AssetType),
    product_category=st.none() | TEXT | st.sampled_from(ProductCategory),
    region=st.none() | TEXT,
    visual_style=st.none() | TEXT | st.sampled_from(VisualStyle),
    season=TEXT | st.sampled_from(Season),
    color_palette=st.lists(TEXT, max_size=3),
    tags=st.lists(TEXT, max_size=3),
    dimensions=st.none() | st.lists(st.integers(0, 10**6), min_size=2, max_size=2),
    aspect_ratio=st.none() | TEXT,
)


@given(METADATA)
def test_metadata_written_for_the_pipeline_reads_back_as_it_was(metadata: SemanticMetadata) -> None:
    assert semantic_metadata(metadata.to_dict(), metadata.asset_type) == metadata


def test_lists_and_tuples_make_equal_metadata_that_can_be_a_key() -> None:
    lists = SemanticMetadata(AssetType.COMPOSITE, tags=["a"], dimensions=[4, 5])  # type: ignore[arg-type]
    tuples = SemanticMetadata(AssetType.COMPOSITE, tags=("a",), dimensions=(4, 5))
    assert lists == tuples
    assert hash(lists) == hash(tuples)


def test_every_asset_type_has_a_kind() -> None:
    assert set(KIND_OF_TYPE) == set(AssetType)


@pytest.mark.parametrize(
    ("asset", "kind", "asset_type"),
    [
        (Asset("a", "x", SemanticMetadata(AssetType.COMPOSITE)), Kind.COMPOSITE, "composite"),
        (Asset("a", "x", SemanticMetadata(AssetType.SOLID_BACKGROUND)), Kind.BACKGROUND, "solid_background"),
        (Asset("a", "x", cache_type="layout"), Kind.CACHE, "layout"),
        (Asset("a", "x"), Kind.CACHE, "unspecified"),
        (Asset("a", "x", indexed=False), Kind.UNSORTED, "unsorted"),
    ],
)
def test_an_asset_knows_its_kind_and_its_type(asset: Asset, kind: Kind, asset_type: str) -> None:
    assert asset.kind is kind
    assert asset.asset_type == asset_type


def test_values_cannot_be_changed() -> None:
    for value in (Asset("a", "x"), SemanticMetadata(AssetType.COMPOSITE), StoredObject("k", 1, "tag")):
        for field in dataclasses.fields(value):
            with pytest.raises(dataclasses.FrozenInstanceError):
                setattr(value, field.name, None)


def test_what_a_head_adds_to_the_metadata_does_not_make_another_object() -> None:
    listed = StoredObject("k", 1, "tag")
    assert listed == dataclasses.replace(listed, metadata={"cache-key": "a"})
    assert listed != dataclasses.replace(listed, etag="other")
