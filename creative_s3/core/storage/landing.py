"""Where content from a bucket may land in a workspace, whatever bucket, published index or catalog say.

Anybody may have written them, and a file such as ``.env``, a hook or a module would be run or obeyed by the
next program. Inside the cache directory nothing is run. Outside it, only pictures, videos and documents land,
and only in folders for them. Nothing here writes.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from creative_s3.core.files.media_types import HEAD_BYTES, has_media_name, is_active, is_media
from creative_s3.core.files.workspace import INDEX_NAME
from creative_s3.core.storage.placement import folded, place_of, root_of
from creative_s3.errors import ItemError, UnsafeKeyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from creative_s3.core.assets.models import Asset
    from creative_s3.core.catalog.catalog import Catalog
    from creative_s3.core.files.workspace import Workspace

OUTPUT = "output"
"""Where the pipeline puts what it has made; beside it, the folders that this workspace's own index uses."""
_ELSEWHERE = "s3"
"""Where files go that have no other place, inside the cache directory."""


_MOST_PATH_BYTES = 3840
"""Linux takes 4,095; the temporary file beside it has a longer name."""
_OUR_ENDINGS = (".part", ".leaving")
_CONTROLS = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]")
"""What moves a terminal's cursor, ends a line or turns the direction of text."""


def has_hidden_part(file_path: str) -> bool:
    """Tell whether a path in the cache is none for assets.

    A part of it begins with a dot, as our own names do and what tools read unasked; or it looks like the
    index, a file beside it, or a temporary file of ours.
    """
    return file_path.startswith(".") or "/." in file_path or _is_like_ours(file_path)


def _is_like_ours(file_path: str) -> bool:
    """Tell whether a path in the cache looks like the index or a temporary file; derived ones never do."""
    _, _, below = file_path.partition("/")
    first, _, rest = below.partition("/")
    if rest and first == _ELSEWHERE:
        return False
    if _plain(first).startswith(INDEX_NAME):
        return True
    return _plain(file_path).endswith(_OUR_ENDINGS)


def _plain(name: str) -> str:
    """Return a name as a person reads it: without case, dotless i and spaces around it."""
    return folded(name).replace("\N{LATIN SMALL LETTER DOTLESS I}", "i").strip()


class Landing:
    """The places of one workspace.

    Args:
        workspace: Which one.
        folders: Returns the folders outside the cache directory that its own index uses; asked at most once.
    """

    def __init__(self, workspace: Workspace, folders: Callable[[], Iterable[str]] = tuple) -> None:
        self._workspace = workspace
        self._ask = folders
        self._folders: frozenset[str] | None = None

    def problem(self, file_path: str) -> str:
        """Say why no content from a bucket may land there; empty when it may."""
        parts = file_path.split("/")
        if "\0" in file_path or any(part in {"", ".", ".."} for part in parts):
            return "it leads out of the workspace, or names no file"
        if any(part.startswith(".") for part in parts):
            return "a part of it begins with a dot"
        if len(f"{self._workspace.root}/{file_path}".encode("utf-8", "surrogatepass")) > _MOST_PATH_BYTES:
            return "it is longer than a path may be"
        if self.is_inside(file_path):
            return "it is named as the index or a temporary file" if _is_like_ours(file_path) else ""
        return self._problem_outside(file_path, parts)

    def _problem_outside(self, file_path: str, parts: list[str]) -> str:
        if len(parts) == 1 or parts[0] not in self._known_folders():
            return "it lies outside the cache directory, in no folder that this workspace's index uses"
        if _CONTROLS.search(file_path):
            return "it lies outside the cache directory, and has control characters in its name"
        if not has_media_name(parts[-1]):
            return "it lies outside the cache directory, and is named as no picture, video or document"
        return ""

    def is_inside(self, file_path: str) -> bool:
        """Tell whether a path is one inside the cache directory."""
        return file_path.startswith(f"{self._workspace.cache_dir.name}/")

    def place(self, file_path: str) -> Path:
        """Return where a file of the workspace lands.

        Raises:
            UnsafeKeyError: No content from a bucket may land there.
        """
        if problem := self.problem(file_path):
            raise UnsafeKeyError(f"nothing is brought to {file_path!r}: {problem}", item=file_path)
        return place_of(self._workspace, file_path)

    def root(self, file_path: str) -> Path:
        """Return the folder above a file's place that may be reached by links; none is followed below it."""
        return root_of(self._workspace, file_path)

    def checker(self, file_path: str) -> Callable[[Path], None] | None:
        """Return what looks at a file before it gets its name; None where any content may land."""
        return None if self.is_inside(file_path) else _check_content

    def derived(self, below: str) -> str:
        """Return the path in the cache directory of what has no other place.

        Args:
            below: The object's key, below the prefix.
        """
        return f"{self._workspace.cache_dir.name}/{_ELSEWHERE}/{below}"

    def landed(self, asset: Asset, below: str) -> Asset:
        """Return an asset that only the bucket knows, with a file that may be where it is said to be.

        Args:
            asset: As its object describes it.
            below: The object's key, below the prefix.
        """
        return replace(asset, file_path=self.derived(below)) if self.problem(asset.file_path) else asset

    def _known_folders(self) -> frozenset[str]:
        if self._folders is None:
            self._folders = frozenset((OUTPUT, *self._ask()))
        return self._folders


def landing_in(workspace: Workspace, catalog: Catalog) -> Landing:
    """Return the places of a workspace whose index the catalog has taken in."""
    return Landing(workspace, lambda: catalog.assets.outer_folders(f"{workspace.cache_dir.name}/"))


def _check_content(path: Path) -> None:
    """Look at a file that is to land outside the cache directory.

    Raises:
        ItemError: It is no picture, video or document.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        if not head:
            return
        what = "no picture, video or document" if not is_media(head) else ""
        file.seek(0)
        if not what and is_active(file):
            what = "a picture that may hold a program"
    if what:
        raise ItemError(
            f"what S3 holds is {what}: outside the cache directory, only pictures, videos and documents land",
            hint="fetch it as a file: creative-s3 assets download KEY --output FILE",
        )
