"""Taking in a long index.json: group by group, several in a transaction."""

from __future__ import annotations

import json
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.intake import take_in
from creative_s3.core.files.workspace import Workspace
from creative_s3.core.index.survey import read_references
from creative_s3.errors import IndexFileError
from tests.unit.indexes import composite, product

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "cache").mkdir()
    return Workspace(tmp_path / "cache")


def write(workspace: Workspace, index: dict[str, Any]) -> None:
    workspace.index_path.write_text(json.dumps(index), encoding="utf-8")


def rows(catalog: Catalog) -> dict[tuple[str, str, str], tuple[str, str | None]]:
    return {
        (row.section, row.entry, row.field): (row.asset.file_path, row.asset.product_slug)
        for row in catalog.assets.all()
    }


@pytest.mark.parametrize("are_products_first", [True, False])
def test_many_groups_are_read_as_one_index(workspace: Workspace, *, are_products_first: bool) -> None:
    products = {f"soap-{number}": product(f"soap-{number}") for number in range(600)}
    composites = {f"soap-{number}_x": composite(f"output/{number}.jpg") for number in range(4300)}
    sections: dict[str, Any] = {"products": products, "semantic_assets": composites}
    if not are_products_first:
        sections = dict(reversed(sections.items()))
    write(workspace, {**sections, "top": composite("output/top.jpg")})
    with Catalog(workspace.root / "catalog.sqlite3", bucket="b") as catalog:
        take_in(catalog, workspace)
        _, references, _ = read_references(workspace)
        assert rows(catalog) == {
            (one.section, one.entry, one.field): (one.asset.file_path, one.asset.product_slug)
            for one in references
        }
        # Again, with the last ones gone: what stays is known.
        for number in range(4200, 4300):
            del composites[f"soap-{number}_x"]
        write(workspace, sections)
        report = take_in(catalog, workspace)
        assert (report.written, report.removed) == (0, 101)


def test_what_was_read_before_the_damage_is_no_loss(workspace: Workspace) -> None:
    index = json.dumps({"semantic_assets": {f"c-{number}": composite() for number in range(5000)}})
    workspace.index_path.write_text(index[:-2], encoding="utf-8")
    with Catalog(workspace.root / "catalog.sqlite3", bucket="b") as catalog:
        with pytest.raises(IndexFileError, match="not valid JSON"):
            take_in(catalog, workspace)
        workspace.index_path.write_text(index, encoding="utf-8")
        take_in(catalog, workspace)
        assert catalog.assets.count() == 5000


def test_a_long_index_needs_little_memory(workspace: Workspace) -> None:
    entries = {f"c-{number}": {**composite(), "notes": "x" * 6000} for number in range(4000)}
    write(workspace, {"semantic_assets": entries})
    del entries
    with Catalog(workspace.root / "catalog.sqlite3", bucket="b") as catalog:
        tracemalloc.start()
        try:
            take_in(catalog, workspace)
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak_bytes < workspace.index_path.stat().st_size / 2
