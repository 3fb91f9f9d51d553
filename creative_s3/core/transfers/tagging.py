"""Tags as a request's header has them: the same few words in thousands of objects, each encoded once."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORDS = 4096


def tagging(tags: Mapping[str, str]) -> str:
    """Return tags in the form of a URL's query (AWS: "PutObject", ``x-amz-tagging``)."""
    return "&".join([f"{_quoted(name)}={_quoted(value)}" for name, value in tags.items()])


_quoted = lru_cache(_WORDS)(quote_plus)
