"""How long a simulation of lifecycle rules takes: a million objects, 36 months, against the present rules.

Run it alone: ``python benchmarks/lifecycle.py [OBJECTS] [--cpu]``. The goal is 5 s for a million, grouping
included; listing a bucket is not part of it.
"""

from __future__ import annotations

import random
import sys
import time
from datetime import UTC, datetime

_GOAL_S = 5.0
_FOLDERS = ("products", "backgrounds", "composites", "cache")
_CLASSES = ("STANDARD",) * 8 + ("STANDARD_IA", "GLACIER_IR")


def main() -> int:
    """Measure, print, and return 0 if the goal is met."""
    from creative_s3.core.costs.pricing import load_bundled
    from creative_s3.core.lifecycle.actions import read_all
    from creative_s3.core.lifecycle.growth import growth_of
    from creative_s3.core.lifecycle.losses import losers
    from creative_s3.core.lifecycle.midnights import midnight_from
    from creative_s3.core.lifecycle.population import Population
    from creative_s3.core.lifecycle.rules import asset_prefixes
    from creative_s3.core.lifecycle.simulation import Comparison, Setting, Simulator
    from creative_s3.core.lifecycle.suggestions import candidates, suggest
    from creative_s3.core.lifecycle.wanted import make_wanted, rules_of

    number = next((int(word) for word in sys.argv[1:] if word.isdigit()), 1_000_000)
    region = load_bundled().region("us-east-1")
    start = midnight_from(datetime.now(UTC))
    chance = random.Random(6)  # noqa: S311 - sizes, not secrets
    objects = [
        (
            f"creative-assets/{_FOLDERS[place % 4]}/{place}.png",
            int(chance.lognormvariate(12.5, 1.6)),
            _CLASSES[place % 10],
            start - chance.randrange(3 * 365),
            0 if place % 3 else chance.choice((1, 4, 12)),
        )
        for place in range(number)
    ]
    folders = asset_prefixes("creative-assets")
    wanted = make_wanted(transitions=("GLACIER_IR:30d", "DEEP_ARCHIVE:365d"), minimum_bytes=150 * 1024)
    new = read_all(rules_of(wanted, folders))
    family = candidates((), folders, region)
    watch = time.process_time if "--cpu" in sys.argv else time.perf_counter
    began = watch()
    population = Population(new)
    for key, size_bytes, storage_class, stored_day, reads in objects:
        population.add(
            key, size_bytes, storage_class=storage_class, stored_day=stored_day, reads_per_year=reads
        )
    grouped = watch()
    setting = Setting(start, 36, region, growth=growth_of("2%", None))
    simulator = Simulator(population, setting)
    comparison = Comparison(simulator.run("none", ()), simulator.run("new", new))
    simulated, groups = watch(), len(simulator.groups)
    lost = losers(simulator, (), new)
    found = watch()
    population = Population([*new, *(rule for one in family for rule in one.rules)])
    for key, size_bytes, storage_class, stored_day, reads in objects:
        population.add(
            key, size_bytes, storage_class=storage_class, stored_day=stored_day, reads_per_year=reads
        )
    simulator = Simulator(population, setting)
    suggested = suggest(simulator, family, before=comparison.before.total)
    ended = watch()
    print(f"{number:,} objects in {groups:,} groups, 36 months, with growth")
    print(f"grouping               {grouped - began:6.2f} s")
    print(f"two rule sets          {simulated - grouped:6.2f} s")
    print(f"objects that lose      {found - simulated:6.2f} s   ({lost.objects:,})")
    print(f"simulate, in all       {found - began:6.2f} s   goal {_GOAL_S} s")
    print(f"--suggest besides      {ended - found:6.2f} s   ({len(family)} policies, {len(suggested)} save)")
    return 0 if found - began <= _GOAL_S else 1


if __name__ == "__main__":
    sys.exit(main())
