"""What the `migrate` commands say of a plan in ``--json``, and the little that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import RenderableType

    from creative_s3.core.index.index import IndexProblem
    from creative_s3.core.migration.execution import Failure
    from creative_s3.core.migration.planning import MigrationPlan


def plan_data(made: MigrationPlan) -> Mapping[str, Any]:
    """Return what ``--json`` says of a plan."""
    return {
        "bucket": made.bucket,
        "prefix": made.prefix,
        "compared": made.compared,
        "counts": {str(reason): number for reason, number in made.counts.items()},
        "upload_files": made.total_files,
        "upload_bytes": made.total_size_bytes,
        "kinds": {
            str(kind): {"files": files, "size_bytes": size_bytes}
            for kind, (files, size_bytes) in sorted(made.by_kind().items())
        },
        "problems": [problem_data(problem) for problem in made.problems],
        "unindexed": [name for name, _ in made.unindexed],
        "unusable": [{"path": name, "reason": reason} for name, reason in made.unusable],
    }


def problem_data(problem: IndexProblem) -> Mapping[str, str]:
    """Return what ``--json`` says of an entry that is not as it should be."""
    return {
        "kind": str(problem.kind),
        "entry": problem.item,
        "reason": problem.reason,
    }


def failures_data(failures: Iterable[Failure]) -> list[Mapping[str, str | None]]:
    """Return what ``--json`` says of items that failed."""
    return [
        {
            "item": failure.item,
            "key": failure.key,
            "code": failure.error.code,
            "message": failure.error.message,
            "hint": failure.error.hint,
        }
        for failure in failures
    ]


def stacked(*parts: RenderableType) -> RenderableType:
    """Put things below each other, an empty line between them."""
    from rich.console import Group
    from rich.text import Text

    separated: list[RenderableType] = []
    for part in parts:
        separated += [part, Text("")]
    return Group(*separated[:-1])
