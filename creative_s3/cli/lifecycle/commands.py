"""The `lifecycle` group: `show` and `export`. What changes the rules is in `lifecycle.change`."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from creative_s3.cli.declare.options import AWS, CACHE, command, group
from creative_s3.cli.lifecycle import change, prices, simulate, storage_class
from creative_s3.cli.lifecycle.options import use_of
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM, count

app = group("lifecycle", "Let S3 move and delete objects as they grow old, and know what that costs.")


def register(root: typer.Typer) -> None:
    """Add the group to the root."""
    root.add_typer(app)


@command(
    app,
    "show",
    settings=(*AWS, *CACHE),
    examples=(
        ("Every rule in plain words, and what it will do next", f"{PROGRAM} lifecycle show"),
        ("Only the rules, without listing the bucket", f"{PROGRAM} lifecycle show --rules-only"),
        ("What is deleted first, for a script", f"{PROGRAM} lifecycle show --json | jq .data.effects"),
    ),
)
def show(
    run: Run,
    *,
    rules_only: Annotated[
        bool, typer.Option("--rules-only", help="Do not list the bucket.", show_default=False)
    ] = False,
) -> Report:
    """Show the bucket's lifecycle rules in plain words, and what they will do next.

    All rules, ours and others', with the objects that each will move or delete, from when on. For the numbers
    what the rules concern is listed once, old versions and unfinished uploads included. S3 acts at midnight
    UTC, and by itself.
    """
    from creative_s3.cli.lifecycle import views
    from creative_s3.core.lifecycle.planning import rules_found
    from creative_s3.core.lifecycle.wording import sentence
    from creative_s3.core.storage.manager import S3StorageManager

    store = S3StorageManager(connection=run.connection())
    found = rules_found(store, use=use_of(run, store), now=datetime.now(UTC), lists=not rules_only)
    return Report(
        data={
            "bucket": store.bucket,
            "minimum_object_size": found.present.minimum,
            "rules": found.present.rules,
            "in_words": [
                {"rule": rule.name, "enabled": rule.is_enabled, "sentence": sentence(rule)}
                for rule in found.rules
            ],
            "effects": None if found.effects is None else [one.to_dict() for one in found.effects],
        },
        human=lambda: views.rules(found),
        lines=(rule.name for rule in found.rules),
        warnings=found.left_out,
    )


@command(
    app,
    "export",
    settings=AWS,
    examples=(
        ("Keep the rules in a file", f"{PROGRAM} lifecycle export rules.json"),
        ("Copy them to another bucket", f"{PROGRAM} lifecycle export - -q > rules.json"),
    ),
)
def export(
    run: Run,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where to; - is standard output.")],
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a file that is there.", show_default=False)
    ] = False,
) -> Report:
    """Write the bucket's lifecycle rules to a JSON file, exactly as S3 has them.

    It is the form of `aws s3api get-bucket-lifecycle-configuration`; `lifecycle import` and `lifecycle
    simulate --file` read it.
    """
    from creative_s3.core.files.output_files import write_new, write_over
    from creative_s3.core.lifecycle.bucket_rules import read
    from creative_s3.core.lifecycle.rule_files import to_json
    from creative_s3.core.storage.manager import S3StorageManager
    from creative_s3.errors import WouldOverwriteError

    store = S3StorageManager(connection=run.connection())
    present = read(store)
    text = to_json(present)
    if file == "-":
        run.output_lines_only()
        return Report(
            data={"bucket": store.bucket, "file": None, "rules": present.rules},
            lines=text.splitlines(),
        )
    path = Path(file)
    if force:
        write_over(path, text)
    elif not write_new(path, text):
        raise WouldOverwriteError("a file of this name is there", item=file, hint=f"{run.again} --force")
    return Report(
        data={"bucket": store.bucket, "file": path, "rules": present.rules},
        human=f"{count(len(present.rules), 'rule')} of {store.bucket} written to {file}",
        lines=(file,),
    )


change.register(app)
simulate.register(app)
storage_class.register(app)
prices.register(app)
