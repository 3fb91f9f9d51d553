"""The `bucket` group: check, create, apply. What else it has is in the modules `bucket_…` beside this one."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from pathlib import Path
from typing import Annotated

import typer

from creative_s3.cli.bucket import events, init, metrics, policy, replication, versions
from creative_s3.cli.bucket.changes import apply_plan
from creative_s3.cli.declare.options import AWS, DryRun, Yes, command, group
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM

app = group("bucket", "Set the bucket up, guard it, and bring back what was overwritten or deleted.")

_PARTS = "versioning|encryption|acceleration|ownership|public-access|tls|unfinished-uploads"


def register(root: typer.Typer) -> None:
    """Add the group to the root, and `init` beside it."""
    metrics.register(app)
    root.add_typer(app)
    init.register(root)


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
    from creative_s3.cli.views import checks as views
    from creative_s3.core.checks.doctor import Status, examine_bucket

    diagnosis = views.with_flags(
        examine_bucket(run.config, insecure_endpoint=run.session.insecure_endpoint), run
    )
    return Report(
        data=views.data_of(diagnosis),
        human=lambda: views.ChecksView(diagnosis),
        lines=(f"{one.name}: {one.detail}" for one in diagnosis.checks if one.status is Status.PROBLEM),
        exit_code=diagnosis.exit_code,
    )


@command(
    app,
    "create",
    settings=("endpoint_url", "region", "insecure_endpoint"),
    examples=(
        ("What would be made?", f"{PROGRAM} bucket create my-assets --dry-run"),
        ("Make it in Frankfurt", f"{PROGRAM} bucket create my-assets --region eu-central-1"),
        ("Make it, and use it from now on here", f"{PROGRAM} bucket create my-assets --write-env --yes"),
    ),
)
def create(
    run: Run,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the new bucket.")],
    *,
    write_env: Annotated[
        bool,
        typer.Option("--write-env", help="Write its name and region into .env.", show_default=False),
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> Report:
    """Make a private bucket, versioned and encrypted as the settings say.

    Public access is blocked, ACLs are off, requests without TLS are denied, and a rule removes uploads that
    stay unfinished for 7 days. What the server lacks is told and left out.
    """
    from dataclasses import replace

    from creative_s3.core.bucket.names import check_new_name, has_dots
    from creative_s3.core.bucket.setup import GUARDS, check_absent, parts_of_settings, plan_new

    check_new_name(name)
    run.session.flags["bucket_name"] = name
    connection = run.connection()
    check_absent(connection)
    plan = plan_new(connection, (*parts_of_settings(run.config), *GUARDS))
    warnings = []
    if has_dots(name):
        warnings.append("the name has dots: TLS by the bucket's own host name and acceleration will not work")
    values = {"S3_BUCKET_NAME": name, "S3_REGION": connection.region}
    changed: list[str] = []
    report = apply_plan(
        run,
        connection,
        plan,
        dry_run=dry_run,
        yes=yes,
        made=(lambda: changed.extend(write_settings(run, values))) if write_env else None,
        creates=True,
        may_lack=True,
        warnings=warnings,
        next_steps=(f"{PROGRAM} bucket check --bucket {name}",),
    )
    if write_env and not dry_run:
        data = {**report.values(), "env_file": ".env", "env_changed": changed}
        report = replace(report, data=data, warnings=(*report.warnings, *init.outvoted(values)))
    return report


@command(
    app,
    "apply",
    settings=AWS,
    examples=(
        ("What would change?", f"{PROGRAM} bucket apply --dry-run"),
        ("Make the bucket what the settings say", f"{PROGRAM} bucket apply"),
        (
            "Deny plain http, and let ACLs do nothing",
            f"{PROGRAM} bucket apply --only tls --only ownership",
        ),
    ),
)
def apply(
    run: Run,
    *,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar=_PARTS, help="Only this, whatever the settings say; may be repeated."),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Also all that a new bucket gets.", show_default=False),
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> Report:
    """Make the bucket what the settings say, and only that.

    The settings speak of versioning, encryption and acceleration; what they do not ask for stays as it is.
    Each change is shown first and proved afterwards. What others configured stays.
    """
    from creative_s3.core.bucket.setup import GUARDS, Part, parts_of_settings, plan_setup
    from creative_s3.errors import UnsupportedError, UsageError

    if only and everything:
        raise UsageError("--only and --all contradict each other", hint=f"{PROGRAM} bucket apply --help")
    known = {part.value: part for part in Part}
    for name in only or ():
        if name not in known:
            raise UsageError(
                f"there is no such part: {name}", item="--only", hint=f"one of {', '.join(known)}"
            )
    chosen = tuple(known[name] for name in only or ())
    asked = chosen or (*parts_of_settings(run.config), *(GUARDS if everything else ()))
    connection = run.connection()
    plan = plan_setup(connection, asked)
    if chosen and plan.left_out and not plan.changes:
        part, reason = plan.left_out[0]
        raise UnsupportedError(
            f"{part.value}: {reason}", item=connection.endpoint_url, hint=f"{PROGRAM} bucket check"
        )
    return apply_plan(
        run,
        connection,
        plan,
        dry_run=dry_run,
        yes=yes,
        may_lack=not chosen,
    )


def write_settings(run: Run, values: dict[str, str]) -> tuple[str, ...]:
    """Put settings into ``.env`` in the current directory; every other line stays."""
    from creative_s3.core import env_file

    file = env_file.edited(Path(".env"), values)
    if file.changed:
        env_file.write(file)
    run.output.note(f"wrote {', '.join(file.changed) or 'nothing new'} to .env")
    return file.changed


policy.register(app)
versions.register(app)
replication.register(app)
events.register(app)
