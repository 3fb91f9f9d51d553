"""The keys that entries of index.json get when it is published."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.intake import take_in
from creative_s3.core.files.workspace import Workspace
from creative_s3.core.index.index import assets_of
from creative_s3.core.index.stream import stream_entries
from creative_s3.core.index.survey import read_references
from creative_s3.core.published.assigned_keys import Placing
from creative_s3.core.published.publish import KEY_FIELDS
from tests.unit.indexes import PREFIX, composite, product

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PATHS = ("cache/one.png", "cache/two.png", "output/é one.png")
Keys = dict[tuple[str, str], dict[str, str]]


@contextmanager
def a_catalog(index: Mapping[str, Any]) -> Iterator[tuple[Workspace, Catalog]]:
    """Have a workspace with this index, and a catalog that has taken it in."""
    root = Path(tempfile.mkdtemp())
    try:
        (root / "cache").mkdir()
        workspace = Workspace(root / "cache")
        write(workspace, index)
        with Catalog(root / "catalog.sqlite3", bucket="b") as catalog:
            take_in(catalog, workspace)
            yield workspace, catalog
    finally:
        shutil.rmtree(root)


def write(workspace: Workspace, index: Mapping[str, Any]) -> None:
    workspace.index_path.write_text(json.dumps(index), encoding="utf-8")


def keys_of(workspace: Workspace, catalog: Catalog) -> Keys:
    entries = list(stream_entries(workspace.index_path))
    found = Placing(catalog, workspace, PREFIX).keys_of(entries)
    return {name: dict(keys) for name, keys in found.items()}


def expected_keys(workspace: Workspace, assigned: Mapping[str, str]) -> Keys:
    """Find the keys with the whole index in memory."""
    _, references, _ = read_references(workspace)
    keys = {
        (asset.file_path, identity): assigned[asset.cache_key]
        for asset in assets_of(references, PREFIX)
        if asset.cache_key in assigned
        for identity in (asset.cache_key, *asset.also_known_as)
    }
    found: Keys = {}
    for one in references:
        if key := keys.get((one.asset.file_path, one.asset.cache_key)):
            found.setdefault((one.section, one.entry), {})[KEY_FIELDS[one.field]] = key
    return found


def a_product(slug: str, path: str, original: str | None) -> dict[str, Any]:
    return {"slug": slug, "file_path": path, "product_cache_filename": original}


PATH = st.sampled_from(PATHS)
ENTRY = st.builds(composite, PATH, region=st.sampled_from(["US", "EMEA"])) | PATH.map(
    lambda path: {"file_path": path}
)
INDEX = st.fixed_dictionaries(
    {},
    optional={
        "products": st.dictionaries(
            st.sampled_from("ab"),
            st.builds(a_product, st.sampled_from("ab"), PATH, st.none() | st.sampled_from(["one.png", "x"])),
        ),
        "semantic_assets": st.dictionaries(st.sampled_from("abcd"), ENTRY),
        "cache_entries": st.dictionaries(st.sampled_from("abc"), ENTRY | st.sampled_from([7, {}])),
        "c": ENTRY,
        "version": st.just(3),
    },
)


@settings(max_examples=60)
@given(INDEX, st.sets(st.integers(0, 12)))
@example(
    {
        "products": {
            "a": a_product("a", "cache/one.png", "one.png"),
            "b": a_product("a", "cache/one.png", "x"),
        },
        "semantic_assets": {"a": composite("cache/one.png"), "b": composite("cache/one.png")},
        "a": composite("cache/one.png", region="US"),
    },
    set(),
)
def test_keys_are_those_of_the_whole_index_in_memory(index: dict[str, Any], without: set[int]) -> None:
    with a_catalog(index) as (workspace, catalog):
        _, references, _ = read_references(workspace)
        assigned = {
            asset.cache_key: f"{PREFIX}/{number}"
            for number, asset in enumerate(assets_of(references, PREFIX))
            if number not in without
        }
        catalog.remember(assignments=assigned)
        assert keys_of(workspace, catalog) == expected_keys(workspace, assigned)


def test_every_field_that_names_a_file_gets_the_key_of_its_object() -> None:
    soap = product("soap") | {"cache_filename": "other.png"}
    with a_catalog({"products": {"soap": soap}, "top": composite()}) as (workspace, catalog):
        # By the catalog's own names: of two files with one name it is the first field that keeps it.
        catalog.remember(
            assignments={
                row.asset.cache_key: f"{PREFIX}/{row.asset.file_path}" for row in catalog.assets.all()
            }
        )
        found = keys_of(workspace, catalog)
    assert found["products", "soap"] == {
        "s3_key": f"{PREFIX}/cache/products/soap/transparent.png",
        "product_s3_key": f"{PREFIX}/cache/products/soap/product.png",
        "cache_s3_key": f"{PREFIX}/cache/other.png",
    }
    assert found["", "top"] == {"s3_key": f"{PREFIX}/output/final.jpg"}


def test_an_entry_that_names_another_file_by_now_gets_no_key() -> None:
    before = {"cache_entries": {name: {"file_path": f"cache/{name}.png"} for name in "abc"}}
    with a_catalog(before) as (workspace, catalog):
        catalog.remember(assignments={name: f"{PREFIX}/{name}" for name in "abc"})
        write(
            workspace,
            {
                "cache_entries": {
                    "a": {"file_path": "cache/new.png"},
                    "b": {"file_path": str(workspace.root / "cache" / "b.png")},
                    "c": {"file_path": "../c.png"},
                    "new": {"file_path": "cache/c.png"},
                    "\ud800": {"file_path": "cache/c.png"},
                }
            },
        )
        assert keys_of(workspace, catalog) == {("cache_entries", "b"): {"s3_key": f"{PREFIX}/b"}}
