"""`init`: the few questions that everything else needs answered, an env file, and a look by the doctor."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from creative_s3.cli.declare.options import AWS, CACHE, DryRun, Yes, command
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM, count, printable
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from creative_s3.core.env_file import EnvFile
    from creative_s3.settings import S3Config

_ENV = Path(".env")
_QUESTIONS = (
    ("bucket_name", "S3_BUCKET_NAME", "--bucket", "Bucket"),
    ("region", "S3_REGION", "--region", "Region"),
    ("prefix", "S3_PREFIX", "--prefix", "What keys begin with"),
    ("cache_dir", "CACHE_DIR", "--cache-dir", "The pipeline's cache directory"),
)
_NEEDED = "bucket_name"


def register(root: typer.Typer) -> None:
    """Add the command to the root."""
    command(
        root,
        "init",
        settings=(*AWS, *CACHE),
        examples=(
            ("Answer a few questions", f"{PROGRAM} init"),
            ("Without questions", f"{PROGRAM} init --bucket my-assets --region eu-central-1 --yes"),
        ),
    )(init)


def init(run: Run, *, dry_run: DryRun = False, yes: Yes = False) -> Report:
    """Ask for bucket, region, prefix and cache directory, write them into .env, and run the doctor.

    Only you can read the file. Its other lines stay as they are. AWS credentials are never asked for: they
    come from AWS's own chain.
    """
    from creative_s3.cli.views import checks as views
    from creative_s3.core import env_file
    from creative_s3.core.checks.doctor import Status, examine
    from creative_s3.core.files import user_directories
    from creative_s3.settings import S3Config

    answers = _answers(run, yes=yes)
    S3Config.from_env(
        **{**run.flags, **answers}
    )  # an answer that cannot be used is told before it is written
    values = {name: answers[field] for field, name, _, _ in _QUESTIONS if field in answers}
    if run.flags.get("endpoint_url"):
        values["S3_ENDPOINT_URL"] = str(run.flags["endpoint_url"])
    file = env_file.edited(_ENV, values)
    data = {"env_file": str(_ENV.absolute()), "settings": values, "changed": file.changed}
    if dry_run:
        return Report(data={**data, "checks": None}, human=_told(file), lines=file.changed)
    if file.changed:
        run.output.note(_told(file))
        run.confirm(f"Write {count(len(file.changed), 'setting')} to {_ENV}?", assume_yes=yes)
    env_file.write(file)
    run.session.flags |= answers
    diagnosis = examine(
        S3Config.from_env(**run.flags),
        log_directory=user_directories.log_path(),
        insecure_endpoint=run.session.insecure_endpoint,
    )
    return Report(
        data={**data, **views.data_of(diagnosis)},
        human=lambda: views.ChecksView(diagnosis),
        lines=(f"{one.name}: {one.detail}" for one in diagnosis.checks if one.status is Status.PROBLEM),
        exit_code=diagnosis.exit_code,
        warnings=outvoted(values),
        next_steps=() if diagnosis.exit_code else (f"{PROGRAM} migrate estimate",),
    )


def _answers(run: Run, *, yes: bool) -> dict[str, str]:
    """Return the settings to write: what was given as an option, and what was answered.

    Raises:
        UsageError: Nobody is there to ask.
    """
    config = _present(run)
    missing = [flag for field, _, flag, _ in _QUESTIONS if field == _NEEDED and field not in run.flags]
    if not run.output.interactive or yes:
        if missing and config.bucket_name is None:
            flags = ", ".join(flag for _, _, flag, _ in _QUESTIONS)
            raise UsageError(
                f"nobody is there to ask, and {missing[0]} is not given",
                hint=f"{PROGRAM} init --bucket NAME --yes  # also takes {flags}",
            )
        return {
            field: str(run.flags.get(field, getattr(config, field)))
            for field, _, _, _ in _QUESTIONS
            if field in run.flags or field == _NEEDED
        }
    return {
        field: str(run.flags[field])
        if field in run.flags
        else _asked(run, field, label, str(getattr(config, field) or ""))
        for field, _, _, label in _QUESTIONS
    }


def _present(run: Run) -> "S3Config":
    """Return the settings as they are, which the questions offer; a wrong file is no reason not to ask."""
    from creative_s3.errors import SettingsError
    from creative_s3.settings import S3Config

    try:
        return S3Config.from_env(**run.flags)
    except SettingsError as error:
        run.output.warn(f"{error.message}; it will be asked for")
        return S3Config.from_env(env_file=None, **run.flags)


def _asked(run: Run, field: str, label: str, default: str) -> str:
    """Ask until there is an answer that can be used."""
    from rich.text import Text

    offered = f" [{printable(default)}]" if default else ""
    while True:
        run.output.err.print(Text(f"{label}{offered}: "), end="")
        line = sys.stdin.readline()
        if not line:
            raise UsageError("the answers ended before the questions", hint=f"{PROGRAM} init --help")
        answer = line.strip() or default
        if answer and not (problem := _problem(field, answer)):
            return answer
        if answer:
            run.output.warn(problem)


def _problem(field: str, answer: str) -> str:
    """Say why an answer cannot be used; empty when it can."""
    from creative_s3.errors import SettingsError
    from creative_s3.settings import S3Config

    try:
        S3Config.from_env(env_file=None, **{field: answer})
    except SettingsError as error:
        name, _, reason = error.message.partition(" (from flag): ")
        # What is wrong in the environment is told after the questions.
        is_this = name in {name for one, name, _, _ in _QUESTIONS if one == field}
        return f"it {reason}; {error.hint}" if is_this else ""
    return ""


def outvoted(values: Mapping[str, str]) -> tuple[str, ...]:
    """Say which settings in ``.env`` this shell's own variables outvote, if any."""
    from creative_s3.core import env_file

    names = env_file.outvoted(values, os.environ)
    said = f"this shell has other values, which win over .env; go on with: unset {' '.join(names)}"
    return (said,) if names else ()


def _told(file: "EnvFile") -> str:
    if not file.changed:
        return f"{file.path} says all of it already."
    what = "Makes" if file.is_new else "Changes"
    return f"{what} {file.path}: {', '.join(file.changed)}; {count(file.kept, 'other line')} stay."
