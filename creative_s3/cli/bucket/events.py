"""`bucket notify`, `logging` and `accelerate`: who is told of objects, who asked for them, and how fast."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from creative_s3.cli.bucket.changes import change_bucket
from creative_s3.cli.declare.options import AWS, DryRun, Yes, command
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from creative_s3.core.bucket.notifications import Notice

_EXAMPLE_ARN = "arn:aws:lambda:us-east-1:111122223333:function:thumbs"
_OWN_PREFIX = tuple(name for name in AWS if name != "prefix")
"""The settings of a command whose --prefix is its own."""
State = Annotated[Literal["on", "off", "status"], typer.Argument(metavar="on|off|status", help="What to do.")]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    command(
        app,
        "notify",
        settings=_OWN_PREFIX,
        examples=(
            (
                "Tell a function of every new image",
                f"{PROGRAM} bucket notify --suffix .png --lambda {_EXAMPLE_ARN}",
            ),
            ("Tell EventBridge of everything", f"{PROGRAM} bucket notify --eventbridge"),
            ("A handler that reads keys rightly", f"{PROGRAM} bucket notify --example lambda > handler.py"),
        ),
    )(notify)
    command(
        app,
        "logging",
        settings=AWS,
        examples=(
            ("Where do access logs go?", f"{PROGRAM} bucket logging status"),
            ("Write them into another bucket", f"{PROGRAM} bucket logging on --target my-logs"),
        ),
    )(logging)
    command(
        app,
        "accelerate",
        settings=AWS,
        examples=(
            ("Is Transfer Acceleration on?", f"{PROGRAM} bucket accelerate status"),
            ("Switch it on", f"{PROGRAM} bucket accelerate on"),
        ),
    )(accelerate)


def notify(
    run: Run,
    *,
    function: Annotated[
        str | None, typer.Option("--lambda", metavar="ARN", help="Call this Lambda function.")
    ] = None,
    queue: Annotated[str | None, typer.Option("--sqs", metavar="ARN", help="Send to this SQS queue.")] = None,
    topic: Annotated[
        str | None, typer.Option("--sns", metavar="ARN", help="Publish to this SNS topic.")
    ] = None,
    eventbridge: Annotated[
        bool, typer.Option("--eventbridge", help="Tell EventBridge of every event.", show_default=False)
    ] = False,
    events: Annotated[
        list[str] | None,
        typer.Option(
            "--events", metavar="EVENT", help="Such as ObjectCreated:*, the default; may be repeated."
        ),
    ] = None,
    prefix: Annotated[
        str, typer.Option("--prefix", metavar="PREFIX", help="Only keys that begin so; all by default.")
    ] = "",
    suffix: Annotated[
        str, typer.Option("--suffix", metavar="SUFFIX", help="Only keys that end so, such as .png.")
    ] = "",
    example: Annotated[
        Literal["lambda"] | None,
        typer.Option("--example", help="Print a handler that decodes keys rightly, and stop."),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> Report:
    """Have S3 tell a function, queue, topic or EventBridge when objects come or go.

    Targets of others stay. What S3 would refuse, such as two targets for an event of one key, is refused
    before anything is sent. The target has to let S3 reach it; S3 tries that when it takes the configuration.
    """
    from creative_s3.core.bucket import configurations, notifications
    from creative_s3.core.bucket.aspects import Aspect
    from creative_s3.core.bucket.changes import Change
    from creative_s3.core.bucket.handler import LAMBDA
    from creative_s3.core.bucket.wanted import partition_of

    if example:
        return Report(
            data={"handler": LAMBDA}, human=lambda: _plain(LAMBDA), lines=LAMBDA.rstrip("\n").splitlines()
        )
    notice = _notice(function, queue, topic, eventbridge=eventbridge, events=events, filters=(prefix, suffix))
    config = run.config
    notifications.check_target(notice, config.region)
    connection = run.connection()
    before = configurations.read(connection, Aspect.NOTIFICATION)
    after = notifications.merged(before, notice)
    warnings: tuple[str, ...] = ()
    if notice.arn:
        account = notice.arn.split(":")[4]
        partition = partition_of(config.region)
        warnings = (notifications.permission(notice, connection.bucket, account, partition),)
    change = Change(Aspect.NOTIFICATION, before, after, notifications.kept(before, after))
    return change_bucket(
        run,
        connection,
        [change],
        dry_run=dry_run,
        yes=yes,
        warnings=[f"S3 has to be let in first: {line}" for line in warnings],
        next_steps=(f"{PROGRAM} bucket notify --example lambda  # a handler that decodes keys rightly",)
        if function
        else (),
    )


def logging(
    run: Run,
    state: State,
    *,
    target: Annotated[
        str | None, typer.Option("--target", metavar="BUCKET", help="The bucket that gets the logs.")
    ] = None,
    log_prefix: Annotated[
        str | None,
        typer.Option(
            "--log-prefix", metavar="PREFIX", help="What the logs' keys begin with; the bucket's name."
        ),
    ] = None,
    account: Annotated[
        str | None,
        typer.Option(
            "--account", metavar="ID", help="The account of both; without it AWS is asked for yours."
        ),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> Report:
    """Have S3 write a log of every request into another bucket, or stop that.

    The target has to be in the same region and account. Its policy gets the one statement that lets S3 write
    there; its other statements stay.
    """
    from creative_s3.core.bucket import configurations, logs
    from creative_s3.core.bucket.aspects import Aspect
    from creative_s3.core.s3.connection import account_of
    from creative_s3.core.s3.endpoints import Capability

    if state == "on" and target is None:
        raise UsageError("--target is missing", hint=f"{PROGRAM} bucket logging on --target BUCKET")
    connection = run.connection()
    if state == "status":
        found = (configurations.read(connection, Aspect.LOGGING) or {}).get("LoggingEnabled") or {}
        to = f"s3://{found.get('TargetBucket')}/{found.get('TargetPrefix', '')}" if found else None
        return Report(
            data={"bucket": connection.bucket, "on": bool(found), "logging": found},
            human=f"Access logs go to {to}" if to else "Access logs are off.",
            lines=(to or "off",),
        )
    connection.require(Capability.LOGGING)
    if state == "off":
        return change_bucket(run, connection, [logs.plan_off(connection)], dry_run=dry_run, yes=yes)
    assert target is not None  # noqa: S101 - checked above
    changes = logs.plan_on(
        connection,
        target,
        prefix=f"{connection.bucket}/" if log_prefix is None else log_prefix,
        account=account or account_of(connection),
    )
    return change_bucket(run, connection, changes, dry_run=dry_run, yes=yes)


def accelerate(run: Run, state: State, *, dry_run: DryRun = False, yes: Yes = False) -> Report:
    """Switch S3 Transfer Acceleration on or off, or show whether it is on.

    Uploads and downloads use it when S3_USE_ACCELERATE is true. It costs more per byte, and helps where the
    bucket is far away; a change takes up to 30 minutes.
    """
    from creative_s3.core.bucket import configurations
    from creative_s3.core.bucket.aspects import Aspect
    from creative_s3.core.bucket.changes import Change
    from creative_s3.core.s3.endpoints import Capability

    connection = run.connection()
    connection.require(Capability.ACCELERATE)
    before = configurations.read(connection, Aspect.ACCELERATION)
    is_on = (before or {}).get("Status") == "Enabled"
    used = run.config.use_accelerate
    if state == "status":
        return Report(
            data={"bucket": connection.bucket, "on": is_on, "used": used},
            human=f"Transfer Acceleration is {'on' if is_on else 'off'};"
            f" S3_USE_ACCELERATE is {str(used).lower()}.",
            lines=("on" if is_on else "off",),
        )
    if state == "on" and "." in connection.bucket:
        raise UsageError("Transfer Acceleration takes no bucket whose name has dots", item=connection.bucket)
    if state == "off" and before is None:
        after = {}
    else:
        after = {**(before or {}), "Status": "Enabled" if state == "on" else "Suspended"}
    wrong = used if state == "off" else not used
    value = "false" if state == "off" else "true"
    return change_bucket(
        run,
        connection,
        [Change(Aspect.ACCELERATION, before, after)],
        dry_run=dry_run,
        yes=yes,
        next_steps=(f"set S3_USE_ACCELERATE={value} in .env",) if wrong else (),
    )


def _notice(
    function: str | None,
    queue: str | None,
    topic: str | None,
    *,
    eventbridge: bool,
    events: list[str] | None,
    filters: tuple[str, str],
) -> "Notice":
    """Return the one target that was named.

    Raises:
        UsageError: None was, or several were; or EventBridge was given what it does not take.
    """
    from creative_s3.core.bucket.notifications import Kind, Notice, event_names

    given = [
        (kind, arn)
        for kind, arn in ((Kind.LAMBDA, function), (Kind.SQS, queue), (Kind.SNS, topic))
        if arn is not None
    ]
    prefix, suffix = filters
    if len(given) + eventbridge != 1:
        raise UsageError(
            "name one target: --lambda, --sqs, --sns or --eventbridge", hint=f"{PROGRAM} bucket notify --help"
        )
    if eventbridge:
        if events or prefix or suffix:
            raise UsageError(
                "EventBridge gets every event: choose with a rule of its own",
                hint=f"{PROGRAM} bucket notify --eventbridge",
            )
        return Notice(Kind.EVENTBRIDGE)
    kind, arn = given[0]
    return Notice(kind, arn, event_names(events or ()), prefix, suffix)


def _plain(text: str) -> "RenderableType":
    from rich.text import Text

    from creative_s3.cli.views.assets import Unbroken

    return Unbroken([Text(line) for line in text.rstrip("\n").splitlines()])
