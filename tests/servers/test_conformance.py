"""The program's main operations on every server: what it does there, and what it tells of what is lacking."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.servers.site import EMPTY, LARGE, LARGE_BYTES, UNICODE, Site
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.program import Result

    Note = Callable[[str, object], None]
    Told = Callable[[Result], Result]


@pytest.fixture
def told(record_property: Note) -> Told:
    """Keeps what a run says of the server."""

    def keep(result: Result) -> Result:
        for warning in result.envelope["warnings"]:
            if "server" in warning:
                record_property("told", warning)
        return result

    return keep


@pytest.fixture
def uploaded(site: Site) -> Site:
    """A site whose files are all in the bucket."""
    done = site("migrate", "upload", "--yes", "--json")
    assert done.code == 0, done.out + done.err
    return site


@pytest.mark.operation("upload")
def test_every_file_is_stored_and_proved(site: Site, told: Told) -> None:
    done = told(site("migrate", "upload", "--yes", "--json"))

    assert done.code == 0, done.out
    objects = site.objects()
    files = {path.read_bytes() for path in site.cwd.rglob("*") if path.is_file()}
    assert len(objects) == done.data["uploaded"] + 1
    assert set(objects.values()) - files == {objects["creative-assets/metadata/index.json"]}
    for name in (EMPTY, UNICODE, LARGE):
        assert objects[site.key_of(name)] == site.path_of(name).read_bytes()


@pytest.mark.operation("upload again")
def test_a_second_run_sends_nothing(uploaded: Site, told: Told) -> None:
    before = uploaded.objects()

    done = told(uploaded("migrate", "upload", "--yes", "--json"))

    assert (done.code, done.data["uploaded"]) == (0, 0), done.out
    assert uploaded.objects() == before


@pytest.mark.operation("upload again without the catalog")
def test_a_run_that_has_forgotten_everything_sends_nothing_either(uploaded: Site, told: Told) -> None:
    keys = uploaded.keys()
    for path in (uploaded.cwd / "cache" / ".creative-s3").iterdir():
        if path.is_file():
            path.unlink()

    done = told(uploaded("migrate", "upload", "--yes", "--json"))

    assert (done.code, done.data["uploaded"]) == (0, 0), done.out
    assert uploaded.keys() == keys


@pytest.mark.operation("replace what was edited")
def test_what_was_edited_is_replaced_and_published(uploaded: Site, told: Told) -> None:
    keys = uploaded.keys()
    key, large_key = uploaded.key_of(UNICODE), uploaded.key_of(LARGE)
    uploaded.path_of(UNICODE).write_bytes(b"melted")
    large = uploaded.path_of(LARGE)
    large.write_bytes(large.read_bytes()[::-1])

    done = told(uploaded("migrate", "upload", "--yes", "--json"))

    assert (done.code, done.data["uploaded"]) == (0, 2), done.out
    assert uploaded.keys() == keys
    objects = uploaded.objects()
    assert objects[key] == b"melted"
    assert objects[large_key] == large.read_bytes()
    assert uploaded("migrate", "validate", "--deep", "--json").code == 0


@pytest.mark.operation("replace in a versioned bucket")
def test_what_was_edited_becomes_a_new_version(site: Site, told: Told) -> None:
    try:
        site.client.put_bucket_versioning(Bucket=site.bucket, VersioningConfiguration={"Status": "Enabled"})
    except ClientError as error:
        pytest.skip(f"no versions on this server ({error.response['Error']['Code']})")
    assert site("migrate", "upload", "--yes", "--json").code == 0
    site.path_of(UNICODE).write_bytes(b"melted")

    done = told(site("migrate", "upload", "--yes", "--json"))

    assert (done.code, done.data["uploaded"]) == (0, 1), done.out
    key = site.key_of(UNICODE)
    assert site.client.get_object(Bucket=site.bucket, Key=key)["Body"].read() == b"melted"
    versions = site.client.list_object_versions(Bucket=site.bucket, Prefix=key)["Versions"]
    assert len(versions) == 2


@pytest.mark.operation("publish the index again")
def test_the_published_index_is_replaced(uploaded: Site, told: Told) -> None:
    path = uploaded.cwd / "cache" / "index.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"size_bytes": 4', '"size_bytes": 4, "note": "kept"'), encoding="utf-8")

    done = told(uploaded("migrate", "upload", "--yes", "--json"))

    assert done.code == 0, done.out
    assert uploaded.published()[UNICODE]["note"] == "kept"


@pytest.mark.operation("leave the objects of others alone")
def test_an_object_of_another_writer_is_never_replaced(site: Site, told: Told) -> None:
    operations = site("migrate", "plan", "--json").data["operations"]
    (key,) = (one["key"] for one in operations if one["cache_key"] == UNICODE)
    site.client.put_object(Bucket=site.bucket, Key=key, Body=b"of another writer")

    done = told(site("migrate", "upload", "--yes", "--json"))

    assert done.code == 0, done.out
    objects = site.objects()
    assert objects[key] == b"of another writer"
    assert objects[site.key_of(UNICODE)] == b"snow"
    assert site("migrate", "upload", "--yes", "--json").data["uploaded"] == 0


@pytest.mark.operation("second machine")
def test_a_second_machine_knows_everything_and_fetches_it(uploaded: Site, tmp_path: Path, told: Told) -> None:
    other = uploaded.another(tmp_path / "second")

    synced = told(other("assets", "discover", "--sync", "--json"))
    fetched = told(other("tiers", "promote", LARGE, UNICODE, EMPTY, "--json"))

    assert (synced.code, fetched.code) == (0, 0), synced.out + fetched.out
    for name in (LARGE, UNICODE, EMPTY):
        assert other.path_of(name).read_bytes() == uploaded.path_of(name).read_bytes()
    again = told(other("migrate", "upload", "--yes", "--json"))
    assert (again.code, again.data["uploaded"]) == (0, 0), again.out


@pytest.mark.operation("validate")
def test_validation_proves_every_file(uploaded: Site, told: Told) -> None:
    for options in ((), ("--deep",)):
        done = told(uploaded("migrate", "validate", *options, "--json"))
        assert done.code == 0, done.out

    uploaded.client.put_object(Bucket=uploaded.bucket, Key=uploaded.key_of(UNICODE), Body=b"rain")
    assert uploaded("migrate", "validate", "--deep", "--json").code == 7


@pytest.mark.operation("list, show, url")
def test_what_is_there_is_shown(uploaded: Site, told: Told, record_property: Note) -> None:
    listed = told(uploaded("assets", "list", "--max-results", "0", "--json"))
    shown = told(uploaded("assets", "show", LARGE, "--json"))
    address = told(uploaded("assets", "url", UNICODE, "--json"))

    assert (listed.code, shown.code, address.code) == (0, 0, 0), listed.out + shown.out + address.out
    if problem := shown.data["tags_problem"]:
        record_property("told", f"tags cannot be read: {problem}")
    assert uploaded.key_of(LARGE) in listed.out
    assert uploaded.bucket in address.out


@pytest.mark.operation("download")
def test_downloads_are_verified(uploaded: Site, tmp_path: Path, told: Told) -> None:
    for name in (LARGE, UNICODE, EMPTY):
        path = tmp_path / f"fetched-{name[4:]}"
        done = told(uploaded("assets", "download", name, "--output", str(path), "--json"))
        assert done.code == 0, done.out
        assert path.read_bytes() == uploaded.path_of(name).read_bytes()

    everything = told(
        uploaded("assets", "download", "--prefix", "creative-assets/", "-o", str(tmp_path / "all"), "--json")
    )
    assert everything.code == 0, everything.out


@pytest.mark.operation("demote, promote")
def test_a_file_leaves_and_comes_back(uploaded: Site, told: Told) -> None:
    contents = {name: uploaded.path_of(name).read_bytes() for name in (LARGE, UNICODE)}

    gone = told(uploaded("tiers", "demote", LARGE, UNICODE, "--yes", "--json"))
    assert gone.code == 0, gone.out
    assert not any(uploaded.path_of(name).exists() for name in contents)

    back = told(uploaded("tiers", "promote", LARGE, UNICODE, "--json"))
    assert back.code == 0, back.out
    assert {name: uploaded.path_of(name).read_bytes() for name in contents} == contents


@pytest.mark.operation("go on after kill -9")
def test_an_upload_that_was_killed_in_a_large_file_is_completed(site: Site, told: Told) -> None:
    process = site.program.start("migrate", "upload", "--yes", "--max-bandwidth", "6MiB/s")
    records = site.home / ".local/state/creative-s3/unfinished-uploads"
    wait_until(lambda: any(path.stat().st_size for path in records.glob("*.json")), within_s=60)
    process.kill()
    process.wait()

    done = told(site("migrate", "upload", "--yes", "--json"))

    assert done.code == 0, done.out
    key = site.key_of(LARGE)
    assert site.client.head_object(Bucket=site.bucket, Key=key)["ContentLength"] == LARGE_BYTES
    assert site("migrate", "validate", "--deep", "--json").code == 0


@pytest.mark.operation("doctor")
def test_the_doctor_finds_no_fault(uploaded: Site, record_property: Note) -> None:
    done = uploaded("doctor", "--json")

    assert done.code == 0, done.out
    checks: list[dict[str, Any]] = done.data["checks"]
    lacking = [check["name"] for check in checks if "not supported" in str(check)]
    if lacking:
        record_property("told", f"not supported: {', '.join(lacking)}")


@pytest.mark.operation("bucket check")
def test_the_bucket_is_looked_at(site: Site, told: Told) -> None:
    assert told(site("bucket", "check", "--json")).code == 0


@pytest.mark.operation("bucket create")
def test_a_new_bucket_has_what_the_server_has(site: Site, record_property: Note) -> None:
    name = f"{site.bucket}-new"

    done = site("bucket", "create", name, "--yes", "--json")

    assert done.code == 0, done.out
    assert name in {bucket["Name"] for bucket in site.client.list_buckets()["Buckets"]}
    for row in done.data["changes"]:
        assert row["outcome"] in {"proved", "unchanged", None}, row
    left_out = {row["part"] for row in done.data["left_out"]}
    if left_out:
        record_property("told", f"left out: {', '.join(sorted(left_out))}")
    again = site("bucket", "apply", "--json", "--dry-run", "--all", S3_BUCKET_NAME=name)
    assert again.code == 0, shlex.join(["bucket", "apply"]) + again.out
    needed = {row["configuration"] for row in again.data["changes"] if row["needed"]}
    assert needed <= {row["configuration"] for row in done.data["changes"] if row["outcome"] is None}
