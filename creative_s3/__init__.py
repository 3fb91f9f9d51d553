"""creative-s3: moves a creative pipeline's asset cache to S3, proves every byte, prices every step first.

Public names load lazily, so that importing the package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from creative_s3.settings import S3Config

__version__ = "0.1.0"
__all__ = ["S3Config", "__version__"]

_HOMES = {"S3Config": "creative_s3.settings"}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
