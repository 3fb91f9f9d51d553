"""Any interleaving of faults, retries and stops: the bucket is as planned, or each difference is named."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from botocore.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from creative_s3.core.migration.migration import S3MigrationManager
from creative_s3.core.storage.manager import S3StorageManager
from creative_s3.core.transfers.engine import Outcome, TransferEngine
from creative_s3.errors import CreativeS3Error, ExitCode
from tests.faults.programme import Answer, Fault, Flip, LoseAnswer, Reset, Rule, Way
from tests.faults.workshop import GET, HEAD, PUT, a_cache, failures, stored, with_client
from tests.s3.moving import a_file, an_upload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from creative_s3.core.s3.connection import Connection
    from creative_s3.core.transfers.engine import Upload
    from tests.faults.proxy import FaultProxy
    from tests.faults.workshop import Bench

FILES = 10
SPEED = 10
"""How much faster the engine's clock goes than the wall's."""
PATIENCE_S = 10
FOREIGN = b"somebody else's"

PASSING: tuple[Fault, ...] = (
    Answer(503, "SlowDown"),
    Answer(500, "InternalError"),
    Answer(500, "InternalError", stored=True),
    Reset(Way.UP),
    Reset(Way.UP, 700),
    Reset(Way.DOWN),
    LoseAnswer(),
    Flip(Way.UP, 900),
)
LASTING: tuple[Fault, ...] = (*PASSING, Answer(403, "AccessDenied"))

examples = itertools.count()
with_fixtures = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True, slots=True)
class Trouble:
    """What befalls one run.

    Attributes:
        faults: Which file, which request for it, what happens, how often first not and then how often.
        taken: The files whose keys somebody else has.
        stop_after: The run is interrupted when so many items are done; None for never.
    """

    faults: list[tuple[int, frozenset[str], Fault, int, int]]
    taken: set[int]
    stop_after: int | None

    def rules(self, prefix: str) -> Iterator[Rule]:
        """Yield the faults as the proxy takes them."""
        for number, operations, fault, skip, times in self.faults:
            yield Rule(fault, operations, f"{prefix}{number}", skip, times)


numbers = st.integers(0, FILES - 1)
troubles = st.builds(
    Trouble,
    st.lists(
        st.tuples(
            numbers,
            st.sampled_from([PUT, HEAD, PUT | HEAD]),
            st.sampled_from(LASTING),
            st.integers(0, 2),
            st.sampled_from([1, 2, 5, 1000]),
        ),
        min_size=3,
        max_size=25,
    ),
    st.sets(numbers, max_size=3),
    st.none() | st.integers(0, FILES - 1),
)


def nothing() -> None:
    """Make the engine look at its fast clock often."""


def sent(bench: Bench, uploads: list[Upload], stop_after: int | None) -> list[Outcome]:
    outcomes = []
    with TransferEngine(
        bench.connection,
        engine=bench.engine,
        patience_s=PATIENCE_S,
        clock=lambda: time.monotonic() * SPEED,
        tick=nothing,
    ) as transfers:
        for outcome in transfers.upload(uploads):
            outcomes.append(outcome)
            if len(outcomes) == stop_after:
                transfers.cancel()
    return outcomes


@settings(with_fixtures, max_examples=8)
@given(trouble=troubles)
def test_uploads_end_as_planned_or_each_difference_is_named_and_a_rerun_makes_it_good(
    bench: Bench, tmp_path: Path, trouble: Trouble
) -> None:
    retries = Config(retries={"mode": "standard", "total_max_attempts": 2})
    bench = replace(bench, connection=with_client(bench.connection, retries))
    prefix = f"run-{next(examples)}/"
    uploads = [an_upload(a_file(tmp_path, 1500 + n, f"{n}.png"), f"{prefix}{n}") for n in range(FILES)]
    plan = {upload.key: upload.path.read_bytes() for upload in uploads}
    taken = {f"{prefix}{n}": FOREIGN for n in trouble.taken}
    for key, content in taken.items():
        bench.s3.put_object(Bucket=bench.bucket, Key=key, Body=content)
    bench.proxy.follow(*trouble.rules(prefix))

    outcomes = sent(bench, uploads, trouble.stop_after)

    named = [outcome.request.key for outcome in outcomes]
    failed = failures(outcomes).keys()
    bucket = stored(bench.s3, bench.bucket, prefix)
    assert len(named) == len(set(named))
    assert bucket.items() <= (plan | taken).items()  # at no time anything else than what was meant
    assert bucket.items() >= taken.items()
    assert (set(named) - failed) <= bucket.keys() - taken.keys()
    if trouble.stop_after is None:
        assert set(named) == plan.keys()
        assert {key for key, content in plan.items() if bucket.get(key) != content} <= failed

    bench.proxy.follow()
    again = sent(bench, uploads, None)

    assert failures(again).keys() == taken.keys()
    assert stored(bench.s3, bench.bucket, prefix) == plan | taken


@dataclass(frozen=True, slots=True)
class Weather:
    """What befalls one migration.

    Attributes:
        passing: Which file, what happens to its requests, how often first not and then how often.
        lasting: Which file never gets through, and why.
        index: What happens once to the published index, after how many requests for it.
    """

    passing: list[tuple[int, Fault, int, int]]
    lasting: list[tuple[int, Fault]]
    index: list[tuple[Fault, int]]

    def rules(self, prefix: str, keys: list[str]) -> Iterator[Rule]:
        """Yield it as the proxy takes it."""
        for number, fault in self.lasting:
            yield Rule(fault, PUT, keys[number])
        for number, fault, skip, times in self.passing:
            yield Rule(fault, PUT | HEAD, keys[number], skip, times)
        for fault, skip in self.index:
            yield Rule(fault, PUT | GET, f"{prefix}/metadata/*", skip, 1)


passing = st.sampled_from(PASSING)
weathers = st.builds(
    Weather,
    st.lists(st.tuples(numbers, passing, st.integers(0, 1), st.integers(1, 3)), max_size=12),
    st.lists(
        st.tuples(numbers, st.sampled_from([Flip(Way.UP, 900), Answer(403, "AccessDenied")])), max_size=2
    ),
    st.lists(st.tuples(passing, st.integers(0, 3)), max_size=3),
)


@settings(with_fixtures, max_examples=6)
@given(weather=weathers)
def test_a_migration_ends_as_planned_or_its_report_and_the_validation_name_each_difference(
    connection: Connection, proxy: FaultProxy, s3: S3Client, tmp_path: Path, weather: Weather
) -> None:
    prefix = f"plan-{next(examples)}"
    cache = a_cache(tmp_path / prefix, *range(1500, 1500 + FILES), prefix=prefix)
    here = connection.config.model_copy(update={"cache_dir": cache.directory / "cache", "prefix": prefix})
    manager = S3MigrationManager(here, S3StorageManager(connection=connection), prefix=prefix)
    plan = manager.create_migration_plan()
    proxy.follow(*weather.rules(prefix, list(cache.plan)))

    try:
        report = manager.execute_migration(plan)
    except CreativeS3Error:
        named = set(cache.plan)  # the run did not get through, and says so as a whole
    else:
        named = {failure.key for failure in report.failures}
        assert report.exit_code(strict=False) == (ExitCode.ITEMS_FAILED if named else ExitCode.OK)

    proxy.follow()
    bucket = stored(s3, connection.bucket, f"{prefix}/")
    missing = cache.plan.keys() - bucket.keys()
    assert bucket.items() <= cache.content.items()
    assert missing <= named
    validation = manager.validate_migration(deep=True)
    assert {finding.key for finding in validation.differences} == missing
    again = manager.execute_migration(manager.create_migration_plan())
    assert again.exit_code(strict=True) is ExitCode.OK
    assert again.uploaded == len(missing)
    assert stored(s3, connection.bucket, f"{prefix}/") == cache.content
