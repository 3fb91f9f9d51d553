"""The order in which the contenders take turns, so that no one has the better place. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.works import Work


def turns(work: Work, rounds: int) -> Iterator[tuple[int, str]]:
    """Yield each round, from 1, and who is next in it: round by round, each time beginning with another one.

    Onlookers come last, in the first round only.
    """
    names = work.contenders
    for number in range(min(rounds, work.rounds or rounds)):
        first = number % len(names)
        for name in (*names[first:], *names[:first]):
            yield number + 1, name
        if number == 0:
            for name in work.onlookers:
                yield 1, name
