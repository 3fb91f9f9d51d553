"""A machine that has the index and nothing else: every asset of it comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cli.program import Program

if TYPE_CHECKING:
    from pathlib import Path


def test_products_that_another_entry_describes_come_back_too(cli: Program, tmp_path: Path) -> None:
    assert cli("migrate", "upload").code == 0
    root = tmp_path / "other"
    (root / "cache").mkdir(parents=True)
    (root / "cache" / "index.json").write_bytes((cli.cwd / "cache" / "index.json").read_bytes())
    other = Program(cli.env, root)

    assert other("discover", "--sync").code == 0

    status = other("tiers", "status")
    assert "objects are gone" not in status.out
    cold = other("assets", "find", "--cold", "-q").out.split()
    assert other("tiers", "promote", *cold).code == 0
    for path in root.rglob("*.png"):
        assert path.read_bytes() == (cli.cwd / path.relative_to(root)).read_bytes()
    assert other("migrate", "upload", "--json").data["uploaded"] == 0
