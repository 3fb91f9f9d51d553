"""`bucket replicate` and the group `bucket replication`: a copy in a second region."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from creative_s3.cli.bucket.changes import change_bucket
from creative_s3.cli.declare.amounts import MOST_ITEMS
from creative_s3.cli.declare.options import AWS, DryRun, Yes, command, group
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM, count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

_EXAMPLE_ROLE = "arn:aws:iam::111122223333:role/copy"

app = group("replication", "How the copy in a second region stands.")


def register(parent: typer.Typer) -> None:
    """Add the command and the group to `bucket`."""
    command(
        parent,
        "replicate",
        settings=tuple(name for name in AWS if name != "prefix"),  # its --prefix is its own
        examples=(
            (
                "What would change?",
                f"{PROGRAM} bucket replicate my-copy --role {_EXAMPLE_ROLE} --dry-run",
            ),
            (
                "Copy the assets alone, within 15 minutes",
                f"{PROGRAM} bucket replicate my-copy --role {_EXAMPLE_ROLE} --prefix creative-assets/ --rtc",
            ),
        ),
    )(replicate)
    parent.add_typer(app)


def replicate(
    run: Run,
    destination: Annotated[
        str, typer.Argument(metavar="DESTINATION", help="The bucket that gets the copies.")
    ],
    *,
    role: Annotated[str, typer.Option("--role", metavar="ARN", help="The role that S3 takes for it.")],
    prefix: Annotated[
        str,
        typer.Option("--prefix", metavar="PREFIX", help="Only keys that begin so; all by default."),
    ] = "",
    rtc: Annotated[
        bool,
        typer.Option(
            "--rtc", help="Replication Time Control: within 15 minutes; paid for.", show_default=False
        ),
    ] = False,
    kms: Annotated[
        str | None,
        typer.Option("--kms", metavar="ARN", help="The key, in the destination's region, for the copies."),
    ] = None,
    delete_markers: Annotated[
        bool,
        typer.Option(
            "--delete-markers", help="What is deleted here is hidden there, too.", show_default=False
        ),
    ] = False,
    existing: Annotated[
        bool,
        typer.Option(
            "--existing", help="Also prepare the batch job for what is there already.", show_default=False
        ),
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> Report:
    """Copy every new object into a bucket of another region.

    Both sides are checked first. The rules of others stay. What is there already is copied by a batch job
    only: --existing has S3 prepare it, and it waits until you confirm it.
    """
    from dataclasses import replace

    from creative_s3.core.bucket.replication import Wish, plan_replication, prepare_job, role_policy
    from creative_s3.errors import ExitCode

    wish = Wish(
        destination=destination,
        role_arn=role,
        prefix=prefix,
        is_timed=rtc,
        kms_key_arn=kms,
        copies_delete_markers=delete_markers,
    )
    connection = run.connection()
    change = plan_replication(connection, wish)
    report = change_bucket(
        run,
        connection,
        [change],
        dry_run=dry_run,
        yes=yes,
        next_steps=(run.with_flags(f"{PROGRAM} bucket replication status"),),
    )
    data = {**report.values(), "role_policy": role_policy(connection.bucket, wish), "job": None}
    if not existing or dry_run or report.exit_code is not ExitCode.OK:
        return replace(report, data=data)
    job, account = prepare_job(connection, wish)
    confirm = (
        f"aws s3control update-job-status --account-id {account} --job-id {job}"
        f" --requested-job-status Ready --region {connection.region}"
    )
    return replace(
        report,
        data={**data, "job": {"id": job, "account": account, "confirm": confirm}},
        next_steps=(f"{confirm}  # copies what is there already", *report.next_steps),
    )


@command(
    app,
    "status",
    settings=AWS,
    examples=(
        ("What is copied where?", f"{PROGRAM} bucket replication status"),
        ("And have the first 200 objects arrived?", f"{PROGRAM} bucket replication status --sample 200"),
    ),
)
def status(
    run: Run,
    *,
    sample: Annotated[
        int,
        typer.Option(
            "--sample",
            metavar="N",
            min=0,
            max=MOST_ITEMS,
            help="Ask for the state of so many objects, one request each.",
        ),
    ] = 0,
) -> Report:
    """Show the replication rules and, for a sample of objects, whether the copies have arrived.

    Exit code 7 means that some copy failed.
    """
    from creative_s3.core.bucket import configurations
    from creative_s3.core.bucket.aspects import Aspect
    from creative_s3.core.bucket.replication import statuses_of
    from creative_s3.core.s3.object_store import ObjectStore
    from creative_s3.errors import ExitCode

    connection = run.connection()
    found = configurations.read(connection, Aspect.REPLICATION) or {}
    rules = found.get("Rules", [])
    inside = f"{run.config.prefix}/" if run.config.prefix else ""
    states: Mapping[str, int] = {}
    if sample:
        store = ObjectStore(connection=connection)
        states = statuses_of(connection, islice(store.objects(inside), sample))
    return Report(
        data={
            "bucket": connection.bucket,
            "role": found.get("Role"),
            "rules": rules,
            "sample": states,
        },
        human=lambda: _status(rules, states),
        lines=(str(rule.get("ID", "")) for rule in rules),
        exit_code=ExitCode.DIFFERENT if states.get("FAILED") else ExitCode.OK,
        next_steps=() if rules else (f"{PROGRAM} bucket replicate --help",),
    )


def _status(rules: "Sequence[Mapping[str, object]]", states: "Mapping[str, int]") -> "RenderableType":
    from rich.console import Group
    from rich.text import Text

    from creative_s3.cli.views.reports import table

    if not rules:
        return Text("Nothing is copied: the bucket has no replication rules.")
    shown = table("Rule", "To", "Keys", "State", "Delete markers")
    for rule in rules:
        target = rule.get("Destination")
        bucket = str(target.get("Bucket", "")).rpartition(":")[2] if isinstance(target, dict) else ""
        chosen = rule.get("Filter")
        prefix = chosen.get("Prefix", "") if isinstance(chosen, dict) else rule.get("Prefix", "")
        markers = rule.get("DeleteMarkerReplication")
        copied = isinstance(markers, dict) and markers.get("Status") == "Enabled"
        shown.add_row(
            Text(str(rule.get("ID", "")), overflow="fold"),
            Text(bucket, overflow="fold"),
            f"{prefix}*",
            str(rule.get("Status", "")),
            "copied" if copied else "not copied",
        )
    lines = [Text(f"{name}: {count(number, 'object')}") for name, number in sorted(states.items())]
    return Group(shown, *([Text(), *lines] if lines else []))
