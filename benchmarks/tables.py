"""Results as Markdown tables, aligned so that they are readable in a terminal too. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.measuring import median
from benchmarks.verdicts import judge, ratio
from benchmarks.works import GOALS, OURS, WORKS, Figure, Goal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.results import Measured
    from benchmarks.verdicts import Verdict

_MIB = 1 << 20
_MB = 10**6
_NOTES = """\
## What is compared with what

- Every figure is of the whole command, from the start of its process to its end, interpreter and all.
- The contenders take turns, round by round, each round beginning with another one, on one server on the same
  machine. Data and server are in memory, so that no disk and no network hide what a client costs; client and
  server share the processors. Only the ratios travel.
- All have their default settings, besides what the commands below show.
- `creative-s3` uploads conditionally (`If-None-Match: *`), with metadata and tags, has the server check each
  object's CRC64NVME, records that durably, and publishes the index. `s5cmd cp` sends neither condition,
  metadata nor tags, and records nothing.
- `creative-s3` downloads are checked against the CRC64NVME that S3 has, get their names only afterwards, and
  are fsync'ed. `s5cmd cp` does neither.
- A rerun and a validation by LIST hold each object's ETag and size against what was proved before; the peers
  compare sizes only (`--size-only`). The validation with checksums (`--deep`) reads each file and asks for
  each object's CRC64NVME; `rclone check` reads each file and compares its MD5 with the ETag in the listing,
  and sends no request per object.
- The plans of a million run against a stand-in that answers LIST only; the files are links to one small file.
- After each run the work is looked at: objects and bytes in the bucket, files and bytes on the disk, what the
  command says it compared. A run that did not do its work is an error, not a result.
- Onlookers run in the first round only, for orientation.
"""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with aligned columns; all but the first are aligned to the right."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    lines = [
        "| "
        + " | ".join(_placed(cell, width, n) for n, (cell, width) in enumerate(zip(row, widths, strict=True)))
        + " |"
        for row in (header, *rows)
    ]
    rule = "|" + "|".join("-" * (width + 1) + (":" if n else "-") for n, width in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def medians(measured: Mapping[str, Measured]) -> str:
    """Return the table of what each contender needed."""
    rows = []
    for work in _in_order(measured):
        for name, costs in work.runs.items():
            middle = median(costs)
            against = "" if name == OURS or not work.runs.get(OURS) else _ratios(work, name)
            rows.append(
                (
                    work.title if name == next(iter(work.runs)) else "",
                    name,
                    f"{middle.wall_s:.2f}",
                    _spread([cost.wall_s for cost in costs]),
                    against,
                    f"{middle.cpu_s:.2f}",
                    f"{middle.cpu_s / work.objects * 1000:.3f}",
                    f"{middle.server_cpu_s:.2f}",
                    f"{middle.peak_bytes / _MIB:,.0f}",
                    str(len(costs)),
                )
            )
    header = (
        "work",
        "who",
        "s",
        "least - most",
        "ours / peer",
        "CPU s",
        "CPU ms / object",
        "server CPU s",
        "peak MiB",
        "rounds",
    )
    return table(header, rows)


def verdicts(measured: Mapping[str, Measured], goals: Sequence[Goal] = GOALS) -> str:
    """Return the table of the goals."""
    rows = []
    for verdict in (judge(goal, measured) for goal in goals):
        goal = verdict.goal
        against = f"{goal.figure} / {goal.peer}'s" if goal.peer else goal.figure
        rows.append(
            (goal.title, against, f"<= {_value(verdict, goal.limit)}", _measured(verdict), verdict.text)
        )
    return table(("goal", "figure", "at most", "measured", "verdict"), rows)


def errors(measured: Mapping[str, Measured]) -> str:
    """Return what went wrong, one paragraph each; empty when nothing did."""
    return "\n\n".join(
        f"{work.name}, {name}: {error}" for work in _in_order(measured) for name, error in work.errors.items()
    )


def document(measured: Mapping[str, Measured]) -> str:
    """Return ``results.md``."""
    parts = [
        "# Benchmark results\n\nMade by `nox -s bench`; every single run is in results.json.",
        "## Goals\n\n" + verdicts(measured),
        "## Medians\n\n" + medians(measured),
    ]
    if wrong := errors(measured):
        parts.append("## Errors\n\n```text\n" + wrong + "\n```")
    parts += [
        _NOTES.rstrip(),
        "## Commands\n\n" + _commands(measured),
        "## Conditions\n\n" + _conditions(measured),
    ]
    return "\n\n".join(parts) + "\n"


def _in_order(measured: Mapping[str, Measured]) -> list[Measured]:
    return [measured[work.name] for work in WORKS if work.name in measured]


def _ratios(work: Measured, peer: str) -> str:
    return f"{ratio(median(work.runs[OURS]), median(work.runs[peer]), Figure.WALL):.2f}"


def _spread(values: Sequence[float]) -> str:
    return f"{min(values):.2f} - {max(values):.2f}"


def _value(verdict: Verdict, value: float) -> str:
    return f"{value:.2f}" if verdict.goal.peer else f"{value / _MB:,.0f} MB"


def _measured(verdict: Verdict) -> str:
    return "" if verdict.measured is None else _value(verdict, verdict.measured)


def _commands(measured: Mapping[str, Measured]) -> str:
    rows = [f"# {work.title}\n" + "\n".join(work.commands.values()) for work in _in_order(measured)]
    return "```bash\n" + "\n\n".join(rows) + "\n```"


def _conditions(measured: Mapping[str, Measured]) -> str:
    """Return one list for works that were measured under the same conditions."""
    groups: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for work in _in_order(measured):
        groups.setdefault(tuple(work.conditions.items()), []).append(work.name)
    parts = []
    for conditions, names in groups.items():
        rows = [("works", ", ".join(names)), *conditions]
        parts.append("\n".join(f"- {name}: {value}" for name, value in rows))
    return "\n\n".join(parts)


def _placed(cell: str, width: int, column: int) -> str:
    return cell.rjust(width) if column else cell.ljust(width)
