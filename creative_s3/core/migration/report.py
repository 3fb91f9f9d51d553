"""What a migration did: values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from creative_s3.core.migration.planning import Reason
from creative_s3.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from creative_s3.core.migration.execution import Failure
    from creative_s3.core.migration.planning import MigrationPlan


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What a run did.

    Attributes:
        plan: What it set out to do.
        uploaded: Files sent and proved.
        uploaded_bytes: Their size.
        confirmed: Files found already there with the same content.
        failures: Items that failed.
        conflicts: Index entries that two machines changed; the newer one counts.
        published: Whether the published index was written; False when it was current already.
        duration_s: From the first request to the last.
        requests: What was sent, by S3 operation name.
        proofs: How many objects were proved in which way.
        run: The number under which `migrate history` has it; 0 if it was not recorded.
        replaced: Keys under which other content was before.
        warnings: What a person should know although it succeeded.
    """

    plan: MigrationPlan
    uploaded: int = 0
    uploaded_bytes: int = 0
    confirmed: int = 0
    failures: tuple[Failure, ...] = ()
    conflicts: tuple[str, ...] = ()
    published: bool = False
    duration_s: float = 0.0
    requests: Mapping[str, int] = field(default_factory=dict)
    proofs: Mapping[str, int] = field(default_factory=dict)
    run: int = 0
    replaced: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def success_rate(self) -> float:
        """Percent of the files to send that are in S3 now, 0 to 100."""
        total = self.plan.total_files
        return 100.0 if total == 0 else 100.0 * (self.uploaded + self.confirmed) / total

    def exit_code(self, *, strict: bool = False) -> ExitCode:
        """Return what the process should end with; `strict` counts missing files as failures."""
        return exit_code_of(self.plan, failed=bool(self.failures), strict=strict)


def exit_code_of(plan: MigrationPlan, *, failed: bool, strict: bool = False) -> ExitCode:
    """Return what an upload should end with; `strict` counts missing files as failures."""
    if failed or plan.stops or (strict and plan.counts[Reason.MISSING]):
        return ExitCode.ITEMS_FAILED
    return ExitCode.OK
