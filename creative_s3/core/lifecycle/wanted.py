"""What somebody wants of a bucket's lifecycle rules, as the rules that say it. Pure.

One rule for each folder, and a second one for unfinished uploads: S3 takes those together with no size.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from creative_s3.core.lifecycle.rules import ID_LIMIT, ID_MARK, TARGETS
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from creative_s3.core.bucket.lifecycle_rules import Rule

UPLOADS_MARK = "#uploads"
_DAYS = re.compile(r"([0-9]{1,6})([dw]?)")
_NAME_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall happen; an age counts from when an object was stored.

    Attributes:
        transitions: Storage class and days, the soonest first.
        expire_days: When S3 deletes them; None for never.
        noncurrent_expire_days: When S3 deletes old versions; None for never.
        abort_days: When S3 aborts unfinished uploads; None for never.
        minimum_bytes: Only objects of at least this size; None for the bucket's own rule.
    """

    transitions: tuple[tuple[str, int], ...] = ()
    expire_days: int | None = None
    noncurrent_expire_days: int | None = None
    abort_days: int | None = None
    minimum_bytes: int | None = None

    @property
    def acts_on_objects(self) -> bool:
        """Whether there is more than uploads to it."""
        return (
            bool(self.transitions) or self.expire_days is not None or self.noncurrent_expire_days is not None
        )


def make_wanted(
    *,
    transitions: Iterable[str] = (),
    expire: str | None = None,
    noncurrent_expire: str | None = None,
    abort_uploads: str | None = None,
    minimum_bytes: int | None = None,
) -> Wanted:
    """Read options as they are typed: ``GLACIER:90d``, ``365d``, ``13w``.

    Raises:
        UsageError: One cannot be read, nothing is wanted, or objects would be deleted before they move.
    """
    moves = tuple(sorted((_transition(text) for text in transitions), key=lambda move: move[1]))
    wanted = Wanted(
        transitions=moves,
        expire_days=_days(expire, "--expire", least=1),
        noncurrent_expire_days=_days(noncurrent_expire, "--noncurrent-expire", least=1),
        abort_days=_days(abort_uploads, "--abort-uploads", least=1),
        minimum_bytes=minimum_bytes,
    )
    if not wanted.acts_on_objects and wanted.abort_days is None:
        raise UsageError(
            "nothing is wanted of the rules",
            hint="give at least one of --transition, --expire, --noncurrent-expire and --abort-uploads",
        )
    if minimum_bytes is not None and minimum_bytes < 1:
        raise UsageError(
            "a minimum size is at least one byte", item="--min-size", hint="--min-size 1B moves all objects"
        )
    if wanted.expire_days is not None and moves and wanted.expire_days <= moves[-1][1]:
        raise UsageError(
            f"objects would be deleted after {wanted.expire_days} days and move to {moves[-1][0]} after"
            f" {moves[-1][1]}",
            item="--expire",
            hint=f"give --expire more than {moves[-1][1]}d, or leave the transition out",
        )
    for (first, early), (second, late) in pairwise(moves):
        if early == late or first == second:
            raise UsageError(
                f"S3 takes one transition a day and one into each class: {first}:{early}d, {second}:{late}d",
                item="--transition",
                hint=f"give --transition {first}:{early}d alone, or another number of days",
            )
    return wanted


def rules_of(wanted: Wanted, folders: Sequence[str], *, name: str | None = None) -> tuple[Rule, ...]:
    """Return the rules, in boto3's form: for each folder one, and one for unfinished uploads if wanted.

    Args:
        wanted: What shall happen.
        folders: What the keys begin with; each is a full prefix, such as ``creative-assets/products/``.
        name: The rules' ID; several folders have it before their own name. By default a name of ours.

    Raises:
        UsageError: The name is too long for an ID.
    """
    if name is not None and not 0 < len(name) <= _NAME_LIMIT:
        raise UsageError(
            f"a rule's name has 1 to {_NAME_LIMIT} characters here", item="--name", hint="choose another one"
        )
    rules: list[Rule] = []
    for folder in folders:
        rule_id = _rule_id(folder, name, is_only=len(folders) == 1)
        actions = _actions(wanted)
        if actions:
            chosen = _filter(folder, wanted.minimum_bytes)
            rules.append({"ID": rule_id, "Status": "Enabled", "Filter": chosen, **actions})
        if wanted.abort_days is not None:
            rules.append(
                {
                    "ID": f"{rule_id}{UPLOADS_MARK}",
                    "Status": "Enabled",
                    "Filter": {"Prefix": folder},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": wanted.abort_days},
                }
            )
    return tuple(rules)


def named(rules: Iterable[Rule], name: str) -> tuple[str, ...]:
    """Return the IDs that a name means: the rule itself, with its uploads, or all that begin with it.

    ``archive`` means ``archive`` and ``archive#uploads``; where there is no such rule, ``archive:…``.
    """
    ids = [str(rule.get("ID") or "") for rule in rules]
    exact = tuple(rule_id for rule_id in ids if rule_id in {name, f"{name}{UPLOADS_MARK}"})
    return exact or tuple(rule_id for rule_id in ids if rule_id.startswith(f"{name.removesuffix(':')}:"))


def _actions(wanted: Wanted) -> Mapping[str, Any]:
    actions: dict[str, Any] = {}
    if wanted.transitions:
        actions["Transitions"] = [
            {"Days": days, "StorageClass": storage_class} for storage_class, days in wanted.transitions
        ]
    if wanted.expire_days is not None:
        actions["Expiration"] = {"Days": wanted.expire_days}
    if wanted.noncurrent_expire_days is not None:
        actions["NoncurrentVersionExpiration"] = {"NoncurrentDays": wanted.noncurrent_expire_days}
    return actions


def _filter(folder: str, minimum_bytes: int | None) -> dict[str, Any]:
    if minimum_bytes is None:
        return {"Prefix": folder}
    limit = {"ObjectSizeGreaterThan": minimum_bytes - 1}  # S3's bounds are exclusive
    return {"And": {"Prefix": folder, **limit}} if folder else limit


def _rule_id(folder: str, name: str | None, *, is_only: bool) -> str:
    if name is not None and is_only:
        return name
    mark = ID_MARK if name is None else f"{name}:"
    if len(mark) + len(folder) + len(UPLOADS_MARK) <= ID_LIMIT:
        return f"{mark}{folder}"
    return f"{mark}{hashlib.sha256(folder.encode()).hexdigest()}"


def _transition(text: str) -> tuple[str, int]:
    storage_class, separator, days = text.partition(":")
    storage_class = storage_class.strip().upper().replace("-", "_")
    if not separator or storage_class not in TARGETS:
        raise UsageError(
            f"this is no transition: {text}",
            item="--transition",
            hint=f"write it as CLASS:DAYS, such as GLACIER:90d, with one of {', '.join(TARGETS)}",
        )
    return storage_class, _days(days, "--transition", least=0) or 0


def _days(text: str | None, option: str, *, least: int) -> int | None:
    if text is None:
        return None
    match = _DAYS.fullmatch(text.strip().lower())
    days = int(match[1]) * (7 if match[2] == "w" else 1) if match else -1
    if days < least:
        raise UsageError(
            f"this is no number of days from {least} on: {text}", item=option, hint="write it as 90d or 13w"
        )
    return days
