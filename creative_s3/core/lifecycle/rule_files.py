"""Lifecycle rules as a JSON file, in the form that ``aws s3api`` takes and gives. Pure."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from creative_s3.core.bucket.lifecycle_rules import RULE_LIMIT, Rule
from creative_s3.core.lifecycle.bucket_rules import BucketRules
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_MINIMUM = "TransitionDefaultMinimumObjectSize"
_MINIMUMS = frozenset({"varies_by_storage_class", "all_storage_classes_128K"})
_ACTIONS = frozenset(
    {
        "Transitions",
        "Expiration",
        "NoncurrentVersionTransitions",
        "NoncurrentVersionExpiration",
        "AbortIncompleteMultipartUpload",
    }
)
_PARTS = _ACTIONS | {"ID", "Status", "Filter", "Prefix"}


def to_json(rules: BucketRules) -> str:
    """Write rules as one JSON document: ``Rules`` and, where there is one, the bucket's smallest size."""
    document: dict[str, Any] = {"Rules": list(rules.rules)}
    if rules.minimum is not None:
        document[_MINIMUM] = rules.minimum
    return json.dumps(document, indent=2, default=_plain, ensure_ascii=False) + "\n"


def from_json(text: str, *, name: str) -> BucketRules:
    """Read rules from a JSON document: an object with ``Rules``, or a list of rules.

    Args:
        text: The document.
        name: The file's name, for errors.

    Raises:
        UsageError: It is none, or a rule has a part that S3 does not take.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise UsageError(f"this is no JSON: {error}", item=name, hint=_HINT) from None
    if isinstance(document, list):
        document = {"Rules": document}
    rules = document.get("Rules") if isinstance(document, dict) else None
    if not isinstance(rules, list) or set(document) - {"Rules", _MINIMUM}:
        raise UsageError("this holds no lifecycle rules", item=name, hint=_HINT)
    minimum = document.get(_MINIMUM)
    if minimum is not None and minimum not in _MINIMUMS:
        raise UsageError(f"{_MINIMUM} is one of {', '.join(sorted(_MINIMUMS))}", item=name, hint=_HINT)
    if len(rules) > RULE_LIMIT:
        raise UsageError(f"S3 takes {RULE_LIMIT:,} rules, and here are {len(rules):,}", item=name)
    read = tuple(_rule(rule, f"{name}, rule {place}") for place, rule in enumerate(rules, start=1))
    ids = [rule["ID"] for rule in read if "ID" in rule]
    if len(ids) != len(set(ids)):
        raise UsageError("two rules have the same ID", item=name, hint="give each its own")
    return BucketRules(read, minimum)


_HINT = "creative-s3 lifecycle export writes such a file"


def _rule(rule: object, name: str) -> Rule:
    if not isinstance(rule, dict):
        raise UsageError("a rule is an object", item=name, hint=_HINT)
    unknown = set(rule) - _PARTS
    if unknown:
        raise UsageError(f"a rule has no part {min(unknown)}", item=name, hint=_HINT)
    if rule.get("Status") not in {"Enabled", "Disabled"}:
        raise UsageError("a rule's Status is Enabled or Disabled", item=name, hint=_HINT)
    if not _ACTIONS.intersection(rule):
        raise UsageError(
            "this rule does nothing", item=name, hint=f"give it one of {', '.join(sorted(_ACTIONS))}"
        )
    if "Filter" not in rule and "Prefix" not in rule:
        raise UsageError(
            "a rule has a Filter", item=name, hint='"Filter": {"Prefix": ""} is the whole bucket'
        )
    return _with_times(rule, name)


def _with_times(rule: Mapping[str, Any], name: str) -> Rule:
    """Turn dates into times, as boto3 gives and takes them."""
    made: Rule = dict(rule)
    if "Transitions" in made:
        made["Transitions"] = [_timed(entry, name) for entry in made["Transitions"]]
    if "Expiration" in made:
        made["Expiration"] = _timed(made["Expiration"], name)
    return made


def _timed(entry: Mapping[str, Any], name: str) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise UsageError("an action is an object", item=name, hint=_HINT)
    if "Date" not in entry:
        return dict(entry)
    try:
        date_given = datetime.fromisoformat(entry["Date"])
    except (TypeError, ValueError):
        raise UsageError(
            f"this is no date: {entry['Date']}", item=name, hint="write it as 2027-01-01T00:00:00+00:00"
        ) from None
    # S3 takes midnights UTC alone, and a date says no more than that.
    return {**entry, "Date": date_given if date_given.tzinfo else date_given.replace(tzinfo=UTC)}


def _plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
