"""Fault 6: no room for a download, the catalog, the index: said so, and what was there before is whole."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import cache as cached
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.catalog.reserve import keep_reserve, take_reserve
from tests.cli.program import Program, Result
from tests.faults.workshop import KIB
from tests.s3.a_cache import ACache
from tests.s3.moving import leftovers

if TYPE_CHECKING:
    from pathlib import Path

    from creative_s3.core.s3.connection import Connection
    from tests.faults.workshop import Site


FULL = """
mount -t tmpfs -o size=$4 none "$1" || exit 99
cp -a "$2/." "$1/" && cd "$1" || exit 98
"$5" -m creative_s3 migrate upload --yes --json >"$3/upload" || exit 97
left=$(stat -f -c %a .)
head -c $((left * $(stat -f -c %S .) - 8192)) /dev/zero >filler
"$5" -m creative_s3 tiers manage --yes --cold-days 1 --max-evict 100% --json >"$3/manage"
code=$?
rm filler
cp -a "$1/." "$3/after"
exit $code
"""
LIMITED = """
import resource, runpy, sys
most = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
runpy.run_module("creative_s3", run_name="__main__", alter_sys=True)
"""
IN_TMPFS = """
mount -t tmpfs -o size=2m none "$1" || exit 99
seen=$2 full=$1
shift 2
"$@"
code=$?
cp -a "$full/." "$seen/"
exit $code
"""


def run(program: Program, command: list[str]) -> Result:
    done = subprocess.run(
        command,
        env=dict(program.env),
        cwd=program.cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    return Result(done.returncode, done.stdout, done.stderr)


def limited(program: Program, most_bytes: int, *arguments: str) -> Result:
    """Run the program on a disk where no file may be longer than `most_bytes`."""
    return run(program, [sys.executable, "-c", LIMITED, str(most_bytes), *arguments])


@cached
def private_mounts() -> tuple[str, ...]:
    """Return how to mount something that only one command sees."""
    for way in (("unshare", "-m"), ("unshare", "-rm")):
        if (
            shutil.which("unshare")
            and not subprocess.run(
                [*way, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
            ).returncode
        ):
            return way
    pytest.skip("nothing can be mounted here")


@pytest.mark.parametrize("engine", ["crt", "classic"])
def test_a_download_that_does_not_fit_fails_alone_and_leaves_the_old_file(
    site: Site, tmp_path: Path, engine: str
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "large.png").write_bytes(b"old")
    site.s3.put_object(Bucket=site.bucket, Key="creative-assets/large.png", Body=bytes(900 * KIB))
    site.s3.put_object(Bucket=site.bucket, Key="creative-assets/small.png", Body=b"small")

    result = limited(
        site.program,
        500 * KIB,
        *("assets", "download", "--prefix", "creative-assets/", "-o", str(folder)),
        *("--force", "--engine", engine, "--json"),
    )

    assert result.code == 3
    (failure,) = result.data["failed"]
    assert failure["key"] == "creative-assets/large.png"
    assert "write" in failure["message"] or "no room" in failure["message"]
    assert (folder / "large.png").read_bytes() == b"old"
    assert (folder / "small.png").read_bytes() == b"small"
    assert leftovers(folder) == []


def test_a_catalog_that_cannot_grow_ends_the_upload_and_loses_nothing(site: Site) -> None:
    index = (site.cache.directory / "cache" / "index.json").read_bytes()
    assert site.program("migrate", "plan").code == 0  # which makes the catalog
    (catalog,) = site.cache.directory.glob("cache/.creative-s3/*.sqlite3")

    result = limited(site.program, catalog.stat().st_size, "migrate", "upload", "--json")

    assert result.code == 9
    assert "disk with the catalog is full" in result.envelope["error"]["message"]
    assert result.envelope["error"]["hint"]
    assert (site.cache.directory / "cache" / "index.json").read_bytes() == index
    assert site.stored().items() <= site.cache.content.items()
    assert site.program("migrate", "upload").code == 0
    assert site.stored() == site.cache.content


def test_an_index_that_cannot_be_written_stays_as_it_was(site: Site) -> None:
    assert site.program("migrate", "upload").code == 0
    path = site.cache.directory / "cache" / "index.json"
    entries = json.loads(path.read_text())
    entries["semantic_assets"]["asset-00"]["note"] = "x" * 600 * KIB
    path.write_text(json.dumps(entries))
    before = path.read_bytes()
    site.s3.put_object(Bucket=site.bucket, Key="creative-assets/backgrounds/solid/red/new.png", Body=b"new")

    result = limited(site.program, 500 * KIB, "assets", "discover", "--sync", "--json")

    assert result.code == 3
    assert "room" in result.envelope["error"]["message"]
    assert path.read_bytes() == before
    assert leftovers(path.parent) == [".creative-s3"]
    assert site.program("assets", "discover", "--sync").code == 0
    assert len(json.loads(path.read_text())["semantic_assets"]) == 13


def in_tmpfs(program: Program, folder: Path, *arguments: str) -> Result:
    """Run the program with a file system of 2 MiB at `folder`; what is in it afterwards is kept there."""
    seen = folder.with_name("seen")
    seen.mkdir()
    folder.mkdir()
    command = [sys.executable, "-m", "creative_s3", *arguments]
    result = run(program, [*private_mounts(), "sh", "-c", IN_TMPFS, "sh", str(folder), str(seen), *command])
    folder.rmdir()
    seen.rename(folder)
    return result


def test_a_download_for_which_there_is_no_room_is_not_begun(site: Site, tmp_path: Path) -> None:
    site.s3.put_object(Bucket=site.bucket, Key="creative-assets/x.png", Body=bytes(3000 * KIB))

    result = in_tmpfs(
        site.program,
        tmp_path / "out",
        "assets",
        "download",
        "x.png",
        "-o",
        str(tmp_path / "out" / "x.png"),
        "--json",
    )

    assert result.code == 3
    assert "there is no room on the disk" in result.envelope["error"]["message"]
    assert not site.proxy.passed("GetObject")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("engine", ["crt", "classic"])
def test_a_disk_that_fills_up_during_downloads_holds_only_whole_files(
    site: Site, tmp_path: Path, engine: str
) -> None:
    for n in range(3):
        site.s3.put_object(Bucket=site.bucket, Key=f"creative-assets/{n}.png", Body=bytes([n]) * 1200 * KIB)
    folder = tmp_path / "out"

    result = in_tmpfs(
        site.program,
        folder,
        *(
            "assets",
            "download",
            "--prefix",
            "creative-assets/",
            "-o",
            str(folder),
            "--engine",
            engine,
            "--json",
        ),
    )

    assert result.code == 3
    failed = {failure["key"] for failure in result.data["failed"]}
    there = {f"creative-assets/{path.name}": path.read_bytes() for path in folder.iterdir()}
    assert there.keys() | failed == {f"creative-assets/{n}.png" for n in range(3)}
    assert there.keys().isdisjoint(failed)
    assert all(content == bytes([int(key[-5])]) * 1200 * KIB for key, content in there.items())


@pytest.mark.parametrize("size", ["3m", "16m"])
def test_a_full_disk_is_freed_by_what_frees_it(
    server_env: dict[str, str], direct: Connection, tmp_path: Path, size: str
) -> None:
    cache = ACache(tmp_path / "work", direct)
    for number in range(40):
        cache.add(f"a{number}", bytes([number]) * 5 * KIB)
    (tmp_path / "disk").mkdir()
    (tmp_path / "out" / "after").mkdir(parents=True)
    folders = [str(tmp_path / name) for name in ("disk", "work", "out")]
    script = [*private_mounts(), "sh", "-c", FULL, "sh", *folders, size, sys.executable]

    done = run(Program(server_env, tmp_path), script)

    assert done.code == 0, (done.err, (tmp_path / "out" / "manage").read_text())
    assert json.loads((tmp_path / "out" / "manage").read_text())["data"]["demoted"] == 40
    after = tmp_path / "out" / "after"
    assert not list(after.rglob("*.png"))
    cold = ACache(after, direct, contents=cache.contents, paths=cache.paths)
    cold.check_nothing_is_lost()
    assert all(cold.is_cold(name) for name in cache.contents)


def test_a_reserve_is_kept_once_and_taken_only_where_the_disk_is_full(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.sqlite3"
    keep_reserve(catalog)
    kept = (tmp_path / "reserve").stat()
    assert kept.st_blocks * 512 >= 256 * KIB
    keep_reserve(catalog)
    take_reserve(catalog)
    assert (tmp_path / "reserve").stat().st_ino == kept.st_ino
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "reserve").symlink_to("nowhere")
    keep_reserve(tmp_path / "elsewhere" / "catalog.sqlite3")
    assert not (tmp_path / "elsewhere" / "nowhere").exists()
