"""The sample workspace: real images, the pipeline's index, the hard cases, the same bytes every time."""

from __future__ import annotations

import json
import struct
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3.core import sample
from creative_s3.core.assets.models import AssetType
from creative_s3.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> sample.SampleSummary:
    return sample.make_workspace(tmp_path_factory.mktemp("made"))


@pytest.fixture
def index(made: sample.SampleSummary) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((made.cache_dir / "index.json").read_bytes())
    return content


def chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    place = 8
    while place < len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        data = content[place + 8 : place + 8 + length]
        assert struct.unpack_from(">I", content, place + 8 + length)[0] == zlib.crc32(kind + data)
        yield kind, data
        place += 12 + length


def decode(content: bytes) -> tuple[int, int, int, bytes]:
    """Return width, height, channels and the pixels of a PNG without filters, checking every part of it."""
    (first, header), *data, last = chunks(content)
    assert (first, last) == (b"IHDR", (b"IEND", b""))
    width, height, depth, colour_type, *rest = struct.unpack(">IIBBBBB", header)
    assert (depth, rest) == (8, [0, 0, 0])
    channels = {2: 3, 6: 4}[colour_type]
    rows = zlib.decompress(b"".join(part for kind, part in data if kind == b"IDAT"))
    stride = 1 + width * channels
    assert len(rows) == height * stride
    assert set(rows[::stride]) == {0}
    return width, height, channels, b"".join(rows[at + 1 : at + stride] for at in range(0, len(rows), stride))


def named_files(index: dict[str, Any]) -> set[str]:
    entries = [index["cache_entries"], index["semantic_assets"], index["products"], {"": index["deadbeef01"]}]
    return {entry["file_path"] for section in entries for entry in section.values()}


def test_every_image_decodes_and_is_neither_tiny_nor_huge(made: sample.SampleSummary) -> None:
    images = sorted(made.directory.rglob("*.png"))

    assert len(images) == 63
    for image in images:
        width, height, _, _ = decode(image.read_bytes())
        assert 100 <= min(width, height) <= max(width, height) <= 480, image
    assert made.size_bytes < 4 * 1024 * 1024


def test_transparent_products_have_clear_solid_and_soft_pixels(made: sample.SampleSummary) -> None:
    for image in made.directory.glob("cache/products/*/transparent.png"):
        _, _, channels, pixels = decode(image.read_bytes())
        alpha = set(pixels[3::4])
        assert channels == 4
        assert {0, 255} < alpha


def test_the_same_call_makes_the_same_bytes(made: sample.SampleSummary, tmp_path: Path) -> None:
    again = sample.make_workspace(tmp_path / "again").directory

    def contents(directory: Path) -> dict[str, bytes]:
        files = (path for path in directory.rglob("*") if path.is_file())
        return {str(path.relative_to(directory)): path.read_bytes() for path in files}

    assert contents(again) == contents(made.directory)


def test_the_summary_counts_what_is_there(made: sample.SampleSummary, index: dict[str, Any]) -> None:
    named = named_files(index) | {
        f"cache/{product['product_cache_filename']}" for product in index["products"].values()
    }
    existing = {path for path in named if (made.directory / path).is_file()}
    on_disk = {str(path.relative_to(made.directory)) for path in made.directory.rglob("*.png")}

    assert made.file_count == len(existing) == 62
    assert made.missing == tuple(named - existing) == ("cache/scenes/us/gone.png",)
    assert made.unindexed == tuple(on_disk - named) == ("cache/scenes/not_indexed.png",)
    assert made.size_bytes == sum((made.directory / path).stat().st_size for path in existing)


def test_the_index_has_the_pipelines_sections_and_every_asset_type(index: dict[str, Any]) -> None:
    assert list(index) == [
        "products",
        "cache_entries",
        "semantic_assets",
        "asset_versions",
        "reuse_patterns",
        "background_library",
        "deadbeef01",
    ]
    types = {entry["semantic_metadata"]["asset_type"] for entry in index["semantic_assets"].values()}
    assert types == {str(asset_type) for asset_type in AssetType}
    assert {entry["metadata"]["type"] for entry in index["cache_entries"].values()} == {
        "text_overlay",
        "layout",
    }
    assert all(key == entry["cache_key"] for key, entry in index["semantic_assets"].items())


def test_the_dimensions_in_the_index_are_the_images_own(
    made: sample.SampleSummary, index: dict[str, Any]
) -> None:
    for entry in index["semantic_assets"].values():
        dimensions = entry["semantic_metadata"]["dimensions"]
        path = made.directory / entry["file_path"]
        if dimensions and path.exists():
            assert decode(path.read_bytes())[:2] == tuple(dimensions)


def test_the_hard_cases_are_there(made: sample.SampleSummary, index: dict[str, Any]) -> None:
    assets = index["semantic_assets"]

    def content(key: str) -> bytes:
        path: str = assets[key]["file_path"]
        return (made.directory / path).read_bytes()

    one, other, copy = "scene_summer_us_001", "scene_summer_us_alt", "scene_summer_us_copy"
    assert assets[one]["file_path"].endswith("/background.png")
    assert assets[other]["file_path"].endswith("/background.png")
    assert assets[one]["semantic_metadata"] == assets[other]["semantic_metadata"]
    assert content(one) != content(other)
    assert content(one) == content(copy)
    assert {"日本の石けん", "crème-éclat-shampooing"} < index["products"].keys()
    assert any(" " in path for path in named_files(index))
    assert index["products"]["ultra-clean"]["file_path"] == assets["ultra-clean-transparent"]["file_path"]
    assert any(path.startswith("output/") for path in named_files(index))


def test_the_first_time_in_the_index_can_be_given(tmp_path: Path) -> None:
    first = sample.FIRST_CREATED_AT.replace(year=2031)

    sample.make_workspace(tmp_path / "later", created_at=first)

    index = json.loads((tmp_path / "later/cache/index.json").read_bytes())
    assert next(iter(index["products"].values()))["created_at"] == "2031-03-01T09:00:00"


def test_a_directory_that_is_not_empty_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(RefusedError, match="not empty"):
        sample.make_workspace(tmp_path)
    with pytest.raises(RefusedError, match="not a directory"):
        sample.make_workspace(tmp_path / "mine.txt")

    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
