"""The command line with which each contender does a work, and how its output shows that it did."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.programs import program
from benchmarks.works import AWS, OURS, RCLONE, S5CMD, Kind

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.measuring import Finished
    from benchmarks.works import Work

PREFIX = "creative-assets"
"""What all keys begin with: the default of ``S3_PREFIX``."""
ASSETS = f"{PREFIX}/backgrounds/"
"""What the keys of all files begin with; the published index is elsewhere."""


@dataclass(frozen=True, slots=True)
class Task:
    """A work with its places.

    Attributes:
        work: What is done.
        endpoint_url: The server.
        bucket: The bucket.
        cache: The cache directory: what ours works on.
        tree: The same files under the names that their keys have: what the peers work on.
        output: Where a download goes.
    """

    work: Work
    endpoint_url: str
    bucket: str
    cache: Path
    tree: Path
    output: Path


def command(name: str, task: Task) -> list[str]:
    """Return the command line of a contender for a task."""
    return {OURS: _ours, S5CMD: _s5cmd, RCLONE: _rclone, AWS: _aws}[name](task)


def idleness(name: str, task: Task, finished: Finished) -> str | None:
    """Tell from a command's output in what it did not do its work; None when it did.

    Uploads and downloads leave their marks in bucket and disk; this is about work that leaves none.
    """
    work = task.work
    if work.kind is Kind.RERUN and finished.stdout.strip():
        return f"it moved something: {finished.stdout.strip()[:200]}"
    if work.kind is Kind.VALIDATE:
        said = _compared(name, finished)
        return None if said == work.files.count else f"it compared {said} files, not {work.files.count}"
    if work.kind is Kind.PLAN:
        wanted = work.files.count if work.is_empty else 0
        planned = finished.stdout.count("\n")
        return None if planned == wanted else f"it planned {planned} uploads, not {wanted}"
    return None


def _compared(name: str, finished: Finished) -> int | None:
    if name == OURS:
        return int(json.loads(finished.stdout)["data"]["counts"]["matching"])
    found = re.search(r"(\d+) matching files", finished.stderr)
    return int(found[1]) if found else None


def _ours(task: Task) -> list[str]:
    where = [f"--bucket={task.bucket}", f"--endpoint-url={task.endpoint_url}"]
    cache = f"--cache-dir={task.cache}"
    said = {
        Kind.UPLOAD: ["migrate", "upload", "--yes", "-q", *where, cache],
        Kind.RERUN: ["migrate", "upload", "--yes", "-q", *where, cache],
        Kind.DOWNLOAD: [
            "assets",
            "download",
            f"--prefix={ASSETS}",
            f"--output={task.output}",
            "-q",
            *where,
            cache,
        ],
        Kind.VALIDATE: [
            "migrate",
            "validate",
            *([] if task.work.by_list else ["--deep"]),
            "--json",
            *where,
            cache,
        ],
        Kind.PLAN: ["migrate", "upload", "--dry-run", "-q", *where, cache],
    }
    return [program("creative-s3"), *said[task.work.kind]]


def _s5cmd(task: Task) -> list[str]:
    bucket = f"s3://{task.bucket}"
    said = {
        Kind.UPLOAD: ["cp", f"{task.tree}/", f"{bucket}/{PREFIX}/"],
        Kind.RERUN: ["sync", "--size-only", f"{task.tree}/", f"{bucket}/{PREFIX}/"],
        Kind.DOWNLOAD: ["cp", f"{bucket}/{ASSETS}*", f"{task.output}/"],
    }
    return [program("s5cmd"), "--endpoint-url", task.endpoint_url, *said[task.work.kind]]


def _rclone(task: Task) -> list[str]:
    remote = f"bench:{task.bucket}"
    sizes = ["--size-only"] if task.work.by_list else []
    said = {
        Kind.UPLOAD: ["copy", str(task.tree), f"{remote}/{PREFIX}"],
        Kind.RERUN: ["copy", "--size-only", "--fast-list", str(task.tree), f"{remote}/{PREFIX}"],
        Kind.DOWNLOAD: ["copy", f"{remote}/{ASSETS.rstrip('/')}", str(task.output)],
        Kind.VALIDATE: ["check", "--one-way", "--fast-list", *sizes, str(task.tree), f"{remote}/{PREFIX}"],
    }
    return [program("rclone"), *said[task.work.kind]]


def _aws(task: Task) -> list[str]:
    bucket = f"s3://{task.bucket}"
    said = {
        Kind.UPLOAD: ["cp", str(task.tree), f"{bucket}/{PREFIX}"],
        Kind.DOWNLOAD: ["cp", f"{bucket}/{ASSETS}", str(task.output)],
    }
    start, *places = said[task.work.kind]
    return [
        program("aws"),
        "--endpoint-url",
        task.endpoint_url,
        "s3",
        start,
        "--recursive",
        "--no-progress",
        *places,
    ]
