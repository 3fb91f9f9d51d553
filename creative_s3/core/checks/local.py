"""The doctor's look at this machine: cache directory, disk, index, catalog, leftovers, log, embedded server.

Only looks: a catalog or directory that does not exist is not made.
"""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from creative_s3.core.catalog.places import catalog_path, cold_files
from creative_s3.core.catalog.schema import SCHEMA_VERSION
from creative_s3.core.catalog.state import examine
from creative_s3.core.checks.checks import Check, Group, Topic
from creative_s3.core.faults.translation import translate
from creative_s3.core.files.workspace import INDEX_NAME, FileState, Workspace
from creative_s3.core.index.index import ProblemKind
from creative_s3.core.index.survey import survey_local
from creative_s3.core.local import server as local
from creative_s3.errors import CreativeS3Error

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from creative_s3.core.index.survey import LocalSurvey
    from creative_s3.settings import S3Config

CACHE = Topic(Group.LOCAL, "cache directory")
DISK = Topic(Group.LOCAL, "disk space")
INDEX = Topic(Group.LOCAL, INDEX_NAME)
FILES = Topic(Group.LOCAL, "indexed files")
UNINDEXED = Topic(Group.LOCAL, "unindexed files")
CATALOG = Topic(Group.LOCAL, "catalog")
LOCK = Topic(Group.LOCAL, "lock")
LEFTOVERS = Topic(Group.LOCAL, "leftovers")
CRASHES = Topic(Group.LOCAL, "log directory")
EMBEDDED = Topic(Group.LOCAL, "embedded server")

MIN_FREE_BYTES = 1024**3
MIN_FREE_PERCENT = 5
_GIB = 1024**3
_STALE_PART_S = 3600.0
_SHOWN_NAMES = 3
_PARTIAL = ".*.creative-s3-" + "[0-9a-f]" * 8 + ".part*"
"""What `files.partial_path` names; one pattern finds the files and stands in the command."""


def checks(config: S3Config, *, log_directory: Path) -> tuple[Check, ...]:
    """Look at the cache, the disk and the log directory."""
    workspace = Workspace(config.cache_dir)
    cache_dir = workspace.cache_dir
    log = _log(log_directory)
    if not cache_dir.is_dir():
        what = "is not a directory" if cache_dir.exists() else "does not exist"
        missing = CACHE.problem(
            f"{cache_dir} {what}", "set CACHE_DIR, or pass --cache-dir DIR; check that the disk is mounted"
        )
        others = (DISK, INDEX, FILES, UNINDEXED, CATALOG, LOCK, LEFTOVERS)
        return missing, *(topic.not_tried("there is no cache directory") for topic in others), log
    place = _cache(cache_dir)
    catalog = catalog_path(cache_dir)
    return (
        place,
        _disk(cache_dir),
        *_index(workspace, config.prefix, cold_files(cache_dir)),
        _catalog(catalog),
        _lock(catalog.with_name("lock")),
        _leftovers(cache_dir),
        log,
    )


def disk(free_bytes: int, total_bytes: int) -> Check:
    """Judge the space on the cache's disk."""
    percent = 100 * free_bytes / total_bytes if total_bytes else 100.0
    detail = f"{free_bytes / _GIB:,.1f} GiB free of {total_bytes / _GIB:,.1f} GiB ({percent:.0f} %)"
    if free_bytes < MIN_FREE_BYTES or percent < MIN_FREE_PERCENT:
        return DISK.warning(detail, "free some space before downloading")
    return DISK.ok(detail)


def embedded_server() -> tuple[Check, ...]:
    """Tell somebody without credentials that there is, or could be, a server on this machine."""
    try:
        local.find_weed()
        server = local.status(local.default_directory())
    except (CreativeS3Error, OSError):
        return ()  # not installed, or not to be used: nothing that helps
    if server is None:
        return (EMBEDDED.not_tried("installed, does not run", "creative-s3 local up"),)
    return (
        EMBEDDED.not_tried(
            f"runs at {server.endpoint_url}, but no setting points to it", 'eval "$(creative-s3 local env)"'
        ),
    )


def _cache(cache_dir: Path) -> Check:
    if not os.access(cache_dir, os.R_OK | os.X_OK):
        return CACHE.problem(f"{cache_dir} cannot be read", _right(cache_dir, "u+rx"))
    if not os.access(cache_dir, os.W_OK):
        return CACHE.warning(
            f"{cache_dir} is read-only: uploads work, downloads into it do not", _right(cache_dir, "u+w")
        )
    return CACHE.ok(str(cache_dir))


def _right(path: Path, mode: str) -> str:
    return shlex.join(["chmod", mode, str(path)])


def _disk(cache_dir: Path) -> Check:
    try:
        usage = shutil.disk_usage(cache_dir)
    except OSError as error:
        return DISK.failed(translate(error, item=str(cache_dir)))
    return disk(usage.free, usage.total)


def _index(workspace: Workspace, prefix: str, cold: Mapping[str, int]) -> tuple[Check, ...]:
    try:
        survey = survey_local(workspace, prefix, cold=cold)
    except (CreativeS3Error, OSError) as error:
        failed = INDEX.failed(translate(error))
        return failed, *(topic.not_tried("the index cannot be used") for topic in (FILES, UNINDEXED))
    return _entries(survey, workspace.index_path), _files(survey), _unindexed(survey)


def _entries(survey: LocalSurvey, index_path: Path) -> Check:
    assets = _count(len(survey.assets), "asset")
    told = [
        f"{len(items):,} {word} ({_some(items)})"
        for kind, word in (
            (ProblemKind.QUARANTINED, "not understood"),
            (ProblemKind.REFUSED, "refused"),
            (ProblemKind.WARNING, "doubtful"),
        )
        if (items := [f"{bad.item}: {bad.reason}" for bad in survey.problems if bad.kind is kind])
    ]
    if told:
        return INDEX.warning(
            f"{assets}; entries set aside: {'; '.join(told)}", f"correct these entries in {index_path}"
        )
    return INDEX.ok(assets)


def _files(survey: LocalSurvey) -> Check:
    states = {
        state: [
            path for path, file in survey.files.items() if file.state is state and path not in survey.cold
        ]
        for state in FileState
    }
    told = [
        f"{len(paths):,} {word} ({_some(paths)})"
        for state, word in (
            (FileState.MISSING, "missing"),
            (FileState.UNREADABLE, "unreadable"),
            (FileState.REFUSED, "refused"),
        )
        if (paths := states[state])
    ]
    present = f"{len(states[FileState.PRESENT]):,} there"
    if survey.cold:
        present += f", {len(survey.cold):,} in S3 only"
    if told:
        return FILES.warning(
            ", ".join([present, *told]), "creative-s3 migrate plan  # says what becomes of each"
        )
    return FILES.ok(present)


def _unindexed(survey: LocalSurvey) -> Check:
    told = []
    if survey.unindexed:
        names = [path for path, _ in survey.unindexed]
        told.append(f"{_count(len(names), 'file')} that no entry names ({_some(names)})")
    if survey.unusable:
        told.append(
            f"{len(survey.unusable):,} skipped ({_some([': '.join(pair) for pair in survey.unusable])})"
        )
    if not told:
        return UNINDEXED.ok("none")
    fix = "creative-s3 migrate upload --include-unindexed  # uploads them too" if survey.unindexed else None
    return UNINDEXED.warning("; ".join(told), fix)


def _catalog(path: Path) -> Check:
    if not path.exists():
        return CATALOG.ok("not made yet; the first upload makes it")
    state = examine(path, "quick_check")
    if state.is_busy:
        return CATALOG.ok(f"{path}, being written now")
    if state.problems:
        rebuild = ["creative-s3", "catalog", "rebuild", "--cache-dir", str(path.parent.parent)]
        return CATALOG.problem(
            f"{path} is damaged: {state.problems[0]}",
            f"{shlex.join(rebuild)}  # sets it aside; nothing but access counts may be lost",
        )
    if state.is_newer:
        return CATALOG.problem(
            f"{path} was written by a newer creative-s3"
            f" (schema {state.version}, this one knows {SCHEMA_VERSION})",
            "pipx upgrade creative-s3",
        )
    return CATALOG.ok(str(path))


def _lock(path: Path) -> Check:
    """Say who holds the lock: asked with a shared lock that is given back at once."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return LOCK.ok("free")
    except OSError as error:
        return LOCK.failed(translate(error, item=str(path)))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return LOCK.warning(f"held by {_holder(descriptor)}", "wait for that run to end before the next one")
    except OSError as error:
        return LOCK.failed(translate(error, item=str(path)))
    finally:
        os.close(descriptor)
    return LOCK.ok("free")


def _holder(descriptor: int) -> str:
    try:
        owner = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {owner['pid']} on {owner['host']}"
    except (ValueError, KeyError, TypeError):
        return "a process that has just begun"


def _leftovers(cache_dir: Path) -> Check:
    """Find what killed downloads left; younger files may be a running download's."""
    before_s = time.time() - _STALE_PART_S
    found = [path for path in _partials(cache_dir) if _modified_s(path) < before_s]
    if not found:
        return LEFTOVERS.ok("none")
    return LEFTOVERS.warning(
        f"{_count(len(found), 'file')} of killed downloads ({_some(path.name for path in found)})",
        shlex.join(
            ["find", str(cache_dir), "-type", "f", "-name", _PARTIAL, "-mmin", f"+{_STALE_PART_S / 60:.0f}"]
        )
        + " -delete",
    )


def _partials(cache_dir: Path) -> Iterable[Path]:
    for directory, _, names in os.walk(cache_dir):
        for name in names:
            if fnmatchcase(name, _PARTIAL):
                yield Path(directory, name)


def _modified_s(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return time.time()  # its run has just finished with it


def _log(directory: Path) -> Check:
    existing = next((path for path in (directory, *directory.parents) if path.exists()), Path("/"))
    if existing.is_dir() and os.access(existing, os.W_OK | os.X_OK):
        return CRASHES.ok(str(directory))
    return CRASHES.warning(
        f"{directory} cannot be written, so that reports of crashes are lost", _right(existing, "u+wx")
    )


def _some(names: Iterable[str]) -> str:
    every: Sequence[str] = tuple(names)
    more = len(every) - _SHOWN_NAMES
    return ", ".join(every[:_SHOWN_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
