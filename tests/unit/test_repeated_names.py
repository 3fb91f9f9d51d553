"""A name that stands twice in a section of index.json: the later one counts, and it is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.intake import take_in
from creative_s3.core.files.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

MANY = 4_100
"""More than are taken in together."""
LARGE = "x" * (9 << 20)
"""From 8 MiB on, the first intake makes its tables' indexes at the end."""


def entries(path: str, *, fill: int = 0, notes: str = "") -> str:
    """Return the members of a section: ``a``, some others, and ``a`` again with another file."""
    first = f'"a": {{"file_path": "cache/{path}1.png", "notes": "{notes}"}}'
    others = [f'"n{number}": {{"file_path": "cache/n{number}.png"}}' for number in range(fill)]
    return ", ".join([first, *others, f'"a": {{"file_path": "cache/{path}2.png"}}'])


@pytest.mark.parametrize(
    ("section", "fill", "notes"),
    [
        ("cache_entries", 0, ""),
        ("cache_entries", MANY, ""),
        ("cache_entries", MANY, LARGE),
        ("products", 0, ""),
        ("products", MANY, ""),
    ],
)
def test_it_is_told_once_whenever_the_index_is_taken_in(
    tmp_path: Path, section: str, fill: int, notes: str
) -> None:
    workspace = Workspace(tmp_path / "cache")
    workspace.cache_dir.mkdir()
    told = ((f"{section}.a", "stands twice; the later one counts"),)
    with Catalog(tmp_path / "catalog", bucket="b") as catalog:
        for path in ("p", "q"):
            text = f'{{"{section}": {{{entries(path, fill=fill, notes=notes)}}}}}'
            workspace.index_path.write_text(text)
            take_in(catalog, workspace)
            assert catalog.problems()[0] == told
            assert {row.asset.file_path for row in catalog.assets.at([(section, "a")])} == {
                f"cache/{path}2.png"
            }
        workspace.index_path.write_text(json.dumps(json.loads(text)))
        take_in(catalog, workspace)
        assert catalog.problems()[0] == ()
