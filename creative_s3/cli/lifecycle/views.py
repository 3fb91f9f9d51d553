"""What the `lifecycle` commands show of rules: values of the core as rich renderables. Pure."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from creative_s3.cli.text import count, printable, size
from creative_s3.core.lifecycle.actions import Verb, read_all
from creative_s3.core.lifecycle.effects import Amount, Effect
from creative_s3.core.lifecycle.lint import Code, Finding
from creative_s3.core.lifecycle.wording import in_words, whom

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

    from creative_s3.core.bucket.lifecycle_rules import Rule
    from creative_s3.core.lifecycle.actions import ReadRule
    from creative_s3.core.lifecycle.changes import Change
    from creative_s3.core.lifecycle.planning import ChangePlan, RulesFound

_INDENT = 2
_GRAVE = frozenset({Code.ONLY_COPY, Code.AT_ONCE})
_COSTLY = frozenset({Code.WATERFALL, Code.EARLY_DELETE, Code.TINY, Code.FREES_NOTHING, Code.ARCHIVED})


def rules(found: RulesFound) -> RenderableType:
    """Show every rule: its name, whom it concerns, what it does, and what that means now.

    Rules that do the same to several folders are shown together.
    """
    if not found.rules:
        return Text("The bucket has no lifecycle rules.")
    parts: list[RenderableType] = []
    for alike in _alike(found.rules):
        parts += [_rules(alike, _effects_of(alike, found.effects)), Text()]
    return Group(*parts, _minimum(found.present.moves_small_objects))


def change(plan: ChangePlan) -> RenderableType:
    """Show what would change: rules before and after, objects and days, and what to know."""
    made = plan.change
    parts: list[RenderableType] = []
    for mark, style, entries in (
        ("+", "green", made.added),
        ("-", "red", made.removed),
    ):
        for alike in _alike(read_all(entries)):
            effects = _effects_of(alike, plan.effects) if mark == "+" else None
            parts.append(_marked(mark, style, _rules(alike, effects)))
    for old, new in _alike_pairs(made.replaced):
        parts.append(_marked("-", "red", _rules(old, None)))
        parts.append(_marked("+", "green", _rules(new, _effects_of(new, plan.effects))))
    if made.minimum != made.before.minimum:
        parts.append(Text(f"~ small objects: {made.before.minimum} becomes {made.minimum}", style="yellow"))
    if made.kept:
        parts.append(Text(f"  {_kept(made.kept)}", style="dim"))
    if plan.findings:
        parts += [Text(), *(finding(one) for one in plan.findings)]
    return Group(*parts)


def _kept(number: int) -> str:
    return f"{count(number, 'rule')} of the bucket {'stays as it is' if number == 1 else 'stay as they are'}"


def summary(made: Change) -> str:
    """Say in a few words what changed."""
    parts = [
        f"{number:,} {verb}"
        for number, verb in (
            (len(made.added), "added"),
            (len(made.replaced), "replaced"),
            (len(made.removed), "removed"),
            (made.kept, "as before"),
        )
        if number
    ]
    return ", ".join(parts) or "only the smallest size to move"


def finding(one: Finding) -> RenderableType:
    """Show one thing to know."""
    style = "red" if one.code in _GRAVE else "yellow" if one.code in _COSTLY else "cyan"
    mark = Text("! ", style=f"bold {style}")
    return mark.append(printable(one.text), style="default not bold")


def effect(found: Effect) -> str:
    """Say what an action will do to the objects that are there now."""
    noun = _noun(found)
    if not found.is_counted:
        return "not counted"
    if found.first_on is None or found.last_on is None:
        return f"no {noun} that is there now"
    said = f"{count(found.total.objects, noun)}, {size(found.total.size_bytes)}"
    if found.first_on == found.last_on:
        return f"{said}, on {found.first_on.isoformat()}"
    first, last = found.first_on.isoformat(), found.last_on.isoformat()
    return f"{said}, from {first} ({count(found.first.objects)}) to {last}"


def _noun(found: Effect) -> str:
    if found.action.verb in {Verb.NONCURRENT_EXPIRE, Verb.NONCURRENT_TRANSITION}:
        return "old version"
    return "unfinished upload" if found.action.verb is Verb.ABORT_UPLOADS else "object"


def _rules(alike: Sequence[ReadRule], effects: Sequence[Effect] | None) -> RenderableType:
    first = alike[0]
    title = Text(printable(first.name), style="bold", overflow="fold")
    if len(alike) > 1:
        title.append(f" and {len(alike) - 1:,} more", style="default not bold")
    if not first.is_enabled:
        title.append("  disabled", style="yellow")
    lines: list[RenderableType] = [title, Padding(Text(printable(_whom(alike))), (0, 0, 0, _INDENT))]
    for place, action in enumerate(first.actions):
        said = Text(printable(in_words(action)), style="red" if action.verb is Verb.EXPIRE else "")
        lines.append(Padding(said, (0, 0, 0, _INDENT)))
        if effects and first.is_enabled:
            lines.append(Padding(Text(effect(effects[place]), style="dim"), (0, 0, 0, 2 * _INDENT)))
    return Group(*lines)


def _whom(alike: Sequence[ReadRule]) -> str:
    if len(alike) == 1:
        return whom(alike[0].scope)
    together = replace(alike[0].scope, prefix=", ".join(rule.scope.prefix for rule in alike))
    return whom(together)


def _alike(found: Iterable[ReadRule]) -> list[list[ReadRule]]:
    """Put rules together that differ only in their prefix; one for the whole bucket stays alone.

    The order is that of the first ones.
    """
    same: dict[object, list[ReadRule]] = {}
    for rule in found:
        family = rule.name.split(":")[0] if ":" in rule.name else rule.name
        key = (family, rule.is_enabled, bool(rule.scope.prefix), replace(rule.scope, prefix=""), rule.actions)
        same.setdefault(key, []).append(rule)
    return list(same.values())


def _alike_pairs(pairs: Iterable[tuple[Rule, Rule]]) -> list[tuple[list[ReadRule], list[ReadRule]]]:
    """Put pairs of rules together whose sides both do the same to several prefixes."""
    same: dict[object, tuple[list[ReadRule], list[ReadRule]]] = {}
    for pair in pairs:
        old, new = read_all(pair)
        sides = tuple(
            (rule.is_enabled, bool(rule.scope.prefix), replace(rule.scope, prefix=""), rule.actions)
            for rule in (old, new)
        )
        before, after = same.setdefault(sides, ([], []))
        before.append(old)
        after.append(new)
    return list(same.values())


def _effects_of(alike: Sequence[ReadRule], effects: Sequence[Effect] | None) -> list[Effect] | None:
    """Add up the effects of rules that do the same, action by action."""
    if effects is None:
        return None
    by_rule = {name: tuple(group) for name, group in groupby(effects, key=lambda one: one.rule)}
    of_each = [by_rule[rule.name] for rule in alike if rule.name in by_rule]
    return [_sum(actions) for actions in zip(*of_each, strict=True)]


def _sum(effects: Sequence[Effect]) -> Effect:
    acting = [one for one in effects if one.first_on is not None and one.last_on is not None]
    if not acting:
        return effects[0]
    first_on = min(one.first_on for one in acting if one.first_on)
    return replace(
        acting[0],
        total=sum((one.total for one in acting), Amount()),
        first_on=first_on,
        first=sum((one.first for one in acting if one.first_on == first_on), Amount()),
        last_on=max(one.last_on for one in acting if one.last_on),
    )


def _marked(mark: str, style: str, body: RenderableType) -> RenderableType:
    grid = Table.grid(padding=(0, 1, 0, 0))
    grid.add_row(Text(mark, style=f"bold {style}"), body)
    return grid


def _minimum(moves_small: bool) -> Text:
    said = (
        "Objects under 128 KB move to GLACIER and DEEP_ARCHIVE, too."
        if moves_small
        else "Objects under 128 KB do not move, except by rules that name a size."
    )
    return Text(said, style="dim")
