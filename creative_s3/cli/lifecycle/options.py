"""The options that say what is wanted of lifecycle rules: the same for `set` and `simulate`."""

# No "from __future__ import annotations" here: Typer reads the annotations at run time.

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from creative_s3.cli.declare.option_groups import giving
from creative_s3.cli.output import Report
from creative_s3.cli.text import PROGRAM
from creative_s3.errors import UsageError

if TYPE_CHECKING:
    from creative_s3.cli.run import Run
    from creative_s3.core.bucket.lifecycle_rules import Rule
    from creative_s3.core.lifecycle.known_use import KnownUse
    from creative_s3.core.lifecycle.wanted import Wanted
    from creative_s3.core.s3.object_store import ObjectStore


def _text(name: str, metavar: str, purpose: str) -> Any:  # noqa: ANN401 - Typer's own
    return Annotated[str | None, typer.Option(name, metavar=metavar, help=purpose)]


_OPTIONS: Final[Mapping[str, Any]] = {
    "transition": Annotated[
        list[str] | None,
        typer.Option(
            "--transition",
            metavar="CLASS:DAYS",
            help="Move objects of this age, such as GLACIER:90d; repeatable.",
        ),
    ],
    "expire": _text("--expire", "DAYS", "Delete objects of this age."),
    "noncurrent_expire": _text(
        "--noncurrent-expire", "DAYS", "Delete old versions so long after they were replaced."
    ),
    "abort_uploads": _text("--abort-uploads", "DAYS", "Abort unfinished uploads of this age."),
    "min_size": _text("--min-size", "SIZE", "Only objects of at least this size, such as 128KiB."),
    "kind": _text("--kind", "KIND", "Only products, backgrounds, composites, cache or an asset type."),
    "campaign": _text("--campaign", "ID", "Only this campaign's assets."),
    "under": _text("--under", "KEYS", "Keys that begin so, such as logs/, instead of assets."),
    "name": _text("--name", "ID", "The rule's ID; by default one of ours."),
}


@dataclass(frozen=True, slots=True)
class RuleOptions:
    """What the options were given, in their own words; None or empty for what was not."""

    transition: list[str] | None = None
    expire: str | None = None
    noncurrent_expire: str | None = None
    abort_uploads: str | None = None
    min_size: str | None = None
    kind: str | None = None
    campaign: str | None = None
    under: str | None = None
    name: str | None = None

    @property
    def do_something(self) -> bool:
        """Whether they name anything that a rule does."""
        return any((self.transition, self.expire, self.noncurrent_expire, self.abort_uploads))

    def check_in_use(self, *, for_folders: bool) -> None:
        """Make sure that none is given that would mean nothing.

        Args:
            for_folders: Whether those that choose folders mean something by themselves.

        Raises:
            UsageError: One would.
        """
        if self.do_something:
            return
        idle = {"--min-size": self.min_size, "--name": self.name}
        if not for_folders:
            idle |= {"--kind": self.kind, "--campaign": self.campaign, "--under": self.under}
        for option, value in idle.items():
            if value is not None:
                raise UsageError(
                    "it is a part of a rule, and nothing says what the rule does",
                    item=option,
                    hint=f"add such as --transition GLACIER:90d; see {PROGRAM} lifecycle simulate --help",
                )

    def folders(self, run: "Run", store: "ObjectStore") -> tuple[str, ...]:
        """Return what the keys of the objects begin with that they are about.

        Raises:
            UsageError: They contradict each other, or there is no such kind.
        """
        from creative_s3.core.lifecycle.holdings import cache_types
        from creative_s3.core.lifecycle.planning import folders_for

        self._check_folders()
        if self.under is not None:
            return (self.under,)
        prefix = run.config.prefix
        types = () if self.campaign is None else cache_types(store, prefix)
        return folders_for(prefix, kind=self.kind, campaign=self.campaign, cache_types=types)

    def wanted(self) -> "Wanted":
        """Read what the rules shall do; nothing is asked.

        Raises:
            UsageError: They want nothing, or what makes no sense.
        """
        from creative_s3.cli.declare.amounts import size_in_bytes
        from creative_s3.core.lifecycle.wanted import make_wanted

        self._check_folders()
        minimum = None if self.min_size is None else size_in_bytes(self.min_size, option="--min-size")
        return make_wanted(
            transitions=self.transition or (),
            expire=self.expire,
            noncurrent_expire=self.noncurrent_expire,
            abort_uploads=self.abort_uploads,
            minimum_bytes=minimum,
        )

    def rules(self, wanted: "Wanted", run: "Run", store: "ObjectStore") -> "tuple[Rule, ...]":
        """Return the rules that do what is wanted.

        Raises:
            UsageError: There is no such kind.
        """
        from creative_s3.core.lifecycle.wanted import rules_of

        return rules_of(wanted, self.folders(run, store), name=self.name)

    def _check_folders(self) -> None:
        if self.under is not None and (self.kind is not None or self.campaign is not None):
            raise UsageError("--under stands alone", item="--under", hint="leave out --kind and --campaign")


def saying_rules(function: Callable[..., Report]) -> Callable[..., Report]:
    """Give a command the options: it gets their `RuleOptions` as the parameter ``options``."""
    return giving(function, _OPTIONS, parameter="options", meaning=lambda given: RuleOptions(**given))


def use_of(run: "Run", store: "ObjectStore") -> "KnownUse":
    """Return what the catalog knows of the bucket's objects."""
    from datetime import UTC, datetime

    from creative_s3.core.catalog.places import remote_side
    from creative_s3.core.lifecycle.known_use import known_use

    side = remote_side(store.connection, run.config.prefix)
    return known_use(run.config.cache_dir, side, now=datetime.now(UTC))
