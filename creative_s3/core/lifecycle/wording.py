"""Lifecycle rules as plain sentences. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from creative_s3.core.lifecycle.actions import Verb

if TYPE_CHECKING:
    from creative_s3.core.lifecycle.actions import Action, ReadRule, Scope

_STEP = 1024
_UNITS = ("KiB", "MiB", "GiB", "TiB")


def in_words(action: Action) -> str:
    """Say what an action does and when, such as ``moves them to GLACIER 90 days after they were stored``."""
    if action.verb is Verb.CLEAR_MARKERS:
        return "removes delete markers with nothing behind them"
    if action.verb is Verb.ABORT_UPLOADS:
        return f"aborts unfinished uploads {_days(action.days)} after they began"
    if action.verb in {Verb.TRANSITION, Verb.EXPIRE}:
        when = (
            f"on {action.on.isoformat()} or once stored later"
            if action.on
            else f"{_days(action.days)} after they were stored"
        )
        does = "deletes them" if action.verb is Verb.EXPIRE else f"moves them to {action.storage_class}"
        return f"{does} {when}"
    what = (
        "deletes old versions"
        if action.verb is Verb.NONCURRENT_EXPIRE
        else f"moves old versions to {action.storage_class}"
    )
    kept = f", except the newest {action.newer_versions:,}" if action.newer_versions else ""
    return f"{what} {_days(action.days)} after they were replaced or deleted{kept}"


def whom(scope: Scope) -> str:
    """Say whom a rule concerns, such as ``objects under logs/ of at least 128 KiB``."""
    if not scope.is_known:
        return "objects chosen by a filter that this version does not know"
    said = f"objects under {scope.prefix}" if scope.prefix else "all objects of the bucket"
    if scope.larger_than is not None:
        said += f" of at least {_size(scope.larger_than + 1)}"
    if scope.smaller_than is not None:
        said += f"{' and' if scope.larger_than is not None else ''} under {_size(scope.smaller_than)}"
    if scope.tags:
        said += f" tagged {', '.join(f'{key}={value}' for key, value in scope.tags)}"
    return said


def sentence(rule: ReadRule) -> str:
    """Say a whole rule in one line."""
    done = "; ".join(in_words(action) for action in rule.actions) or "does nothing that this version knows"
    asleep = "" if rule.is_enabled else "disabled: "
    return f"{asleep}{whom(rule.scope)}: {done}"


def _days(days: int | None) -> str:
    return "1 day" if days == 1 else f"{days or 0:,} days"


def _size(size_bytes: int) -> str:
    amount, shown = size_bytes, f"{size_bytes:,} B"
    for unit in _UNITS:
        if amount < _STEP or amount % _STEP:
            break
        amount //= _STEP
        shown = f"{amount:,} {unit}"
    return shown
