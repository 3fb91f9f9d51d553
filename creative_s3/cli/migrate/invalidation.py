"""`migrate upload --invalidate`: what an upload replaces, and what CloudFront is told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creative_s3.errors import CreativeS3Error, ExitCode

if TYPE_CHECKING:
    from rich.console import RenderableType

    from creative_s3.cli.run import Run
    from creative_s3.core.cdn.allowance import MonthOfPaths
    from creative_s3.core.cdn.proposal import Proposal
    from creative_s3.core.cdn.sending import Accepted
    from creative_s3.core.migration.planning import MigrationPlan
    from creative_s3.core.migration.report import MigrationReport


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What an upload would have invalidated.

    Attributes:
        proposal: The requests, as if everything succeeded.
        month: What this month's paths are already.
    """

    proposal: Proposal
    month: MonthOfPaths

    def view(self) -> RenderableType:
        """Show it."""
        from creative_s3.cli.views import cdn

        return cdn.foreseen(self.proposal, self.month)


@dataclass(frozen=True, slots=True)
class Announced:
    """What CloudFront was told after an upload.

    Attributes:
        proposal: What there was to tell; None when it could not even be found out.
        accepted: The requests that CloudFront took.
        error: Why it was not told, or not of all.
    """

    proposal: Proposal | None = None
    accepted: tuple[Accepted, ...] = ()
    error: CreativeS3Error | None = None

    @property
    def exit_code(self) -> ExitCode:
        """What the process ends with if the upload itself succeeded."""
        if self.error:
            return self.error.exit_code
        return ExitCode.ITEMS_FAILED if self.proposal and self.proposal.refused else ExitCode.OK

    @property
    def warnings(self) -> tuple[str, ...]:
        """What went wrong, in words."""
        refused = self.proposal.refused if self.proposal else ()
        said = [f"{one.key}: {one.error.message}; {one.error.hint}" for one in refused]
        if self.error:
            said.append(f"the uploads are proved, but CloudFront was not told: {self.error.message}")
        return tuple(said)

    @property
    def next_steps(self) -> tuple[str, ...]:
        """How to go on."""
        if self.error:
            hint = (self.error.hint,) if self.error.hint else ()
            return (*hint, "creative-s3 cdn invalidate --changed  # tells CloudFront of what was replaced")
        return ("creative-s3 cdn status  # are the edges done?",) if self.accepted else ()

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``."""
        return {
            **(self.proposal.to_dict() if self.proposal else {}),
            "invalidations": [
                {"id": one.sent.id, "status": one.sent.status, "paths": len(one.request.paths)}
                for one in self.accepted
            ],
            "error": None
            if self.error is None
            else {"code": self.error.code, "message": self.error.message, "hint": self.error.hint},
        }

    def view(self) -> RenderableType:
        """Show it."""
        from rich.text import Text

        from creative_s3.cli.views import cdn

        if self.proposal is None:
            return Text("CloudFront was not told.")
        return cdn.accepted(self.accepted, self.proposal, waited=False)


def foresee(run: Run, plan: MigrationPlan) -> Foreseen:
    """Find out what an upload would have invalidated, before anything is sent to the bucket.

    Raises:
        CreativeS3Error: No distribution is set, or CloudFront cannot be asked.
    """
    from creative_s3.core.cdn.cdn import open_cdn
    from creative_s3.core.migration.planning import Reason

    with run.live() as live, open_cdn(run.connection(), emit=live.emit) as cdn:
        keys = [operation.key for operation in plan.operations if operation.reason is Reason.CHANGED]
        return Foreseen(cdn.propose_objects(keys, token="foreseen"), cdn.month)  # noqa: S106 - no secret


def announce(run: Run, report: MigrationReport) -> Announced:
    """Tell CloudFront exactly what a run replaced; an error is part of the result, the uploads are proved."""
    from creative_s3.core.cdn.cdn import open_cdn

    proposal: Proposal | None = None
    try:
        with run.live() as live, open_cdn(run.connection(), emit=live.emit) as cdn:
            if report.run:
                proposal = cdn.propose_changed([report.run])
            else:  # the catalog could not record the run
                proposal = cdn.propose_objects(report.replaced, token=f"upload {id(report)}")
            return Announced(proposal, cdn.send(proposal))
    except CreativeS3Error as error:
        return Announced(proposal, error=error)
