"""The doctor's judgements, and its look at this machine."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import creative_s3
from creative_s3.core.catalog.catalog import Catalog
from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.checks import bucket as checks_bucket
from creative_s3.core.checks import connection as checks_connection
from creative_s3.core.checks import doctor
from creative_s3.core.checks import local as checks_local
from creative_s3.core.checks.checks import Check, Group, Status
from creative_s3.core.checks.connection import Answer, Visit
from creative_s3.core.files.locks import exclusive
from creative_s3.errors import ExitCode
from creative_s3.settings import S3Config

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CHECKOUT = Path(creative_s3.__file__).parents[1]
SERVER = "http://127.0.0.1:8333"


def visit(*, endpoint_url: str | None = SERVER, **settings: Any) -> Visit:  # noqa: ANN401 - any setting
    return Visit(None, S3Config(bucket_name="assets", **settings), endpoint_url, server="")


def look(cache_dir: Path, tmp_path: Path) -> dict[str, Check]:
    found = checks_local.checks(S3Config(cache_dir=cache_dir), log_directory=tmp_path / "log")
    return {check.name: check for check in found}


def check(group: Group, status: Status) -> Check:
    return Check(group, "some", status, "detail")


@pytest.mark.parametrize(
    ("off_s", "status", "detail"),
    [
        (0.0, Status.OK, "agrees with the server's"),
        (-42.0, Status.OK, "42 s off"),
        (300.0, Status.OK, "300 s off"),
        (301.0, Status.PROBLEM, "this machine's clock is 5 min off (fast)"),
        (-1200.0, Status.PROBLEM, "this machine's clock is 20 min off (slow)"),
        (None, Status.NOT_TRIED, "the server does not tell its time"),
    ],
)
def test_a_clock_is_wrong_beyond_five_minutes(off_s: float | None, status: Status, detail: str) -> None:
    found = checks_connection.clock(off_s)
    assert (found.status, found.detail) == (status, detail)
    assert found.exit_code == (ExitCode.SETTINGS if status is Status.PROBLEM else ExitCode.OK)


@pytest.mark.parametrize(
    ("date", "offset_s"),
    [
        ("Sun, 01 Mar 2026 11:40:00 GMT", 1200.0),
        ("Sun, 01 Mar 2026 12:20:00 -0000", -1200.0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_header_gives_the_offset_or_nothing(date: str | None, offset_s: float | None) -> None:
    assert checks_connection.clock_offset_s(date, NOW) == offset_s


@pytest.mark.parametrize(
    ("server", "name"),
    [
        ("AmazonS3", "AWS S3"),
        ("SeaweedFS 8000GB 4.48", "SeaweedFS 4.48"),
        ("MinIO", "MinIO"),
        ("nginx/1.27", "nginx"),
        ("", "a server that does not name itself"),
    ],
)
def test_a_server_is_named_by_its_header(server: str, name: str) -> None:
    assert checks_connection.provider(Answer(SERVER, 403, server)) == name


def test_a_failing_server_is_a_problem_and_plain_http_to_another_machine_a_warning() -> None:
    assert checks_connection.endpoint(Answer(SERVER, 503)).status is Status.PROBLEM
    assert checks_connection.endpoint(Answer("http://s3.example.com", 403)).status is Status.WARNING
    assert checks_connection.endpoint(Answer("https://s3.example.com", 403)).status is Status.OK
    assert checks_connection.endpoint(Answer(SERVER, 403)).status is Status.OK


def test_another_region_is_named_with_its_setting() -> None:
    config = S3Config(bucket_name="assets", region="us-east-1")
    found = checks_connection.region(
        config, Answer("https://s3.amazonaws.com", 403, region="eu-west-3"), None
    )
    assert (found.status, found.exit_code) == (Status.PROBLEM, ExitCode.SETTINGS)
    assert found.detail == "the bucket is in eu-west-3, and S3_REGION is us-east-1"
    assert found.fix == "set S3_REGION=eu-west-3 (in .env), or pass --region eu-west-3"


def test_the_first_problem_decides_the_exit_code_and_warnings_do_not_count() -> None:
    warned = check(Group.SETTINGS, Status.WARNING)
    bucket, local = check(Group.BUCKET, Status.PROBLEM), check(Group.LOCAL, Status.PROBLEM)
    assert doctor.Diagnosis((warned,)).exit_code == ExitCode.OK
    assert doctor.Diagnosis((warned, bucket, local)).exit_code == ExitCode.NOT_FOUND_OR_FORBIDDEN
    assert doctor.Diagnosis((warned, local)).exit_code == ExitCode.SETTINGS
    assert doctor.Diagnosis((warned, bucket, local)).counts == {
        Status.OK: 0,
        Status.WARNING: 1,
        Status.PROBLEM: 2,
        Status.NOT_TRIED: 0,
    }


def test_a_missing_bucket_name_is_a_settings_problem() -> None:
    bucket, parallel = doctor.settings_checks(S3Config(), open_files=1024)
    assert (bucket.status, bucket.exit_code) == (Status.PROBLEM, ExitCode.SETTINGS)
    assert parallel.status is Status.OK


def test_more_parallel_uploads_than_the_shell_allows_files_is_a_warning() -> None:
    config = S3Config(bucket_name="assets", max_parallel_uploads=200)
    _, parallel = doctor.settings_checks(config, open_files=256)
    assert parallel.status is Status.WARNING
    assert parallel.fix == "ulimit -n 464  # or set S3_MAX_PARALLEL_UPLOADS=96"
    _, unlimited = doctor.settings_checks(config, open_files=-1)
    assert unlimited.status is Status.OK


@pytest.mark.parametrize(
    ("status", "wanted", "expected", "detail"),
    [
        ("Enabled", True, Status.OK, "on"),
        ("Suspended", True, Status.WARNING, "suspended, and S3_ENABLE_VERSIONING asks for it"),
        ("", True, Status.WARNING, "off, and S3_ENABLE_VERSIONING asks for it"),
        ("", False, Status.OK, "off; S3_ENABLE_VERSIONING does not ask for it"),
        ("Enabled", False, Status.OK, "on; S3_ENABLE_VERSIONING does not ask for it"),
    ],
)
def test_versioning_is_compared_with_the_setting(
    status: str, *, wanted: bool, expected: Status, detail: str
) -> None:
    found = checks_bucket.versioning(visit(enable_versioning=wanted), status)
    assert (found.status, found.detail) == (expected, detail)


def test_the_command_that_turns_versioning_on_is_our_own() -> None:
    assert checks_bucket.versioning(visit(), "").fix == "creative-s3 bucket apply --only versioning"


def test_aws_encrypts_even_where_no_rule_says_so_and_other_servers_do_not() -> None:
    assert checks_bucket.encryption(visit(endpoint_url=None), {}).detail == "SSE-S3"
    assert checks_bucket.encryption(visit(), {}).status is Status.WARNING
    assert checks_bucket.encryption(visit(enable_encryption=False), {}).status is Status.OK


def test_another_kms_key_is_a_warning() -> None:
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    found = checks_bucket.encryption(visit(kms_key_id="arn:aws:kms:us-east-1:1:key/abc"), rule)
    assert (found.status, found.fix) == (Status.WARNING, "creative-s3 bucket apply --only encryption")


def test_a_kms_key_without_a_bucket_key_is_a_warning() -> None:
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "abc"}
    found = checks_bucket.encryption(visit(), {"ApplyServerSideEncryptionByDefault": default})
    assert found.status is Status.WARNING
    assert "without a bucket key" in found.detail


def test_a_kms_key_may_be_named_by_its_id_or_by_its_arn() -> None:
    rule = {
        "ApplyServerSideEncryptionByDefault": {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": "arn:aws:kms:us-east-1:1:key/abc",
        },
        "BucketKeyEnabled": True,
    }
    assert checks_bucket.encryption(visit(kms_key_id="abc"), rule).status is Status.OK
    assert checks_bucket.encryption(visit(kms_key_id="abd"), rule).status is Status.WARNING


def upload(key: str, age: timedelta) -> dict[str, object]:
    return {"Key": key, "UploadId": f"id of {key}", "Initiated": NOW - age}


def test_unfinished_uploads_are_a_warning_once_they_are_a_day_old() -> None:
    young = checks_bucket.uploads((upload("a", timedelta(hours=23)),), more=False, size_bytes=0, now=NOW)
    assert (young.status, young.detail[:35]) == (Status.OK, "1 with 0.0 MiB, the oldest 23 h old")
    old = checks_bucket.uploads(
        (upload("a b", timedelta(days=3)), upload("c", timedelta(minutes=5))),
        more=False,
        size_bytes=5 * 1024**2,
        now=NOW,
    )
    assert (old.status, old.detail, old.fix) == (
        Status.WARNING,
        "2 with 5.0 MiB, the oldest 3 days old; S3 charges for their parts",
        "creative-s3 bucket uploads --abort-older 1d",
    )


def test_uploads_that_nobody_counted_have_no_size() -> None:
    found = tuple(upload(name, timedelta(days=3)) for name in "ab")
    detail = checks_bucket.uploads(found, more=True, size_bytes=None, now=NOW).detail
    assert detail == "at least 2, the oldest 3 days old; S3 charges for their parts"


@pytest.mark.parametrize(
    ("free", "total", "status"),
    [
        (50 * 1024**3, 100 * 1024**3, Status.OK),
        (1024**3 - 1, 2 * 1024**3, Status.WARNING),
        (4 * 1024**3, 100 * 1024**3, Status.WARNING),
    ],
)
def test_a_disk_is_full_below_one_gib_or_five_percent(free: int, total: int, status: Status) -> None:
    assert checks_local.disk(free, total).status is status


def test_a_healthy_cache_has_no_problem_and_looking_makes_nothing(workspace: Path, tmp_path: Path) -> None:
    before = sorted(workspace.rglob("*"))
    found = look(workspace / "cache", tmp_path)
    assert not [check for check in found.values() if check.status is Status.PROBLEM]
    assert found["index.json"].status is Status.OK
    assert found["catalog"].detail == "not made yet; the first upload makes it"
    assert sorted(workspace.rglob("*")) == before
    assert not (tmp_path / "log").exists()


AS_SOMEBODY_ELSE = """
import json, os, sys
from pathlib import Path
from creative_s3.core.checks import local as checks_local
from creative_s3.settings import S3Config

def look(log):
    found = checks_local.checks(S3Config(cache_dir=Path(sys.argv[1])), log_directory=log)
    return {check.name: [check.status, check.detail] for check in found}

look(Path("log"))  # loads every module while they can still be read
if os.geteuid() == 0:  # root may write anywhere
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
print(json.dumps(look(Path(sys.argv[1], "log"))))
"""


def test_a_read_only_cache_and_log_directory_are_only_warnings(workspace: Path) -> None:
    # Not below pytest's own directory: that is closed to other users.
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name, "workspace")
        shutil.copytree(workspace, copy)
        places = (Path(name), copy, *copy.rglob("*"))
        for path in places:
            path.chmod(0o555 if path.is_dir() else 0o444)
        try:
            result = subprocess.run(
                [sys.executable, "-c", AS_SOMEBODY_ELSE, str(copy / "cache")],
                cwd=name,
                env={"PYTHONPATH": str(CHECKOUT), "HOME": name, "LANG": "C.UTF-8"},
                capture_output=True,
                encoding="utf-8",
                check=False,
            )
        finally:
            for path in places:
                path.chmod(0o700)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["cache directory"][0] == "warning"
    assert "is read-only: uploads work" in found["cache directory"][1]
    assert [found[name][0] for name in ("index.json", "catalog", "log directory")] == ["ok", "ok", "warning"]


def test_a_missing_cache_directory_leaves_the_rest_untried(tmp_path: Path) -> None:
    found = look(tmp_path / "gone", tmp_path)
    assert found["cache directory"].status is Status.PROBLEM
    assert found["index.json"].status is Status.NOT_TRIED
    assert found["log directory"].status is Status.OK


def test_a_broken_index_is_named_with_line_and_column(workspace: Path, tmp_path: Path) -> None:
    (workspace / "cache" / "index.json").write_text('{"products": {\n', encoding="utf-8")
    found = look(workspace / "cache", tmp_path)
    assert found["index.json"].exit_code == ExitCode.SETTINGS
    assert "line 2, column 1" in found["index.json"].detail
    assert found["indexed files"].status is Status.NOT_TRIED
    assert found["catalog"].status is Status.OK


def test_entries_that_are_set_aside_and_files_that_do_not_match_are_counted_and_named(tmp_path: Path) -> None:
    cache = tmp_path / "work" / "cache"
    cache.mkdir(parents=True)
    for name in ("a.jpg", "b.jpg"):
        (cache / name).write_bytes(b"x")
    index = {
        "cache_entries": {
            "fine": {"file_path": "cache/a.jpg", "metadata": {}},
            "gone": {"file_path": "cache/gone.jpg", "metadata": {}},
            "out": {"file_path": "../out.jpg", "metadata": {}},
            "odd": 7,
        }
    }
    (cache / "index.json").write_text(json.dumps(index), encoding="utf-8")
    found = look(cache, tmp_path)
    assert found["index.json"].status is Status.WARNING
    assert "1 not understood (cache_entries.odd: " in found["index.json"].detail
    assert "1 refused (cache_entries.out: " in found["index.json"].detail
    assert found["indexed files"].detail == "1 there, 1 missing (cache/gone.jpg)"
    assert found["unindexed files"].detail == "1 file that no entry names (cache/b.jpg)"


def test_a_damaged_or_newer_catalog_is_a_problem_and_stays_as_it_is(workspace: Path, tmp_path: Path) -> None:
    path = catalog_path(workspace / "cache")
    with Catalog(path, bucket="b"):
        pass
    assert look(workspace / "cache", tmp_path)["catalog"].status is Status.OK
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
        database.commit()
    newer = look(workspace / "cache", tmp_path)["catalog"]
    assert (newer.status, newer.fix) == (Status.PROBLEM, "pipx upgrade creative-s3")
    path.write_bytes(b"this is no database" * 100)
    damaged = look(workspace / "cache", tmp_path)["catalog"]
    assert damaged.status is Status.PROBLEM
    rebuild = f"creative-s3 catalog rebuild --cache-dir {workspace / 'cache'}"
    assert (damaged.fix or "").split("  #")[0] == rebuild
    assert path.read_bytes() == b"this is no database" * 100


def test_a_held_lock_names_its_owner_and_is_not_disturbed(workspace: Path, tmp_path: Path) -> None:
    path = catalog_path(workspace / "cache").with_name("lock")
    assert look(workspace / "cache", tmp_path)["lock"].detail == "free"
    with exclusive(path):
        held = look(workspace / "cache", tmp_path)["lock"]
        assert held.status is Status.WARNING
        assert held.detail.startswith(f"held by process {os.getpid()} on ")
    with exclusive(path):
        pass
    assert look(workspace / "cache", tmp_path)["lock"].detail == "free"


def test_leftovers_of_killed_downloads_are_named_once_they_are_an_hour_old(
    workspace: Path, tmp_path: Path
) -> None:
    left = workspace / "cache" / ".a.jpg.creative-s3-0123abcd.part.XyZ"
    left.write_bytes(b"half")
    assert look(workspace / "cache", tmp_path)["leftovers"].status is Status.OK
    long_ago = left.stat().st_mtime - 7200
    os.utime(left, (long_ago, long_ago))
    found = look(workspace / "cache", tmp_path)["leftovers"]
    assert found.status is Status.WARNING
    assert left.name in found.detail
    assert (found.fix or "").endswith("-mmin +60 -delete")


def test_a_log_directory_that_cannot_be_made_is_a_warning(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    found = checks_local.checks(
        S3Config(cache_dir=workspace / "cache"), log_directory=tmp_path / "file" / "log"
    )
    assert found[-1].status is Status.WARNING
