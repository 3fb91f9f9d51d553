"""Entries and files with values that no picture has: each is set aside by its name, and all others go on."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.inside import Inside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from types_boto3_s3 import S3Client

Index = dict[str, Any]
COMMANDS = (
    "migrate estimate",
    "migrate upload",
    "migrate validate --deep",
    "migrate history",
    "assets find",
    "assets find --unused-since 30d",
    "assets list",
    "assets show good",
    "assets stats",
    "assets discover",
    "assets discover --sync",
    "tiers status --deep",
    "tiers manage --dry-run",
    "status",
    "doctor",
    "catalog check",
    "catalog rebuild",
)
LONE = "\ud800"


def scene(**more: Any) -> Index:  # noqa: ANN401 - whatever JSON holds
    return {"asset_type": "scene_background", "region": "EU", "season": "summer", **more}


def entry(**more: Any) -> Index:  # noqa: ANN401 - the same
    return {"file_path": "cache/odd.png", "metadata": scene(), **more}


def _semantic(name: str, value: object) -> Callable[[Index], object]:
    return lambda index: index["semantic_assets"].update({name: value})


ASIDE: dict[str, Callable[[Index], object]] = {
    "a lone surrogate in a name": _semantic(f"odd{LONE}", entry()),
    "one in a path": _semantic("odd", entry(file_path=f"cache/{LONE}.png")),
    "one in a tag": _semantic("odd", entry(metadata=scene(tags=[LONE]))),
    "one at the top level": lambda index: index.update({f"odd{LONE}": entry()}),
    "one in a cache entry": lambda index: index.update({"cache_entries": {f"odd{LONE}": entry()}}),
    "one in a product": lambda index: index.update(
        {"products": {f"odd{LONE}": {"file_path": "cache/odd.png"}}}
    ),
    "one in a slug": lambda index: index.update({"products": {"odd": {"slug": LONE}}}),
    "a number of 65 bits": _semantic("odd", entry(metadata=scene(dimensions=[2**64, 5]))),
    "a number of 3,999 digits": _semantic("odd", entry(metadata=scene(dimensions=[5, 10**3998]))),
    "a number below zero": _semantic("odd", entry(metadata=scene(dimensions=[-(2**70), 5]))),
    "a truth for a path": _semantic("odd", entry(file_path=True)),
    "a list for an entry": _semantic("odd", ["cache/odd.png"]),
    "a number for a time": _semantic("odd", entry(last_used=1_700_000_000)),
    "an empty name": _semantic("", entry()),
}
TAKEN: dict[str, Callable[[Index], object]] = {
    "the end of year 9999 west of Greenwich": _semantic(
        "odd", entry(last_used="9999-12-31T23:59:59-12:00", created_at="9999-12-31T23:59:59-23:59")
    ),
    "the beginning of year 1 east of it": _semantic(
        "odd", entry(last_used="0001-01-01T00:00:00+12:00", created_at="0001-01-01")
    ),
    "no times at all": _semantic(
        "odd", entry(last_used="99999999999999999999", created_at="2024-01-01T25:00")
    ),
    "odd offsets": _semantic(
        "odd", entry(last_used="2024-01-01T00:00:00+23:59:59.999999", created_at="20240101")
    ),
    "numbers and texts in fields of others": _semantic(
        "odd", entry(size_bytes=10**60, note=LONE, more=[1e300])
    ),
    "an old flat entry": lambda index: index.update(
        {
            "odd": {
                "key": "odd",
                "file_path": "cache/odd.png",
                "size_bytes": 10**30,
                "accessed_at": "9999-12-31T23:59:59-01:00",
            }
        }
    ),
    "odd values in sections that name no files": lambda index: (
        index["semantic_assets"].update(odd=entry())
        or index.update(
            {
                "asset_versions": {LONE: 10**30},
                "background_library": {"x": [LONE]},
                "s3_operations": {LONE: {"s3_key": LONE}},
            }
        )
    ),
}


@pytest.fixture
def cli(server_env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inside:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return made(server_env, tmp_path / "work")


@pytest.fixture
def timeless(server_env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Inside]:
    """A workspace where files may have any time: Linux's file systems in memory allow 64 bits of seconds."""
    memory = Path("/dev/shm")  # noqa: S108 - a directory of its own is made in it
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        monkeypatch.setenv("XDG_STATE_HOME", f"{folder}/state")
        yield made(server_env, Path(folder) / "work")


def made(env: dict[str, str], root: Path) -> Inside:
    (root / "cache").mkdir(parents=True)
    for name in ("good", "odd"):
        (root / f"cache/{name}.png").write_bytes(name.encode())
    return Inside(env, root)


def write(cli: Inside, change: Callable[[Index], object]) -> None:
    index: Index = {"semantic_assets": {"good": {"file_path": "cache/good.png", "metadata": scene()}}}
    change(index)
    (cli.cwd / "cache/index.json").write_text(json.dumps(index), encoding="utf-8")


def keys(s3: S3Client, bucket: str) -> list[str]:
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="creative-assets/backgrounds/").get("Contents", [])
    return [one["Key"].rpartition("/")[2] for one in listed]


def none_crashes(cli: Inside, commands: Iterable[str] = COMMANDS) -> None:
    for command in commands:
        result = cli(*command.split())
        assert result.code in {0, 3, 7}, (command, result)


@pytest.mark.parametrize("what", ASIDE)
def test_an_entry_that_cannot_be_is_set_aside_and_the_others_go_on(
    cli: Inside, s3: S3Client, bucket: str, what: str
) -> None:
    write(cli, ASIDE[what])
    done = cli("migrate", "upload", "--json")
    assert done.code == 3, done
    (problem,) = done.data["problems"]
    assert "odd" in problem["entry"] or problem["entry"].endswith('""')
    assert keys(s3, bucket) == ["good.png"]
    none_crashes(cli, ("assets find", "assets discover --sync", "tiers status --deep"))


def test_all_of_them_together_stop_no_command(cli: Inside) -> None:
    write(cli, lambda index: [change(index) for change in (*ASIDE.values(), *TAKEN.values())])
    none_crashes(cli)


def test_an_index_of_which_no_entry_can_be_taken_any_more_is_refused_with_the_reason(
    cli: Inside, s3: S3Client, bucket: str
) -> None:
    write(cli, lambda _: None)
    assert cli("migrate", "upload").code == 0
    write(cli, lambda index: index.update(semantic_assets={"good": entry(metadata=scene(tags="a,b"))}))
    done = cli("migrate", "upload")
    assert done.code == 8, done
    assert "semantic_assets.good" in done.err
    assert "tags" in done.err
    assert "rm -r" not in done.err
    assert keys(s3, bucket) == ["good.png"]


@pytest.mark.parametrize("what", TAKEN)
def test_what_does_not_matter_for_the_file_keeps_it_out_of_nothing(
    cli: Inside, s3: S3Client, bucket: str, what: str
) -> None:
    write(cli, TAKEN[what])
    done = cli("migrate", "upload", "--json")
    assert done.code == 0, done
    assert "odd.png" in str(s3.list_objects_v2(Bucket=bucket)["Contents"])
    none_crashes(cli, ("assets find", "assets discover --sync", "tiers status --deep"))


@pytest.mark.parametrize(
    "seconds", [-1, -(10**9), -62_135_596_801, 9_300_000_000, 15_000_000_000, 253_402_300_800, 2**54]
)
def test_files_of_any_time_are_moved_and_brought_back_with_it(timeless: Inside, seconds: int) -> None:
    cli = timeless
    write(cli, _semantic("odd", entry()))
    path = cli.cwd / "cache/odd.png"
    written_ns = seconds * 10**9 + 7
    os.utime(path, ns=(written_ns, written_ns))
    os.utime(cli.cwd / "cache/index.json", ns=(written_ns, written_ns))
    if path.stat().st_mtime_ns // 10**9 != seconds:
        pytest.skip("this file system has no such times")
    kept_ns = path.stat().st_mtime_ns
    assert cli("migrate", "upload").code == 0
    assert cli("migrate", "validate").code == 0
    none_crashes(cli, ("status", "tiers status --deep", "tiers manage --dry-run", "catalog rebuild"))
    deadline = time.monotonic() + 30
    while (gone := cli("tiers", "demote", "odd", "--yes")).code == 3 and time.monotonic() < deadline:
        pass  # a file that was touched a moment ago stays for a moment
    assert gone.code == 0, gone
    assert not path.exists()
    assert cli("tiers", "undo").code == 0
    assert path.stat().st_mtime_ns == kept_ns


def test_what_another_machine_published_and_stored_crashes_nothing(
    cli: Inside, s3: S3Client, bucket: str
) -> None:
    write(cli, lambda _: None)
    assert cli("migrate", "upload").code == 0
    key = "creative-assets/metadata/index.json"
    shared = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    for change in (*ASIDE.values(), *TAKEN.values()):
        change(shared)
    s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(shared).encode())
    for name, more in {
        "a": {
            "dimensions": "999999999999999999x9",
            "created-at": "9999-12-31T23:59:59-12:00",
            "tags": "%ED%A0%80,%00",
        },
        "b": {"dimensions": f"{'9' * 600}x1", "file-path": f"cache/{'a' * 300}.png"},
        "c": {
            "cache-key": "c%00",
            "file-path": f"cache/{'a/' * 200}c.png",
            "created-at": "0001-01-01T00:00:00+23:59",
        },
    }.items():
        metadata = {
            "cache-key": name,
            "file-path": f"cache/{name}.png",
            "asset-type": "scene_background",
            **more,
        }
        place = f"creative-assets/backgrounds/scene/eu/summer/{name}.png"
        s3.put_object(Bucket=bucket, Key=place, Body=name.encode(), Metadata=metadata)
    none_crashes(cli)
    (cli.cwd / "cache/good.png").write_bytes(b"other content")
    none_crashes(cli)
    assert cli("assets", "retire", "good", "--yes").code in {0, 3}
