"""Servers that do one thing in their own way: the main job is done there, or refused by name."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from typing import TYPE_CHECKING

import pytest

from tests.servers import odd
from tests.servers.conftest import site_on
from tests.servers.site import LARGE, UNICODE, Site
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.program import Result
    from tests.servers.server import Running

    MakeSite = Callable[..., Site]

# moto with its CRC64NVME, so that checksums are missing only where the oddity takes them away.
BARE = (odd.without_checksums,)
ODD: dict[str, tuple[odd.Oddity, ...]] = {
    "ceph, versioned": (*BARE, odd.if_match_is_never_met, odd.complete_has_no_etag),
    "ceph, unversioned": (*BARE, odd.if_match_is_met_bare, odd.complete_has_no_etag),
    "swift": (*BARE, odd.if_match_is_501),
    "If-Match is 405": (*BARE, odd.if_match_is_405),
    "no condition is ever met": (*BARE, odd.if_match_is_never_met, odd.if_none_match_is_never_met),
    "the same, with checksums": (odd.if_match_is_never_met, odd.if_none_match_is_never_met),
    "conditions ignored": (*BARE, odd.without_conditions),
    "Complete takes no conditions": (odd.complete_takes_no_conditions,),
    "rclone": (odd.complete_has_another_etag,),
    "rclone, without checksums": (*BARE, odd.complete_has_another_etag),
    "no metadata": (odd.without_metadata,),
    "no metadata, no checksums": (*BARE, odd.without_metadata),
    "no metadata, no checksums, no conditions": (*BARE, odd.without_metadata, odd.without_conditions),
    "weak ETags": (*BARE, odd.etags_are_weak),
    "ETags in capitals": (*BARE, odd.etags_are_in_capitals),
    "no ETags in lists": (*BARE, odd.lists_have_no_etags),
    "other ETags in lists": (*BARE, odd.lists_have_other_etags),
    "GET refuses If-Match": (*BARE, odd.get_takes_no_conditions),
    "Range ignored": (odd.ranges_are_ignored,),
}
EVERY_DAY = (
    "ceph, versioned",
    "swift",
    "no condition is ever met",
    "conditions ignored",
    "rclone, without checksums",
    "no metadata, no checksums, no conditions",
    "no ETags in lists",
    "weak ETags",
    "GET refuses If-Match",
    "Range ignored",
)
"""The whole main job takes long on each: all of them are for ``nox -s long``, with ``EVERY_ODDITY``."""


@pytest.fixture
def make_site(start: Callable[[str], Running], whole_workspace: Path, tmp_path: Path) -> Iterator[MakeSite]:
    """Returns a site on a server with these oddities."""
    with contextlib.ExitStack() as stack:

        def make(*oddities: odd.Oddity) -> Site:
            moto = start("moto")
            proxy = stack.enter_context(odd.odd_server(moto.endpoint_url, *oddities))
            running = dataclasses.replace(moto, endpoint_url=proxy.url)
            plain = stack.enter_context(contextlib.contextmanager(site_on)(moto, whole_workspace, tmp_path))
            return dataclasses.replace(plain, server=running)

        yield make


def upload(site: Site) -> Result:
    return site("migrate", "upload", "--yes", "--json")


@pytest.mark.parametrize("name", ODD if os.environ.get("EVERY_ODDITY") else EVERY_DAY)
def test_the_main_job_is_done_with_each_oddity(name: str, make_site: MakeSite, tmp_path: Path) -> None:
    site = make_site(*ODD[name])

    first = upload(site)
    assert first.code == 0, first.out
    keys = site.keys()
    again = upload(site)
    assert (again.code, again.data["uploaded"]) == (0, 0), again.out

    site.path_of(UNICODE).write_bytes(b"melted")
    large = site.path_of(LARGE)
    large.write_bytes(large.read_bytes()[::-1])
    index = site.cwd / "cache" / "index.json"
    index.write_text(index.read_text(encoding="utf-8").replace('"size_bytes": 4', '"size_bytes": 6'))
    edited = upload(site)
    assert (edited.code, edited.data["uploaded"]) == (0, 2), edited.out
    assert site.keys() == keys
    objects = site.objects()
    for one in (UNICODE, LARGE):
        assert objects[site.key_of(one)] == site.path_of(one).read_bytes()
    assert site.published()[UNICODE]["size_bytes"] == 6
    third = upload(site)
    assert (third.code, third.data["uploaded"]) == (0, 0), third.out

    deep = site("migrate", "validate", "--deep", "--json")
    assert deep.code == 0, deep.out
    fetched = site("assets", "download", LARGE, "--output", str(tmp_path / "large"), "--json")
    assert fetched.code == 0, fetched.out
    assert (tmp_path / "large").read_bytes() == large.read_bytes()
    listed = site(
        "assets", "download", "--prefix", "creative-assets/cache/", "-o", str(tmp_path / "l"), "--json"
    )
    assert listed.code == 0, listed.out
    gone = site("tiers", "demote", LARGE, UNICODE, "--yes", "--json")
    assert gone.code == 0, gone.out
    back = site("tiers", "promote", LARGE, UNICODE, "--json")
    assert back.code == 0, back.out
    assert site.path_of(UNICODE).read_bytes() == b"melted"


@pytest.mark.parametrize(
    "name", ["ceph, versioned", "swift", "conditions ignored", "no metadata, no checksums"]
)
def test_another_writers_object_is_never_replaced_there(name: str, make_site: MakeSite) -> None:
    site = make_site(*ODD[name])
    assert upload(site).code == 0
    site.path_of(UNICODE).write_bytes(b"melted")
    key = site.key_of(UNICODE)
    site.client.put_object(Bucket=site.bucket, Key=key, Body=b"of another writer")

    done = upload(site)

    assert done.code in {0, 3}, done.out
    assert site.client.get_object(Bucket=site.bucket, Key=key)["Body"].read() == b"of another writer"


def test_what_a_server_does_with_conditions_is_told_and_remembered(make_site: MakeSite) -> None:
    site = make_site(*ODD["ceph, versioned"])
    assert upload(site).code == 0
    for content in (b"melted", b"frozen"):
        site.path_of(UNICODE).write_bytes(content)
        done = upload(site)
        assert done.code == 0
        (said,) = [one for one in done.envelope["warnings"] if "conditions" in one]
        assert said.startswith("this server refuses conditions on objects that are replaced: each key")
    checks = site("doctor", "--json").data["checks"]
    (check,) = (one for one in checks if one["name"] == "conditional writes")
    assert check["status"] == "warning"
    assert "to create: honoured; to replace: refused" in check["detail"]


def test_equal_bytes_under_the_wanted_key_are_the_asset_where_metadata_is_lost(make_site: MakeSite) -> None:
    site = make_site(*ODD["no metadata, no checksums"])
    assert upload(site).code == 0
    keys = site.keys()
    for _ in range(2):
        for path in (site.cwd / "cache" / ".creative-s3").iterdir():
            if path.is_file():
                path.unlink()
        done = upload(site)
        assert (done.code, done.data["uploaded"]) == (0, 0), done.out
        assert site.keys() == keys


@pytest.mark.parametrize("status", [400, 403, 405, 501])
def test_an_upload_goes_on_after_kill_9_where_parts_are_not_listed(status: int, make_site: MakeSite) -> None:
    def lists_no_parts(asked: odd.Asked, pass_on: odd.PassOn) -> odd.Said:
        if asked.method == "GET" and "uploadId" in asked.query:
            return odd.refused(
                status, {403: "AccessDenied", 400: "InvalidRequest"}.get(status, "NotImplemented")
            )
        return pass_on(asked)

    site = make_site(*BARE, lists_no_parts)
    process = site.program.start("migrate", "upload", "--yes", "--max-bandwidth", "6MiB/s")
    records = site.home / ".local/state/creative-s3/unfinished-uploads"
    wait_until(lambda: any(path.stat().st_size for path in records.glob("*.json")), within_s=60)
    process.kill()
    process.wait()

    done = upload(site)

    assert done.code == 0, done.out
    assert site.objects()[site.key_of(LARGE)] == site.path_of(LARGE).read_bytes()
    uploads = site.client.list_multipart_uploads(Bucket=site.bucket).get("Uploads", [])
    assert uploads == []


def test_an_object_is_shown_where_its_tags_cannot_be_read(make_site: MakeSite) -> None:
    site = make_site(odd.without_tagging)
    assert upload(site).code == 0

    shown = site("assets", "show", LARGE, "--json")

    assert shown.code == 0, shown.out
    assert site.key_of(LARGE) in shown.out


def test_a_rule_in_the_older_form_is_the_rule_that_was_wanted(make_site: MakeSite) -> None:
    site = make_site(odd.lifecycle_has_the_older_form)
    name = f"{site.bucket}-new"

    made = site("bucket", "create", name, "--yes", "--json")

    assert made.code == 0, made.out
    assert {row["configuration"]: row["outcome"] for row in made.data["changes"]}["lifecycle"] == "proved"
    again = site(
        "bucket", "apply", "--only", "unfinished-uploads", "--dry-run", "--json", S3_BUCKET_NAME=name
    )
    assert [row["needed"] for row in again.data["changes"]] == [False]
    for needed in (True, False):  # rules of a prefix, too
        done = site("lifecycle", "set", "--expire", "400d", "--yes", "--json", S3_BUCKET_NAME=name)
        assert (done.code, done.data["changed"]) == (0, needed), done.out


def test_a_bucket_is_made_where_there_are_no_versions(make_site: MakeSite) -> None:
    site = make_site(odd.without_versioning)
    name = f"{site.bucket}-new"

    made = site("bucket", "create", name, "--yes", "--json")

    assert made.code == 0, made.out
    assert "versioning" in {row["part"] for row in made.data["left_out"]}
    asked_for = site("bucket", "apply", "--only", "versioning", "--yes", "--json", S3_BUCKET_NAME=name)
    assert asked_for.code == 4, asked_for.out


def test_the_name_of_a_bucket_that_is_there_is_written_whatever_failed_then(
    make_site: MakeSite,
) -> None:
    def fails(asked: odd.Asked, pass_on: odd.PassOn) -> odd.Said:
        denies = asked.method == "PUT" and "encryption" in asked.query
        return odd.refused(403, "AccessDenied") if denies else pass_on(asked)

    site = make_site(fails)
    name = f"{site.bucket}-new"

    made = site("bucket", "create", name, "--yes", "--write-env", "--json")

    assert made.code == 3, made.out
    assert made.data["env_changed"] == ["S3_BUCKET_NAME", "S3_REGION"]
    assert f"S3_BUCKET_NAME={name}" in (site.cwd / ".env").read_text(encoding="utf-8")


@pytest.mark.parametrize("uploads", [(501, "NotImplemented"), (404, "NoSuchUpload")])
def test_rules_are_simulated_where_a_server_has_none(make_site: MakeSite, uploads: tuple[int, str]) -> None:
    def has_few(asked: odd.Asked, pass_on: odd.PassOn) -> odd.Said:
        if "uploads" in asked.query and asked.method == "GET":
            return odd.refused(*uploads)
        lacks = asked.query.keys() & {"lifecycle", "versions", "versioning"}
        return odd.refused(501, "NotImplemented") if lacks else pass_on(asked)

    site = make_site(has_few)
    assert upload(site).code == 0

    for options in ((), ("--expire", "400d"), ("--suggest",)):
        done = site("lifecycle", "simulate", "--months", "2", *options, "--json")
        assert done.code == 0, done.out
        (said,) = done.envelope["warnings"]
        assert said.startswith("this server has no lifecycle rules, so it would carry out none of these")
    listed = site("bucket", "uploads", "--json")
    assert listed.code == (4 if uploads[0] == 501 else 0)
    assert ("this server does not list unfinished uploads" in listed.out) == (uploads[0] == 501)
    checks = {check["name"]: check["status"] for check in site("doctor", "--json").data["checks"]}
    assert checks["unfinished uploads"] == ("not-tried" if uploads[0] == 501 else "ok")


def test_small_files_arrive_where_there_are_no_uploads_in_parts(make_site: MakeSite) -> None:
    def knows_no_parts(asked: odd.Asked, pass_on: odd.PassOn) -> odd.Said:
        if asked.method == "POST" and "uploads" in asked.query:
            return odd.refused(501, "NotImplemented")
        return pass_on(asked)

    site = make_site(knows_no_parts)

    done = upload(site)

    assert done.code == 3, done.out
    assert "this file goes in parts" in done.out
    objects = site.objects()
    missing = {
        path.name
        for path in (site.cwd / "cache").rglob("*")
        if path.is_file() and ".creative-s3" not in path.parts and path.read_bytes() not in objects.values()
    }
    assert "large.bin" in missing
    assert missing <= {"large.bin", "index.json", "not_indexed.jpg"}


@pytest.mark.parametrize("gives_back", [odd.nothing_is_given_back, odd.other_content_is_given_back])
def test_etags_prove_nothing_before_the_server_has_given_one_object_back(
    gives_back: odd.Oddity, make_site: MakeSite, tmp_path: Path
) -> None:
    site = make_site(*BARE, gives_back)
    files = {path: path.read_bytes() for path in (site.cwd / "cache").rglob("*.png")}
    homes = iter(range(100))

    def told(*words: str) -> int:
        """Return the exit code on a machine that does not know the server."""
        home = tmp_path / f"home-{next(homes)}"
        home.mkdir()
        return dataclasses.replace(site, home=home)(*words, "--json").code

    upload = ("migrate", "upload", "--yes")
    to_class = ("lifecycle", "class", "--to", "STANDARD_IA", "--prefix", "creative-assets/", "--yes")
    here = [site(*words, "--json").code for words in (upload, upload, ("validate",), ("validate", "--deep"))]
    elsewhere = [
        told(*words)
        for words in (
            upload,
            ("validate",),
            ("validate", "--deep"),
            to_class,
            ("tiers", "demote", LARGE, UNICODE, "--assume-closed", "--yes"),
        )
    ]

    assert here == [3, 3, 7, 7]
    assert elsewhere == [3, 7, 7, 3, 3]
    assert files == {path: path.read_bytes() for path in (site.cwd / "cache").rglob("*.png")}


def test_what_was_only_told_by_an_etag_is_sent_again_once_the_server_gives_it_back(
    make_site: MakeSite,
) -> None:
    lies = [odd.other_content_is_given_back]

    def for_now(asked: odd.Asked, pass_on: odd.PassOn) -> odd.Said:
        return lies[0](asked, pass_on) if lies else pass_on(asked)

    site = make_site(*BARE, for_now)
    assert upload(site).code == 3
    again = site("migrate", "upload", "--yes", "--dry-run", "--json")
    counts = again.data["counts"]
    assert (counts["new"], counts["unchanged"], counts["refused"]) == (0, 1, 0)  # the empty file is as it was
    assert counts["changed"] == len(site.keys()) - 2  # that one, and the published index
    lies.clear()

    assert upload(site).code == 0
    assert site("validate", "--deep").code == 0


@pytest.mark.parametrize("gives_back", [odd.nothing_is_given_back, odd.other_content_is_given_back])
def test_a_file_of_the_library_is_not_there_already_because_an_etag_says_so(
    gives_back: odd.Oddity, make_site: MakeSite
) -> None:
    site = make_site(*BARE, gives_back)
    (site.cwd / "x.png").write_bytes(b"a picture")
    site.client.put_object(Bucket=site.bucket, Key="creative-assets/x.png", Body=b"a picture")
    code = (
        "from creative_s3 import *; from pathlib import Path;"
        "m = S3StorageManager(config=S3Config.from_env());"
        "r = m.upload_file(Path('x.png'), 'x.png'); print(r.success, r.already_there)"
    )
    assert site.program.run_python(code).split() == ["False", "False"]
