"""The layout: keys that say what an asset is, and objects that rebuild their asset."""

from __future__ import annotations

import string
from dataclasses import replace

import pytest
from hypothesis import assume, example, given, reject
from hypothesis import strategies as st

from creative_s3.core.assets.layout import (
    KEY_LIMIT_BYTES,
    METADATA_LIMIT_BYTES,
    TAG_LIMIT,
    asset_of,
    format_parts,
    key_of,
    known,
    left_out,
    object_metadata,
    object_tags,
    owner_of,
    parse_key,
    parts_of,
    suffixed,
)
from creative_s3.core.assets.models import (
    Asset,
    AssetType,
    Kind,
    ProductCategory,
    Season,
    SemanticMetadata,
    VisualStyle,
)
from creative_s3.errors import RefusedError
from creative_s3.settings import S3Config

PREFIX = "creative-assets"
TAG_CHARACTERS = frozenset(string.ascii_letters + string.digits + " +-=._:/@")

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
PART = st.text(st.characters(codec="utf-8", exclude_characters="/\\\0"), min_size=1, max_size=60).filter(
    lambda part: part not in {".", ".."}
)
PATH = st.builds(lambda *parts: "/".join(parts), st.just("cache"), PART, PART)
MAYBE = st.none() | TEXT
METADATA = st.builds(
    SemanticMetadata,
    asset_type=st.sampled_from(AssetType),
    product_category=MAYBE | st.sampled_from(ProductCategory),
    region=MAYBE,
    visual_style=MAYBE | st.sampled_from(VisualStyle),
    season=TEXT | st.sampled_from(Season),
    color_palette=st.lists(TEXT, max_size=3).map(tuple),
    tags=st.lists(TEXT, max_size=4).map(tuple),
    dimensions=st.none() | st.tuples(st.integers(0, 10**9), st.integers(0, 10**9)),
    aspect_ratio=MAYBE,
)
SEMANTIC = st.builds(
    Asset,
    cache_key=TEXT,
    file_path=PATH,
    metadata=METADATA,
    product_slug=MAYBE,
    campaign_id=MAYBE,
    created_at=MAYBE,
)
CACHE_ENTRY = st.builds(
    Asset,
    cache_key=TEXT,
    file_path=PATH,
    # Where there is no type, "unspecified" says so; it is the one word that is not read back.
    cache_type=MAYBE.filter(lambda text: text != "unspecified"),
    product_slug=MAYBE,
    campaign_id=MAYBE,
    created_at=MAYBE,
)
UNSORTED = st.builds(
    lambda cache_key, parts: Asset(cache_key, "/".join(["cache", *parts]), indexed=False),
    TEXT,
    st.lists(PART, min_size=1, max_size=12),
)
ASSET = SEMANTIC | CACHE_ENTRY | UNSORTED


def fits(asset: Asset) -> bool:
    try:
        return not left_out(asset)
    except RefusedError:
        return False


def as_allowed(prefix: str) -> str:
    return S3Config(prefix=prefix).prefix


PREFIXES = st.sampled_from(
    ["", PREFIX, "a/b/c", as_allowed("p" * 400), as_allowed("/".join(["é" * 10] * 19)), "products"]
)

GOLDEN = [
    (
        Asset("a", "cache/p/Product Shot.PNG", SemanticMetadata(AssetType.PRODUCT_TRANSPARENT)),
        "products/transparent/unspecified/unspecified/product-shot.png",
    ),
    (
        Asset(
            "a",
            "cache/p/product.png",
            SemanticMetadata(AssetType.PRODUCT_ORIGINAL, product_category=ProductCategory.HAIR_CARE),
            product_slug="crème-éclat",
        ),
        "products/original/hair_care/creme-eclat/product.png",
    ),
    (
        Asset(
            "a",
            "cache/s/background.jpg",
            SemanticMetadata(AssetType.SCENE_BACKGROUND, region="EMEA", season=Season.BACK_TO_SCHOOL),
        ),
        "backgrounds/scene/emea/back_to_school/background.jpg",
    ),
    (
        Asset(
            "a",
            "cache/s/kitchen.jpg",
            SemanticMetadata(AssetType.CONTEXTUAL_BACKGROUND, product_category="pet food", region="US"),
        ),
        "backgrounds/contextual/pet-food/us/none/kitchen.jpg",
    ),
    (
        Asset(
            "a",
            "cache/s/warm.jpg",
            SemanticMetadata(AssetType.GRADIENT_BACKGROUND, visual_style=VisualStyle.WARM),
        ),
        "backgrounds/gradient/warm/warm.jpg",
    ),
    (
        Asset(
            "a",
            "cache/s/red.jpg",
            SemanticMetadata(AssetType.SOLID_BACKGROUND, color_palette=("#FF0000", "#00FF00")),
        ),
        "backgrounds/solid/ff0000/red.jpg",
    ),
    (
        Asset(
            "a",
            "output/soap/hero/us/1x1/final.jpg",
            SemanticMetadata(AssetType.COMPOSITE, aspect_ratio="1x1"),
            product_slug="power-dish-soap",
            campaign_id="summer 2025",
        ),
        "composites/summer-2025/power-dish-soap/1x1/final.jpg",
    ),
    (
        Asset("a", "cache/text/overlay one.png", cache_type="text_overlay", campaign_id="summer_2025"),
        "cache/text_overlay/summer_2025/overlay-one.png",
    ),
    (Asset("a", "cache/x.bin"), "cache/unspecified/unspecified/x.bin"),
    (Asset("a", "cache/Old Shots/№1/x.PNG", indexed=False), "unsorted/old-shots/e284961/x.png"),
]


@pytest.mark.parametrize(("asset", "key"), GOLDEN)
def test_an_asset_of_each_type_has_its_documented_key(asset: Asset, key: str) -> None:
    assert key_of(asset, PREFIX) == f"{PREFIX}/{key}"
    assert key_of(asset, "") == key


@given(ASSET, PREFIXES)
def test_a_key_taken_apart_gives_the_parts_it_was_made_of(asset: Asset, prefix: str) -> None:
    parts = parts_of(asset)
    key = format_parts(parts, prefix)
    found = parse_key(key, prefix)
    if asset.indexed or key.endswith(parts.leaf):
        assert found == parts
    else:
        assert found is not None
        assert found.kind is Kind.UNSORTED


@given(ASSET, PREFIXES)
def test_a_key_and_its_metadata_rebuild_the_asset_exactly(asset: Asset, prefix: str) -> None:
    assume(fits(asset))
    metadata = object_metadata(asset)
    rebuilt = asset_of(key_of(asset, prefix), metadata, prefix)
    assert rebuilt == replace(asset, also_known_as=(), last_used=None)
    assert owner_of(metadata) == asset.cache_key


@given(ASSET)
@example(replace(GOLDEN[0][0], metadata=SemanticMetadata(AssetType.COMPOSITE, tags=("日" * 300,))))
def test_metadata_is_printable_ascii_within_two_kilobytes(asset: Asset) -> None:
    try:
        metadata = object_metadata(asset)
    except RefusedError:
        reject()
    for name, value in metadata.items():
        assert name.isascii()
        assert value.isascii()
        assert value.isprintable()
        assert value == value.strip() != ""
    assert sum(len(name) + len(value) for name, value in metadata.items()) <= METADATA_LIMIT_BYTES
    assert metadata["cache-key"]
    assert metadata["asset-type"]


@given(ASSET)
@example(GOLDEN[6][0])
@example(Asset("a", "cache/x", campaign_id="x" * 255 + " " + "y" * 20))
@example(Asset("a", "cache/x", campaign_id="\x00"))
def test_tags_are_few_short_and_in_characters_that_every_service_takes(asset: Asset) -> None:
    tags = object_tags(asset)
    assert 1 <= len(tags) <= TAG_LIMIT
    for name, value in tags.items():
        assert 1 <= len(name) <= 128
        assert 1 <= len(value) <= 256
        assert set(name) | set(value) <= TAG_CHARACTERS
        assert value == value.strip()
        assert not name.startswith("aws:")


@given(ASSET, PREFIXES, st.text("0123456789abcdef", min_size=1, max_size=16))
@example(Asset("a", "cache/" + "/".join(["d" * 100] * 9) + "/abc.png", indexed=False), PREFIX, "0" * 16)
@example(Asset("a", "cache/" + "/".join(["d" * 97] * 10) + "/abc.png", indexed=False), "pre", "0" * 16)
def test_any_key_fits_into_1024_bytes_and_so_does_its_suffixed_form(
    asset: Asset, prefix: str, content: str
) -> None:
    key = key_of(asset, prefix)
    longer = suffixed(key, content)
    assert len(key.encode()) < len(longer.encode()) <= KEY_LIMIT_BYTES
    plain, other = parse_key(key, prefix), parse_key(longer, prefix)
    assert plain is not None
    assert other is not None
    assert (other.kind, other.asset_type, other.fields) == (plain.kind, plain.asset_type, plain.fields)
    assert other.leaf != plain.leaf
    assert f"-{content}" in other.leaf


@pytest.mark.parametrize("depth", range(1, 12))
@pytest.mark.parametrize("last", [1, 50, 100, 127])
def test_unsorted_keys_fit_at_every_depth(depth: int, last: int) -> None:
    asset = Asset("a", "/".join(["cache", *["d" * 99] * depth, "e" * last, "x.png"]), indexed=False)
    assert len(suffixed(key_of(asset, "p"), "0" * 16).encode()) <= KEY_LIMIT_BYTES


def test_two_deep_files_stay_apart_when_their_keys_are_shortened() -> None:
    folder = "/".join(["cache", *["d" * 100] * 12])
    keys = {key_of(Asset(name, f"{folder}/{name}", indexed=False), PREFIX) for name in ("a.png", "b.png")}
    assert len(keys) == 2
    assert all(key.endswith(".png") for key in keys)


def test_a_prefix_that_leaves_no_room_is_refused() -> None:
    asset = GOLDEN[6][0]
    with pytest.raises(RefusedError, match=r"1,024 bytes") as caught:
        key_of(asset, "p" * 1000)
    assert caught.value.hint == "choose a shorter S3_PREFIX"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a/product.png", "a/product-1234abcd.png"),
        ("a/png", "a/png-1234abcd"),
        ("product.png", "product-1234abcd.png"),
        ("a.b/c", "a.b/c-1234abcd"),
    ],
)
def test_a_suffix_stands_before_the_extension_of_the_leaf(key: str, expected: str) -> None:
    assert suffixed(key, "1234abcd") == expected


@pytest.mark.parametrize(
    "key",
    [
        "",
        "creative-assets",
        "creative-assets/",
        "creative-assets/metadata/index.json",
        "creative-assets/products/transparent/x/y",
        "creative-assets/products/other/x/y/z",
        "creative-assets/products/transparent/x/y/z/more",
        "creative-assets/products/transparent/../y/z",
        "creative-assets/products/transparent//y/z",
        "creative-assets/unsorted",
        "creative-assets/unsorted/../x",
        "creative-assets/unsorted/",
        "creative-assets-2/unsorted/x",
        "other/unsorted/x",
    ],
)
def test_a_foreign_key_is_not_taken_for_one_of_the_layout(key: str) -> None:
    assert parse_key(key, PREFIX) is None
    assert asset_of(key, {"cache-key": "a", "file-path": "cache/x"}, PREFIX) is None


@given(st.text(), st.dictionaries(st.text(max_size=20), st.text(max_size=50), max_size=5))
def test_whatever_stands_in_a_bucket_never_breaks_the_reading(leaf: str, metadata: dict[str, str]) -> None:
    for folder in ("", "unsorted/", "products/transparent/a/b/", "cache/a/b/"):
        asset_of(folder + leaf, {"cache-key": "a", "file-path": "cache/x", **metadata}, "")
        owner_of(metadata)


@pytest.mark.parametrize(
    "path", ["../x", "/etc/passwd", "cache/../../x", "cache\\..\\x", "a\0b", "%2e%2e/x", ""]
)
def test_metadata_that_leads_outside_the_workspace_rebuilds_nothing(path: str) -> None:
    assert asset_of("unsorted/x", {"cache-key": "a", "file-path": path}, "") is None


@pytest.mark.parametrize("text", ["1x", "x1", "-1x2", "1.5x2", "9" * 5000 + "x1", "٣x٤", ""])
def test_dimensions_that_are_no_numbers_are_left_out(text: str) -> None:
    key = "backgrounds/solid/red/x.png"
    asset = asset_of(key, {"cache-key": "a", "file-path": "x.png", "dimensions": text}, "")
    assert asset is not None
    assert asset.metadata is not None
    assert asset.metadata.dimensions is None


def test_bytes_that_are_no_utf8_in_metadata_are_read_with_a_mark() -> None:
    assert owner_of({"cache-key": "a%ff"}) == "a\ufffd"


def test_the_owner_is_found_whatever_the_case_of_the_names() -> None:
    assert owner_of({"Cache-Key": "caf%C3%A9"}) == "café"
    assert owner_of({"other": "x"}) is None
    assert owner_of({"cache-key": ""}) is None
    assert owner_of(None) is None


def test_what_does_not_fit_is_left_out_in_a_fixed_order_and_named() -> None:
    full = SemanticMetadata(
        AssetType.COMPOSITE, color_palette=("#ABCDEF",) * 150, tags=("t" * 1000,), dimensions=(4, 5)
    )
    asset = Asset("a", "cache/x.png", full)
    assert left_out(Asset("a", "cache/x.png", SemanticMetadata(AssetType.COMPOSITE, tags=("t",)))) == ()
    assert left_out(asset) == ("color-palette",)
    assert set(left_out(replace(asset, campaign_id="c" * 1100))) == {"color-palette", "dimensions", "tags"}


def test_an_identity_that_does_not_fit_is_refused_with_a_remedy() -> None:
    with pytest.raises(RefusedError, match="S3 takes 2,048") as caught:
        object_metadata(Asset("日" * 700, "cache/x.png"))
    assert caught.value.hint is not None
    assert "index.json" in caught.value.hint


def test_an_unknown_value_is_carried_as_text() -> None:
    assert known(Season, "monsoon") == "monsoon"
    assert known(Season, "winter") is Season.WINTER
    assert known(Season, "") is None
    assert known(Season, None) is None
