"""Where downloads go: from a key to a path that stays inside the output directory.

Keys come from a bucket that anybody may have written to. What is refused here is refused on every system, so
that the same download succeeds or fails everywhere. Nothing here writes, except the probe of `ignores_case`.
"""

from __future__ import annotations

import re
import tempfile
import time
import unicodedata
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from creative_s3.core.files.folders import check_no_links
from creative_s3.core.files.output_files import check_replaceable
from creative_s3.core.files.own_files import PRIVATE_DIRECTORY
from creative_s3.core.shell_words import quoted
from creative_s3.errors import UnsafeKeyError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from creative_s3.core.files.workspace import Workspace

NAME_LIMIT_BYTES = 255
"""What nearly all file systems allow for one name."""

_DRIVE = re.compile(r"[A-Za-z]:")
_DEVICE = re.compile(r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³])(?:\.|$)", re.IGNORECASE)
_USUAL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}(?:\.[A-Za-z0-9_-]{1,20}){0,3}")
_SHOWN_CHARACTERS = 40
_CHECK_EVERY_S = 0.5


def safe_path(relative: str) -> PurePosixPath:
    """Return the relative path for a key, or for what follows a prefix in it.

    Raises:
        UnsafeKeyError: It would leave the directory, or some system cannot hold it or reads it otherwise.
    """
    if problem := next(filter(None, map(_problem_of, relative.split("/"))), None):
        raise UnsafeKeyError(problem, item=relative)
    return PurePosixPath(relative)


def path_here(relative: str) -> PurePosixPath:
    """Return the path of a file that another machine of the team has, where only this system's rules count.

    Names that end with a dot or a space, or have a backslash in them, are kept here as they are. They must
    be safe where these are lost, too, and where a backslash separates folders.

    Raises:
        UnsafeKeyError: As `safe_path` does for all else.
    """
    names = relative.replace("\\", "/").split("/")
    safe_path("/".join(name if name in {"", ".", ".."} else name.rstrip(". ") or "_" for name in names))
    if any(_weight(name) > NAME_LIMIT_BYTES for name in relative.split("/")):
        safe_path(relative)
    return PurePosixPath(relative)


def _problem_of(name: str) -> str | None:
    """Say why one part of a key cannot be a file name; None when it can."""
    if _USUAL.fullmatch(name) and not _DEVICE.match(name):
        return None  # as all rules together would say
    shown = f"'{name if len(name) <= _SHOWN_CHARACTERS else f'{name[:_SHOWN_CHARACTERS]}…'}'"
    rules = (
        (not name, "it begins or ends with '/', or has '//' in it"),
        (name in {".", ".."}, f"the part {shown} would lead to another folder"),
        ("\0" in name, "it contains a NUL character"),
        ("\\" in name, f"the part {shown} contains a backslash, which separates folders elsewhere"),
        (_DRIVE.match(name), f"the part {shown} begins like a drive"),
        (_DEVICE.match(name), f"the part {shown} is the name of a device elsewhere"),
        (name.endswith((".", " ")), f"the part {shown} ends with a dot or a space, which is lost elsewhere"),
        (_weight(name) > NAME_LIMIT_BYTES, f"the part {shown} is longer than {NAME_LIMIT_BYTES} bytes"),
        (name == PRIVATE_DIRECTORY, f"the part {shown} is the name of our own folder"),
    )
    return next((problem for applies, problem in rules if applies), None)


def _weight(name: str) -> int:
    return len(name.encode("utf-8", "surrogatepass"))


class Destination:
    """Gives each object its path on local disk.

    Args:
        output: What the user named: a directory if it exists as one, ends with ``/`` or several objects go
            there, else a file; None for the current directory.
        alone: Whether one object was asked for by its name; only the last part of its key matters then.
        prefix: What is taken off the keys of objects that are not alone.

    Raises:
        UsageError: `output` is a file, and several objects shall go there.
        RefusedError: `output` is a link, a pipe or a device, and one object shall go there.
    """

    def __init__(self, output: str | None, *, alone: bool, prefix: str) -> None:
        self._alone = alone
        self._path = Path(output or ".")
        self._is_folder = output is None or not alone or output.endswith("/") or self._path.is_dir()
        self._checked: dict[PurePosixPath, float] = {}
        self._placer = Placer(prefix, ignores_case=cache(lambda: ignores_case(self._path)))
        if not alone and self._path.exists() and not self._path.is_dir():
            raise UsageError(
                "several objects cannot go into one file", item=output, hint="name a directory with --output"
            )
        if not self._is_folder:
            check_replaceable(self._path)

    @property
    def root(self) -> Path | None:
        """The folder below which no link is followed; None where the user names each file's own."""
        return self._path if self._is_folder else None

    def path_of(self, key: str) -> Path:
        """Return where `key` goes, inside the output directory whatever the key says.

        Raises:
            UnsafeKeyError: There is no safe place for it.
        """
        try:
            if not self._is_folder:
                return self._path
            if self._alone:
                return self._path / safe_path(key.rpartition("/")[2])
            relative = self._placer.place(key)
            if self._is_due(relative.parent):
                check_no_links(self._path, relative.parent.parts, item=key)
        except UnsafeKeyError as error:
            error.item = key
            error.hint = error.hint or f"name the file yourself: {_alone(key)}"
            raise
        return self._path / relative

    def _is_due(self, folder: PurePosixPath) -> bool:
        """Tell whether a folder's links are to be looked for again: not for each of many small files."""
        now = time.monotonic()
        if now < self._checked.get(folder, 0.0) + _CHECK_EVERY_S:
            return False
        self._checked[folder] = now
        return True


def _alone(key: str) -> str:
    return f"creative-s3 assets download --output FILE -- {quoted(key)}"


class Placer:
    """Gives each key of one download its own path; the first key to want a path gets it.

    Args:
        prefix: What is taken off the keys that begin with it; other keys are kept whole.
        ignores_case: Tells whether the file system takes ``A`` and ``a`` for one name; asked when it matters.
    """

    def __init__(self, prefix: str, *, ignores_case: Callable[[], bool]) -> None:
        self._inside = f"{prefix}/" if prefix else ""
        self._ignores_case = ignores_case
        # By folded path: the real spelling, and the key that wants it.
        self._files: dict[str, dict[str, str]] = {}
        self._folders: dict[str, dict[str, str]] = {}
        self._settled: set[str] = set()

    def place(self, key: str) -> PurePosixPath:
        """Return the path for `key`, relative to the output directory.

        Raises:
            UnsafeKeyError: The key is no safe path, or another key has taken what it needs.
        """
        try:
            path = safe_path(key.removeprefix(self._inside))
        except UnsafeKeyError as error:
            error.item = key
            raise
        spelled = str(path)
        folder = spelled.rpartition("/")[0]
        # A folder that an object has already is no file, and cannot become one.
        folders = () if folder in self._settled else tuple(_folders(folder))
        for taken, needed, reason in (
            (self._files, (spelled,), "another object goes to the same file"),
            (self._files, folders, "the folder that it needs is a file, made of the object"),
            (self._folders, (spelled,), "its name is needed for the folder of the object"),
        ):
            if rival := self._rival(taken, needed):
                raise UnsafeKeyError(f"{reason}: {rival}", item=key)
        self._files.setdefault(folded(spelled), {})[spelled] = key
        for one in folders:
            self._folders.setdefault(folded(one), {}).setdefault(one, key)
        self._settled.add(folder)
        return path

    def _rival(self, taken: dict[str, dict[str, str]], needed: tuple[str, ...]) -> str | None:
        for name in needed:
            twins = taken.get(folded(name), {})
            if name in twins:
                return twins[name]
            if twins and self._ignores_case():
                return next(iter(twins.values()))
        return None


def _folders(folder: str) -> Iterator[str]:
    """Yield a relative folder and those above it."""
    while folder:
        yield folder
        folder = folder.rpartition("/")[0]


def folded(path: str) -> str:
    """Return what is equal for all spellings that some file system takes for one name."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def ignores_case(directory: Path) -> bool:
    """Tell whether the file system of `directory` takes ``A`` and ``a`` for one name, by trying it.

    A directory that is missing or cannot be written counts as one that does not.
    """
    try:
        with tempfile.NamedTemporaryFile(prefix=".creative-s3-probe-a", dir=directory) as probe:
            path = Path(probe.name)
            return path.with_name(path.name.upper()).exists()
    except OSError:
        return False


def place_of(workspace: Workspace, file_path: str) -> Path:
    """Return where a file of the workspace belongs; the cache itself may be a link to another disk.

    Args:
        workspace: Which one.
        file_path: Relative to it.

    Raises:
        UnsafeKeyError: A folder on the way is a link.
    """
    root = root_of(workspace, file_path)
    path = workspace.root / file_path
    check_no_links(root, path.parent.relative_to(root).parts, item=file_path)
    return path


def root_of(workspace: Workspace, file_path: str) -> Path:
    """Return the folder above a file of the workspace that may be reached by links; below it none is.

    The cache directory itself may be a link to another disk.
    """
    is_inside = file_path.startswith(f"{workspace.cache_dir.name}/")
    return workspace.cache_dir if is_inside else workspace.root
