"""Lifecycle rules: what is wanted, in S3's form, merged with the rules of others. Pure.

S3 carries rules out by itself, once a day, on old objects as on new ones. Rules of others are kept and never
interpreted. How a bucket's rules are read and written is in ``core.lifecycle.bucket_rules``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from creative_s3.core.arguments import is_whole_number
from creative_s3.core.assets.layout import ASSET_FOLDERS
from creative_s3.core.bucket.lifecycle_rules import RULE_LIMIT, Rule, canonical
from creative_s3.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from creative_s3.core.costs.pricing import ClassRules


TARGETS = ("STANDARD_IA", "INTELLIGENT_TIERING", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE")
REACHABLE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "STANDARD": frozenset(TARGETS),
        "STANDARD_IA": frozenset(TARGETS[1:]),
        "INTELLIGENT_TIERING": frozenset(TARGETS[2:]),
        "ONEZONE_IA": frozenset({"GLACIER", "DEEP_ARCHIVE"}),
        "GLACIER_IR": frozenset({"GLACIER", "DEEP_ARCHIVE"}),
        "GLACIER": frozenset({"DEEP_ARCHIVE"}),
        "DEEP_ARCHIVE": frozenset(),
    }
)
"""Where a rule can move an object from a class (S3 User Guide, "Transitioning objects")."""

ID_LIMIT = 255
ID_MARK = "creative-s3:"


@dataclass(frozen=True, slots=True)
class Policy:
    """What shall happen to assets as they grow old; an object's age counts from when it was stored.

    Attributes:
        transition_days: Age at which they move to `archive_storage_class`; None for never.
        expiration_days: Age at which S3 deletes them; None for never.
        archive_storage_class: S3's own word.
    """

    transition_days: int | None
    expiration_days: int | None
    archive_storage_class: str


def make_policy(
    *, transition_days: int | None, expiration_days: int | None, archive_storage_class: str
) -> Policy:
    """Return a policy that S3 can carry out.

    Raises:
        UsageError: A number is no number of days, assets would expire before they move, nothing is wanted at
            all, or rules cannot move objects to this class.
    """
    storage_class = str(archive_storage_class).upper()
    if storage_class not in TARGETS:
        raise UsageError(
            "lifecycle rules cannot move objects to this storage class",
            item=str(archive_storage_class),
            hint=f"use one of: {', '.join(TARGETS)}",
        )
    for name, days, least in (
        ("transition_days", transition_days, 0),
        ("expiration_days", expiration_days, 1),
    ):
        if days is not None and not is_whole_number(days, least=least):
            raise UsageError(
                f"{name} is a whole number of days from {least} on, or None for never",
                item=repr(days),
                hint=f"for example {name}=90",
            )
    if transition_days is None and expiration_days is None:
        raise UsageError(
            "neither a transition nor an expiration is wanted",
            item="transition_days",
            hint="give at least one of transition_days and expiration_days",
        )
    if transition_days is not None and expiration_days is not None and expiration_days <= transition_days:
        raise UsageError(
            f"objects would be deleted after {expiration_days} days and move after {transition_days}",
            item="expiration_days",
            hint=f"give expiration_days more than {transition_days}, or transition_days=None",
        )
    return Policy(transition_days, expiration_days, storage_class)


def asset_prefixes(prefix: str) -> tuple[str, ...]:
    """Return what assets' keys begin with: rules stay away from the published index and foreign keys."""
    return tuple(f"{prefix}/{folder}/" if prefix else f"{folder}/" for folder in ASSET_FOLDERS)


def rules_for(policy: Policy, prefix: str) -> tuple[Rule, ...]:
    """Return the rules of a policy: one for each folder of assets under `prefix`."""
    actions: Rule = {}
    if policy.transition_days is not None:
        actions["Transitions"] = [
            {"Days": policy.transition_days, "StorageClass": policy.archive_storage_class}
        ]
    if policy.expiration_days is not None:
        actions["Expiration"] = {"Days": policy.expiration_days}
    return tuple(
        {"ID": _rule_id(folder), "Status": "Enabled", "Filter": {"Prefix": folder}, **actions}
        for folder in asset_prefixes(prefix)
    )


def merge(present: Iterable[Rule], ours: Iterable[Rule]) -> tuple[Rule, ...]:
    """Put our rules in the place of those with the same ID, or at the end; all others stay as they are.

    Raises:
        RefusedError: S3 takes no more than 1,000 rules.
    """
    wanted = {rule["ID"]: rule for rule in ours}
    merged = [_kept(rule, wanted.pop(rule.get("ID"), rule)) for rule in present]
    merged += wanted.values()
    if len(merged) > RULE_LIMIT:
        raise RefusedError(
            f"the bucket would have {len(merged):,} lifecycle rules, and S3 takes {RULE_LIMIT:,}",
            hint="remove rules that nobody needs",
        )
    return tuple(merged)


def _kept(present: Rule, wanted: Rule) -> Rule:
    """Return the rule as it is where it says what is wanted in other words."""
    return present if canonical(present) == canonical(wanted) else wanted


def due_at(stored_at: datetime, days: int) -> datetime:
    """Return when a rule acts on an object of this age: the next midnight, UTC, from then on.

    S3 User Guide, "Lifecycle configuration elements": stored on 15 January 2014 at 10:30, with 3 days, is due
    on 19 January at 00:00.
    """
    reached = stored_at.astimezone(UTC) + timedelta(days=days)
    midnight = datetime.combine(reached.date(), time.min, tzinfo=UTC)
    return midnight if reached == midnight else midnight + timedelta(days=1)


def warnings_for(
    policy: Policy,
    *,
    stored_as: str,
    rules_of: Mapping[str, ClassRules],
    is_versioned: bool | None,
    moves_small_objects: bool,
) -> tuple[str, ...]:
    """Say what a policy means that its numbers do not show.

    Args:
        policy: What is wanted.
        stored_as: The class that uploads go to.
        rules_of: The billing rules of each class.
        is_versioned: Whether the bucket keeps versions; None when that is not known.
        moves_small_objects: Whether the bucket moves objects under 128 KB, too.
    """
    target, said = policy.archive_storage_class, []
    if policy.transition_days is not None:
        if target not in REACHABLE.get(stored_as, frozenset(TARGETS)):
            said.append(f"objects stored as {stored_as} cannot move to {target}: the transition does nothing")
        if rules_of[target].is_archive:
            said.append(
                f"objects in {target} cannot be read before a restore ({rules_of[target].first_byte})"
            )
        if not moves_small_objects:
            said.append("objects under 128 KB do not move: in a colder class they would cost more")
    if policy.expiration_days is not None:
        said.append(_expiration_warning(policy.expiration_days, is_versioned=is_versioned))
        stay_days = policy.expiration_days - (policy.transition_days or 0)
        if policy.transition_days is not None and stay_days < rules_of[target].minimum_days:
            said.append(
                f"objects are deleted {stay_days} days after they moved; {target} is billed for at least"
                f" {rules_of[target].minimum_days}"
            )
    return tuple(said)


def _expiration_warning(days: int, *, is_versioned: bool | None) -> str:
    deleted = f"S3 deletes assets {days} days after they were stored, the only copy of cold ones included"
    if is_versioned is None:
        return f"{deleted}; whether the bucket keeps versions could not be seen"
    if is_versioned:
        return (
            f"{deleted}; the bucket keeps versions: they can be brought back, and cost as before until a rule"
            " for noncurrent versions removes them"
        )
    return f"{deleted}; the bucket keeps no versions: nothing brings them back"


def _rule_id(folder: str) -> str:
    name = f"{ID_MARK}{folder}"
    if len(name) <= ID_LIMIT:
        return name
    return f"{ID_MARK}{hashlib.sha256(folder.encode()).hexdigest()}"
