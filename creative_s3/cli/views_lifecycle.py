"""What the `lifecycle` commands show of rules: values of the core as rich renderables. Pure."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from creative_s3.cli.text import count, printable, size
from creative_s3.core.lifecycle.actions import Verb
from creative_s3.core.lifecycle.wording import in_words, whom

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from creative_s3.core.lifecycle.actions import ReadRule
    from creative_s3.core.lifecycle.effects import Effect

_INDENT = 2


def rules(found: Sequence[ReadRule], effects: Sequence[Effect] | None) -> RenderableType:
    """Show every rule as a paragraph: its name, whom it concerns, what it does, and what that means now."""
    if not found:
        return Text("The bucket has no lifecycle rules.")
    by_rule = {name: tuple(group) for name, group in groupby(effects or (), key=lambda effect: effect.rule)}
    parts: list[RenderableType] = []
    for rule in found:
        parts += [_rule(rule, by_rule.get(rule.name)), Text()]
    return Group(*parts[:-1])


def _rule(rule: ReadRule, effects: Sequence[Effect] | None) -> RenderableType:
    title = Text(printable(rule.name), style="bold")
    if not rule.is_enabled:
        title.append("  disabled", style="yellow")
    lines: list[RenderableType] = [title, Padding(Text(printable(whom(rule.scope))), (0, 0, 0, _INDENT))]
    for place, action in enumerate(rule.actions):
        said = Text(printable(in_words(action)), style="red" if action.verb is Verb.EXPIRE else "")
        lines.append(Padding(said, (0, 0, 0, _INDENT)))
        if effects and rule.is_enabled:
            lines.append(Padding(Text(effect(effects[place]), style="dim"), (0, 0, 0, 2 * _INDENT)))
    return Group(*lines)


def effect(found: Effect) -> str:
    """Say what an action will do to the objects that are there now."""
    if not found.is_counted:
        return "not counted: a listing of objects does not show them"
    if found.first_on is None or found.last_on is None:
        return "no object that is there now"
    said = f"{count(found.total.objects, 'object')}, {size(found.total.size_bytes)}"
    if found.first_on == found.last_on:
        return f"{said}, on {found.first_on.isoformat()}"
    return (
        f"{said}, from {found.first_on.isoformat()} ({count(found.first.objects)})"
        f" to {found.last_on.isoformat()}"
    )
