"""Lifecycle rules as a bucket has them: how many, and when two mean the same. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Rule = dict[str, Any]
"""A lifecycle rule in the form that boto3 takes."""
RULE_LIMIT = 1_000
"""S3 takes no more of them for a bucket."""


def canonical(rule: Mapping[str, Any]) -> Rule:
    """Return a rule in the one form that all rules of equal meaning have.

    A prefix of the rule itself is the older form of a filter by prefix, no prefix is the empty one, and what
    is the only member of ``And`` stands for itself (AWS: "LifecycleRule", "LifecycleRuleFilter").
    """
    made = {name: value for name, value in rule.items() if name not in {"Prefix", "Filter"}}
    chosen = dict(rule.get("Filter") or {})
    both = {name: value for name, value in (chosen.pop("And", None) or {}).items() if value not in ("", [])}
    if list(both) == ["Tags"] and len(both["Tags"]) == 1:
        both = {"Tag": both["Tags"][0]}
    if len(both) > 1 or "Tags" in both:
        chosen["And"] = both
    else:
        chosen |= both
    prefix = chosen.pop("Prefix", None) or rule.get("Prefix") or ""
    if prefix or not chosen:
        chosen["Prefix"] = prefix
    return made | {"Filter": chosen}
