"""Measure creative-s3 and its peers, and write what came out to ``results.md``: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from benchmarks import tables
from benchmarks.field import Field, to_stderr
from benchmarks.machine import conditions
from benchmarks.results import Measured, merge, read, to_json
from benchmarks.server import running, workplace
from benchmarks.works import GOALS, chosen, quick

_ROUNDS = 5
_QUICK_ROUNDS = 2
_INTERRUPTED = 130
_HERE = Path(__file__).parent


def main() -> int:
    """Measure what was asked for; return 1 when a contender failed."""
    arguments = _parser().parse_args()
    works = chosen(arguments.only)
    if arguments.quick:
        works = quick(works)
    rounds = arguments.rounds or (_QUICK_ROUNDS if arguments.quick else _ROUNDS)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    measured: dict[str, Measured] = {}
    output: Path | None = None if arguments.quick else arguments.output
    begun = time.monotonic()

    def done(work: Measured) -> None:
        measured[work.name] = work
        if output is not None:
            _write(output, work)

    try:
        with workplace() as place, running(place) as server:
            Field(server, place, rounds, conditions(), to_stderr).measure(works, done)
    except KeyboardInterrupt:
        to_stderr("interrupted; the server is stopped and its files are removed")
        return _INTERRUPTED
    print(f"\n{tables.medians(measured)}")
    # The goals are of the full sets: against smaller ones, start-up weighs more.
    goals = [goal for goal in GOALS if set(goal.works) <= measured.keys() and not arguments.quick]
    if goals:
        print(f"\n{tables.verdicts(measured, goals)}")
    if wrong := tables.errors(measured):
        print(f"\nERRORS\n{wrong}")
    to_stderr(
        f"\n{time.monotonic() - begun:.0f} s" + (f"; written to {output / 'results.md'}" if output else "")
    )
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two minutes: smaller sets, nothing is written")
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help="this work, or all of a kind"
    )
    parser.add_argument("--rounds", type=int, default=0, metavar="N", help=f"how often each ({_ROUNDS})")
    parser.add_argument("--output", type=Path, default=_HERE, metavar="DIR", help="where results.md is")
    return parser


def _write(output: Path, work: Measured) -> None:
    """Keep a work at once, so that an interrupted run loses only what it is at."""
    output.mkdir(parents=True, exist_ok=True)
    kept = merge(read(output / "results.json"), {work.name: work})
    (output / "results.json").write_text(to_json(kept), encoding="utf-8")
    (output / "results.md").write_text(tables.document(kept), encoding="utf-8")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
