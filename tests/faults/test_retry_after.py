"""Fault 21: a server that asks to be left alone for a while is left alone, by every engine and command."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.events import Retried
from creative_s3.core.http.retry_after import UNTOLD_S, asked_s
from creative_s3.core.transfers.engine import Download
from tests.faults.programme import Answer, Rule, on
from tests.faults.workshop import GET, KIB, PUT, failures
from tests.s3.moving import a_file, an_upload

if TYPE_CHECKING:
    from pathlib import Path

    from creative_s3.core.events import Event
    from tests.faults.workshop import Bench, Site

NOW = 1_764_500_000.0


def at(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(NOW + seconds, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (503, {"retry-after": "7"}, 7),
        (429, {"retry-after": " 0 "}, 0),
        (503, {"retry-after": "86400"}, 60),
        (503, {"retry-after": "9" * 400}, 60),
        (503, {"retry-after": at(20)}, 20),
        (503, {"retry-after": at(20), "date": at(12)}, 8),  # the server's own clock counts
        (503, {"retry-after": at(-20)}, 0),
        (503, {"retry-after": at(90_000)}, 60),
        (503, {"retry-after": "-5"}, None),
        (503, {"retry-after": "1.5"}, None),
        (503, {"retry-after": "soon"}, None),
        (503, {"retry-after": "\xb2"}, None),
        (503, {}, None),
        (500, {"retry-after": "7"}, None),
        (301, {"retry-after": "7"}, None),
    ],
)
def test_what_is_asked_for_is_read_and_bounded(
    status: int, headers: dict[str, str], seconds: float | None
) -> None:
    assert asked_s(status, headers, now=NOW) == seconds


def busy(status: int, said: str) -> Answer:
    return Answer(status, "SlowDown", headers=(("Retry-After", said),))


@pytest.mark.parametrize("status", [503, 429])
def test_nothing_is_sent_until_then(bench: Bench, tmp_path: Path, status: int) -> None:
    path = a_file(tmp_path, KIB)
    bench.proxy.follow(Rule(busy(status, "2"), PUT | GET, for_s=1.5))
    events: list[Event] = []

    put = bench.put(*(an_upload(path, f"k/{n}") for n in range(6)), max_in_flight=1, emit=events.append)
    refused = bench.proxy.struck

    assert failures(put) == {}
    if bench.engine != "crt":  # the Common Runtime tries a few times by itself before it tells
        assert refused == 1
    assert all(event.delay_s >= 2 for event in events if isinstance(event, Retried))
    got = bench.get(*(Download(f"k/{n}", tmp_path / "to" / str(n)) for n in range(6)))
    assert failures(got) == {}


@pytest.mark.parametrize("engine", ["crt"])
def test_what_the_common_runtime_does_not_pass_on_is_heard_with_the_next_try(
    bench: Bench, tmp_path: Path
) -> None:
    path = a_file(tmp_path, KIB)
    bench.put_unseen(an_upload(path, "k/0"))
    bench.proxy.follow(Rule(busy(503, "4"), GET, times=5))
    events: list[Event] = []

    got = bench.get(Download("k/0", tmp_path / "to" / "0"), emit=events.append)

    assert failures(got) == {}
    # Four by the Common Runtime, then one by botocore, which tells what was asked for.
    waited = [event.delay_s for event in events if isinstance(event, Retried)]
    assert len(waited) == 2
    assert waited[0] >= UNTOLD_S
    assert waited[1] >= 4
    assert bench.proxy.struck == 5


def test_a_listing_waits_too(site: Site) -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=4), usegmt=True)
    site.proxy.follow(Rule(busy(503, later), on("ListObjectsV2"), for_s=1.5))

    result = site.program("assets", "list")

    assert result.code == 0
    assert site.proxy.struck == 1


@pytest.mark.parametrize("engine", ["auto", "crt"])
def test_a_server_that_asks_for_a_day_ends_the_item_and_not_the_day(bench: Bench, tmp_path: Path) -> None:
    bench.proxy.follow(Rule(busy(503, "86400"), PUT))

    outcomes = bench.put(an_upload(a_file(tmp_path, KIB)), patience_s=5)

    assert "slow down" in failures(outcomes)["k/asset.png"]
