"""`lifecycle set`, `remove` and `import`: what changes a bucket's rules, shown before it is done."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creative_s3.cli.declare.options import AWS, CACHE, DryRun, Yes, command
from creative_s3.cli.lifecycle.options import RuleOptions, saying_rules, use_of
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM, count
from creative_s3.errors import ObjectNotFoundError, RefusedError

if TYPE_CHECKING:
    from creative_s3.core.lifecycle.changes import Change
    from creative_s3.core.lifecycle.planning import ChangePlan
    from creative_s3.core.s3.object_store import ObjectStore

AcceptExpiry = Annotated[
    list[str] | None,
    typer.Option(
        "--accept-expiry",
        metavar="RULE",
        help="Let this rule delete assets of which S3 has the only copy; repeatable.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    settings = (*AWS, *CACHE)
    command(
        app,
        "set",
        settings=settings,
        examples=(
            (
                "What would it do to archive assets after 90 days?",
                f"{PROGRAM} lifecycle set --transition GLACIER:90d --min-size 150KiB --dry-run",
            ),
            (
                "Composites alone; and unfinished uploads are given up after a week",
                f"{PROGRAM} lifecycle set --kind composites --transition GLACIER_IR:30d --abort-uploads 7d",
            ),
            (
                "Logs of another tool: deleted after 30 days",
                f"{PROGRAM} lifecycle set --under logs/ --expire 30d --name logs",
            ),
        ),
    )(set_rules)
    command(
        app,
        "remove",
        settings=settings,
        examples=(
            ("The rule of this name", f"{PROGRAM} lifecycle remove logs"),
            ("All rules that `lifecycle set` made without a name", f"{PROGRAM} lifecycle remove creative-s3"),
        ),
    )(remove)
    command(
        app,
        "import",
        settings=settings,
        examples=(
            ("Add and replace the rules of a file by their IDs", f"{PROGRAM} lifecycle import rules.json"),
            ("Have exactly these, and no others", f"{PROGRAM} lifecycle import rules.json --replace"),
        ),
    )(import_rules)


@saying_rules
def set_rules(
    run: Run,
    *,
    options: RuleOptions,
    accept_expiry: AcceptExpiry = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> Report:
    """Set lifecycle rules for the assets, or for some; the rules of others stay as they are.

    Shows the rules before and after, how many objects and bytes they concern and from when, and what to know.
    A rule with the same ID is replaced as a whole. Without --kind, --campaign or --under there is one rule
    for each folder of assets under the prefix; the published index is never concerned.

    --min-size holds for everything a rule does. S3 itself leaves objects under 128 KB where they are, unless
    a rule has a size. A rule that would delete the only copy of assets is refused, unless it is accepted by
    its name.
    """
    from creative_s3.core.lifecycle.bucket_rules import read
    from creative_s3.core.lifecycle.changes import setting
    from creative_s3.core.storage.manager import S3StorageManager

    wanted = options.wanted()
    store = S3StorageManager(connection=run.connection())
    rules = options.rules(wanted, run, store)
    change = setting(read(store), rules)
    return _changed(run, store, change, accepted=accept_expiry or (), dry_run=dry_run, yes=yes)


def remove(
    run: Run,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A rule's ID, or what the IDs of several begin with.")
    ],
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> Report:
    """Remove a lifecycle rule by its name; all others stay as they are.

    Without a rule of exactly this ID, all that begin with it and a colon. Objects that were moved stay where
    they are: no rule brings them back.
    """
    from creative_s3.core.lifecycle.bucket_rules import read
    from creative_s3.core.lifecycle.changes import removing
    from creative_s3.core.lifecycle.wanted import named
    from creative_s3.core.storage.manager import S3StorageManager

    store = S3StorageManager(connection=run.connection())
    present = read(store)
    ids = named(present.rules, name)
    if not ids:
        raise ObjectNotFoundError(
            "the bucket has no lifecycle rule of this name",
            item=name,
            hint=f"{PROGRAM} lifecycle show --rules-only -q  # lists their names",
        )
    return _changed(run, store, removing(present, ids), accepted=(), dry_run=dry_run, yes=yes)


def import_rules(
    run: Run,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A JSON file; - is standard input.")],
    *,
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove all rules that are not in it.", show_default=False)
    ] = False,
    accept_expiry: AcceptExpiry = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> Report:
    """Set the lifecycle rules of a JSON file, as `lifecycle export` or `aws s3api` write it.

    Rules with the same ID are replaced, others are added, and those that are not in the file stay, except
    with --replace. The bucket's own smallest size to move stays, except with --replace and one in the file.
    """
    from creative_s3.core.lifecycle.bucket_rules import read
    from creative_s3.core.lifecycle.changes import replacing, setting
    from creative_s3.core.storage.manager import S3StorageManager

    wanted = read_file(file)
    store = S3StorageManager(connection=run.connection())
    present = read(store)
    if replace:
        change = replacing(present, wanted)
    else:
        unnamed = [rule for rule in wanted.rules if "ID" not in rule]
        if unnamed:
            raise RefusedError(
                f"{count(len(unnamed), 'rule')} of the file have no ID, so nobody knows which they replace",
                item=file,
                hint="give each an ID, or add --replace",
            )
        change = setting(present, wanted.rules)
    return _changed(run, store, change, accepted=accept_expiry or (), dry_run=dry_run, yes=yes)


def read_file(file: str) -> Any:  # noqa: ANN401 - BucketRules, imported only when needed
    """Read rules from a file, or from standard input for ``-``.

    Raises:
        UsageError: It cannot be read, or holds no rules.
    """
    from creative_s3.core.lifecycle.rule_files import from_json
    from creative_s3.errors import UsageError

    if file == "-":
        return from_json(sys.stdin.read(), name="standard input")
    try:
        text = Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise UsageError(
            f"the file cannot be read: {reason}", item=file, hint=f"{PROGRAM} lifecycle export {file}"
        ) from None
    return from_json(text, name=file)


def _changed(  # noqa: PLR0917 - one flow for all three commands
    run: Run,
    store: "ObjectStore",
    change: "Change",
    accepted: list[str] | tuple[str, ...],
    dry_run: bool,
    yes: bool,
) -> Report:
    """Show a change, ask, carry it out; or only show it."""
    from creative_s3.cli.lifecycle import views
    from creative_s3.core.lifecycle.changes import carry_out
    from creative_s3.core.lifecycle.planning import check_accepted, plan_change

    if not change.is_needed:
        return Report(
            data={**_data(store, change), "changed": False},
            human="The rules are that way already: nothing was changed.",
            lines=(),
        )
    plan = plan_change(store, change, use=use_of(run, store), now=datetime.now(UTC))
    refusal = None
    try:
        check_accepted(plan, accepted)
    except RefusedError as error:
        refusal = error
    data = {**_data(store, change), **plan.to_dict(), "changed": False}
    if dry_run:
        return Report(
            data=data,
            human=lambda: views.change(plan),
            lines=_lines(change),
            exit_code=refusal.exit_code if refusal else Report().exit_code,
            warnings=(
                *plan.left_out,
                *((f"would be refused: {refusal.message}; {refusal.hint}",) if refusal else ()),
            ),
            next_steps=() if refusal else (f"{run.in_earnest}  # sets exactly these rules",),
        )
    if refusal:
        raise refusal
    run.output.show(lambda: views.change(plan))
    for text in plan.left_out:
        run.output.warn(text)
    run.confirm(_question(plan), assume_yes=yes)
    carry_out(store, change)
    return Report(
        data={**data, "changed": True},
        human=f"The rules of {store.bucket} are set: {views.summary(change)}.",
        lines=_lines(change),
        next_steps=(f"{PROGRAM} lifecycle show  # what they will do, and when",) if change.after else (),
    )


def _question(plan: "ChangePlan") -> str:
    from creative_s3.cli.text import size

    deleted = plan.deleted
    if deleted.objects:
        doomed = f"{count(deleted.objects, 'object')} ({size(deleted.size_bytes)})"
        return f"Set these rules, by which S3 will delete {doomed} that are there now?"
    if not plan.change.added and not plan.change.replaced:
        return "Remove these rules?"
    return "Set these rules?"


def _data(store: "ObjectStore", change: "Change") -> dict[str, Any]:
    return {
        "bucket": store.bucket,
        "before": change.before.rules,
        "after": change.after,
        "minimum_object_size": change.minimum,
    }


def _lines(change: "Change") -> list[str]:
    names = [*change.added, *(new for _, new in change.replaced), *change.removed]
    return [str(rule.get("ID") or "-") for rule in names]
