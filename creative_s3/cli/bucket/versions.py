"""`bucket versions`, `recover` and `uploads`: what is in the bucket's past, and what is unfinished."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from creative_s3.cli.completion import values
from creative_s3.cli.declare.amounts import moment
from creative_s3.cli.declare.options import AWS, DryRun, Yes, command
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM, count, printable, size
from creative_s3.core.shell_words import quoted

if TYPE_CHECKING:
    from creative_s3.core.bucket.versions import Recovery, Version
    from creative_s3.core.s3.connection import Connection

Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY", help="The object's key, with or without the prefix.", autocompletion=values.keys
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    command(
        app,
        "versions",
        settings=AWS,
        examples=(
            ("What was under this key, and when?", f"{PROGRAM} bucket versions products/hero.png"),
            ("The IDs alone, the newest first", f"{PROGRAM} bucket versions products/hero.png -q"),
        ),
    )(versions)
    command(
        app,
        "recover",
        settings=AWS,
        examples=(
            ("Bring a deleted object back", f"{PROGRAM} bucket recover products/hero.png"),
            (
                "Go back to an older version",
                f"{PROGRAM} bucket recover products/hero.png --version 3HL4kqtJl",
            ),
        ),
    )(recover)
    command(
        app,
        "uploads",
        settings=AWS,
        examples=(
            ("What was begun and never finished?", f"{PROGRAM} bucket uploads"),
            ("Abort what is older than a week", f"{PROGRAM} bucket uploads --abort-older 7d"),
        ),
    )(uploads)


def versions(run: Run, key: Key) -> Report:
    """Show every version of one object, delete markers included, the newest first."""
    from creative_s3.cli.bucket import views
    from creative_s3.errors import ObjectNotFoundError

    connection = run.connection()
    name, found = _find(connection, run.config.prefix, key)
    if not found:
        raise ObjectNotFoundError(
            "the bucket has no version of this object", item=key, hint=f"{PROGRAM} assets list"
        )
    steps: tuple[str, ...] = ()
    if found[0].is_delete_marker:
        steps = (run.with_flags(f"{PROGRAM} bucket recover {quoted(name)}  # brings it back"),)
    return Report(
        data={"bucket": connection.bucket, "key": name, "versions": found},
        human=lambda: views.versions(found),
        lines=(one.version_id for one in found),
        next_steps=steps,
    )


def recover(
    run: Run,
    key: Key,
    *,
    version: Annotated[
        str | None,
        typer.Option("--version", metavar="ID", help="The version to go back to; see `bucket versions`."),
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> Report:
    """Bring back an object that was deleted or overwritten, and prove it.

    A deleted object comes back by removing its delete marker. An older version comes back as a new one on
    top, so that what is there now stays as a version, too.
    """
    from creative_s3.core.bucket.versions import plan_recovery, recover

    connection = run.connection()
    name, _ = _find(connection, run.config.prefix, key)
    plan = plan_recovery(connection, name, version)
    data = {
        "bucket": connection.bucket,
        "key": name,
        "target": plan.target,
        "removes_markers": [marker.version_id for marker in plan.markers],
        "copies": plan.copies,
    }
    told = _told(plan)
    if dry_run or not plan.is_needed:
        return Report(
            data={**data, "done": False},
            human=told,
            lines=(plan.target.version_id,),
            next_steps=(f"{run.in_earnest}  # does it",) if dry_run and plan.is_needed else (),
        )
    run.output.show(told)
    run.confirm(f"Make version {plan.target.version_id} what everybody reads?", assume_yes=yes)
    with run.live() as live:
        done = recover(connection, plan, emit=live.emit)
    by = {"checksum": "the same CRC64NVME", "etag": "the same ETag", "size": "the same size"}[done.proof]
    return Report(
        data={**data, "done": True, "version_id": done.version_id, "proof": done.proof},
        human=f"{printable(name)} is back, {size(done.size_bytes)}, proved by {by}.",
        lines=(done.version_id,),
        next_steps=(run.with_flags(f"{PROGRAM} bucket versions {quoted(name)}"),),
    )


def uploads(
    run: Run,
    *,
    abort_older: Annotated[
        str | None,
        typer.Option(
            "--abort-older", metavar="AGE", help="Abort those begun so long ago, such as 7d or 12h."
        ),
    ] = None,
    everywhere: Annotated[
        bool,
        typer.Option(
            "--everywhere", help="In the whole bucket, not only under the prefix.", show_default=False
        ),
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
) -> Report:
    """Show uploads that were begun and never finished, with what their parts hold, or abort old ones.

    S3 stores the parts, and charges for them, until the upload is aborted. Younger ones may be a run at work.
    """
    from creative_s3.cli.bucket import views
    from creative_s3.core.bucket.uploads import abort, older_than, unfinished
    from creative_s3.errors import ExitCode

    connection = run.connection()
    prefix = f"{run.config.prefix}/" if run.config.prefix and not everywhere else ""
    now = datetime.now(UTC)
    age = None if abort_older is None else now - moment(abort_older, option="--abort-older", now=now)
    found = tuple(unfinished(connection, prefix))
    chosen = found if age is None else older_than(found, age, now=now)
    data = {"bucket": connection.bucket, "prefix": prefix, "uploads": chosen}
    total = sum(one.size_bytes or 0 for one in chosen)
    if age is None or dry_run or not chosen:
        steps: tuple[str, ...] = ()
        if found and age is None:
            steps = (run.with_flags(f"{PROGRAM} bucket uploads --abort-older 7d"),)
        return Report(
            data={**data, "size_bytes": total, "aborted": 0},
            human=lambda: views.uploads(chosen, now),
            lines=(f"{one.upload_id} {one.key}" for one in chosen),
            next_steps=steps,
        )
    run.output.show(lambda: views.uploads(chosen, now))
    run.confirm(f"Abort {count(len(chosen), 'upload')} and free {size(total)}?", assume_yes=yes)
    ended = tuple(abort(connection, chosen))
    errors = [one for one in ended if one.error]
    codes = {one.error.exit_code for one in ended if one.error}
    code = ExitCode.OK if not errors else codes.pop() if len(errors) == len(ended) else ExitCode.ITEMS_FAILED
    return Report(
        data={
            **data,
            "size_bytes": total,
            "aborted": len(ended) - len(errors),
            "failed": [
                {"key": one.upload.key, "code": one.error.code, "message": one.error.message}
                for one in ended
                if one.error
            ],
        },
        human=lambda: views.abortions(ended),
        lines=(f"{one.upload.upload_id} {one.upload.key}" for one in ended if not one.error),
        exit_code=code,
    )


def _find(connection: "Connection", prefix: str, key: str) -> "tuple[str, tuple[Version, ...]]":
    """Return the full key and its versions; a key without the prefix is looked for with it, too."""
    from creative_s3.core.bucket.versions import versions_of

    found = versions_of(connection, key)
    if found or not prefix or key.startswith(f"{prefix}/"):
        return key, found
    longer = f"{prefix}/{key}"
    below = versions_of(connection, longer)
    return (longer, below) if below else (key, ())


def _told(plan: "Recovery") -> str:
    written = plan.target.last_modified.strftime("%Y-%m-%d %H:%M:%SZ") if plan.target.last_modified else "?"
    about = f"{size(plan.target.size_bytes)}, {written}"
    what = f"version {plan.target.version_id} of {printable(plan.key)} ({about})"
    if not plan.is_needed:
        return f"{what} is what everybody reads already."
    if plan.copies:
        return f"Copies {what} on top; what is there now stays as a version."
    return f"Removes {count(len(plan.markers), 'delete marker')}, so that {what} is there again."
