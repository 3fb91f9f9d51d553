"""The `doctor` command: everything an upload depends on, one line each, and how to mend what is wrong."""

import typer

from creative_s3.cli.declare.options import AWS, CACHE, command
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(
        app,
        "doctor",
        settings=(*AWS, *CACHE),
        examples=(
            ("Look at everything an upload depends on", "creative-s3 doctor"),
            ("Print only the problems, for a monitor", "creative-s3 doctor --quiet"),
            (
                "Read one check in a script",
                "creative-s3 doctor --json | jq '.data.checks[] | select(.name == \"clock\")'",
            ),
        ),
    )(examine)


def examine(run: Run) -> Report:
    """Check settings, connection, bucket and cache, and say how to mend what is wrong.

    Nothing is changed: permissions are tried with requests that cannot succeed, and what cannot be tried
    like that is not tried.

    Exit code 0 means no problem; warnings do not count. Otherwise the first problem decides: 5 if it is about
    the bucket, else 4.
    """
    from creative_s3.cli.views import checks as views
    from creative_s3.core.checks.doctor import Status, examine
    from creative_s3.core.files import user_directories

    diagnosis = examine(
        run.config,
        log_directory=user_directories.log_path(),
        insecure_endpoint=run.session.insecure_endpoint,
    )
    diagnosis = views.with_flags(diagnosis, run)
    return Report(
        data=views.data_of(diagnosis),
        human=lambda: views.ChecksView(diagnosis),
        lines=(
            f"{check.name}: {check.detail}" for check in diagnosis.checks if check.status is Status.PROBLEM
        ),
        exit_code=diagnosis.exit_code,
    )
