"""`assets download|upload` on a real server: exit code, stdout, stderr, then the disk and the bucket."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from creative_s3.core.files.checksums import crc64nvme_of_file
from tests.cli.inside import Inside

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

PREFIX = "creative-assets"
A = f"{PREFIX}/products/transparent/dish_soap/soap/a.png"
B = f"{PREFIX}/backgrounds/solid/ff0000/b.png"
UMBRELLA = f"{PREFIX}/unsorted/日本/été \U0001f3a8.png"
CONTENTS = {A: b"content of a", B: b"content of b" * 1000, UMBRELLA: b"", "elsewhere/c.png": b"c"}


@pytest.fixture
def stocked(s3: S3Client, bucket: str) -> dict[str, bytes]:
    for key, content in CONTENTS.items():
        put(s3, bucket, key, content)
    return CONTENTS


def put(s3: S3Client, bucket: str, key: str, content: bytes, **more: Any) -> None:  # noqa: ANN401
    s3.put_object(Bucket=bucket, Key=key, Body=content, ChecksumAlgorithm="CRC64NVME", **more)


def files(directory: Path) -> dict[str, bytes]:
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def cli(server_env: dict[str, str], workspace: Path) -> Inside:
    """The program in a copy of the sample workspace."""
    return Inside(server_env, workspace)


@pytest.fixture
def here(server_env: dict[str, str], tmp_path: Path) -> Inside:
    """The program in an empty directory, without a workspace."""
    (tmp_path / "here").mkdir()
    return Inside(server_env, tmp_path / "here")


# -- download


@pytest.mark.parametrize("engine", ["crt", "classic"])
def test_one_key_is_saved_under_its_own_name(here: Inside, stocked: dict[str, bytes], engine: str) -> None:
    result = here("download", A, "--engine", engine)
    assert result.code == 0
    assert "Downloaded and verified: a.png" in result.out
    assert files(here.cwd) == {"a.png": stocked[A]}


@pytest.mark.parametrize("output", ["./local/product.png", "local/product.png"])
def test_one_key_is_saved_where_the_user_says(here: Inside, stocked: dict[str, bytes], output: str) -> None:
    assert here("download", A, "--output", output).code == 0
    assert files(here.cwd) == {"local/product.png": stocked[A]}


def test_one_key_goes_into_a_directory(here: Inside, stocked: dict[str, bytes]) -> None:
    (here.cwd / "there").mkdir()
    assert here("download", A, "--output", "there").code == 0
    assert here("assets", "download", B, "-o", "new/").code == 0
    assert files(here.cwd) == {"there/a.png": stocked[A], "new/b.png": stocked[B]}


def test_several_keys_keep_their_path_below_the_prefix(here: Inside, stocked: dict[str, bytes]) -> None:
    result = here("download", A, UMBRELLA, "elsewhere/c.png", "--output", "out", "--json")
    assert result.code == 0
    assert files(here.cwd / "out") == {
        "products/transparent/dish_soap/soap/a.png": stocked[A],
        "unsorted/日本/été \U0001f3a8.png": b"",
        "elsewhere/c.png": b"c",
    }
    data = result.data
    assert (data["downloaded"], data["downloaded_bytes"], data["failed"]) == (3, len(stocked[A]) + 1, [])
    assert {entry["key"]: entry["path"] for entry in data["objects"]}[A] == (
        "out/products/transparent/dish_soap/soap/a.png"
    )
    assert {entry["proof"] for entry in data["objects"]} == {"checksum"}


def test_a_prefix_after_the_command_selects_keys(here: Inside, stocked: dict[str, bytes]) -> None:
    result = here("download", "--prefix", f"{PREFIX}/back", "--output", "out")
    assert result.code == 0
    assert "1 object downloaded and verified" in result.out
    assert files(here.cwd) == {"out/backgrounds/solid/ff0000/b.png": stocked[B]}


def test_a_prefix_before_the_command_is_the_setting(here: Inside, stocked: dict[str, bytes]) -> None:
    result = here("--prefix", f"{PREFIX}/backgrounds", "download", "--prefix", f"{PREFIX}/backgrounds/")
    assert result.code == 0
    assert files(here.cwd) == {"solid/ff0000/b.png": stocked[B]}


def test_keys_come_from_another_command_through_a_pipe(here: Inside, stocked: dict[str, bytes]) -> None:
    line = f"{sys.executable} -m creative_s3"
    done = subprocess.run(
        ["/bin/sh", "-c", f"{line} list -q --max-results 0 | {line} download - --output out -q"],
        env=dict(here.env),
        cwd=here.cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    ours = [key for key in stocked if key.startswith(PREFIX)]
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == sorted(ours)
    assert sorted(files(here.cwd / "out").values()) == sorted(stocked[key] for key in ours)


def test_standard_input_has_one_name_a_line_and_a_line_without_one_is_no_name(
    here: Inside, stocked: dict[str, bytes]
) -> None:
    given = f"\n{A}\r\n\n{UMBRELLA}\n{A}".encode()
    result = here("download", "-", "-q", stdin=given)
    assert (result.code, result.out.splitlines(), result.err) == (0, [A, UMBRELLA], "")
    assert sorted(files(here.cwd).values()) == sorted([stocked[A], stocked[UMBRELLA]])
    wrong = here("download", "-", "--json", stdin=b"caf\xe9.png\n")
    assert wrong.code == 5
    assert [failed["key"] for failed in wrong.data["failed"]] == ["caf\udce9.png"]
    nothing = here("download", "-", "-q", stdin=b"\n")
    assert (nothing.code, nothing.out) == (2, "")
    assert "standard input has no names" in nothing.err
    assert "creative-s3 assets find --campaign NAME -q | creative-s3 download -" in nothing.err


def test_a_name_may_be_a_key_without_the_prefix(here: Inside, stocked: dict[str, bytes]) -> None:
    assert here("download", A.removeprefix(f"{PREFIX}/"), "-q").out == f"{A}\n"
    assert files(here.cwd) == {"a.png": stocked[A]}


def test_what_is_there_with_the_same_content_is_not_fetched(here: Inside, stocked: dict[str, bytes]) -> None:
    assert here("download", "--prefix", f"{PREFIX}/", "-q").code == 0
    before = {path: path.stat().st_mtime_ns for path in here.cwd.rglob("*.png")}
    again = here("download", "--prefix", f"{PREFIX}/", "--json")
    assert again.code == 0
    assert (again.data["downloaded"], again.data["already_there"]) == (0, len(stocked) - 1)
    assert {path: path.stat().st_mtime_ns for path in here.cwd.rglob("*.png")} == before
    assert "Already there" in here("download", A, "-o", "products/transparent/dish_soap/soap/").out


def test_other_content_is_replaced_only_by_force(here: Inside, stocked: dict[str, bytes]) -> None:
    (here.cwd / "a.png").write_bytes(b"mine, mine!!")  # of the same size
    refused = here("download", A)
    assert (refused.code, refused.out) == (3, "")
    assert "--force" in refused.err
    assert "a.png" in refused.err
    assert files(here.cwd) == {"a.png": b"mine, mine!!"}
    assert here("download", A, "--json").envelope["error"]["code"] == "would-overwrite"
    assert here("download", A, "--force").code == 0
    assert files(here.cwd) == {"a.png": stocked[A]}


def test_one_failure_does_not_stop_the_others(here: Inside, stocked: dict[str, bytes]) -> None:
    out = here.cwd / "out" / "backgrounds" / "solid" / "ff0000"
    out.mkdir(parents=True)
    (out / "b.png").write_bytes(b"mine")
    result = here("download", A, B, "no/such.png", "--output", "out")
    assert result.code == 3
    assert "1 object downloaded and verified" in result.out
    assert "2 objects failed" in result.out
    assert "other content" in result.out
    assert "no/such.png" in result.out
    assert files(here.cwd / "out") == {
        "products/transparent/dish_soap/soap/a.png": stocked[A],
        "backgrounds/solid/ff0000/b.png": b"mine",
    }
    data = here("download", A, B, "no/such.png", "--output", "out", "--json").data
    assert {failed["key"]: failed["code"] for failed in data["failed"]} == {
        B: "would-overwrite",
        "no/such.png": "object-not-found",
    }
    quiet = here("download", A, B, "no/such.png", "--output", "out", "-q")
    assert (quiet.code, quiet.out) == (3, f"{A}\n")
    assert quiet.err.count("Error:") == 2


def test_missing_objects_alone_end_with_5(here: Inside, stocked: dict[str, bytes]) -> None:
    assert stocked
    one = here("download", "no/such.png")
    assert (one.code, one.out) == (5, "")
    assert "creative-s3 assets list" in one.err
    assert here("download", "no/such.png", "nor/this.png", A).code == 5
    assert here("download", "--prefix", "no/such/").code == 5
    assert here("download", A, "--bucket", "no-such-bucket-here", "--json").envelope["error"]["code"] == (
        "bucket-not-found"
    )


def test_an_archived_object_ends_with_10_and_the_command_that_restores_it(
    here: Inside, s3: S3Client, bucket: str
) -> None:
    put(s3, bucket, A, b"cold", StorageClass="DEEP_ARCHIVE")
    put(s3, bucket, B, b"warm")
    one = here("download", A)
    assert (one.code, one.out) == (10, "")
    assert f"aws s3api restore-object --bucket {bucket} --key {A} --restore-request Days=7" in one.err
    assert "up to 12 h" in one.err
    assert "$0.00" in one.err
    several = here("download", "--prefix", PREFIX, "--output", "out", "--json")
    assert several.code == 10
    assert [failed["code"] for failed in several.data["failed"]] == ["archived"]
    assert files(here.cwd) == {"out/backgrounds/solid/ff0000/b.png": b"warm"}
    assert here("download", A, "no/such.png").code == 3


def test_markers_of_folders_are_skipped_with_a_note(here: Inside, s3: S3Client, bucket: str) -> None:
    put(s3, bucket, f"{PREFIX}/unsorted/folder/", b"")
    put(s3, bucket, f"{PREFIX}/unsorted/folder/x.png", b"x")
    result = here("download", "--prefix", PREFIX)
    assert result.code == 0
    assert "1 folder marker skipped" in result.out
    assert files(here.cwd) == {"unsorted/folder/x.png": b"x"}


def test_names_that_other_systems_misread_are_refused_each_by_its_key(
    here: Inside, s3: S3Client, bucket: str
) -> None:
    hostile = [f"{PREFIX}/unsorted/{name}" for name in ("CON.png", "a.png.", "C:x")]
    for key in hostile:
        put(s3, bucket, key, b"x")
    put(s3, bucket, A, b"fine")
    result = here("download", "--prefix", PREFIX, "--output", "out", "--json")
    assert result.code == 3
    assert {failed["key"] for failed in result.data["failed"]} == set(hostile)
    assert {failed["code"] for failed in result.data["failed"]} == {"unsafe-key"}
    assert files(here.cwd) == {"out/products/transparent/dish_soap/soap/a.png": b"fine"}
    # Under a name of the user's own it can be had.
    assert here("download", "--output", "con.bin", "--", hostile[0]).code == 0
    assert (here.cwd / "con.bin").read_bytes() == b"x"


def test_a_linked_folder_in_the_output_directory_is_not_followed(
    here: Inside, stocked: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "secret").mkdir()
    (here.cwd / "out").mkdir()
    (here.cwd / "out" / "backgrounds").symlink_to(tmp_path / "secret")
    result = here("download", A, B, "--output", "out")
    assert result.code == 3
    assert "symbolic link" in result.out
    assert list((tmp_path / "secret").iterdir()) == []
    assert (here.cwd / "out" / "products/transparent/dish_soap/soap/a.png").read_bytes() == stocked[A]


def test_a_link_in_the_place_of_a_file_is_replaced_by_force_and_never_written_through(
    here: Inside, stocked: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    (here.cwd / "a.png").symlink_to(tmp_path / "precious")
    assert here("download", A).code == 3
    assert here("download", A, "--force").code == 0
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert (here.cwd / "a.png").read_bytes() == stocked[A]
    assert not (here.cwd / "a.png").is_symlink()


def test_a_download_compares_what_was_sent_with_what_was_planned(
    here: Inside, stocked: dict[str, bytes]
) -> None:
    result = here("assets", "download", "--prefix", f"{PREFIX}/", "-o", "down", "--json")
    assert result.code == 0
    # One LIST, a GET for each object that is not empty, and a HEAD for the one that is.
    ours = [content for key, content in stocked.items() if key.startswith(PREFIX)]
    assert result.data["bill"]["requests"] == {
        "GetObject": sum(map(bool, ours)),
        "HeadObject": ours.count(b""),
        "ListObjectsV2": 1,
    }
    assert result.data["sent"]["requests"] == result.data["bill"]["requests"]
    shown = here("assets", "download", "--prefix", f"{PREFIX}/", "-o", "again")
    assert "planned were" in shown.out


def test_a_download_leaves_no_temporary_files(here: Inside, stocked: dict[str, bytes]) -> None:
    assert here("download", "--prefix", "", "--output", "out").code == 0
    assert len(files(here.cwd)) == len(stocked)
    assert not [path for path in here.cwd.rglob("*") if path.name.startswith(".")]


def test_a_directory_that_cannot_be_written_fails_each_item_and_says_why(
    here: Inside, stocked: dict[str, bytes]
) -> None:
    assert stocked
    (here.cwd / "out").write_text("a file")
    result = here("download", A, B, "--output", "out")
    assert (result.code, result.out) == (2, "")
    one = here("download", A, "--output", "out/a.png")
    assert one.code == 3
    assert "out" in one.err


def test_nothing_chosen_is_a_wrong_call(here: Inside) -> None:
    result = here("download")
    assert (result.code, result.out) == (2, "")
    assert "--prefix P" in result.err


# -- upload


def metadata(s3: S3Client, bucket: str, key: str) -> dict[str, str]:
    return {
        name: unquote(value) for name, value in s3.head_object(Bucket=bucket, Key=key)["Metadata"].items()
    }


def keys(s3: S3Client, bucket: str) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_upload_stores_a_file_under_the_key_that_its_description_gives(
    cli: Inside, s3: S3Client, bucket: str
) -> None:
    file = cli.cwd / "cache" / "Café.png"
    file.write_bytes(b"a picture")
    options = [
        "--type",
        "contextual_background",
        "--category",
        "dish_soap",
        "--region",
        "日本",
        "--season",
        "summer",
    ]
    more = [
        "--style",
        "warm",
        "--campaign",
        "Spring 2025",
        "--tag",
        "beach",
        "--tag",
        "été, sun",
        "--aspect-ratio",
        "16x9",
    ]
    index = (cli.cwd / "cache" / "index.json").read_bytes()
    result = cli("assets", "upload", "cache/Café.png", *options, *more)
    key = f"{PREFIX}/backgrounds/contextual/dish_soap/e697a5e69cac/summer/cafe.png"
    assert result.code == 0
    assert f"Uploaded and verified: {key}" in result.out
    assert f"creative-s3 assets show {key}" in result.err
    assert keys(s3, bucket) == [key]
    head = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
    assert head["ChecksumCRC64NVME"] == crc64nvme_of_file(file)
    assert head["ContentType"] == "image/png"
    stored = metadata(s3, bucket, key)
    assert (stored["cache-key"], stored["file-path"]) == ("Café", "cache/Café.png")
    assert (stored["region"], stored["season"], stored["visual-style"]) == ("日本", "summer", "warm")
    tags = {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}
    assert (tags["campaign"], tags["asset-type"]) == ("Spring 2025", "contextual_background")
    assert (cli.cwd / "cache" / "index.json").read_bytes() == index
    shown = cli("assets", "show", "Café", "--json").data
    assert shown["asset"]["tags"] == ["beach", "été, sun"]
    assert shown["local"]["state"] == "hot"
    assert shown["proved"]["by"] == "checksum"


def test_a_dry_run_shows_everything_and_stores_nothing(here: Inside, s3: S3Client, bucket: str) -> None:
    (here.cwd / "red.png").write_bytes(b"red")
    call = ("assets", "upload", "red.png", "--type", "solid_background", "--color", "#ff0000", "--dry-run")
    result = here(*call)
    key = f"{PREFIX}/backgrounds/solid/ff0000/red.png"
    assert (result.code, result.err) == (0, "")
    for shown in (key, "cache-key=red", "color-palette=#ff0000", "asset-type=solid_background", "a month"):
        assert shown in result.out
    data = here(*call, "--json").data
    assert (data["dry_run"], data["key"], data["reason"], data["size_bytes"]) == (True, key, "new", 3)
    assert data["metadata"]["file-path"] == "cache/backgrounds/solid/ff0000/red.png"
    assert data["cost"]["monthly"] > 0
    assert here(*call, "-q").out == f"{key}\n"
    assert keys(s3, bucket) == []
    assert files(here.cwd) == {"red.png": b"red"}


def test_the_same_content_is_not_sent_again(here: Inside, s3: S3Client, bucket: str) -> None:
    (here.cwd / "red.png").write_bytes(b"red")
    call = ("assets", "upload", "red.png", "--type", "solid_background", "--color", "#ff0000")
    first = here(*call, "--json")
    assert (first.code, first.data["sent"], first.data["proof"]) == (0, True, "checksum")
    before = s3.head_object(Bucket=bucket, Key=first.data["key"])["LastModified"]
    again = here(*call, "--json")
    assert (again.code, again.data["sent"], again.data["reason"]) == (0, False, "unchanged")
    assert "Already there" in here(*call).out
    assert s3.head_object(Bucket=bucket, Key=first.data["key"])["LastModified"] == before


def test_other_content_of_the_same_asset_is_replaced_only_when_asked(
    here: Inside, s3: S3Client, bucket: str
) -> None:
    file = here.cwd / "red.png"
    call = ("assets", "upload", "red.png", "--type", "solid_background", "--color", "#ff0000")
    file.write_bytes(b"red")
    key = here(*call, "-q").out.strip()
    file.write_bytes(b"RED")
    refused = here(*call)
    assert (refused.code, refused.out) == (8, "")
    assert "--replace" in refused.err
    assert "--cache-key" in refused.err
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"red"
    assert "replace the object" in here(*call, "--replace", "--dry-run").out
    assert here(*call, "--replace").code == 0
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"RED"
    assert keys(s3, bucket) == [key]


def test_another_assets_object_is_left_alone(here: Inside, s3: S3Client, bucket: str) -> None:
    key = f"{PREFIX}/backgrounds/solid/ff0000/red.png"
    put(s3, bucket, key, b"theirs")
    (here.cwd / "red.png").write_bytes(b"ours")
    result = here("assets", "upload", "red.png", "--type", "solid_background", "--color", "#ff0000", "--json")
    assert result.code == 0
    assert result.data["key"].startswith(f"{PREFIX}/backgrounds/solid/ff0000/red-")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"theirs"
    assert s3.get_object(Bucket=bucket, Key=result.data["key"])["Body"].read() == b"ours"


def test_an_asset_keeps_its_key_when_its_file_is_renamed(cli: Inside, s3: S3Client, bucket: str) -> None:
    (cli.cwd / "one.png").write_bytes(b"1")
    (cli.cwd / "two.png").write_bytes(b"2")
    call = ("--type", "composite", "--cache-key", "hero", "--product", "soap", "-q")
    key = cli("assets", "upload", "one.png", *call).out
    assert key.endswith("/soap/unspecified/one.png\n")
    assert cli("assets", "upload", "two.png", *call, "--replace").out == key
    assert s3.get_object(Bucket=bucket, Key=key.strip())["Body"].read() == b"2"


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("--type", "video", "composite"),
        ("--category", "cars", "dish_soap"),
        ("--season", "monsoon", "back_to_school"),
        ("--style", "ugly", "elegant"),
    ],
)
def test_a_wrong_value_is_refused_with_the_values_there_are(
    here: Inside, option: str, value: str, allowed: str
) -> None:
    (here.cwd / "a.png").write_bytes(b"a")
    right = [] if option == "--type" else ["--type", "composite"]
    result = here("assets", "upload", "a.png", *right, option, value)
    assert (result.code, result.out) == (2, "")
    assert option in result.err
    assert allowed in result.err


def test_a_file_that_is_missing_or_none_is_refused(here: Inside) -> None:
    missing = here("assets", "upload", "missing.png", "--type", "composite")
    assert (missing.code, missing.out) == (2, "")
    assert "missing.png" in missing.err
    assert here("assets", "upload", ".", "--type", "composite").code == 2


def test_metadata_over_the_limit_is_refused_before_anything_is_sent(
    here: Inside, s3: S3Client, bucket: str
) -> None:
    (here.cwd / "a.png").write_bytes(b"a")
    result = here("assets", "upload", "a.png", "--type", "composite", "--cache-key", "x" * 3000)
    assert (result.code, result.out) == (8, "")
    assert keys(s3, bucket) == []
