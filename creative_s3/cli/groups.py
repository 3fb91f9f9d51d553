"""Which module brings which of the root's commands: a command line loads only those that its words name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

NAMES = {
    "migrate.commands": ("migrate", "upload", "validate", "estimate"),
    "assets.commands": ("assets", "list", "download", "stats", "discover"),
    "tiers.commands": ("tiers", "tier-manage"),
    "bucket.commands": ("bucket", "init"),
    "lifecycle.commands": ("lifecycle",),
    "catalog.commands": ("catalog",),
    "cdn.commands": ("cdn",),
    "local.commands": ("local",),
    "config": ("config",),
    "status": ("status",),
    "doctor": ("doctor",),
    "demo": ("demo",),
}
"""By module, in the order of the help: what it registers at the root."""
_HELP = frozenset({"--help", "-h"})


def modules_for(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the modules that a command line may need: those of every name in it, or all of them.

    A value may look like a command's name; then one module too many is loaded.
    """
    words = set(arguments)
    found = tuple(module for module, names in NAMES.items() if words.intersection(names))
    return found if found and not words & _HELP else tuple(NAMES)


def register(root: typer.Typer, modules: Sequence[str] = tuple(NAMES)) -> None:
    """Add the commands of these modules to the root."""
    for module in modules:
        import_module(f"creative_s3.cli.{module}").register(root)
