"""Collapsing: fewer, wider paths where that is cheaper, or where CloudFront's quota needs it. Pure.

The question is which folders to invalidate as a whole (``/folder/*``) instead of the changed paths in them.
A path costs the same with and without a wildcard. A wildcard also drops what did not change: those objects
are fetched from S3 once more. Both are money, so the cheapest plan can be found; of equally cheap ones the
one that drops less, then the one with fewer wildcards is taken. While the free paths last there is no
wildcard at all.

Only whole folders are considered, those with the most changes first if there are very many.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creative_s3.core.cdn.planning import PATH_LIMIT, WILDCARD_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

FETCHES_OF_A_DROPPED_OBJECT = 13
"""How often an object that was dropped is fetched again at most: once for each regional edge cache."""
_MOST_FOLDERS = 400
_MOST_ALTERNATIVES = 48


@dataclass(frozen=True, slots=True)
class Tariff:
    """What paths cost.

    Attributes:
        path: A path beyond the free ones.
        free: How many are still free.
        fetch: One GET of an object in S3; the transfer to CloudFront is free.
    """

    path: Decimal
    free: int
    fetch: Decimal

    def price(self, paths: int) -> Decimal:
        """Return the price of so many paths, a wildcard being one."""
        return max(paths - self.free, 0) * self.path

    def cost(self, paths: int, dropped: int) -> Decimal:
        """Return what a decision counts: the paths, and fetching again what need not be dropped."""
        return self.price(paths) + dropped * FETCHES_OF_A_DROPPED_OBJECT * self.fetch


@dataclass(frozen=True, slots=True)
class Collapsed:
    """Which paths to send.

    Attributes:
        paths: Single paths first, then wildcards.
        wildcards: How many of them are wildcards.
        dropped: Known objects that did not change, and that the wildcards drop.
    """

    paths: tuple[str, ...]
    wildcards: int
    dropped: int


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder that may be invalidated as a whole.

    Attributes:
        path: With its last slash.
        changed: Changed paths anywhere in it.
        dropped: Unchanged ones.
        own: Changed paths in it that are in none of the folders below that may be chosen.
        after: The number of the next folder that is not inside, in the order of the walk.
    """

    path: str
    changed: int
    dropped: int
    own: int
    after: int


@dataclass(frozen=True, slots=True)
class _Choice:
    """Some folders, and what is left.

    Attributes:
        single: Changed paths outside of them.
        dropped: Unchanged ones inside.
        chosen: The last folder and the choice before; empty for none.
    """

    single: int
    dropped: int
    chosen: tuple[_Folder, _Choice] | None = None


def collapse(
    changed: Iterable[str],
    unchanged: Iterable[str],
    tariff: Tariff,
    *,
    path_limit: int = PATH_LIMIT,
    wildcard_limit: int = WILDCARD_LIMIT,
) -> Collapsed:
    """Find the cheapest paths that cover all of `changed`, within a quota.

    Args:
        changed: Paths without a wildcard, each with its first slash.
        unchanged: The paths of other objects that CloudFront may hold.
        tariff: What it costs.
        path_limit: How many paths without a wildcard there may be.
        wildcard_limit: How many with one.
    """
    wanted = sorted(set(changed))
    if len(wanted) <= path_limit and tariff.price(len(wanted)) == 0:
        return Collapsed(tuple(wanted), 0, 0)
    folders = _folders(wanted, set(unchanged) - set(wanted))
    outside = len(wanted) - sum(folder.own for folder in folders)
    best = min(
        (
            (tariff.cost(choice.single + outside + number, choice.dropped), choice.dropped, number, choice)
            for number, choices in enumerate(_choices(folders, min(wildcard_limit, len(folders))))
            for choice in choices
            if choice.single + outside <= path_limit
        ),
        key=lambda one: one[:3],
        default=None,
    )
    if best is None:  # not even one wildcard is allowed
        raise ValueError("the quota is too small for any plan")
    return _made(wanted, best[3])


def _made(wanted: Sequence[str], choice: _Choice) -> Collapsed:
    dropped = choice.dropped
    chosen: list[str] = []
    while choice.chosen is not None:
        folder, choice = choice.chosen
        chosen.append(folder.path)
    roots = tuple(sorted(chosen))
    single = [path for path in wanted if not path.startswith(roots)] if roots else list(wanted)
    return Collapsed((*single, *(f"{root}*" for root in roots)), len(roots), dropped)


def _folders(wanted: Sequence[str], unchanged: Iterable[str]) -> list[_Folder]:
    """Return the folders that may be worth a wildcard, each before those inside it."""
    changed_in = Counter(folder for path in wanted for folder in _above(path))
    dropped_in = Counter(folder for path in unchanged for folder in _above(path) if folder in changed_in)
    # The root stays whatever happens: it alone keeps within any quota.
    worth = sorted(changed_in, key=lambda folder: (folder != "/", -changed_in[folder], folder))
    names = sorted(worth[:_MOST_FOLDERS])
    known = set(names)
    own = Counter(next(folder for folder in reversed(_above(path)) if folder in known) for path in wanted)
    return [
        _Folder(name, changed_in[name], dropped_in[name], own[name], _after(names, place))
        for place, name in enumerate(names)
    ]


def _after(names: Sequence[str], place: int) -> int:
    """Return the place of the next name that is not inside the one at `place`; names are sorted."""
    inside = names[place]
    later = (number for number in range(place + 1, len(names)) if not names[number].startswith(inside))
    return next(later, len(names))


def _above(path: str) -> list[str]:
    """Return the folders of a path, the root first."""
    return [path[: place + 1] for place, character in enumerate(path) if character == "/"]


def _choices(folders: Sequence[_Folder], most: int) -> list[list[_Choice]]:
    """Return for each number of wildcards the choices that no other one beats.

    From the last folder to the first: either a folder is taken, and the walk goes on behind all that is in
    it, or it is not, and its own paths stay single.
    """
    nothing = _Choice(0, 0)
    behind: list[list[list[_Choice]]] = [[[nothing], *([] for _ in range(most))]]  # reversed: the last first
    for place in range(len(folders) - 1, -1, -1):
        folder = folders[place]
        without = behind[-1]
        taken = behind[len(folders) - folder.after]
        here: list[list[_Choice]] = []
        for number in range(most + 1):
            options = [
                _Choice(choice.single + folder.own, choice.dropped, choice.chosen) if folder.own else choice
                for choice in without[number]
            ]
            if number:
                options += [
                    _Choice(choice.single, choice.dropped + folder.dropped, (folder, choice))
                    for choice in taken[number - 1]
                ]
            here.append(_unbeaten(options))
        behind.append(here)
    return behind[-1]


def _unbeaten(choices: list[_Choice]) -> list[_Choice]:
    """Leave out what another choice is better than; of very many, keep some all along the way."""
    kept: list[_Choice] = []
    for choice in sorted(choices, key=lambda one: (one.single, one.dropped)):
        if not kept or choice.dropped < kept[-1].dropped:
            kept.append(choice)
    if len(kept) > _MOST_ALTERNATIVES:
        step = (len(kept) - 1) / (_MOST_ALTERNATIVES - 1)
        kept = [kept[round(number * step)] for number in range(_MOST_ALTERNATIVES)]
    return kept
