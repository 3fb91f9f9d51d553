"""Runs the Python blocks of the users' guide: their text, with only import lines adapted."""

from __future__ import annotations

import re
import textwrap
from typing import Any

_MODULES = ("cache_manager", "cache_manager_s3", "s3_migration", "s3_storage_manager")
_IMPORT = re.compile(rf"^from (?:{'|'.join(_MODULES)}) import", flags=re.MULTILINE)


def adapted(block: str) -> str:
    """Return a block of the guide with its imports as this package wants them."""
    return _IMPORT.sub("from creative_s3 import", textwrap.dedent(block))


def run_block(block: str, **names: object) -> dict[str, Any]:
    """Run one block and return the names that it leaves behind.

    Args:
        block: As it stands in the guide.
        names: What an earlier block of the guide has left.
    """
    namespace: dict[str, Any] = dict(names)
    exec(compile(adapted(block), "the guide", "exec"), namespace)  # noqa: S102 - our own text
    return namespace
