"""Plans changes of lifecycle rules: what they would do to the objects that are there, and what to know.

Reads the rules, lists what they concern, and puts the pieces together; nothing here writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from creative_s3.core.assets.layout import campaign_folders, folders_of
from creative_s3.core.catalog.places import remote_side
from creative_s3.core.costs.price_store import current_book
from creative_s3.core.lifecycle.actions import Verb, read_all
from creative_s3.core.lifecycle.bucket_rules import BucketRules, read
from creative_s3.core.lifecycle.changes import setting
from creative_s3.core.lifecycle.effects import Amount, Effect, effects_of
from creative_s3.core.lifecycle.holdings import Holdings, take
from creative_s3.core.lifecycle.known_use import known_use
from creative_s3.core.lifecycle.lint import Finding, Surroundings, lint
from creative_s3.core.lifecycle.midnights import midnight_from
from creative_s3.core.lifecycle.population import Population
from creative_s3.core.lifecycle.rules import asset_prefixes, rules_for
from creative_s3.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from creative_s3.core.lifecycle.actions import ReadRule
    from creative_s3.core.lifecycle.changes import Change
    from creative_s3.core.lifecycle.known_use import KnownUse
    from creative_s3.core.lifecycle.rules import Policy
    from creative_s3.core.s3.object_store import ObjectStore


@dataclass(frozen=True, slots=True)
class RulesFound:
    """A bucket's rules, and what they will do.

    Attributes:
        present: As they were read.
        rules: The same, understood.
        effects: What each action will do; None when nobody looked.
        left_out: What could not be counted, in plain sentences.
    """

    present: BucketRules
    rules: tuple[ReadRule, ...]
    effects: tuple[Effect, ...] | None = None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangePlan:
    """A change of the rules, with what it means.

    Attributes:
        change: Before and after.
        effects: What the rules that are new or replaced will do to the objects that are there.
        findings: What to know; the gravest first.
        left_out: What could not be counted, in plain sentences.
    """

    change: Change
    effects: tuple[Effect, ...] = ()
    findings: tuple[Finding, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def deleted(self) -> Amount:
        """What of all that is there the new rules will delete, old versions included."""
        verbs = {Verb.EXPIRE, Verb.NONCURRENT_EXPIRE}
        return sum((effect.total for effect in self.effects if effect.action.verb in verbs), Amount())

    def to_dict(self) -> dict[str, Any]:
        """Return effects and findings for JSON; the rules themselves are the change's."""
        return {
            "effects": [effect.to_dict() for effect in self.effects],
            "findings": [finding.to_dict() for finding in self.findings],
        }


def rules_found(store: ObjectStore, *, use: KnownUse, now: datetime, lists: bool) -> RulesFound:
    """Read a bucket's rules, and with `lists` count what they will do.

    Raises:
        CreativeS3Error: A request failed.
    """
    present = read(store)
    rules = read_all(present.rules)
    if not rules or not lists:
        return RulesFound(present, rules)
    holdings = take(store, Population(rules), prefixes=_prefixes(rules), use=use)
    return RulesFound(present, rules, _effects(rules, holdings, present, now), holdings.left_out)


def plan_change(store: ObjectStore, change: Change, *, use: KnownUse, now: datetime) -> ChangePlan:
    """Say what a change means for the objects that are there.

    Raises:
        CreativeS3Error: A request failed.
    """
    names = {str(rule.get("ID")) for rule in change.added}
    names |= {str(new.get("ID")) for _, new in change.replaced}
    everything = read_all(change.after)
    ours = tuple(rule for rule in everything if rule.name in names)
    if not ours:
        return ChangePlan(change)
    config = store.connection.config
    region = current_book().region(store.connection.region)
    holdings = take(store, Population(everything), prefixes=_prefixes(ours), use=use)
    left_out = holdings.left_out
    if use.problem is not None and any(_expires(rule) for rule in ours):
        left_out = (*left_out, f"whether a local file exists for what is deleted is not known: {use.problem}")
    return ChangePlan(
        change=change,
        effects=_effects(ours, holdings, change.before, now),
        findings=lint(
            ours,
            everything,
            Surroundings(
                population=holdings.population,
                region=region,
                today=midnight_from(now),
                is_versioned=holdings.is_versioned,
                moves_small_objects=change.before.moves_small_objects,
                stored_as=config.storage_class,
            ),
        ),
        left_out=left_out,
    )


def check_accepted(plan: ChangePlan, accepted: Collection[str]) -> None:
    """Refuse a plan that would delete the only copy of assets, unless the rules are accepted by name.

    Raises:
        RefusedError: It would; names a rule.
    """
    for finding in plan.findings:
        missing = [name for name in finding.rules if name not in accepted]
        if finding.refuses and missing:
            raise RefusedError(
                f"{finding.text}; nothing was changed",
                item=missing[0],
                hint="bring them back first (creative-s3 tiers promote); or accept it by the rule's name:"
                + "".join(f" --accept-expiry {name}" for name in missing),
            )


def check_policy(
    store: ObjectStore, policy: Policy, *, prefix: str, now: datetime, accepted: Collection[str] = ()
) -> None:
    """Refuse the rules of a policy where `lifecycle set` refuses them; only an expiration can be.

    Args:
        store: The bucket.
        policy: What is wanted.
        prefix: What the assets' keys begin with.
        now: With time zone.
        accepted: The rules that may delete the only copy of assets, by name.

    Raises:
        RefusedError: They would delete it, or there would be too many rules.
        CreativeS3Error: A request failed.
    """
    if policy.expiration_days is None:
        return
    change = setting(read(store), rules_for(policy, prefix))
    if change.is_needed:
        config = store.connection.config
        use = known_use(config.cache_dir, remote_side(store.connection, config.prefix), now=now)
        check_accepted(plan_change(store, change, use=use, now=now), accepted)


def folders_for(
    prefix: str, *, kind: str | None = None, campaign: str | None = None, cache_types: Collection[str] = ()
) -> tuple[str, ...]:
    """Return what the keys begin with that rules shall concern: all assets, a kind's, or a campaign's.

    Args:
        prefix: ``S3_PREFIX``.
        kind: A kind, an asset type, or a folder; None for all.
        campaign: A campaign; None for all.
        cache_types: The folders under ``cache``, for a campaign.

    Raises:
        UsageError: There is no such kind, or both are given.
    """
    if kind is not None and campaign is not None:
        raise UsageError(
            "rules concern a kind of asset or a campaign, not both", hint="give --kind or --campaign"
        )
    if kind is None and campaign is None:
        return asset_prefixes(prefix)
    folders = folders_of(kind) if kind is not None else campaign_folders(campaign or "", cache_types)
    if not folders:
        raise UsageError(
            f"there is no such kind of asset: {kind}",
            item="--kind",
            hint="use products, backgrounds, composites, cache or an asset type such as product_original",
        )
    return tuple(f"{prefix}/{folder}/" if prefix else f"{folder}/" for folder in folders)


def _expires(rule: ReadRule) -> bool:
    return any(action.verb is Verb.EXPIRE for action in rule.actions)


def _prefixes(rules: Sequence[ReadRule]) -> tuple[str, ...]:
    return tuple(rule.scope.prefix for rule in rules if rule.is_enabled)


def _effects(
    rules: Sequence[ReadRule], holdings: Holdings, present: BucketRules, now: datetime
) -> tuple[Effect, ...]:
    return effects_of(
        rules,
        holdings.population,
        today=midnight_from(now),
        small_too=present.moves_small_objects,
        counted=holdings.counted,
    )
