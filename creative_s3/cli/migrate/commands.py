"""The `migrate` group: estimate, plan, upload, validate; `history` is in `migrate.history`."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from creative_s3.cli.declare.amounts import MOST_READS, bytes_per_second
from creative_s3.cli.declare.options import (
    AWS,
    CACHE,
    DryRun,
    EngineOption,
    MaxBandwidth,
    Yes,
    command,
    group,
    shortcut,
)
from creative_s3.cli.migrate import history
from creative_s3.cli.migrate.data import failures_data, plan_data, problem_data, stacked
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import count, size

if TYPE_CHECKING:
    from creative_s3.core.events import Emit
    from creative_s3.core.migration.estimates import Use
    from creative_s3.core.migration.migration import S3MigrationManager
    from creative_s3.core.migration.planning import MigrationPlan

app = group("migrate", "Move the cache to S3: estimate, plan, upload, validate, look back.")

UnindexedOption = Annotated[
    bool,
    typer.Option(
        "--include-unindexed", help="Also files in the cache that no index entry names.", show_default=False
    ),
]


def register(root: typer.Typer) -> None:
    """Add the group to the root, and the guide's own commands beside it."""
    history.register(app)
    root.add_typer(app)
    shortcut(root, "upload", upload)
    shortcut(root, "validate", validate)
    shortcut(root, "estimate", estimate)


@command(
    app,
    "estimate",
    settings=(*AWS, *CACHE),
    examples=(
        ("What would this cache cost in S3?", "creative-s3 migrate estimate"),
        ("Without a bucket, for another region", "creative-s3 migrate estimate --region eu-west-1"),
        (
            "If half of it is read each month, from the internet",
            "creative-s3 migrate estimate --reads-per-month 0.5 --egress reads",
        ),
    ),
)
def estimate(
    run: Run,
    *,
    reads_per_month: Annotated[
        float,
        typer.Option(
            "--reads-per-month",
            metavar="N",
            min=0,
            max=MOST_READS,
            help="How often everything is read each month, such as 0.5.",
        ),
    ] = 0,
    egress: Annotated[
        str | None,
        typer.Option(
            "--egress",
            metavar="SIZE",
            help="What leaves for the internet each month, such as 100GiB; 'reads' for all that is read.",
        ),
    ] = None,
    include_unindexed: UnindexedOption = False,
) -> Report:
    """Show what there is, what an upload would send, and what each storage class would cost.

    Sizes decide: small objects are billed as 128 KB in some classes, archived ones have an overhead. The
    bucket is asked what it has already; without a bucket everything counts as new. Prices are bundled and
    dated; `lifecycle prices` shows and refreshes them.
    """
    from creative_s3.cli.views import estimate, reports
    from creative_s3.core.migration.plan_costs import price_plan

    use = _use(reads_per_month, egress)
    with run.live() as live:
        manager, warning = _manager_for_estimate(run, live.emit)
        plan = manager.create_migration_plan(include_unindexed=include_unindexed)
    made = price_plan(plan, run.config, use=use)
    return Report(
        data={"plan": plan_data(plan), "estimate": made.to_dict()},
        human=lambda: estimate.estimate(made, plan),
        lines=(f"{entry.storage_class} {entry.monthly:.6f}" for entry in made.classes),
        warnings=(*warning, *reports.notices(plan)),
        next_steps=(
            f"creative-s3 migrate upload{_more(include_unindexed)} --dry-run  # see every operation first",
        ),
    )


@command(
    app,
    "plan",
    settings=(*AWS, *CACHE),
    examples=(
        ("List every operation with its reason", "creative-s3 migrate plan"),
        ("Write it to a file, one JSON object a line", "creative-s3 migrate plan --output plan.jsonl"),
        ("Only the keys that would be sent", "creative-s3 migrate plan -q"),
    ),
)
def plan(
    run: Run,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write the plan there, as JSON lines.")
    ] = None,
    include_unindexed: UnindexedOption = False,
) -> Report:
    """Show what would become of each asset, and why: new, changed, unchanged, cold, missing, refused."""
    from creative_s3.cli.views import reports

    with run.live() as live:
        made = _manager(run, live.emit).create_migration_plan(include_unindexed=include_unindexed)
    if output is not None:
        from creative_s3.core.files.output_files import write_lines

        write_lines(output, (operation.to_dict() for operation in made.everything()))
        run.output.note(f"{count(made.total_operations, 'operation')} written to {output}")
    return Report(
        data={**plan_data(made), "operations": (operation.to_dict() for operation in made.everything())},
        human=None if output else lambda: reports.operations(made, limit=None, unchanged=True),
        lines=(operation.key for operation in made.uploads()),
        warnings=reports.notices(made),
        next_steps=(f"creative-s3 migrate upload{_more(include_unindexed)}",) if made.total_files else (),
    )


@command(
    app,
    "upload",
    settings=(*AWS, *CACHE),
    examples=(
        ("See what would happen and what it costs", "creative-s3 migrate upload --dry-run"),
        ("Do it, without being asked", "creative-s3 migrate upload --yes"),
        ("Then tell CloudFront what was replaced", "creative-s3 migrate upload --invalidate"),
    ),
)
def upload(
    run: Run,
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    include_unindexed: UnindexedOption = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="A missing file ends the run with exit code 3.", show_default=False),
    ] = False,
    invalidate: Annotated[
        bool,
        typer.Option(
            "--invalidate",
            help="Then tell CloudFront to forget exactly what was replaced.",
            show_default=False,
        ),
    ] = False,
    engine: EngineOption = "auto",
    max_bandwidth: MaxBandwidth = None,
    verify: Annotated[
        bool | None,
        typer.Option(
            "--verify/--no-verify",
            help="Read a sample of what was sent back. By default only from a server that is not AWS, once.",
            show_default=False,
        ),
    ] = None,
) -> Report:
    """Upload what is new or changed, prove every object by its checksum, then publish the index.

    The plan and its price come first; at a terminal you are asked. Objects of others are never replaced.
    Running it again sends only what is not proved yet. With --invalidate, CloudFront is told afterwards to
    forget what was replaced; new objects are in no cache yet.
    """
    from creative_s3.cli.migrate import invalidation
    from creative_s3.cli.views import reports
    from creative_s3.core.catalog.ledger import Ledger
    from creative_s3.core.catalog.places import NOWHERE, catalog_path
    from creative_s3.core.costs.pricing import amount_text
    from creative_s3.core.migration.plan_costs import planned_bill, price_plan, sent_bill
    from creative_s3.errors import ExitCode

    limit = bytes_per_second(max_bandwidth, option="--max-bandwidth") if max_bandwidth else None
    with run.live() as live:
        manager = _manager(run, live.emit, engine=engine)
        made = manager.create_migration_plan(include_unindexed=include_unindexed)
    looked = manager.storage.requests if manager.storage else {}
    priced = price_plan(made, run.config, proving=manager.proving(made, verify=verify))
    planned = planned_bill(priced)
    warnings = reports.notices(made)
    foreseen = invalidation.foresee(run, made) if invalidate else None
    stops = ExitCode.ITEMS_FAILED if strict and _missing(made) else ExitCode.OK
    if dry_run:
        return Report(
            data={
                "dry_run": True,
                **plan_data(made),
                "price": amount_text(priced.current.upload),
                "bill": planned.to_dict(),
                "operations": (operation.to_dict() for operation in made.everything()),
                **({"invalidation": foreseen.proposal.to_dict()} if foreseen else {}),
            },
            human=lambda: stacked(
                reports.operations(made),
                reports.plan_summary(made, priced),
                *([foreseen.view()] if foreseen else []),
            ),
            lines=(operation.key for operation in made.uploads()),
            warnings=(*reports.replacements(made), *warnings),
            exit_code=stops,
            next_steps=(f"{run.in_earnest}  # carries out exactly this plan",) if made.total_files else (),
        )
    if made.total_files:
        run.output.show(lambda: reports.plan_summary(made, priced))
        if foreseen:
            run.output.show(foreseen.view)
        for warning in reports.replacements(made):
            run.output.warn(warning)
        question = f"Upload {count(made.total_files, 'file')} ({size(made.total_size_bytes)}) to s3://{made.bucket}{_at(run)}?"
        if made.replacing_unknown:
            number = count(len(made.replacing_unknown), "object")
            question = f"{question} It replaces {number} that this machine did not put there."
        # New objects and our own older ones can be sent unasked; other content needs somebody's yes.
        if run.output.interactive or made.replacing_unknown:
            run.confirm(question, assume_yes=yes)
    with run.live() as live:
        manager = _manager(run, live.emit, engine=engine, max_bandwidth=limit, verify=verify)
        report = manager.execute_migration(made)
    more = _more(include_unindexed)
    # What was asked to make the plan belongs to its price, and so to what was sent.
    sent = sent_bill(Counter(looked) + Counter(report.requests), run.config)
    told = invalidation.announce(run, report) if invalidate else None
    code = report.exit_code(strict=strict) or (told.exit_code if told else ExitCode.OK)
    if code is not report.exit_code():
        Ledger(catalog_path(run.config.cache_dir), NOWHERE).ended_with(report.run, code)
    return Report(
        data={
            "dry_run": False,
            **plan_data(made),
            "uploaded": report.uploaded,
            "uploaded_bytes": report.uploaded_bytes,
            "confirmed": report.confirmed,
            "published": report.published,
            "duration_s": round(report.duration_s, 3),
            "requests": dict(report.requests),
            "price": amount_text(sent.price),
            "bill": planned.to_dict(),
            "sent": sent.to_dict(),
            "proofs": dict(report.proofs),
            "conflicts": list(report.conflicts),
            "run": report.run,
            "replaced": list(report.replaced),
            **({"invalidation": told.to_dict()} if told else {}),
            "failures": failures_data(report.failures),
        },
        human=lambda: stacked(reports.upload_report(report, sent, planned), *([told.view()] if told else [])),
        lines=(operation.key for operation in made.uploads()),
        exit_code=code,
        warnings=(
            *warnings,
            *report.warnings,
            *(told.warnings if told else ()),
            *(f"two machines changed index entry {name}: the newer one counts" for name in report.conflicts),
        ),
        next_steps=(
            (run.again + "  # tries the failed ones again",)
            if report.failures
            else (
                *(told.next_steps if told else ()),
                f"creative-s3 migrate validate{more}  # proves it once more, independently",
            )
        ),
    )


@command(
    app,
    "validate",
    settings=(*AWS, *CACHE),
    examples=(
        ("Compare index, disk and bucket", "creative-s3 migrate validate"),
        ("Read every file, and take S3's checksums for all", "creative-s3 migrate validate --deep"),
        ("The keys that differ", "creative-s3 migrate validate -q"),
    ),
)
def validate(
    run: Run,
    *,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep", help="Trust no record: read every file, take S3's own checksums.", show_default=False
        ),
    ] = False,
    include_unindexed: UnindexedOption = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Extra objects and lost assets count as differences.", show_default=False
        ),
    ] = False,
    engine: EngineOption = "auto",
) -> Report:
    """Compare index, disk and bucket by content; exit code 0 only if each indexed file is proved in S3.

    Exit code 7 means differences: other content, or no object; also for an asset that is in S3 only. Objects
    that no asset expects are listed as extra. With --include-unindexed, files that no entry names are
    compared too, and links and names that cannot be used end it with 3.
    """
    from creative_s3.cli.views import reports

    with run.live() as live:
        manager = _manager(run, live.emit, engine=engine)
        report = manager.validate_migration(deep=deep, include_unindexed=include_unindexed)
    code = report.exit_code(strict=strict)
    return Report(
        data={
            "bucket": report.bucket,
            "prefix": report.prefix,
            "deep": report.deep,
            "counts": {str(state): number for state, number in report.counts.items()},
            "findings": [finding.to_dict() for finding in report.remarkable],
            "problems": [problem_data(problem) for problem in report.problems],
            "unindexed": [name for name, _ in report.unindexed],
            "unusable": [{"path": name, "reason": reason} for name, reason in report.unusable],
            "requests": dict(report.requests or {}),
        },
        human=lambda: reports.validation(report, strict=strict),
        lines=(finding.key for finding in report.differences),
        exit_code=code,
        warnings=(
            *(reports.problem_sentence(problem) for problem in report.problems),
            *reports.skipped(report.unusable),
        ),
        next_steps=(
            f"creative-s3 migrate upload{_more(include_unindexed)}  # sends what is missing or changed",
        )
        if any(str(finding.state) != "lost" for finding in report.differences)
        else (),
    )


def _more(include_unindexed: bool) -> str:
    return " --include-unindexed" if include_unindexed else ""


def _manager(
    run: Run,
    emit: "Emit",
    *,
    engine: str = "auto",
    max_bandwidth: int | None = None,
    verify: bool | None = None,
) -> "S3MigrationManager":
    from creative_s3.core.migration.migration import S3MigrationManager
    from creative_s3.core.storage.manager import S3StorageManager
    from creative_s3.errors import UsageError

    if engine not in {"auto", "crt", "classic"}:
        raise UsageError("there is no such engine", item=engine, hint="choose auto, crt or classic")
    run.config.require_bucket()
    storage = S3StorageManager(connection=run.connection())
    return S3MigrationManager(
        run.config,
        storage,
        prefix=run.config.prefix,
        engine=engine,  # type: ignore[arg-type]  # checked above
        max_bandwidth=max_bandwidth,
        verify=verify,
        emit=emit,
    )


def _manager_for_estimate(run: Run, emit: "Emit") -> tuple["S3MigrationManager", tuple[str, ...]]:
    """Return a manager that has looked at the bucket, or one without it and the reason."""
    from creative_s3.core.migration.migration import S3MigrationManager
    from creative_s3.errors import CreativeS3Error

    alone = S3MigrationManager(run.config, prefix=run.config.prefix, emit=emit)
    if run.config.bucket_name is None:
        return alone, ("no bucket is set, so everything counts as new",)
    try:
        manager = _manager(run, emit)
        storage = manager.storage
        if storage is not None:
            next(iter(storage.objects(run.config.prefix)), None)
    except CreativeS3Error as error:
        return alone, (f"the bucket could not be asked ({error.message}), so everything counts as new",)
    return manager, ()


def _use(reads_per_month: float, egress: str | None) -> "Use":
    """Read how the objects will be used."""
    from decimal import Decimal

    from creative_s3.cli.declare.amounts import size_in_bytes
    from creative_s3.core.migration.estimates import Use

    if egress is None:
        egress_bytes: int | None = 0
    elif egress.strip().lower() == "reads":
        egress_bytes = None
    else:
        egress_bytes = size_in_bytes(egress, option="--egress")
    return Use(reads_per_month=Decimal(str(reads_per_month)), egress_bytes=egress_bytes)


def _at(run: Run) -> str:
    """Name the server when it is not AWS: what costs money must not look like what does not."""
    return f" at {run.config.endpoint_url}" if run.config.endpoint_url else " on AWS"


def _missing(made: "MigrationPlan") -> int:
    from creative_s3.core.migration.planning import Reason

    return made.counts[Reason.MISSING]
