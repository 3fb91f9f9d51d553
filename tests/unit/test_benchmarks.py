"""The pure parts of the benchmarks: turns, medians, ratios, verdicts, tables; the stand-in's LIST."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import results, tables
from benchmarks.contenders import Task, command, idleness
from benchmarks.data import Files
from benchmarks.measuring import Cost, Finished, median, run
from benchmarks.results import Measured, merge
from benchmarks.rounds import turns
from benchmarks.standin import FULL, Listing
from benchmarks.verdicts import judge
from benchmarks.works import AWS, GOALS, OURS, RCLONE, S5CMD, WORKS, Figure, Goal, Kind, Work, chosen, quick

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WORK = Work("upload-64k", Kind.UPLOAD, Files(10, 64 << 10), "upload 10 x 64 KiB", (OURS, S5CMD), (RCLONE,))
GOAL = Goal("upload", ("upload-64k",), Figure.WALL, 0.90, S5CMD)


def costs(*walls: float, cpu_s: float = 1.0, peak_bytes: int = 10**8) -> list[Cost]:
    return [Cost(wall_s, cpu_s, peak_bytes) for wall_s in walls]


def measured(ours: Sequence[Cost], peer: Sequence[Cost], **errors: str) -> dict[str, Measured]:
    runs = {OURS: list(ours), S5CMD: list(peer)}
    work = Measured("upload-64k", "upload 10 x 64 KiB", 10, {"machine": "2 cores"}, runs, errors=errors)
    return {"upload-64k": work}


def test_each_round_begins_with_another_contender_and_onlookers_run_once() -> None:
    assert list(turns(WORK, 3)) == [
        (1, OURS),
        (1, S5CMD),
        (1, RCLONE),
        (2, S5CMD),
        (2, OURS),
        (3, OURS),
        (3, S5CMD),
    ]


def test_a_work_that_needs_one_round_gets_one() -> None:
    assert list(turns(replace(WORK, rounds=1, onlookers=()), 5)) == [(1, OURS), (1, S5CMD)]


def test_a_median_is_of_each_figure_by_itself() -> None:
    assert median([Cost(1, 30, 5), Cost(2, 10, 9), Cost(9, 20, 1)]) == Cost(2, 20, 5)


def test_a_ratio_is_of_medians_so_that_one_slow_round_says_nothing() -> None:
    verdict = judge(GOAL, measured(costs(1, 1, 1, 1, 99), costs(2, 2, 2, 2, 2)))

    assert (verdict.measured, verdict.is_reached, verdict.text) == (0.5, True, "reached")


@pytest.mark.parametrize(("ours", "reached"), [(0.90, True), (0.9001, False)])
def test_a_goal_is_reached_up_to_its_limit_unrounded(ours: float, *, reached: bool) -> None:
    verdict = judge(GOAL, measured(costs(*[ours] * 5), costs(*[1.0] * 5)))

    assert verdict.is_reached is reached


def test_too_few_rounds_are_told() -> None:
    assert judge(GOAL, measured(costs(1), costs(2, 2))).text == "reached (1 of 5 rounds)"


def test_what_was_not_measured_is_no_result() -> None:
    verdict = judge(GOAL, {})

    assert (verdict.is_reached, verdict.text) == (None, "upload-64k was not measured")


def test_a_failed_contender_is_an_error_and_no_result() -> None:
    verdict = judge(GOAL, measured(costs(1), [], s5cmd="ended with 1"))

    assert (verdict.is_reached, verdict.text) == (None, "error: s5cmd in upload-64k")


def test_a_memory_goal_counts_the_worst_run_of_all_its_works() -> None:
    goal = Goal("100,000 assets", ("a", "b"), Figure.PEAK, 150e6)
    works = {
        name: Measured(name, name, 1, {}, {OURS: costs(1, peak_bytes=peak) + costs(1, peak_bytes=10)})
        for name, peak in (("a", 149_000_000), ("b", 151_000_000))
    }

    verdict = judge(goal, works)

    assert (verdict.measured, verdict.text) == (151_000_000, "not reached")


def test_cpu_is_compared_where_the_goal_is_about_cpu() -> None:
    goal = replace(GOAL, figure=Figure.CPU, limit=1.0)

    assert judge(goal, measured(costs(9, cpu_s=1), costs(1, cpu_s=2))).measured == 0.5


def test_every_goal_names_works_that_are_measured_with_its_peer_in_each_round() -> None:
    works = {work.name: work for work in WORKS}

    for goal in GOALS:
        for name in goal.works:
            assert {OURS, goal.peer or OURS} <= set(works[name].contenders)


def test_only_chooses_by_name_or_by_kind() -> None:
    assert [work.name for work in chosen(["rerun"])] == ["rerun-5k", "rerun-100k"]
    assert [work.name for work in chosen(["upload-2m"])] == ["upload-2m"]
    with pytest.raises(SystemExit, match="no work is called 'uplod'; there are upload-64k"):
        chosen(["uplod"])


def test_the_quick_sets_are_smaller_and_say_so() -> None:
    for work in quick(WORKS):
        assert work.files.count <= 2_000
        assert f"{work.files.count:,}" in work.title


def test_a_table_is_aligned() -> None:
    assert tables.table(("work", "s"), [("upload", "10.25"), ("x", "1")]).splitlines() == [
        "| work   |     s |",
        "|--------|------:|",
        "| upload | 10.25 |",
        "| x      |     1 |",
    ]


def test_the_document_tells_medians_goals_errors_and_conditions() -> None:
    text = tables.document(measured(costs(2, cpu_s=0.5), costs(4), rclone="ended with 3: no route"))

    assert "| upload 10 x 64 KiB | creative-s3 | 2.00 |" in text
    assert re.search(r"s5cmd \| 4\.00 \| +4\.00 - 4\.00 \| +0\.50 \|", text)
    assert re.search(r"creative-s3 .* 50\.000 \|", text), "half a second for ten objects is 50 ms for each"
    assert re.search(r"<= 0\.90 \| +0\.50 \| +reached \(1 of 5 rounds\) \|", text)
    assert "upload-64k, rclone: ended with 3: no route" in text
    assert "- machine: 2 cores" in text


def test_what_is_kept_is_read_again_as_it_was() -> None:
    kept = measured(costs(1, 2), costs(3), rclone="no")

    assert results.from_json(results.to_json(kept)) == kept


def test_a_new_measurement_replaces_its_work_and_leaves_the_others() -> None:
    old = measured(costs(1), costs(1)) | {"rerun-5k": Measured("rerun-5k", "rerun", 5, {})}
    new = measured(costs(2), costs(2))

    assert merge(old, new) == {"upload-64k": new["upload-64k"], "rerun-5k": old["rerun-5k"]}


def test_results_of_another_version_are_refused() -> None:
    with pytest.raises(ValueError, match="schema 99"):
        results.from_json('{"schema": 99}')


def test_a_command_that_fails_is_an_error_with_what_it_said() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)ended with 3:.*no such bucket"):
        run(["/bin/sh", "-c", "echo no such bucket >&2; exit 3"], {})


def test_a_run_counts_the_processor_time_of_its_children() -> None:
    spin = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"

    cost = run(["/bin/sh", "-c", f"/bin/sh -c '{spin}'; true"], {}).cost

    assert cost.cpu_s > 0.02
    assert cost.peak_bytes > 100_000


def task(tmp_path: Path, work: Work) -> Task:
    return Task(work, "http://127.0.0.1:1", "bucket", tmp_path / "cache", tmp_path / "tree", tmp_path / "out")


def test_every_contender_has_a_command_for_its_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.contenders.program", lambda name: f"/bin/{name}")

    for work in WORKS:
        for name in (*work.contenders, *work.onlookers):
            assert command(name, task(tmp_path, work))[0] == f"/bin/{name}"
            assert name in {OURS, S5CMD, RCLONE, AWS}


@pytest.mark.parametrize(
    ("kind", "name", "said", "why"),
    [
        (Kind.RERUN, S5CMD, "", None),
        (Kind.RERUN, S5CMD, "cp a s3://b/a\n", "it moved something: cp a s3://b/a"),
        (Kind.VALIDATE, OURS, '{"data": {"counts": {"matching": 10}}}', None),
        (Kind.VALIDATE, OURS, '{"data": {"counts": {"matching": 9}}}', "it compared 9 files, not 10"),
        (Kind.VALIDATE, RCLONE, "NOTICE: bench: 10 matching files\n", None),
        (Kind.VALIDATE, RCLONE, "", "it compared None files, not 10"),
        (Kind.PLAN, OURS, "", None),
        (Kind.PLAN, OURS, "key\n", "it planned 1 uploads, not 0"),
    ],
)
def test_work_that_was_not_done_is_found_in_what_a_command_says(
    tmp_path: Path, kind: Kind, name: str, said: str, why: str | None
) -> None:
    stdout, stderr = ("", said) if name == RCLONE else (said, "")
    finished = Finished(Cost(1, 1, 1), stdout, stderr)

    assert idleness(name, task(tmp_path, replace(WORK, kind=kind)), finished) == why


def listed(listing: Listing, bucket: str = FULL, **query: str) -> tuple[list[str], list[str]]:
    """Return all keys and common prefixes, page by page, as a client would."""
    keys: list[str] = []
    prefixes: list[str] = []
    asked = {name.replace("_", "-"): value for name, value in query.items()}
    while True:
        page = listing.page(bucket, asked)
        keys += [unquote(key) for key in re.findall("<Key>(.*?)</Key>", page)]
        prefixes += re.findall("<CommonPrefixes><Prefix>(.*?)</Prefix>", page)
        token = re.search("<NextContinuationToken>(.*?)</NextContinuationToken>", page)
        if token is None:
            assert "<IsTruncated>false<" in page
            return keys, prefixes
        asked["continuation-token"] = token[1]


names = st.lists(st.text("ab/", min_size=1, max_size=6), unique=True).map(sorted)


@given(keys=names, prefix=st.text("ab/", max_size=2), room=st.integers(1, 4))
def test_the_stand_in_lists_every_key_below_a_prefix_once(keys: list[str], prefix: str, room: int) -> None:
    listing = Listing(keys, 5)

    found, _ = listed(listing, prefix=prefix, max_keys=str(room))

    assert found == [key for key in keys if key.startswith(prefix)]
    assert listing.given == len(found)


@given(keys=names, prefix=st.sampled_from(["", "a", "a/"]), room=st.integers(1, 4))
def test_the_stand_in_groups_keys_at_a_delimiter(keys: list[str], prefix: str, room: int) -> None:
    found, prefixes = listed(Listing(keys, 5), prefix=prefix, delimiter="/", max_keys=str(room))

    rests = [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]
    assert found == [prefix + rest for rest in rests if "/" not in rest]
    assert prefixes == sorted({f"{prefix}{rest.partition('/')[0]}/" for rest in rests if "/" in rest})


def test_another_bucket_of_the_stand_in_is_empty() -> None:
    assert listed(Listing(["a"], 5), bucket="empty") == ([], [])
