"""The `bucket` group: how the bucket is set up, and what is in its past."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

import typer

from creative_s3.cli.options import AWS, command, group
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM

app = group("bucket", "Set the bucket up, guard it, and bring back what was overwritten or deleted.")


def register(root: typer.Typer) -> None:
    """Add the group to the root."""
    root.add_typer(app)


@command(
    app,
    "check",
    settings=AWS,
    examples=(
        ("Is the bucket set up as it should be?", f"{PROGRAM} bucket check"),
        ("Print only the problems, for a monitor", f"{PROGRAM} bucket check --quiet"),
    ),
)
def check(run: Run) -> Report:
    """Check how the bucket is set up, and say how to mend what is wrong.

    Changes nothing. Exit code 0 means no problem; warnings do not count.
    """
    from creative_s3.cli import views_checks as views
    from creative_s3.core.checks.doctor import Status, examine_bucket

    diagnosis = examine_bucket(run.config, insecure_endpoint=run.session.insecure_endpoint)
    return Report(
        data=views.data_of(diagnosis),
        human=lambda: views.ChecksView(diagnosis),
        lines=(f"{one.name}: {one.detail}" for one in diagnosis.checks if one.status is Status.PROBLEM),
        exit_code=diagnosis.exit_code,
    )
