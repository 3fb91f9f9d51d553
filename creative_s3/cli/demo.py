"""The `demo` command: the whole main job on a sample workspace and the embedded server."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creative_s3.cli.declare.options import command
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import count, home_short, size

if TYPE_CHECKING:
    from creative_s3.core.local.server import LocalServer
    from creative_s3.core.migration.migration import S3MigrationManager
    from creative_s3.settings import S3Config


def register(app: typer.Typer) -> None:
    """Add the command to the root."""
    command(
        app,
        "demo",
        examples=(
            ("Watch it", "creative-s3 demo"),
            ("In a directory of your choice", "creative-s3 demo --dir /tmp/demo"),
            ("Remove everything it made", "creative-s3 demo --clean"),
        ),
    )(demo)


def demo(
    run: Run,
    *,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Where to make it; by default the user's data directory."),
    ] = None,
    clean: Annotated[
        bool, typer.Option("--clean", help="Stop its server and remove all it made.", show_default=False)
    ] = False,
) -> Report:
    """Make a small creative workspace and move it to a real S3 server on this machine, verified.

    It estimates, shows the plan, uploads, validates, lists and counts; then it leaves everything for you
    to look at. Exit code 0 means that the validation proved every asset. It needs the extra:
    pip install 'creative-s3[local]'.
    """
    place = (directory or _default_directory()).absolute()
    if clean:
        return _clean(place)
    server, manager, config = _prepare(run, place)
    return _journey(run, place, server=server, manager=manager, config=config)


def _default_directory() -> Path:
    from creative_s3.core.local import server as local

    return local.default_directory().with_name("demo")


def _clean(place: Path) -> Report:
    from creative_s3.core import sample
    from creative_s3.core.local import server as local

    sample.check_is_sample(place / "workspace")  # before anything is removed
    existed = (place / "server").exists() or (place / "workspace").exists()
    left = (*local.remove(place / "server"), *sample.remove_workspace(place / "workspace"))
    if place.is_dir() and not any(place.iterdir()):
        place.rmdir()
    shown = home_short(place)
    return Report(
        data={"removed": existed, "left": [str(path) for path in left]},
        human=f"Removed the demo in {shown}." if existed else f"There is no demo in {shown}.",
        warnings=tuple(f"left alone, the demo did not make it: {home_short(path)}" for path in left),
    )


def _prepare(run: Run, place: Path) -> "tuple[LocalServer, S3MigrationManager, S3Config]":
    from creative_s3.cli.views import reports
    from creative_s3.core import sample
    from creative_s3.core.local import server as local
    from creative_s3.core.migration.migration import S3MigrationManager
    from creative_s3.core.s3.connection import connect
    from creative_s3.core.storage.manager import S3StorageManager
    from creative_s3.settings import S3Config

    local.find_weed()  # says at once when the extra is missing, before anything is made
    workspace = place / "workspace"
    run.output.show(reports.heading("1  A workspace and an S3 server"))
    sample.check_is_sample(workspace)
    if (workspace / "cache" / "index.json").exists():
        run.output.show(f"The workspace of an earlier demo is in {home_short(workspace)}")
    else:
        summary = sample.make_workspace(workspace)
        run.output.show(
            f"{count(summary.file_count, 'image')}, {size(summary.size_bytes)}, described by cache/index.json"
            f" in {home_short(workspace)}"
        )
    server = local.start(place / "server")
    run.output.show(f"SeaweedFS at {server.endpoint_url}, bucket {server.bucket}, process {server.pid}")
    for name in local.OVERRIDING_NAMES:
        os.environ.pop(name, None)
    os.environ.update(local.environment(server))
    config = S3Config.from_env(env_file=None, cache_dir=workspace / "cache", prefix="creative-assets")
    storage = S3StorageManager(connection=connect(config))
    return server, S3MigrationManager(config, storage), config


def _journey(
    run: Run, place: Path, *, server: "LocalServer", manager: "S3MigrationManager", config: "S3Config"
) -> Report:
    from rich.console import Group
    from rich.text import Text

    from creative_s3.cli.views import reports
    from creative_s3.cli.views.estimate import class_costs
    from creative_s3.core.migration.migration import S3MigrationManager
    from creative_s3.core.migration.plan_costs import planned_bill, price_plan, sent_bill

    show = run.output.show
    plan = manager.create_migration_plan()
    priced = price_plan(plan, config)
    show(reports.heading("2  What will it cost?   creative-s3 migrate estimate"))
    show(lambda: class_costs(priced))
    show(reports.heading("3  What will happen?   creative-s3 migrate upload --dry-run"))
    show(lambda: Group(reports.operations(plan, limit=6), Text(""), reports.plan_summary(plan, priced)))
    show(reports.heading("4  Upload, every object proved   creative-s3 migrate upload"))
    with run.live() as live:
        uploading = S3MigrationManager(config, manager.storage, emit=live.emit)
        report = uploading.execute_migration(plan)
    # The manager that planned and the one that uploads share their storage, and with it the count.
    sent = sent_bill(report.requests, config)
    show(lambda: reports.upload_report(report, sent, planned_bill(priced)))
    show(reports.heading("5  Is everything there?   creative-s3 migrate validate"))
    checked = manager.validate_migration()
    show(lambda: reports.validation(checked))
    show(reports.heading("6  What is in the bucket?   creative-s3 assets list, assets stats"))
    stored = list(manager.storage.objects(config.prefix)) if manager.storage else []
    show(lambda: reports.sample_of(stored, config.prefix))
    code = checked.exit_code() or report.exit_code()
    here = home_short(place)
    return Report(
        data={
            "directory": place,
            "endpoint_url": server.endpoint_url,
            "bucket": server.bucket,
            "uploaded": report.uploaded,
            "objects": len(stored),
            "validated": {str(state): number for state, number in checked.counts.items()},
        },
        human=_verdict(server, len(stored), code),
        lines=(stored_object.key for stored_object in stored),
        exit_code=code,
        warnings=reports.notices(plan),
        next_steps=(
            f'eval "$(creative-s3 local env --dir {here}/server)"  # points every other command at it',
            f"cd {here}/workspace",
            "creative-s3 assets list",
            "creative-s3 migrate upload  # sends nothing: nothing has changed",
            "creative-s3 doctor",
            f"creative-s3 demo --clean --dir {here}  # removes all of it",
        ),
    )


def _verdict(server: "LocalServer", objects: int, code: int) -> Any:  # noqa: ANN401 - a rich renderable
    from rich.text import Text

    if code:
        return Text("The demo did not prove everything: see above.", style="bold red")
    return Text(
        f"\nDone: {count(objects, 'object')} in s3://{server.bucket}, every file proved to be there.",
        style="bold green",
    )
