"""Reports as pictures: plan, estimate, upload, validation to rich renderables. Pure; nothing is printed."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from creative_s3.cli.text import count, duration, printable, size, speed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from creative_s3.core.assets.models import StoredObject
    from creative_s3.core.costs.bills import Bill
    from creative_s3.core.index.index import IndexProblem
    from creative_s3.core.migration.estimates import MigrationEstimate
    from creative_s3.core.migration.planning import MigrationPlan, Operation
    from creative_s3.core.migration.report import MigrationReport
    from creative_s3.core.migration.validation import ValidationReport

ROWS_SHOWN = 40
"""How many single items a screen lists before it says how many more there are."""
_SENTENCES = 10
_NAMES = 3
# By the values of enums of the core, which views must not load; a test holds each of them against its enum.
PROOF_NAMES = {
    "checksum": "CRC64NVME",
    "md5": "MD5",
    "read-back": "reading back",
    "record": "what was recorded",
    "unverifiable": "size only",
}
_PROBLEM_NAMES = {"quarantined": "set aside", "refused": "refused", "warning": "note"}
_REASON_STYLES = {
    "new": "green",
    "changed": "yellow",
    "unchanged": "dim",
    "cold": "dim",
    "missing": "yellow",
    "refused": "bold red",
}
_STATE_STYLES = {
    "matching": "green",
    "different": "bold red",
    "missing-in-s3": "bold red",
    "cold": "cyan",
    "lost": "bold red",
    "only-in-s3": "cyan",
    "missing": "yellow",
    "unreadable": "bold red",
    "extra-in-s3": "cyan",
}
_STATE_NAMES = {
    "matching": "matching",
    "different": "different",
    "missing-in-s3": "missing in S3",
    "cold": "cold: in S3 only",
    "lost": "lost: gone from S3",
    "only-in-s3": "only in S3, file missing",
    "missing": "missing everywhere",
    "unreadable": "unreadable",
    "extra-in-s3": "extra in S3",
}


def table(*columns: str, right: Sequence[str] = (), title: str | None = None) -> Table:
    """Return an empty table in the house style; the columns named in `right` hold numbers."""
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), title=title)
    made.title_justify = "left"
    made.title_style = "bold"
    for column in columns:
        is_number = column in right
        made.add_column(column, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold")
    return made


def plan_summary(plan: MigrationPlan, estimate: MigrationEstimate) -> RenderableType:
    """Show what a plan would do in a few lines: by kind, what stays, what it costs."""
    from creative_s3.cli.views.costs import not_in_it
    from creative_s3.core.costs.pricing import money
    from creative_s3.core.migration.planning import Reason

    totals, uploads = plan.by_kind(), plan.by_kind(uploads_only=True)
    shown = table(
        "Kind", "Files", "Size", "To upload", "Bytes", right=("Files", "Size", "To upload", "Bytes")
    )
    for kind, (files, size_bytes) in sorted(totals.items()):
        up_files, up_bytes = uploads.get(kind, (0, 0))
        shown.add_row(str(kind), f"{files:,}", size(size_bytes), f"{up_files:,}", size(up_bytes))
    shown.add_row(
        Text("total", style="bold"),
        Text(f"{sum(files for files, _ in totals.values()):,}", style="bold"),
        Text(size(sum(size_bytes for _, size_bytes in totals.values())), style="bold"),
        Text(f"{plan.total_files:,}", style="bold"),
        Text(size(plan.total_size_bytes), style="bold"),
    )
    counts = plan.counts
    words = [f"{counts[reason]:,} {reason}" for reason in Reason if counts[reason]]
    current = estimate.current
    price = Text.assemble(
        ("Price  ", "bold"),
        f"{money(current.upload)} once for {count(estimate.total.requests.total, 'request')}, "
        f"then {money(current.monthly)} a month in {current.storage_class}",
        (f"  ({estimate.prices_region}, prices of {estimate.prices_as_of})", "dim"),
    )
    lines: list[RenderableType] = [
        shown,
        Text(""),
        Text.assemble(("Plan   ", "bold"), " · ".join(words) or "nothing"),
    ]
    lines += [price, not_in_it()]
    return Group(*lines)


def operations(
    plan: MigrationPlan, *, limit: int | None = ROWS_SHOWN, unchanged: bool = False
) -> RenderableType:
    """List the operations of a plan with their reasons."""
    idle = set() if unchanged else {"unchanged", "cold"}
    listed = plan.everything() if unchanged else plan.remarkable()
    chosen = (operation for operation in listed if str(operation.reason) not in idle)
    total = (
        plan.total_operations
        if unchanged
        else sum(number for reason, number in plan.counts.items() if str(reason) not in idle)
    )
    if not total:
        return _nothing_to_do(plan)
    return _operations(itertools.islice(chosen, limit), total, prefix=plan.prefix)


def _nothing_to_do(plan: MigrationPlan) -> Text:
    if plan.stops:
        return Text("Nothing to do for the files that can be used; the others are named above.", "yellow")
    if not plan.total_operations:
        return Text("Nothing to do: there is no file to upload.", style="yellow")
    others = "" if plan.include_unindexed or not plan.unindexed else " that index.json names"
    return Text(f"Nothing to do: every file{others} is in the bucket already.", style="green")


def _operations(shown_first: Iterable[Operation], total: int, *, prefix: str) -> RenderableType:
    shown = table("Why", "Size", _below(prefix), right=("Size",))
    for operation in shown_first:
        key = Text(printable(_short(operation.key, prefix)))
        if str(operation.reason) in {"missing", "refused"}:
            key = Text.assemble(
                printable(operation.asset.file_path), ("  " + printable(operation.detail), "dim")
            )
        elif operation.shared_with:
            key.append(f"  also {printable(', '.join(operation.shared_with))}", style="dim")
        shown.add_row(
            Text(str(operation.reason), style=_REASON_STYLES[str(operation.reason)]),
            size(operation.size_bytes) if operation.size_bytes else "",
            key,
        )
    return Group(shown, *_more(total, shown.row_count, "creative-s3 migrate plan --output plan.jsonl"))


def notices(plan: MigrationPlan) -> tuple[str, ...]:
    """Return what a plan's reader must know besides the numbers, as sentences."""
    sentences = [problem_sentence(problem) for problem in plan.problems[:_SENTENCES]]
    if len(plan.problems) > _SENTENCES:
        sentences.append(f"and {len(plan.problems) - _SENTENCES:,} more entries with problems: see --json")
    refused = [operation for operation in plan.operations if str(operation.reason) == "refused"]
    sentences += [f"not uploaded: {one.asset.file_path}: {one.detail}" for one in refused[:_SENTENCES]]
    if len(refused) > _SENTENCES:
        sentences.append(f"and {len(refused) - _SENTENCES:,} more files that cannot be used: see --json")
    lost = [one.asset.file_path for one in plan.lost]
    if lost:
        sentences.append(
            f"{count(len(lost), 'asset')} that were in S3 only are gone from the bucket: {_some(lost)}"
        )
    gone = set(lost)
    missing = [
        one.asset.file_path
        for one in plan.operations
        if str(one.reason) == "missing" and one.asset.file_path not in gone
    ]
    if missing:
        sentences.append(f"{count(len(missing), 'indexed file')} missing on disk: {_some(missing)}")
    if plan.unindexed and not plan.include_unindexed:
        sentences.append(
            f"{count(len(plan.unindexed), 'file')} in the cache that no index entry names:"
            f" {_some([name for name, _ in plan.unindexed])} (--include-unindexed uploads them)"
        )
    return (*sentences, *skipped(plan.unusable))


def skipped(unusable: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return sentences on the things in the cache that are no usable files: path, reason."""
    sentences = [f"skipped {name}: {reason}" for name, reason in unusable[:_SENTENCES]]
    if len(unusable) > _SENTENCES:
        sentences.append(f"and {len(unusable) - _SENTENCES:,} more skipped: see --json")
    return tuple(sentences)


def replacements(plan: MigrationPlan) -> tuple[str, ...]:
    """Return the warning about objects whose content this machine did not put there."""
    if not plan.replacing_unknown:
        return ()
    names = _some([_short(operation.key, plan.prefix) for operation in plan.replacing_unknown])
    number = count(len(plan.replacing_unknown), "object")
    return (f"{number} to replace that this machine did not put there, but another one perhaps: {names}",)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES:,} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def problem_sentence(problem: IndexProblem) -> str:
    """Return one index problem as a sentence that begins with the entry."""
    return f"index entry {problem.item} {_PROBLEM_NAMES[str(problem.kind)]}: {problem.reason}"


def sample_of(stored: Sequence[StoredObject], prefix: str, *, shown_of_each: int = 2) -> RenderableType:
    """Show a few objects of each folder, and how many objects and bytes each holds."""
    folders: dict[str, list[StoredObject]] = {}
    for entry in stored:
        folders.setdefault(entry.key.removeprefix(f"{prefix}/").partition("/")[0], []).append(entry)
    listed = table("Objects", "Size", _below(prefix), right=("Objects", "Size"))
    for folder, entries in sorted(folders.items()):
        listed.add_row(
            Text(f"{len(entries):,}", style="bold"),
            Text(size(sum(entry.size_bytes for entry in entries)), style="bold"),
            Text(f"{folder}/", style="bold"),
        )
        for entry in entries[:shown_of_each]:
            listed.add_row(
                "",
                Text(size(entry.size_bytes), style="dim"),
                Text(printable(_short(entry.key, prefix)), style="dim"),
            )
    return listed


def upload_report(report: MigrationReport, sent: Bill, planned: Bill) -> RenderableType:
    """Show what an upload did, and what failed with its remedy."""
    from creative_s3.cli.views.costs import compared
    from creative_s3.core.migration.planning import Reason

    lines: list[RenderableType] = []
    done = Text.assemble(
        ("Uploaded ", "bold"),
        (f"{count(report.uploaded, 'file')}, {size(report.uploaded_bytes)}", "bold green"),
        f" in {duration(report.duration_s)}",
    )
    if report.uploaded_bytes and report.duration_s:
        done.append(f" ({speed(report.uploaded_bytes / report.duration_s)})")
    lines.append(done)
    if report.proofs:
        ways = ", ".join(f"{number:,} by {PROOF_NAMES[way]}" for way, number in report.proofs.items())
        lines.append(Text.assemble(("Proved   ", "bold"), ways))
    already = report.confirmed + report.plan.counts[Reason.UNCHANGED]
    if already:
        lines.append(
            Text.assemble(("Already  ", "bold"), f"{count(already, 'file')} there with the same content")
        )
    if cold := report.plan.counts[Reason.COLD]:
        lines.append(Text.assemble(("Cold     ", "bold"), f"{count(cold, 'asset')} in S3 only"))
    index = "written" if report.published else "current already"
    lines.append(Text.assemble(("Index    ", "bold"), f"published index {index}"))
    lines.append(compared(sent, planned))
    if report.failures:
        lines += [
            Text(""),
            failures((failure.key, failure.error.message, failure.error.hint) for failure in report.failures),
        ]
    return Group(*lines)


def failures(rows: Iterable[tuple[str, str, str | None]]) -> RenderableType:
    """List failed items: what, why, and what to do."""
    all_rows = list(rows)
    shown = table("Failed", "Why", "What to do")
    for item, reason, hint in all_rows[:ROWS_SHOWN]:
        shown.add_row(
            Text(printable(item), style="red"), printable(reason), Text(printable(hint or ""), style="dim")
        )
    return Group(shown, *_more(len(all_rows), ROWS_SHOWN, "see --json"))


def validation(report: ValidationReport, *, strict: bool = False) -> RenderableType:
    """Show a validation: one line a state, then every finding that is not a match."""
    counts: Mapping[str, int] = {str(state): number for state, number in report.counts.items()}
    sizes = {str(state): size_bytes for state, size_bytes in report.sizes.items()}
    shown = table("State", "Objects", "Size", right=("Objects", "Size"))
    for state, name in _STATE_NAMES.items():
        if counts[state] or state in {"matching", "different", "missing-in-s3", "extra-in-s3"}:
            size_bytes = sizes[state]
            style = _STATE_STYLES[state] if counts[state] else "dim"
            shown.add_row(
                Text(name, style=style), f"{counts[state]:,}", size(size_bytes) if counts[state] else ""
            )
    others = report.remarkable
    parts: list[RenderableType] = [shown]
    if others:
        listed = table("State", _below(report.prefix), "Detail")
        for finding in others[:ROWS_SHOWN]:
            state = str(finding.state)
            listed.add_row(
                Text(_STATE_NAMES[state], style=_STATE_STYLES[state]),
                printable(_short(finding.key, report.prefix)),
                Text(printable(finding.detail), style="dim"),
            )
        parts += [Text(""), listed, *_more(len(others), ROWS_SHOWN, "see --json")]
    return Group(*parts, Text(""), _verdict(report, strict=strict))


def _verdict(report: ValidationReport, *, strict: bool) -> Text:
    counts = {str(state): number for state, number in report.counts.items()}
    where = f"s3://{report.bucket}"
    if report.differences:
        return Text(
            f"{count(len(report.differences), 'difference')} between this cache and {where}.", "bold red"
        )
    nowhere = counts["missing"]
    lost = f"; {count(nowhere, 'indexed asset')} neither on disk nor in S3" if nowhere else ""
    what, others = _what_was_compared(report)
    if strict and report.exit_code(strict=True):
        extra = f"; {count(counts['extra-in-s3'], 'extra object')}" if counts["extra-in-s3"] else ""
        said = f"{what} is in {where}, but strictly taken not all is well{lost}{extra}{others}."
        return Text(said, "bold red")
    if report.exit_code():
        said = f"Every file that could be checked is in {where}; the others are listed above{others}."
        return Text(said, "bold yellow")
    cold = f"; {count(counts['cold'], 'asset')} in S3 only" if counts["cold"] else ""
    if not counts["matching"]:
        here = "No file that index.json names is on disk" if others else "Nothing is on disk"
        state = f", and all is in {where}" if cold else f", and none was compared with {where}"
        return Text(f"{here}{state}{cold}{lost}{others}.", "bold green" if cold else "bold yellow")
    style = "bold yellow" if others else "bold green"
    return Text(f"{what} is in {where} and has the same content{cold}{lost}{others}.", style)


def _what_was_compared(report: ValidationReport) -> tuple[str, str]:
    """Return what a sentence may say of the files on disk, and what it has to add."""
    if report.include_unindexed or not (report.unindexed or report.unusable):
        return "Every file on disk", ""
    spare = [
        count(len(names), one, many)
        for names, one, many in (
            (report.unindexed, "file", "files"),
            (report.unusable, "link or unusable name", "links or unusable names"),
        )
        if names
    ]
    return "Every file that index.json names", (
        f"; {' and '.join(spare)} in the cache that no entry names not compared (--include-unindexed)"
    )


def heading(text: str) -> RenderableType:
    """Return a step's heading."""
    return Padding(Text(text, style="bold cyan"), (1, 0, 0, 0))


def _below(prefix: str) -> str:
    return f"Key below {prefix}/" if prefix else "Key"


def _short(key: str, prefix: str) -> str:
    return key.removeprefix(f"{prefix}/") if prefix else key


def _more(total: int, limit: int | None, where: str) -> list[RenderableType]:
    if limit is None or total <= limit:
        return []
    return [Text(f"… and {total - limit:,} more: {where}", style="dim")]
