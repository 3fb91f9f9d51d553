"""What a bucket says of files: nothing of it lands where a tool would run or obey it."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from tests.cli.program import Program

PREFIX = "creative-assets"
SCRIPT = b"#!/bin/sh\ntouch planted\n"
PICTURE = b"\x89PNG\r\n\x1a\n and so on"
MOST_METADATA = 1500
NOT_THERE = (
    ".env",
    ".envrc",
    ".git/hooks/post-checkout",
    ".vscode/settings.json",
    "conftest.py",
    "sitecustomize.py",
    "Makefile",
    "usercustomize.pth",
    "logo.png",
    "creative_s3/__init__.py",
    "creative_s3/logo.png",
    "src/logo.png",
    "output/run.sh",
    "output/.hidden/a.png",
    "output/a.png.part/.a.png.creative-s3-00.leaving",
    "Output/a.png",
    "output",
    "cache/.creative-s3/lock",
    "cache/.creative-s3/catalog.sqlite3",
    "cache/.hidden.png",
    "cache/index.json",
    "cache/INDEX.JSON",
    "cache/index.json ",
    "cache/\N{LATIN SMALL LETTER DOTLESS I}ndex.json",
    "cache/index.j\N{LATIN SMALL LETTER LONG S}on.bak",
    "cache/index.json.lock",
    "cache/index.json/a.png",
    "cache/x.part",
    "cache/new/x.png.PART",
    "cache/x.leaving",
    "output/x\n.png",
    "output/x\x1b[31m.png",
    "output/x\u202egnp.png",
    f"output/{'/'.join(['d' * 200] * 21)}/x.png",
)
THERE = (
    "cache/scenes/new.py",
    "cache/s3/x.part",
    "cache/new/index.json",
    "cache/part.png",
    "output/new/a.png",
    "output/b.PDF",
)


def put(s3: S3Client, bucket: str, name: str, file_path: str, content: bytes) -> str:
    key = f"{PREFIX}/cache/layout/unspecified/{name}.png"
    metadata = {"cache-key": name, "file-path": quote(file_path)}
    s3.put_object(Bucket=bucket, Key=key, Body=content, Metadata=metadata)
    return key


def files_of(root: Path) -> set[str]:
    return {
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and "cache/.creative-s3/" not in path.as_posix()
    }


@pytest.fixture
def fresh(cli: Program, tmp_path: Path) -> Program:
    """A machine with an empty cache, and a file of each name that could be replaced."""
    root = tmp_path / "fresh"
    (root / "cache").mkdir(parents=True)
    (root / "cache" / "index.json").write_text("{}")
    return type(cli)(cli.env, root)


@pytest.mark.parametrize("way", ["metadata", "published"])
def test_what_could_be_run_or_obeyed_gets_a_place_in_the_cache_and_is_told(
    fresh: Program, s3: S3Client, bucket: str, way: str
) -> None:
    names = {
        f"n{number:02d}": path
        for number, path in enumerate(NOT_THERE)
        if way == "published" or len(path) < MOST_METADATA
    }
    keys = {name: put(s3, bucket, name, path[:MOST_METADATA], SCRIPT) for name, path in names.items()}
    if way == "published":
        entries = {
            name: {"file_path": path, "cache_key": name, "s3_key": keys[name], "metadata": {"type": "layout"}}
            for name, path in names.items()
        }
        body = json.dumps({"cache_entries": entries}).encode()
        s3.put_object(Bucket=bucket, Key=f"{PREFIX}/metadata/index.json", Body=body)
    before = files_of(fresh.cwd)

    found = fresh("discover", "--sync", "--json")

    assert found.code == 0, found.out
    told = {one["key"]: one["detail"] for one in found.data["found"]}
    for name, path in names.items():
        assert f"goes to cache/s3/cache/layout/unspecified/{name}.png, not to {path!r}" in told[keys[name]]
    assert fresh("tiers", "promote", *names).code == 0
    placed = {f"cache/s3/cache/layout/unspecified/{name}.png" for name in names}
    assert files_of(fresh.cwd) == before | placed
    assert json.loads((fresh.cwd / "cache" / "index.json").read_text()).keys()
    assert fresh("upload", "--yes", "--json").data["uploaded"] == 0


def test_pictures_come_back_to_the_folders_for_them(fresh: Program, s3: S3Client, bucket: str) -> None:
    for number, path in enumerate(THERE):
        put(s3, bucket, f"n{number}", path, PICTURE)
    assert fresh("discover", "--sync").code == 0
    assert fresh("tiers", "promote", *(f"n{number}" for number in range(len(THERE)))).code == 0
    assert set(THERE) <= files_of(fresh.cwd)


def test_a_folder_that_the_own_index_uses_is_one_for_pictures(
    fresh: Program, s3: S3Client, bucket: str
) -> None:
    entry = {"file_path": "renders/mine.png", "cache_key": "mine", "metadata": {"type": "layout"}}
    (fresh.cwd / "renders").mkdir()
    (fresh.cwd / "renders" / "mine.png").write_bytes(PICTURE)
    (fresh.cwd / "cache" / "index.json").write_text(json.dumps({"mine": entry}))
    put(s3, bucket, "theirs", "renders/theirs.png", PICTURE)
    assert fresh("discover", "--sync").code == 0
    assert fresh("tiers", "promote", "theirs").code == 0
    assert "renders/theirs.png" in files_of(fresh.cwd)


@pytest.mark.parametrize(
    ("fake", "reason"),
    [
        (("fake.png", SCRIPT), "no picture, video or document"),
        (("fake.svg", b"<svg><script>fetch('//x')</script></svg>"), "may hold a program"),
    ],
)
def test_what_is_named_as_a_picture_and_is_none_does_not_land_outside_the_cache(
    fresh: Program, s3: S3Client, bucket: str, fake: tuple[str, bytes], reason: str
) -> None:
    name, content = fake
    put(s3, bucket, "fake", f"output/{name}", content)
    assert fresh("discover", "--sync").code == 0
    before = files_of(fresh.cwd)
    done = fresh("tiers", "promote", "fake")
    assert done.code == 3
    assert reason in done.err + done.out
    assert files_of(fresh.cwd) == before


def test_the_library_brings_it_to_the_same_places(fresh: Program, s3: S3Client, bucket: str) -> None:
    put(s3, bucket, "env", ".env", b"S3_ENDPOINT_URL=https://elsewhere.example\n")
    put(s3, bucket, "hook", ".git/hooks/post-checkout", SCRIPT)
    code = (
        "from creative_s3 import *; m = S3CacheManager('cache');"
        "print(m.get_asset_path('env')); print(m.get_asset_path('hook')); m.close()"
    )
    for path in fresh.run_python(code).splitlines():
        assert "/cache/s3/cache/layout/unspecified/" in path
    assert not (fresh.cwd / ".env").exists()
    assert not (fresh.cwd / ".git").exists()


@pytest.mark.parametrize(
    "planted", [".env", ".git/hooks/post-checkout", "src/a.png", "../a.png", "ROOT/a.png"]
)
def test_an_index_or_a_catalog_from_elsewhere_brings_nothing_there(
    fresh: Program, s3: S3Client, bucket: str, planted: str, tmp_path: Path
) -> None:
    """An index of an earlier version, or one that was handed on, may name such a file as in S3 only."""
    put(s3, bucket, "a", "cache/a.png", PICTURE)
    assert fresh("discover", "--sync").code == 0
    path = planted.replace("ROOT", str(tmp_path))
    database = sqlite3.connect(fresh.cwd / "cache" / ".creative-s3" / "catalog.sqlite3")
    database.execute("UPDATE asset SET file_path = ?", (path,))
    database.commit()
    database.close()
    before = files_of(tmp_path)
    done = fresh("tiers", "promote", "a")
    assert done.code != 0
    assert files_of(tmp_path) == before
