"""An index that was written on Windows, and files here whose names have backslashes: both are found."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.inside import Inside

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

SCENE = {"asset_type": "scene_background", "region": "EU", "season": "summer"}
FILES = {
    "cache/scenes/hall.png": b"from Windows",
    "cache/scenes/a\\b.png": b"a name with a backslash",
    "cache/back\\slash/c.png": b"a folder with one",
    "cache/t/u.png": b"what the slashes name",
    "cache\\t\\u.png": b"what the backslashes name",
    "cache/lamp.png": b"lamp",
    "cache/deep/lamp-original.png": b"original lamp",
    "cache/plain.bin": b"plain",
}
PATHS = {
    "hall": "cache\\scenes\\hall.png",
    "named": "cache/scenes/a\\b.png",
    "folder": "cache/back\\slash/c.png",
    "both": "cache\\t\\u.png",
}
OUTSIDE = {
    "up": "cache\\..\\..\\x.png",
    "drive": "C:\\work\\cache\\x.png",
    "drive with slashes": "C:/work/cache/x.png",
    "share": "\\\\server\\share\\x.png",
    "root": "\\cache\\plain.bin",
}


@pytest.fixture
def cli(server_env: dict[str, str], tmp_path: Path) -> Inside:
    root = tmp_path / "work"
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return Inside(server_env, root)


def write(cli: Inside, paths: dict[str, str]) -> str:
    index: dict[str, Any] = {
        "semantic_assets": {name: {"file_path": path, "metadata": SCENE} for name, path in paths.items()},
        "products": {
            "lamp": {
                "slug": "lamp",
                "file_path": "cache\\lamp.png",
                "cache_filename": "lamp.png",
                "product_cache_filename": "deep\\lamp-original.png",
            }
        },
        "cache_entries": {"cache\\plain.bin": {"file_path": "cache\\plain.bin", "metadata": {"type": "x"}}},
    }
    text = json.dumps(index)
    (cli.cwd / "cache/index.json").write_text(text, encoding="utf-8")
    return text


def contents(s3: S3Client, bucket: str) -> set[bytes]:
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"]
    keys = [one["Key"] for one in listed if "/metadata/" not in one["Key"]]
    return {s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


def test_each_file_is_found_moved_and_brought_back_under_its_own_name(
    cli: Inside, s3: S3Client, bucket: str
) -> None:
    before = write(cli, PATHS)
    done = cli("migrate", "upload")
    assert (done.code, contents(s3, bucket)) == (0, set(FILES.values()) - {FILES["cache/t/u.png"]})
    assert cli("migrate", "validate", "--deep").code == 0
    inside = [
        name for name in PATHS if name != "both"
    ]  # that one is the workspace's: it lies beside the cache
    assert cli("tiers", "demote", *inside, "--yes").code == 0
    assert not (cli.cwd / "cache/scenes/a\\b.png").exists()
    # The pipeline notes a use meanwhile: the entry is read anew while the file is away.
    (cli.cwd / "cache/index.json").write_text(
        before.replace('"metadata"', '"last_used": "2026-01-01T00:00:00", "metadata"'), encoding="utf-8"
    )
    assert cli("migrate", "validate").code == 0
    assert cli("tiers", "promote", *inside).code == 0
    found = {
        path.relative_to(cli.cwd).as_posix(): path.read_bytes()
        for path in cli.cwd.rglob("*")
        if path.is_file() and path.suffix in {".png", ".bin"}
    }
    assert found == FILES


def test_another_machine_gets_the_files_and_the_index_keeps_its_words(
    cli: Inside, server_env: dict[str, str], tmp_path: Path
) -> None:
    write(cli, PATHS)
    assert cli("migrate", "upload").code == 0
    other = Inside(server_env, tmp_path / "other")
    (other.cwd / "cache").mkdir(parents=True)
    (other.cwd / "cache/index.json").write_text("{}", encoding="utf-8")
    assert other("assets", "discover", "--sync").code == 0
    assert other("tiers", "promote", *PATHS).code == 0
    assert (other.cwd / "cache/scenes/hall.png").read_bytes() == FILES["cache/scenes/hall.png"]
    index = json.loads((other.cwd / "cache/index.json").read_text(encoding="utf-8"))
    assert index["semantic_assets"]["hall"]["file_path"] == "cache\\scenes\\hall.png"
    assert index["products"]["lamp"]["product_cache_filename"] == "deep\\lamp-original.png"
    assert other("migrate", "validate", "--deep").code == 0


@pytest.mark.parametrize("what", OUTSIDE)
def test_what_leads_outside_or_to_another_machine_is_refused_by_name(cli: Inside, what: str) -> None:
    write(cli, {"odd": OUTSIDE[what], **PATHS})
    done = cli("migrate", "upload", "--json")
    assert done.code == 3
    (problem,) = done.data["problems"]
    assert (problem["kind"], problem["entry"]) == ("refused", "semantic_assets.odd")


def test_a_file_with_a_backslash_that_no_entry_names_goes_too_if_wanted(
    cli: Inside, s3: S3Client, bucket: str
) -> None:
    (cli.cwd / "cache/index.json").write_text("{}", encoding="utf-8")
    assert cli("migrate", "upload", "--include-unindexed").code == 0
    assert contents(s3, bucket) == set(FILES.values()) - {FILES["cache\\t\\u.png"]}  # outside the cache


@pytest.mark.parametrize("known_by", ["the published index", "the objects"])
def test_another_machine_keeps_names_that_only_other_systems_cannot_hold(
    server_env: dict[str, str], s3: S3Client, bucket: str, tmp_path: Path, known_by: str
) -> None:
    names = ["cache/dots../a.png", "cache/space /b.png.", "cache/back\\slash/c.png", "cache/scenes/a\\b.png"]
    first, second = (Inside(server_env, tmp_path / name) for name in ("first", "second"))
    for name in names:
        (first.cwd / name).parent.mkdir(parents=True, exist_ok=True)
        (first.cwd / name).write_bytes(name.encode())
    entries = {name: {"file_path": name, "metadata": SCENE} for name in names}
    index = json.dumps({"semantic_assets": entries})
    (first.cwd / "cache/index.json").write_text(index, encoding="utf-8")
    assert first("migrate", "upload").code == 0
    if known_by == "the objects":
        s3.delete_object(Bucket=bucket, Key="creative-assets/metadata/index.json")
    (second.cwd / "cache").mkdir(parents=True)

    done = second("assets", "discover", "--sync", "--json")

    assert done.code == 0, done
    assert second("tiers", "promote", *names).code == 0
    assert second("migrate", "validate", "--deep", "--strict").code == 0
    found = {path.relative_to(second.cwd).as_posix() for path in second.cwd.rglob("*.png*")}
    assert found == set(names)
