"""The `lifecycle` group: rules by which S3 moves and deletes objects as they grow old.

What the rules cost is in `lifecycle_simulate`.
"""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from creative_s3.cli import lifecycle_class, lifecycle_prices
from creative_s3.cli.options import AWS, command, group
from creative_s3.cli.output import Report
from creative_s3.cli.run import Run
from creative_s3.cli.text import PROGRAM

if TYPE_CHECKING:
    from creative_s3.core.lifecycle.actions import ReadRule
    from creative_s3.core.lifecycle.effects import Effect

app = group("lifecycle", "Let S3 move and delete objects as they grow old, and know what that costs.")


def register(root: typer.Typer) -> None:
    """Add the group to the root."""
    root.add_typer(app)


@command(
    app,
    "show",
    settings=AWS,
    examples=(
        ("Every rule in plain words, and what it will do next", f"{PROGRAM} lifecycle show"),
        ("Only the rules, without listing the bucket", f"{PROGRAM} lifecycle show --rules-only"),
        ("The rules as S3 has them", f"{PROGRAM} lifecycle show --json | jq .data.rules"),
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
    the bucket is listed once. S3 acts at midnight UTC, and by itself.
    """
    from creative_s3.cli import views_lifecycle as views
    from creative_s3.core.lifecycle.actions import read_all
    from creative_s3.core.lifecycle.bucket_rules import read
    from creative_s3.core.lifecycle.effects import effects_of
    from creative_s3.core.storage.manager import S3StorageManager

    store = S3StorageManager(connection=run.connection())
    present = read(store)
    found = read_all(present.rules)
    effects = None
    if found and not rules_only:
        effects = effects_of(
            found, store.objects(), now=datetime.now(UTC), small_too=present.moves_small_objects
        )
    return Report(
        data={
            "bucket": store.bucket,
            "minimum_object_size": present.minimum,
            "rules": present.rules,
            "in_words": [_in_words(rule) for rule in found],
            "effects": None if effects is None else [_plain(effect) for effect in effects],
        },
        human=lambda: views.rules(found, effects),
        lines=(rule.name for rule in found),
    )


lifecycle_class.register(app)
lifecycle_prices.register(app)


def _in_words(rule: "ReadRule") -> dict[str, Any]:
    from creative_s3.core.lifecycle.wording import sentence

    return {"rule": rule.name, "enabled": rule.is_enabled, "sentence": sentence(rule)}


def _plain(effect: "Effect") -> dict[str, Any]:
    from creative_s3.core.lifecycle.wording import in_words

    return {
        "rule": effect.rule,
        "action": effect.action.verb,
        "storage_class": effect.action.storage_class,
        "in_words": in_words(effect.action),
        "is_counted": effect.is_counted,
        "objects": effect.total.objects,
        "size_bytes": effect.total.size_bytes,
        "first_on": effect.first_on,
        "first_objects": effect.first.objects,
        "first_bytes": effect.first.size_bytes,
        "last_on": effect.last_on,
    }
