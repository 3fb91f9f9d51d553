"""The `catalog` group: check, rebuild."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from typing import TYPE_CHECKING

import typer

from creative_s3.cli.declare.options import AWS, CACHE, command, group
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM

if TYPE_CHECKING:
    from creative_s3.core.discovery.rebuild import Rebuilt, Validate
    from creative_s3.core.storage.manager import S3StorageManager

app = group("catalog", "Check and rebuild what is known of a cache and its objects.")


def register(root: typer.Typer) -> None:
    """Add the group to the root."""
    root.add_typer(app)


@command(
    app,
    "check",
    settings=CACHE,
    examples=(
        ("Is the catalog whole, and what does it hold?", f"{PROGRAM} catalog check"),
        ("For a monitor: exit code 7 means damage", f"{PROGRAM} catalog check --quiet"),
        ("The number of assets", f"{PROGRAM} catalog check --json | jq .data.counts.assets"),
    ),
)
def check(run: Run) -> Report:
    """Check the catalog's file, and count what it holds.

    Exit code 7 means that it is damaged. Nothing is changed.
    """
    from creative_s3.cli.views import discovery as views
    from creative_s3.core.catalog.places import catalog_path
    from creative_s3.core.catalog.state import CatalogState, examine
    from creative_s3.errors import CatalogError, ExitCode, TemporaryError

    path = catalog_path(run.config.cache_dir)
    exists = path.exists()
    state = examine(path, "integrity_check") if exists else CatalogState()
    if state.is_busy:
        raise TemporaryError(
            "another process is writing the catalog",
            item=str(path),
            hint=f"{run.again}  # when that has ended",
        )
    if state.is_newer:
        raise CatalogError(
            f"a newer creative-s3 wrote the catalog (schema version {state.version})",
            item=str(path),
            hint="update creative-s3: pipx upgrade creative-s3",
        )
    return Report(
        data={
            "path": path,
            "exists": exists,
            "schema_version": state.version,
            "problems": state.problems,
            "counts": state.counts,
        },
        human=lambda: views.catalog_state(path, state, exists=exists),
        lines=state.problems,
        exit_code=ExitCode.DIFFERENT if state.problems else ExitCode.OK,
        next_steps=(f"{PROGRAM} catalog rebuild  # sets it aside and makes it anew",)
        if state.problems
        else (),
    )


@command(
    app,
    "rebuild",
    settings=(*AWS, *CACHE),
    examples=(
        ("Make a damaged catalog anew", f"{PROGRAM} catalog rebuild"),
        ("That of another cache", f"{PROGRAM} catalog rebuild --cache-dir /srv/campaigns/cache"),
    ),
)
def rebuild(run: Run) -> Report:
    """Set the catalog aside and make it anew, from index.json and the bucket.

    Access counts, runs, keys, what index.json was waiting for and which assets were registered or discovered
    here are taken over as far as they can be read. The old file stays beside the new one. Without a bucket,
    index.json alone is the source, and the keys are learnt when there is one. A catalog that is whole may be
    rebuilt, too.
    """
    from creative_s3.cli.views import discovery as views
    from creative_s3.core.discovery.rebuild import rebuild
    from creative_s3.errors import CreativeS3Error

    storage, problem = None, "no bucket is set"
    if run.config.bucket_name is not None:
        try:
            storage, problem = _storage(run), ""
        except CreativeS3Error as error:
            problem = error.message
    with run.live() as live:
        made = rebuild(
            run.config.cache_dir,
            storage,
            prefix=run.config.prefix,
            validate=_validation(run, storage) if storage else None,
            emit=live.emit,
        )
    return Report(
        data={
            "path": made.path,
            "set_aside": made.set_aside,
            "problems": made.problems,
            "assets": made.assets,
            "rescued": made.rescued,
            "incomplete": made.incomplete,
            "pending": made.pending,
            "asked_bucket": made.discovery is not None,
            "proved": made.proved,
            "requests": storage.requests if storage else {},
        },
        human=lambda: views.rebuilt(made),
        lines=(str(made.set_aside),) if made.set_aside else (),
        warnings=_warnings(made, problem),
        next_steps=_next_steps(made),
    )


def _storage(run: Run) -> "S3StorageManager":
    from creative_s3.core.storage.manager import S3StorageManager

    return S3StorageManager(connection=run.connection())


def _validation(run: Run, storage: "S3StorageManager") -> "Validate":
    from creative_s3.core.migration.migration import S3MigrationManager

    return S3MigrationManager(run.config, storage, prefix=run.config.prefix).validate_migration


def _warnings(made: "Rebuilt", problem: str) -> list[str]:
    warnings = []
    if made.incomplete:
        warnings.append(f"not all could be read of: {', '.join(made.incomplete)}")
    if why := problem or made.bucket_problem:
        warnings.append(f"the bucket could not be asked for everything: {why}")
    return warnings


def _next_steps(made: "Rebuilt") -> tuple[str, ...]:
    if made.discovery is None:
        return (f"{PROGRAM} migrate validate --bucket NAME  # learns the keys, and proves every file",)
    if made.discovery.adds_entries:
        return (f"{PROGRAM} assets discover  # there are objects that no entry of index.json names",)
    return (f"{PROGRAM} migrate validate",)
