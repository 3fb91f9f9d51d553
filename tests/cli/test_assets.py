"""`assets list|show|url` on a real server: exit code, stdout, stderr; reading changes nothing."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from rich.console import Console

from creative_s3.cli.views import assets
from creative_s3.core.assets.layout import key_of, object_metadata, object_tags
from creative_s3.core.assets.models import Asset, AssetType, Season, SemanticMetadata
from creative_s3.core.s3.connection import connect
from creative_s3.core.storage.manager import S3StorageManager
from creative_s3.settings import S3Config
from tests.cli.inside import Inside

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

PREFIX = "creative-assets"
SCENE = Asset(
    "scène-été",
    "cache/scenes/été.png",
    SemanticMetadata(AssetType.SCENE_BACKGROUND, region="日本", season=Season.SUMMER, tags=("plage",)),
    campaign_id="Spring 2025",
)
RED = Asset("red", "cache/red.png", SemanticMetadata(AssetType.SOLID_BACKGROUND, color_palette=("#ff0000",)))
HERO = Asset(
    "hero", "output/hero.png", SemanticMetadata(AssetType.COMPOSITE, aspect_ratio="1x1"), product_slug="soap"
)
LAYOUT = Asset("layout-1", "cache/layout.json", cache_type="layout")
OURS = (HERO, LAYOUT, RED, SCENE)
FOREIGN = f"{PREFIX}/products/by-hand.png"


def put(s3: S3Client, bucket: str, asset: Asset, content: bytes, **more: Any) -> str:  # noqa: ANN401
    """Store an asset as an upload does; return its key."""
    key = key_of(asset, PREFIX)
    s3.put_object(
        Bucket=bucket,
        Key=key,
        Body=content,
        ChecksumAlgorithm="CRC64NVME",
        Metadata=object_metadata(asset),
        Tagging=urlencode(object_tags(asset)),
        ContentType="image/png",
        **more,
    )
    return key


@pytest.fixture
def cli(server_env: dict[str, str], workspace: Path) -> Inside:
    """The program in a copy of the sample workspace."""
    return Inside(server_env, workspace)


@pytest.fixture
def stocked(s3: S3Client, bucket: str) -> dict[str, str]:
    """A bucket with four assets, an object of somebody else and a published index: cache key -> key."""
    keys = {asset.cache_key: put(s3, bucket, asset, asset.cache_key.encode()) for asset in OURS}
    s3.put_object(Bucket=bucket, Key=FOREIGN, Body=b"by hand", Metadata={"who": "me"})
    s3.put_object(Bucket=bucket, Key=f"{PREFIX}/metadata/index.json", Body=b"{}")
    s3.put_object(Bucket=bucket, Key="elsewhere/x.png", Body=b"no business of ours")
    return keys


# -- list


def test_list_shows_what_lies_under_the_prefix_without_the_published_index(
    cli: Inside, stocked: dict[str, str]
) -> None:
    result = cli("assets", "list")
    assert result.code == 0
    assert [line.split()[-1] for line in result.out.splitlines()[1:-1]] == sorted(
        [*stocked.values(), FOREIGN]
    )
    assert "5 objects" in result.out.splitlines()[-1]
    assert "all STANDARD" in result.out.splitlines()[-1]
    assert result.err == ""


def test_list_of_one_kind_shows_only_that_kind(cli: Inside, stocked: dict[str, str]) -> None:
    for kind, names in {
        "background": ["red", "scène-été"],
        "composite": ["hero"],
        "cache": ["layout-1"],
        "product": [],
        "unsorted": [],
    }.items():
        result = cli("assets", "list", "--asset-type", kind, "-q")
        assert result.code == 0
        assert result.out.split() == sorted(stocked[name] for name in names)


def test_list_as_json_has_the_whole_keys_and_says_how_many_more_there_are(
    cli: Inside, stocked: dict[str, str]
) -> None:
    data = cli("list", "--json", "--max-results", "2").data
    assert [entry["key"] for entry in data["objects"]] == sorted(stocked.values())[:2]
    assert (data["more"], data["more_is_exact"]) == (3, True)
    first = data["objects"][0]
    assert (first["kind"], first["asset_type"], first["storage_class"]) == (
        "background",
        "scene_background",
        "STANDARD",
    )
    assert first["size_bytes"] == len("scène-été".encode())
    assert "metadata" not in first


def test_list_cut_short_says_so_and_how_to_see_all(cli: Inside, stocked: dict[str, str]) -> None:
    assert len(stocked) == 4
    result = cli("list", "--max-results", "2")
    assert result.code == 0
    assert result.out.splitlines()[-1].endswith("; 3 more")
    assert "creative-s3 list --max-results 0" in result.err


def test_list_with_metadata_shows_the_original_texts(cli: Inside, stocked: dict[str, str]) -> None:
    human = cli("list", "--metadata")
    assert human.code == 0
    assert "asset scène-été · file cache/scenes/été.png · campaign Spring 2025 · region 日本" in human.out
    assert "not ours: who=me" in human.out
    objects = {entry["key"]: entry for entry in cli("list", "--metadata", "--json").data["objects"]}
    scene = objects[stocked["scène-été"]]["asset"]
    assert (scene["cache_key"], scene["region"], scene["tags"]) == ("scène-été", "日本", ["plage"])
    assert objects[FOREIGN]["asset"] is None
    assert objects[FOREIGN]["metadata"] == {"who": "me"}


def test_list_of_an_empty_bucket_is_no_failure(cli: Inside) -> None:
    result = cli("list")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("Nothing is under s3://")
    assert cli("list", "-q").out == ""
    assert cli("list", "--json").data["objects"] == []


def test_list_of_a_missing_bucket_ends_with_5_in_every_form(cli: Inside) -> None:
    for form in ((), ("-q",), ("--json",)):
        result = cli("list", "--bucket", "no-such-bucket-here", *form)
        assert result.code == 5
        assert "no-such-bucket-here" in result.err + result.out
    assert (
        cli("list", "--bucket", "no-such-bucket-here", "--json").envelope["error"]["code"]
        == "bucket-not-found"
    )


@pytest.mark.parametrize(
    "wrong", [("--asset-type", "video"), ("--max-results", "-1"), ("--max-results", "x")]
)
def test_list_names_what_is_wrong_with_an_option(cli: Inside, wrong: tuple[str, str]) -> None:
    result = cli("list", *wrong)
    assert (result.code, result.out) == (2, "")
    assert wrong[0] in result.err


def test_list_never_lets_a_key_act_on_the_terminal(cli: Inside, s3: S3Client, bucket: str) -> None:
    key = f"{PREFIX}/unsorted/red\x1b[31m\u202egnp.exe"
    s3.put_object(Bucket=bucket, Key=key, Body=b"")
    result = cli("list")
    assert result.code == 0
    assert r"red\x1b[31m\u202egnp.exe" in result.out
    assert "\x1b" not in result.out
    assert cli("list", "--json").data["objects"][0]["key"] == key


def test_list_stops_quietly_when_its_reader_goes(cli: Inside, s3: S3Client, bucket: str) -> None:
    folder = f"{PREFIX}/unsorted/{'d' * 200}/{'e' * 200}"  # more in all than a pipe holds
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: s3.put_object(Bucket=bucket, Key=f"{folder}/{n:03}", Body=b""), range(200)))
    with subprocess.Popen(
        [sys.executable, "-m", "creative_s3", "list", "-q", "--max-results", "0"],
        env=dict(cli.env),
        cwd=cli.cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == f"{folder}/000\n".encode()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
    assert len(cli("list", "-q", "--max-results", "0").out.splitlines()) == 200
    assert cli("list", "--json").data["more"] == 100


def test_keys_stay_whole_on_a_narrow_screen(tmp_path: Path) -> None:
    console = Console(width=20, file=(tmp_path / "out").open("w+"))
    key = "creative-assets/" + "long/" * 30
    console.print(assets.addresses([key]))
    console.file.flush()
    assert (tmp_path / "out").read_text() == f"{key}\n"
    console.file.close()


# -- show


def test_show_tells_everything_that_is_known(cli: Inside, s3: S3Client, bucket: str) -> None:
    key = put(s3, bucket, SCENE, b"content")
    file = cli.cwd / SCENE.file_path
    file.write_bytes(b"content")
    result = cli("assets", "show", key)
    assert (result.code, result.err) == (0, "")
    shown = dict(line.split(maxsplit=1) for line in result.out.splitlines())
    assert shown["address"] == f"s3://{bucket}/{key}"
    assert shown["asset"] == "scène-été"
    assert shown["region"] == "日本"
    assert "campaign=Spring 2025" in shown["S3"]
    assert str(file) in shown["local"]
    assert "hot" in shown["local"]
    data = cli("assets", "show", key, "--json").data
    assert data["asset"]["cache_key"] == "scène-été"
    assert data["tags"]["asset-type"] == "scene_background"
    assert data["local"] == {"path": str(file), "state": "hot", "size_bytes": 7}
    assert data["crc64nvme"]
    assert data["proved"] is None
    assert cli("assets", "show", key, "-q").out == f"{key}\n"


@pytest.mark.parametrize(
    ("content", "state"),
    [(b"content", "hot"), (b"CONTENT", "different"), (b"x", "different"), (None, "cold")],
)
def test_show_compares_the_local_file_by_its_content(
    cli: Inside, s3: S3Client, bucket: str, content: bytes | None, state: str
) -> None:
    key = put(s3, bucket, RED, b"content")
    if content is not None:
        (cli.cwd / RED.file_path).write_bytes(content)
    assert cli("assets", "show", key, "--json").data["local"]["state"] == state


@pytest.mark.parametrize("path", ["../../secret", "/etc/hostname"])
def test_show_does_not_look_at_files_outside_the_workspace_that_an_object_names(
    cli: Inside, s3: S3Client, bucket: str, path: str
) -> None:
    (cli.cwd.parent.parent / "secret").write_bytes(b"content")
    key = key_of(RED, PREFIX)
    s3.put_object(Bucket=bucket, Key=key, Body=b"content", Metadata={"cache-key": "red", "file-path": path})
    assert cli("assets", "show", key, "--json").data["local"] is None


def test_show_finds_an_asset_by_its_name_and_knows_when_it_was_proved(cli: Inside) -> None:
    assert cli("upload", "--yes", "-q").code == 0
    by_name = cli("assets", "show", "scene_summer_us_copy", "--json")
    assert by_name.code == 0
    assert by_name.data["asset"]["cache_key"] == "scene_summer_us_copy"
    assert by_name.data["proved"]["by"] == "checksum"
    key = by_name.data["key"]
    for same in (key, key.removeprefix(f"{PREFIX}/"), f"s3://{by_name.data['bucket']}/{key}"):
        assert cli("assets", "show", same, "-q").out == f"{key}\n"
    # Without the catalog, as on another machine, the published index tells.
    elsewhere = cli("assets", "show", "scene_summer_us_copy", "-q", "--cache-dir", "nowhere/cache")
    assert elsewhere.out == f"{key}\n"
    assert not (cli.cwd / "nowhere").exists()


def test_show_does_not_claim_a_proof_of_another_version(cli: Inside, s3: S3Client, bucket: str) -> None:
    assert cli("upload", "--yes", "-q").code == 0
    key = cli("assets", "show", "scene_summer_us_copy", "-q").out.strip()
    s3.put_object(Bucket=bucket, Key=key, Body=b"other")
    assert cli("assets", "show", key, "--json").data["proved"] is None


def test_show_of_nothing_ends_with_5(cli: Inside) -> None:
    result = cli("assets", "show", "no-such-thing")
    assert (result.code, result.out) == (5, "")
    assert "no-such-thing" in result.err
    assert "creative-s3 assets list" in result.err
    assert cli("assets", "show", "no-such-thing", "--json").envelope["error"]["code"] == "object-not-found"


def test_show_in_a_missing_bucket_names_the_bucket(cli: Inside) -> None:
    result = cli("assets", "show", "x", "--bucket", "no-such-bucket-here", "--json")
    assert result.code == 5
    assert result.envelope["error"]["code"] == "bucket-not-found"


def test_show_leaves_the_workspace_as_it_is(cli: Inside, s3: S3Client, bucket: str) -> None:
    key = put(s3, bucket, RED, b"content")
    before = sorted(cli.cwd.rglob("*"))
    assert cli("assets", "show", key).code == 0
    assert cli("assets", "show", "unknown").code == 5
    assert sorted(cli.cwd.rglob("*")) == before


# -- url


def test_url_prints_only_an_address_that_works(cli: Inside, s3: S3Client, bucket: str) -> None:
    key = put(s3, bucket, SCENE, b"content")
    for form in ((), ("-q",)):
        result = cli("assets", "url", key, *form)
        assert (result.code, result.err) == (0, "")
        (address,) = result.out.splitlines()
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - the address under test
            assert answer.read() == b"content"
    data = cli("assets", "url", key, "--json", "--expires", "15m").data
    assert (data["key"], data["expires_s"]) == (key, 900)


def test_url_is_signed_with_version_4_which_all_buckets_take(cli: Inside, s3: S3Client, bucket: str) -> None:
    address = cli("assets", "url", put(s3, bucket, RED, b"x"), "--expires", "7d").out
    query = parse_qs(urlsplit(address.strip()).query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["604800"]


@pytest.mark.parametrize("time", ["8d", "604801", "0", "2w", "-5", "soon", ""])
def test_url_takes_no_time_over_seven_days_nor_what_is_none(
    cli: Inside, s3: S3Client, bucket: str, time: str
) -> None:
    key = put(s3, bucket, RED, b"x")
    result = cli("assets", "url", key, f"--expires={time}")
    assert (result.code, result.out) == (2, "")
    assert "--expires" in result.err


def test_url_of_a_missing_object_is_not_made(cli: Inside) -> None:
    result = cli("assets", "url", "no-such-thing")
    assert (result.code, result.out) == (5, "")


def test_url_warns_that_an_archived_object_cannot_be_read(cli: Inside, s3: S3Client, bucket: str) -> None:
    key = put(s3, bucket, RED, b"x", StorageClass="GLACIER")
    result = cli("assets", "url", key)
    assert result.code == 0
    assert len(result.out.splitlines()) == 1
    assert "archived (GLACIER)" in result.err


def test_url_warns_that_temporary_credentials_end_it_sooner(
    cli: Inside, s3: S3Client, bucket: str, tmp_path: Path
) -> None:
    key = put(s3, bucket, RED, b"x")
    giver = tmp_path / "giver.py"
    giver.write_text("import sys; print(open(sys.argv[1]).read())")
    for name in ("without", "with"):
        given = {"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "s", "SessionToken": "t"}
        if name == "without":
            del given["SessionToken"]
        (tmp_path / name).write_text(json.dumps(given))
    # The server knows neither of the two: only the credentials' own form is looked at.
    for name in ("without", "with"):
        config = tmp_path / f"config-{name}"
        config.write_text(
            f"[profile {name}]\ncredential_process = {sys.executable} {giver} {tmp_path / name}\n"
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_CONFIG_FILE", str(config))
            patch.setenv("AWS_PROFILE", name)
            storage = S3StorageManager(connection=connect(S3Config(bucket_name=bucket)))
            assert storage.has_temporary_credentials is (name == "with")
    assert cli("assets", "url", key).err == ""
