"""Files and names that the pipeline hands over: where a file is in the workspace, what slug a product has."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from creative_s3.core.arguments import local_file
from creative_s3.core.files.own_files import PRIVATE_DIRECTORY
from creative_s3.core.files.workspace import FileState
from creative_s3.core.index.documents import DEPTH_LIMIT, is_too_deep
from creative_s3.errors import FileUnreadableError, FileVanishedError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from creative_s3.core.files.workspace import Workspace

GivenPath = str | os.PathLike[str]


def check_entry(section: str, name: str, value: Mapping[str, Any]) -> None:
    """Refuse what index.json cannot hold, or could not be read from it again.

    Raises:
        UsageError: The name is no text, or a value is no JSON.
    """
    try:
        if not isinstance(name, str):
            raise TypeError(f"its name is {type(name).__name__}, not text")  # noqa: TRY301 - one message for all
        name.encode()
        json.dumps(value, allow_nan=False).encode()
        if is_too_deep({section: {name: value}}):
            raise ValueError(f"it is nested more than {DEPTH_LIMIT} levels deep")  # noqa: TRY301 - the same
    except (TypeError, ValueError, RecursionError) as error:
        reason = "it has half a surrogate pair, which is no character" if _is_encoding(error) else str(error)
        raise UsageError(
            f"the asset cannot be registered: {reason}",
            item=repr(name)[:80],
            hint="give text, numbers, lists and objects that JSON can hold",
        ) from error


def _is_encoding(error: Exception) -> bool:
    return isinstance(error, UnicodeEncodeError)


def given_file(workspace: Workspace, given: GivenPath) -> Path:
    """Return a file of the workspace, absolute.

    Raises:
        FileVanishedError: There is none.
        FileUnreadableError: It cannot be used.
        RefusedError: It lies outside the workspace.
    """
    path = Path(os.path.abspath(workspace.root / local_file(given)))  # noqa: PTH100 - links are kept
    if not path.exists():
        beside = Path(os.path.abspath(given))  # noqa: PTH100 - the same
        path = beside if beside.exists() else path
    if not path.is_relative_to(workspace.root):
        raise RefusedError(
            f"the file lies outside the workspace {workspace.root}",
            item=str(path),
            hint="copy it into the cache directory, then register it there",
        )
    if path == workspace.index_path or path.is_relative_to(workspace.cache_dir / PRIVATE_DIRECTORY):
        hint = "register the file of an asset"
        raise RefusedError("this file belongs to the cache itself", item=str(path), hint=hint)
    file = workspace.locate(workspace.relative(path))
    if file.state is FileState.MISSING:
        raise FileVanishedError(
            "there is no such file", item=str(path), hint="write it first, then register it"
        )
    if file.state is not FileState.PRESENT:
        raise FileUnreadableError(f"the file cannot be used: {file.reason}", item=str(path))
    return path


def name_in_cache(workspace: Workspace, given: GivenPath | None) -> str | None:
    """Return a product's cache file as the pipeline writes it: relative to the cache directory."""
    if given is None:
        return None
    inside = Path(os.path.abspath(workspace.cache_dir / given))  # noqa: PTH100 - links are kept
    file = inside if inside.is_file() else given_file(workspace, given)
    if file.is_relative_to(workspace.cache_dir):
        return file.relative_to(workspace.cache_dir).as_posix()
    return workspace.relative(file)


def slug_of_product(name: str) -> str:
    """Return the slug that the pipeline gives a product's name.

    Letters and digits of any script stay, in lower case; spaces, hyphens and underscores become one hyphen;
    everything else goes.
    """
    if not isinstance(name, str):
        raise UsageError("a product's name is text", item=repr(name)[:80])
    kept = (
        character if character.isalnum() else "-" if character.isspace() or character in "_-" else ""
        for character in name.lower()
    )
    return "-".join(filter(None, "".join(kept).split("-")))
