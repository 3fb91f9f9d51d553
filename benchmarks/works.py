"""What is measured: the works, who does each of them, and the goals they are measured for. Values only."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from benchmarks.data import Files

KIB = 1 << 10
MIB = 1 << 20
MB = 10**6

OURS = "creative-s3"
S5CMD = "s5cmd"
RCLONE = "rclone"
AWS = "aws"

_QUICK = {5_000: 2_000, 400: 200, 3: 1}
"""The sizes of the quick sets."""


class Kind(StrEnum):
    """What a work does."""

    UPLOAD = "upload"
    DOWNLOAD = "download"
    RERUN = "rerun"
    VALIDATE = "validate"
    PLAN = "plan"


@dataclass(frozen=True, slots=True)
class Work:
    """One thing that all contenders do.

    Attributes:
        name: What ``--only`` calls it.
        kind: What is done.
        files: To what.
        title: What the tables call it.
        contenders: Who does it in each round.
        onlookers: Who does it in the first round only, for orientation.
        rounds: How often at most; None as often as asked for.
        by_list: A validation that takes LIST's word, instead of asking for each content.
        is_empty: A plan against an empty bucket, instead of one that has everything.
    """

    name: str
    kind: Kind
    files: Files
    title: str
    contenders: tuple[str, ...]
    onlookers: tuple[str, ...] = ()
    rounds: int | None = None
    by_list: bool = False
    is_empty: bool = False


class Figure(StrEnum):
    """Which figure a goal is about."""

    WALL = "wall time"
    CPU = "client CPU"
    PEAK = "peak memory"


@dataclass(frozen=True, slots=True)
class Goal:
    """One line of the table of goals.

    Attributes:
        title: What is to be reached.
        works: Whose runs count; of several, the worst.
        figure: Which figure.
        limit: The highest ratio to the peer; without a peer, the highest number of bytes.
        peer: Who is compared; None when the figure stands for itself.
    """

    title: str
    works: tuple[str, ...]
    figure: Figure
    limit: float
    peer: str | None = None


_SMALL = Files(5_000, 64 * KIB)
_MEDIUM = Files(400, 2 * MIB)
_LARGE = Files(3, 512 * MIB)
_MANY = Files(100_000, 200)
_MILLION = Files(1_000_000, 64)

# The works of one set of files stand together: the set is made once, and removed after the last of them.
WORKS = (
    Work("upload-64k", Kind.UPLOAD, _SMALL, "upload 5,000 x 64 KiB", (OURS, S5CMD), (RCLONE, AWS)),
    Work("download-64k", Kind.DOWNLOAD, _SMALL, "download 5,000 x 64 KiB", (OURS, S5CMD), (RCLONE,)),
    Work("rerun-5k", Kind.RERUN, _SMALL, "rerun, nothing changed, 5,000", (OURS, S5CMD, RCLONE)),
    Work("validate-5k", Kind.VALIDATE, _SMALL, "validate 5,000, remote checksums", (OURS, RCLONE)),
    Work("upload-2m", Kind.UPLOAD, _MEDIUM, "upload 400 x 2 MiB", (OURS, S5CMD), (RCLONE,)),
    Work("download-2m", Kind.DOWNLOAD, _MEDIUM, "download 400 x 2 MiB", (OURS, S5CMD), (RCLONE,)),
    Work("upload-512m", Kind.UPLOAD, _LARGE, "upload 3 x 512 MiB", (OURS, S5CMD)),
    Work("upload-100k", Kind.UPLOAD, _MANY, "upload 100,000 x 200 B", (OURS,), rounds=1),
    Work("rerun-100k", Kind.RERUN, _MANY, "rerun, nothing changed, 100,000", (OURS, S5CMD, RCLONE)),
    Work("validate-100k", Kind.VALIDATE, _MANY, "validate 100,000, by LIST", (OURS, RCLONE), by_list=True),
    Work("plan-1m", Kind.PLAN, _MILLION, "plan 1,000,000, all of them in the bucket", (OURS,), rounds=1),
    Work(
        "plan-1m-new", Kind.PLAN, _MILLION, "plan 1,000,000, empty bucket", (OURS,), rounds=1, is_empty=True
    ),
)

GOALS = (
    Goal("upload 5,000 x 64 KiB, conditional, tagged, CRC64NVME", ("upload-64k",), Figure.WALL, 0.90, S5CMD),
    Goal("upload 400 x 2 MiB", ("upload-2m",), Figure.WALL, 0.75, S5CMD),
    Goal("upload 3 x 512 MiB", ("upload-512m",), Figure.WALL, 1.00, S5CMD),
    Goal("download 5,000 x 64 KiB, verified, atomic, durable", ("download-64k",), Figure.WALL, 1.00, S5CMD),
    Goal("download 400 x 2 MiB", ("download-2m",), Figure.WALL, 1.00, S5CMD),
    Goal("rerun 5,000, nothing changed", ("rerun-5k",), Figure.WALL, 0.60, S5CMD),
    Goal("rerun 100,000, nothing changed", ("rerun-100k",), Figure.WALL, 0.60, S5CMD),
    Goal("rerun 100,000, nothing changed", ("rerun-100k",), Figure.WALL, 1.00, RCLONE),
    Goal("validate 5,000, remote checksums", ("validate-5k",), Figure.WALL, 1.00, RCLONE),
    Goal("validate 100,000, by LIST", ("validate-100k",), Figure.WALL, 1.00, RCLONE),
    Goal("100,000 assets", ("upload-100k", "rerun-100k", "validate-100k"), Figure.PEAK, 150 * MB),
    Goal("1,000,000 assets planned", ("plan-1m", "plan-1m-new"), Figure.PEAK, 300 * MB),
    Goal("64 KiB object, uploaded", ("upload-64k",), Figure.CPU, 1.00, S5CMD),
    Goal("64 KiB object, downloaded", ("download-64k",), Figure.CPU, 1.00, S5CMD),
)


def chosen(names: list[str]) -> tuple[Work, ...]:
    """Return the works of these names; ``upload`` means all whose names begin with ``upload-``.

    Raises:
        SystemExit: There is no such work.
    """
    if not names:
        return WORKS
    for name in names:
        if not any(_is_meant(work, name) for work in WORKS):
            raise SystemExit(
                f"no work is called {name!r}; there are {', '.join(work.name for work in WORKS)}"
            )
    return tuple(work for work in WORKS if any(_is_meant(work, name) for name in names))


def quick(works: tuple[Work, ...]) -> tuple[Work, ...]:
    """Return the works that fit into two minutes, with fewer files and without onlookers."""
    made = []
    for work in works:
        count = _QUICK.get(work.files.count)
        if count is not None:
            files = replace(work.files, count=count)
            title = work.title.replace(f"{work.files.count:,}", f"{count:,}", 1)
            made.append(replace(work, files=files, title=title, onlookers=()))
    return tuple(made)


def _is_meant(work: Work, name: str) -> bool:
    return work.name == name or work.name.startswith(f"{name}-")
