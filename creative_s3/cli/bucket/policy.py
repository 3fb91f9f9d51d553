"""The `bucket policy` group: the IAM policy for what somebody runs, and the bucket's own policy."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creative_s3.cli.bucket.changes import change_bucket
from creative_s3.cli.declare.options import AWS, DryRun, Yes, command, group
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM

if TYPE_CHECKING:
    from rich.console import RenderableType

    from creative_s3.core.bucket.changes import Change
    from creative_s3.core.s3.connection import Connection

app = group("policy", "Who may do what: the IAM policy for these commands, and the bucket's own policy.")

Apply = Annotated[
    bool,
    typer.Option("--apply", help="Merge it into the bucket's policy, not only print it.", show_default=False),
]


def register(parent: typer.Typer) -> None:
    """Add the group below `bucket`."""
    parent.add_typer(app)


@command(
    app,
    "iam",
    settings=("bucket", "prefix", "region"),
    examples=(
        ("For everything that runs from day to day", f"{PROGRAM} bucket policy iam"),
        ("For a machine that only uploads", f"{PROGRAM} bucket policy iam --command upload"),
        ("Give it to a role", f"{PROGRAM} bucket policy iam -q > policy.json"),
    ),
)
def iam(
    run: Run,
    *,
    commands: Annotated[
        list[str] | None,
        typer.Option(
            "--command", metavar="COMMAND", help="What shall be allowed, such as upload; may be repeated."
        ),
    ] = None,
) -> Report:
    """Print the least IAM policy that suffices for what you run.

    Nothing is asked and nothing is sent. The bucket, the prefix, the KMS key and the distribution are those
    of the settings. With -q only the JSON document is printed.
    """
    from creative_s3.core.bucket.iam import policy_for

    document = policy_for(run.config, commands or ())
    return _printed(document, {"policy": document, "commands": commands or []})


@command(
    app,
    "tls",
    settings=AWS,
    examples=(
        ("What does the statement say?", f"{PROGRAM} bucket policy tls"),
        ("Deny every request without TLS", f"{PROGRAM} bucket policy tls --apply"),
    ),
)
def tls(run: Run, *, apply: Apply = False, dry_run: DryRun = False, yes: Yes = False) -> Report:
    """Print the statement that denies requests without TLS, or merge it into the bucket's policy.

    It is about the bucket and its objects. Other statements stay; one with the same Sid is replaced.
    """
    from creative_s3.core.bucket import configurations
    from creative_s3.core.bucket.aspects import Aspect
    from creative_s3.core.bucket.setup import with_tls
    from creative_s3.core.bucket.wanted import partition_of, tls_statement
    from creative_s3.errors import RefusedError

    config = run.config
    if not (apply or dry_run):
        statement = tls_statement(config.require_bucket(), partition_of(config.region))
        return _printed(statement, {"statement": statement})
    connection = run.connection()
    if (connection.endpoint_url or "").startswith("http:"):
        raise RefusedError(
            "the endpoint is plain http: this policy would lock everybody out, you included",
            item=connection.endpoint_url,
            hint="use an https address in S3_ENDPOINT_URL first",
        )
    change = with_tls(connection, configurations.read(connection, Aspect.POLICY))
    return change_bucket(run, connection, [change], dry_run=dry_run, yes=yes)


@command(
    app,
    "cdn",
    settings=AWS,
    examples=(
        ("What does the statement say?", f"{PROGRAM} bucket policy cdn E2EXAMPLE --account 111122223333"),
        ("Let the distribution read the objects", f"{PROGRAM} bucket policy cdn E2EXAMPLE --apply"),
    ),
)
def cdn(
    run: Run,
    distribution: Annotated[
        str | None,
        typer.Argument(metavar="DISTRIBUTION", help="Its ID; without it the one of the settings."),
    ] = None,
    *,
    account: Annotated[
        str | None,
        typer.Option(
            "--account", metavar="ID", help="The account that has it; without it AWS is asked for yours."
        ),
    ] = None,
    apply: Apply = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> Report:
    """Print the statement that lets a CloudFront distribution read the objects, or merge it.

    It is for origin access control (OAC): the bucket stays private, and only this distribution may read.
    """
    from creative_s3.core.bucket.iam import oac_statement
    from creative_s3.core.bucket.wanted import partition_of
    from creative_s3.core.s3.connection import account_of
    from creative_s3.errors import SettingsError, UsageError

    chosen = distribution or run.config.cloudfront_distribution_id
    if not chosen:
        raise SettingsError(
            "no CloudFront distribution is set",
            item="CLOUDFRONT_DISTRIBUTION_ID",
            hint=f"{PROGRAM} bucket policy cdn DISTRIBUTION",
        )
    if not chosen.isalnum():
        raise UsageError("this is no distribution ID", item=chosen, hint="such as E2EXAMPLE")
    if account is not None and not (account.isdigit() and len(account) == 12):  # noqa: PLR2004 - AWS's own length
        raise UsageError("an account ID has 12 digits", item=account, hint="such as 111122223333")
    connection = run.connection()
    statement = oac_statement(
        run.config.require_bucket(),
        chosen,
        account or account_of(connection),
        partition_of(run.config.region),
    )
    if not (apply or dry_run):
        return _printed(statement, {"statement": statement})
    return change_bucket(run, connection, [_merged(connection, statement)], dry_run=dry_run, yes=yes)


def _merged(connection: "Connection", statement: dict[str, Any]) -> "Change":
    from creative_s3.core.bucket import configurations, wanted
    from creative_s3.core.bucket.aspects import Aspect
    from creative_s3.core.bucket.changes import Change
    from creative_s3.core.bucket.setup import kept_statements

    before = configurations.read(connection, Aspect.POLICY)
    after = wanted.policy(before, [statement])
    return Change(Aspect.POLICY, before, after, kept_statements(before, after))


def _printed(document: dict[str, Any], data: dict[str, Any]) -> Report:
    text = json.dumps(document, indent=2)
    return Report(data=data, human=lambda: _plain(text), lines=text.splitlines())


def _plain(text: str) -> "RenderableType":
    from rich.text import Text

    from creative_s3.cli.views.assets import Unbroken

    return Unbroken([Text(line) for line in text.splitlines()])
