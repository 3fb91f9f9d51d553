"""How every `bucket` command that writes goes about it: show the diff, ask, carry out, tell what S3 has."""

# No "from __future__ import annotations" here: command modules read annotations at run time.

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import count

if TYPE_CHECKING:
    from creative_s3.core.bucket.changes import Change, Done
    from creative_s3.core.bucket.setup import Part, SetupPlan
    from creative_s3.core.s3.connection import Connection
    from creative_s3.errors import CreativeS3Error, ExitCode


def change_bucket(
    run: Run,
    connection: "Connection",
    planned: "Sequence[Change]",
    *,
    dry_run: bool,
    yes: bool,
    warnings: Sequence[str] = (),
    next_steps: Sequence[str] = (),
) -> Report:
    """Carry out changes that a command planned, after the diff was shown and nobody said no.

    Raises:
        UsageError: Nobody is there to ask, and ``--yes`` was not given.
        RefusedError: The answer was no.
    """
    from creative_s3.core.bucket.setup import SetupPlan

    plan = SetupPlan(connection.bucket, tuple(planned))
    said = [*warnings, *(warning for change in planned for warning in change.warnings)]
    return apply_plan(run, connection, plan, dry_run=dry_run, yes=yes, warnings=said, next_steps=next_steps)


def apply_plan(
    run: Run,
    connection: "Connection",
    plan: "SetupPlan",
    *,
    dry_run: bool,
    yes: bool,
    creates: bool = False,
    may_lack: bool = False,
    warnings: Sequence[str] = (),
    next_steps: Sequence[str] = (),
    made: Callable[[], None] | None = None,
) -> Report:
    """Carry out a plan, after it was shown and nobody said no; with `creates` the bucket is made first.

    With `may_lack`, what the server turns out to lack is left out and told, and is no failure. `made` is
    called once the bucket is there, whatever becomes of its configurations.

    Raises:
        UsageError: Nobody is there to ask, and ``--yes`` was not given.
        RefusedError: The answer was no.
        CreativeS3Error: The bucket could not be made.
    """
    from creative_s3.cli.bucket import views
    from creative_s3.core.bucket.setup import SetupResult, create, plan_setup, set_up

    if dry_run or not (plan.needed or creates):
        again = run.in_earnest
        return Report(
            data={"bucket": plan.bucket, "creates": creates, "done": False, **_data(plan, SetupResult())},
            human=lambda: views.plan(plan, creates=creates),
            lines=(change.aspect.value for change in plan.needed),
            warnings=[*warnings, *_of_left_out(run, plan)],
            next_steps=(f"{again}  # carries out exactly this plan",)
            if dry_run and (plan.needed or creates)
            else next_steps,
        )
    run.output.show(lambda: views.plan(plan, creates=creates))
    for warning in warnings:
        run.output.warn(warning)
    run.confirm(_question(plan, creates=creates), assume_yes=yes)
    if creates:
        create(connection)
    try:
        if creates:
            plan = plan_setup(connection, plan.parts)  # a new bucket has defaults of its own
        result = set_up(connection, plan, may_lack=may_lack)
    finally:
        if made is not None:
            made()
    plan = replace(plan, left_out=(*plan.left_out, *result.lacking))
    return Report(
        data={"bucket": plan.bucket, "creates": creates, "done": True, **_data(plan, result)},
        human=lambda: views.results(result.done, result.failed, plan.left_out),
        lines=(one.change.aspect.value for one in result.done),
        exit_code=exit_code(result.done, [error for _, error in result.failed]),
        warnings=[*warnings, *_of_left_out(run, plan)] if run.output.look.json else (),
        next_steps=next_steps,
    )


def exit_code(done: "Sequence[Done]", errors: "Sequence[CreativeS3Error]") -> "ExitCode":
    """Return what the process ends with: the one code of all failures, else that some failed."""
    from creative_s3.core.bucket.changes import Outcome
    from creative_s3.errors import ExitCode

    codes = {error.exit_code for error in errors}
    if codes:
        return codes.pop() if len(codes) == 1 and not done else ExitCode.ITEMS_FAILED
    is_different = any(one.outcome is Outcome.DIFFERENT for one in done)
    return ExitCode.DIFFERENT if is_different else ExitCode.OK


def _of_left_out(run: Run, plan: "SetupPlan") -> list[str]:
    """Return what a person sees in the plan itself."""
    if not run.output.look.json:
        return []
    return [f"{part.value}: {reason}" for part, reason in plan.left_out]


def left_out_data(left_out: "Sequence[tuple[Part, str]]") -> list[dict[str, str]]:
    """Return the form of ``--json``."""
    return [{"part": part.value, "reason": reason} for part, reason in left_out]


def _data(plan: "SetupPlan", result: "object") -> dict[str, object]:
    outcomes = {id(one.change): one for one in getattr(result, "done", ())}
    errors = {id(change): error for change, error in getattr(result, "failed", ())}
    rows = []
    for change in plan.changes:
        done, error = outcomes.get(id(change)), errors.get(id(change))
        rows.append(
            {
                "configuration": change.aspect.value,
                "needed": change.is_needed,
                "outcome": None if done is None else done.outcome,
                "before": change.before,
                "after": change.after,
                "found": None if done is None else done.found,
                "kept": change.kept,
                "error": None if error is None else {"code": error.code, "message": error.message},
            }
        )
    return {"changes": rows, "left_out": left_out_data(plan.left_out)}


def _question(plan: "SetupPlan", *, creates: bool) -> str:
    configurations = count(len(plan.needed), "configuration")
    if creates:
        return f"Make the bucket {plan.bucket} and set {configurations}?"
    return f"Change {configurations} of the bucket {plan.bucket}?"
