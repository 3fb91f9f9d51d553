"""What is wrong with lifecycle rules, or should be known before they are set. Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from creative_s3.core.costs.costs import SizeTotals, break_even_size_bytes
from creative_s3.core.costs.moves import early_delete_price
from creative_s3.core.costs.pricing import SMALL_OBJECT_BYTES, amount_text, money
from creative_s3.core.lifecycle.actions import Action, ReadRule, Verb
from creative_s3.core.lifecycle.effects import Amount, acts_on, takes_small
from creative_s3.core.lifecycle.population import State
from creative_s3.core.lifecycle.rules import REACHABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from creative_s3.core.costs.pricing import RegionPrices
    from creative_s3.core.lifecycle.population import Group, Population

REPAY_MONTHS = 12
"""A transition that has not paid for itself after a year loses money here."""
_NONE = Amount()
_FREE = Decimal(0)
_ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_EARLY_IA = frozenset({"STANDARD_IA", "ONEZONE_IA"})
_EARLY_IA_DAYS = 30


class Code(StrEnum):
    """What a finding is about; stable for scripts."""

    ONLY_COPY = "only-copy"
    """An expiration would delete or hide what has no local file."""
    WATERFALL = "waterfall"
    """A transition leads where S3 does not move from the class before."""
    EARLY_DELETE = "early-delete"
    """A class is left before its minimum duration."""
    TINY = "tiny"
    """Small objects cost more in the colder class."""
    SMALL_STAY = "small-stay"
    """Small objects do not move at all."""
    ARCHIVED = "archived"
    """Assets in S3 only, readable at once today, would need a restore."""
    OVERLAP = "overlap"
    """Two rules concern the same objects."""
    FREES_NOTHING = "frees-nothing"
    """An expiration in a versioned bucket hides objects, and they go on costing."""
    AT_ONCE = "at-once"
    """Objects are deleted at the next midnight."""
    OLD_SERVERS = "old-servers"
    """A number of days that S3 takes since July 2026 only."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to know.

    Attributes:
        code: What it is about.
        rules: The names of the rules that it is true of.
        words: In plain words, with ``{objects}``, ``{assets}`` and ``{price}`` where the numbers stand.
        amount: The objects it concerns, where it concerns some.
        price: What it costs for these.
        refuses: Whether the rules are only set when somebody accepts it by the rules' names.
    """

    code: Code
    rules: tuple[str, ...]
    words: str
    amount: Amount = _NONE
    price: Decimal = _FREE
    refuses: bool = False

    @property
    def text(self) -> str:
        """The words with their numbers."""
        number = self.amount.objects
        noun = "" if number == 1 else "s"
        return self.words.format(
            objects=f"{number:,} object{noun}", assets=f"{number:,} asset{noun}", price=money(self.price)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the form of ``--json``."""
        return {
            "code": self.code,
            "rules": self.rules,
            "text": self.text,
            "objects": self.amount.objects,
            "size_bytes": self.amount.size_bytes,
            "price": amount_text(self.price),
            "refuses": self.refuses,
        }


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What findings depend on besides the rules.

    Attributes:
        population: The objects, grouped for the rules.
        region: The prices.
        today: The next midnight.
        is_versioned: Whether the bucket keeps versions; None when that is not known.
        moves_small_objects: Whether the bucket moves objects under 128 KB to the archive classes.
        stored_as: The class that uploads go to.
    """

    population: Population
    region: RegionPrices
    today: int
    is_versioned: bool | None = None
    moves_small_objects: bool = False
    stored_as: str = "STANDARD"


def lint(ours: Sequence[ReadRule], all_rules: Sequence[ReadRule], about: Surroundings) -> tuple[Finding, ...]:
    """Look over the rules that are set, among all that the bucket will have; the gravest finding first."""
    found: list[Finding] = []
    groups = about.population.groups()
    for rule in ours:
        if rule.is_enabled:
            found += _of_rule(rule, all_rules, about, groups)
    found += _overlaps(ours, all_rules)
    order = list(Code)
    return tuple(sorted(_joined(found), key=lambda finding: order.index(finding.code)))


def _of_rule(
    rule: ReadRule, all_rules: Sequence[ReadRule], about: Surroundings, groups: Sequence[Group]
) -> Iterator[Finding]:
    yield from _steps(rule, about, groups)
    for action in rule.actions:
        if action.verb is Verb.TRANSITION:
            yield from _transition(rule, action, about, groups)
        elif action.verb is Verb.EXPIRE:
            yield from _expiration(rule, action, all_rules, about, groups)


def _steps(rule: ReadRule, about: Surroundings, groups: Sequence[Group]) -> Iterator[Finding]:
    """Follow a rule's own actions in order of their days: each class reachable, and left late enough."""
    steps = sorted(
        (
            action
            for action in rule.actions
            if action.verb in {Verb.TRANSITION, Verb.EXPIRE} and not action.on
        ),
        key=lambda action: action.days or 0,
    )
    source, since, entered = about.stored_as, 0, None
    for action in steps:
        days, target = action.days or 0, action.storage_class
        if target is not None and target not in REACHABLE.get(source, REACHABLE["STANDARD"]):
            text = f"nothing moves from {source} to {target}: the transition after {days} days does nothing"
            yield Finding(Code.WATERFALL, (rule.name,), text)
            continue
        least = about.region.of(source).rules.minimum_days
        if days - since < least:
            yield _early(rule, entered, days - since, least, about, groups)
        if target is None:
            break
        source, since, entered = target, days, action


def _early(  # noqa: PLR0913, PLR0917 - what the price depends on
    rule: ReadRule,
    entered: Action | None,
    served: int,
    least: int,
    about: Surroundings,
    groups: Sequence[Group],
) -> Finding:
    """Say that a class is left too soon: that of uploads, or the one that the action `entered` leads to."""
    source = about.stored_as if entered is None else entered.storage_class or ""
    amount = _amount(
        group
        for group in groups
        if group.traits.state is State.CURRENT
        and about.population.concerns(rule.scope, group.traits)
        and (
            group.traits.storage_class == source
            if entered is None
            else acts_on(
                rule.scope, entered, about.population, group.traits, small_too=about.moves_small_objects
            )
        )
    )
    sizes = SizeTotals(amount.objects, amount.size_bytes, amount.objects, amount.size_bytes)
    price = early_delete_price(sizes, source, about.region, age_days=served, on=date.fromordinal(about.today))
    text = (
        f"objects leave {source} after {served} days and are billed for {least}: {{price}} for those that are"
        " there now"
    )
    return Finding(Code.EARLY_DELETE, (rule.name,), text, amount, price)


def _transition(
    rule: ReadRule, action: Action, about: Surroundings, groups: Sequence[Group]
) -> Iterator[Finding]:
    target = action.storage_class or ""
    small_too = about.moves_small_objects
    moving = [
        group
        for group in groups
        if acts_on(rule.scope, action, about.population, group.traits, small_too=small_too)
    ]
    limit = break_even_size_bytes(target, about.region, transition_months=REPAY_MONTHS) or 0
    tiny = [size for group in moving for size in group.sizes if size < limit]
    if tiny:
        text = (
            f"too small to earn back their move to {target} within a year: {{objects}} under {_kib(limit)};"
            f" give --min-size {_kib(limit).replace(' ', '')}"
        )
        yield Finding(Code.TINY, (rule.name,), text, Amount(len(tiny), sum(tiny)))
    if not takes_small(rule.scope, 0, target, small_too=small_too):
        small = _amount(
            group
            for group in groups
            if about.population.concerns(rule.scope, group.traits)
            and group.traits.state is State.CURRENT
            and about.population.least_size(group.traits.band) < SMALL_OBJECT_BYTES
        )
        if small.objects:
            text = "S3 leaves small objects where they are: {objects} under 128 KiB"
            yield Finding(Code.SMALL_STAY, (rule.name,), text, small)
    if target in _ARCHIVES:
        cold = _amount(group for group in moving if group.traits.is_only_copy)
        if cold.objects:
            wait = about.region.of(target).rules.first_byte
            text = f"{{assets}} in S3 only can be read at once today, and then {wait}"
            yield Finding(Code.ARCHIVED, (rule.name,), text, cold)
    if target in _EARLY_IA and action.days is not None and action.days < _EARLY_IA_DAYS:
        text = f"{target} before day 30 is taken by AWS since July 2026; other servers may refuse it"
        yield Finding(Code.OLD_SERVERS, (rule.name,), text)


def _expiration(
    rule: ReadRule,
    action: Action,
    all_rules: Sequence[ReadRule],
    about: Surroundings,
    groups: Sequence[Group],
) -> Iterator[Finding]:
    going = [
        group
        for group in groups
        if acts_on(rule.scope, action, about.population, group.traits, small_too=False)
    ]
    does = "hide" if about.is_versioned else "delete"
    cold = _amount(group for group in going if group.traits.is_only_copy)
    if cold.objects:
        text = f"it would {does} the only copy of {{assets}} without a local file"
        yield Finding(Code.ONLY_COPY, (rule.name,), text, cold, refuses=True)
    if action.days is not None:
        due = _amount(group for group in going if group.traits.stored_day + action.days <= about.today)
        if due.objects:
            text = f"S3 would {does} {{objects}} at the next midnight, being that old already"
            yield Finding(Code.AT_ONCE, (rule.name,), text, due)
    if about.is_versioned and not _frees(rule, all_rules):
        text = (
            "the bucket keeps versions: an expired object is hidden, not freed, and costs as before; add"
            " --noncurrent-expire 30d"
        )
        yield Finding(Code.FREES_NOTHING, (rule.name,), text)


def _frees(rule: ReadRule, all_rules: Sequence[ReadRule]) -> bool:
    """Tell whether some rule removes the versions that an expiration leaves behind."""
    return any(
        other.is_enabled
        and rule.scope.prefix.startswith(other.scope.prefix)
        and any(action.verb is Verb.NONCURRENT_EXPIRE for action in other.actions)
        for other in all_rules
    )


def _overlaps(ours: Sequence[ReadRule], all_rules: Sequence[ReadRule]) -> Iterator[Finding]:
    """Name other rules that do the same sort of thing to some of the same objects."""
    our_names = {rule.name for rule in ours}
    for rule in ours:
        for other in all_rules:
            if other.name in our_names or not (other.is_enabled and rule.is_enabled):
                continue
            if not _meet(rule, other):
                continue
            for verb, wins in (
                (Verb.EXPIRE, "the sooner one deletes"),
                (Verb.TRANSITION, "of two due at once the colder class wins"),
                (Verb.NONCURRENT_EXPIRE, "the sooner one deletes"),
            ):
                if _does(rule, verb) and _does(other, verb):
                    text = f"the rule {_braced(other.name)} concerns some of the same objects: {wins}"
                    yield Finding(Code.OVERLAP, (rule.name,), text)


def _meet(rule: ReadRule, other: ReadRule) -> bool:
    first, second = rule.scope, other.scope
    if not (first.prefix.startswith(second.prefix) or second.prefix.startswith(first.prefix)):
        return False
    lower = max(first.larger_than or -1, second.larger_than or -1)
    uppers = [scope.smaller_than for scope in (first, second) if scope.smaller_than is not None]
    return not uppers or min(uppers) > lower + 1


def _does(rule: ReadRule, verb: Verb) -> bool:
    return any(action.verb is verb for action in rule.actions)


def _joined(found: Sequence[Finding]) -> Iterator[Finding]:
    """Say once what is true of several rules in the same words, with the sum of its numbers."""
    same: dict[tuple[Code, str], list[Finding]] = defaultdict(list)
    for finding in found:
        same[finding.code, finding.words].append(finding)
    for (code, words), findings in same.items():
        yield Finding(
            code,
            tuple(finding.rules[0] for finding in findings),
            words,
            sum((finding.amount for finding in findings), _NONE),
            sum((finding.price for finding in findings), _FREE),
            refuses=findings[0].refuses,
        )


def _amount(groups: Iterator[Group]) -> Amount:
    return sum((Amount(group.objects, group.size_bytes) for group in groups), Amount())


def _kib(size_bytes: int) -> str:
    return f"{-(-size_bytes // 1024):,} KiB"


def _braced(name: str) -> str:
    """Return a name that may hold anything as part of a text with places for numbers."""
    return name.replace("{", "{{").replace("}", "}}")
