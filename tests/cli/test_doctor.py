"""`creative-s3 doctor` as it is run: on a real server, without one, and against servers that misbehave."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest

from creative_s3.core.catalog.places import catalog_path
from creative_s3.core.files.locks import exclusive
from creative_s3.core.local import server as local
from tests.cli.odd_server import odd_server, s3_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from tests.conftest import S3Server

CANARY = "CANARY/secret/that/must/never/be/shown"


@pytest.fixture
def env(server_env: dict[str, str], workspace: Path) -> dict[str, str]:
    return server_env | {"CACHE_DIR": str(workspace / "cache")}


def doctor(env: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "creative_s3", "doctor", *arguments],
        env=dict(env),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def checks(result: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str | None]]:
    return {check["name"]: check for check in json.loads(result.stdout)["data"]["checks"]}


def statuses(result: subprocess.CompletedProcess[str], *names: str) -> list[str | None]:
    found = checks(result)
    return [found[name]["status"] for name in names]


def without_keys(env: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if not name.startswith("AWS_")} | {
        "AWS_EC2_METADATA_DISABLED": "true"
    }


def versions(s3: S3Client, bucket: str) -> list[str]:
    answer = s3.list_object_versions(Bucket=bucket)
    return [entry["Key"] for entry in [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]]


def deny(s3: S3Client, bucket: str, *actions: str) -> None:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(actions),
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
    }
    s3.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )


def test_on_a_healthy_server_nothing_is_a_problem_and_nothing_is_left_behind(
    env: dict[str, str], s3: S3Client, bucket: str
) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    result = doctor(env)
    assert result.returncode == 0
    assert result.stderr == ""
    for line in (
        f"  ✓  bucket              {bucket} exists",
        "  ✓  list                allowed; nothing is under creative-assets/ yet",
        "  ✓  read                allowed",
        "  ✓  write               allowed",
        "  ✓  tags                allowed",
        "  ✓  conditional writes  If-Match is honoured",
        "  ✓  versioning          on",
        "  !  encryption          off, and S3_ENABLE_ENCRYPTION asks for it",
        "  ✓  unfinished uploads  none",
        "  ✓  clock               agrees with the server's",
    ):
        assert line in result.stdout.splitlines()
    assert "✗" not in result.stdout
    assert " warning" in result.stdout.splitlines()[-1]
    assert versions(s3, bucket) == []


def test_json_has_every_check_with_its_fix_and_the_counts(env: dict[str, str]) -> None:
    result = doctor(env, "--json")
    assert result.returncode == 0
    assert result.stderr == ""
    told = json.loads(result.stdout)
    assert (told["command"], told["ok"], told["exit_code"], told["error"]) == ("doctor", True, 0, None)
    assert sum(told["data"]["counts"].values()) == len(told["data"]["checks"])
    assert told["data"]["counts"]["problem"] == 0
    assert checks(result)["versioning"] == {
        "group": "bucket",
        "name": "versioning",
        "status": "warning",
        "detail": "off, and S3_ENABLE_VERSIONING asks for it",
        "fix": "creative-s3 bucket apply --only versioning",
    }


def test_quiet_prints_problems_only(env: dict[str, str]) -> None:
    healthy = doctor(env, "-q")
    assert (healthy.returncode, healthy.stdout, healthy.stderr) == (0, "", "")
    missing = doctor(env, "-q", "--bucket", "no-such-bucket-here")
    assert (missing.returncode, missing.stderr) == (5, "")
    assert missing.stdout == "bucket: no-such-bucket-here does not exist\n"


def test_a_missing_bucket_ends_with_5_and_the_command_that_makes_it(
    env: dict[str, str], s3: S3Client
) -> None:
    result = doctor(env, "--json", "--bucket", "no-such-bucket-here")
    assert result.returncode == 5
    assert checks(result)["bucket"]["fix"] == (
        "creative-s3 bucket create no-such-bucket-here  # or correct S3_BUCKET_NAME"
    )
    assert statuses(result, "credentials", "list", "write", "index.json") == [
        "ok",
        "not-tried",
        "not-tried",
        "ok",
    ]
    assert "no-such-bucket-here" not in [entry["Name"] for entry in s3.list_buckets()["Buckets"]]


def test_without_a_bucket_the_server_and_the_cache_are_looked_at_all_the_same(env: dict[str, str]) -> None:
    del env["S3_BUCKET_NAME"]
    result = doctor(env, "--json")
    assert result.returncode == 4
    assert statuses(result, "bucket name", "credentials", "endpoint", "clock", "bucket", "index.json") == [
        "problem",
        "ok",
        "ok",
        "ok",
        "not-tried",
        "ok",
    ]


def test_a_wrong_secret_is_told_from_an_unknown_key_and_never_shown(
    env: dict[str, str], s3_server: S3Server
) -> None:
    keys = {"AWS_ACCESS_KEY_ID": s3_server.access_key, "AWS_SECRET_ACCESS_KEY": CANARY}
    wrong = doctor(without_keys(env) | keys)
    assert wrong.returncode == 4
    assert "S3 refuses the signature: the secret access key does not match" in wrong.stdout.replace("\n", " ")
    assert "environment variables" in wrong.stdout
    assert CANARY not in wrong.stdout + wrong.stderr
    unknown = doctor(without_keys(env) | keys | {"AWS_ACCESS_KEY_ID": "nobody"}, "-q")
    assert unknown.returncode == 4
    assert unknown.stdout.startswith("credentials: S3 does not know this access key")


def test_without_credentials_the_server_is_still_found_and_the_cache_looked_at(env: dict[str, str]) -> None:
    result = doctor(without_keys(env), "--json")
    assert result.returncode == 4
    assert statuses(result, "credentials", "endpoint", "clock", "list", "index.json") == [
        "problem",
        "ok",
        "ok",
        "not-tried",
        "ok",
    ]


def test_a_profile_that_does_not_exist_is_a_credentials_problem(env: dict[str, str]) -> None:
    result = doctor(env | {"AWS_PROFILE": "missing-profile"}, "--json")
    assert result.returncode == 4
    assert statuses(result, "credentials", "endpoint", "index.json") == ["problem", "not-tried", "ok"]


def test_an_unknown_host_is_named_within_ten_seconds(env: dict[str, str]) -> None:
    started_s = time.monotonic()
    result = doctor(env | {"S3_ENDPOINT_URL": "https://no-such-host.invalid"}, "--json")
    assert time.monotonic() - started_s < 30
    assert result.returncode == 4
    assert checks(result)["endpoint"]["status"] == "problem"
    assert "no-such-host.invalid" in str(checks(result)["endpoint"]["detail"])
    assert statuses(result, "clock", "bucket", "index.json") == ["not-tried", "not-tried", "ok"]


def test_a_stopped_server_is_a_problem_of_the_endpoint(env: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers, and nobody else can take it
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        result = doctor(env | {"S3_ENDPOINT_URL": address}, "-q")
    assert result.returncode == 4
    assert result.stdout == f"endpoint: nothing answers at {address}\n"


def test_plain_http_to_another_machine_is_refused_before_anything_is_sent(env: dict[str, str]) -> None:
    result = doctor(env | {"S3_ENDPOINT_URL": "http://192.0.2.1:9"}, "--json")
    assert result.returncode == 4
    assert "plain http" in str(checks(result)["endpoint"]["detail"])
    assert statuses(result, "credentials", "bucket") == ["not-tried", "not-tried"]


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (["s3:ListBucket"], {"list": "problem"}),
        (["s3:GetObject"], {"read": "problem"}),
        (["s3:PutObject"], {"write": "problem", "tags": "not-tried", "conditional writes": "not-tried"}),
        (
            ["s3:ListBucket", "s3:GetObject", "s3:PutObject"],
            {"list": "problem", "read": "not-tried", "write": "not-tried", "tags": "not-tried"},
        ),
    ],
)
def test_a_denied_permission_is_found_and_named(
    env: dict[str, str], s3: S3Client, bucket: str, actions: list[str], expected: dict[str, str]
) -> None:
    deny(s3, bucket, *actions)
    try:
        result = doctor(env, "--json")
    finally:
        s3.delete_bucket_policy(Bucket=bucket)
    assert result.returncode == 5
    assert statuses(result, *expected) == list(expected.values())
    problems = [check for check in checks(result).values() if check["status"] == "problem"]
    assert len(problems) == 1
    assert str(problems[0]["fix"]).startswith(f"allow {actions[0]} on arn:aws:s3:::{bucket}")
    assert versions(s3, bucket) == []


def test_a_configuration_that_may_not_be_seen_is_only_a_warning(
    env: dict[str, str], s3: S3Client, bucket: str
) -> None:
    deny(s3, bucket, "s3:GetBucketVersioning", "s3:GetEncryptionConfiguration")
    try:
        result = doctor(env, "--json")
    finally:
        s3.delete_bucket_policy(Bucket=bucket)
    assert result.returncode == 0
    assert statuses(result, "versioning", "encryption", "write") == ["warning", "warning", "ok"]


def test_the_commands_for_versioning_and_encryption_do_what_is_asked(
    env: dict[str, str], s3: S3Client, bucket: str
) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    fix = str(checks(doctor(env, "--json", "--bucket", bucket))["encryption"]["fix"])
    assert fix == f"creative-s3 bucket apply --only encryption --bucket {bucket}"
    done = subprocess.run(
        [sys.executable, "-m", "creative_s3", *fix.split()[1:], "--yes"],
        env=env,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    result = doctor(env, "--json")
    assert statuses(result, "versioning", "encryption", "write") == ["ok", "ok", "ok"]
    assert versions(s3, bucket) == []


def test_what_lies_in_the_bucket_shows_checksums_and_unfinished_uploads(
    env: dict[str, str], s3: S3Client, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="creative-assets/a.txt", Body=b"a", ChecksumAlgorithm="CRC64NVME")
    begun = s3.create_multipart_upload(Bucket=bucket, Key="creative-assets/b.bin")
    result = doctor(env, "--json")
    s3.abort_multipart_upload(Bucket=bucket, Key="creative-assets/b.bin", UploadId=begun["UploadId"])
    assert result.returncode == 0
    assert checks(result)["checksums"]["detail"] == "CRC64NVME is kept"
    assert str(checks(result)["unfinished uploads"]["detail"]).startswith("1 with 0.0 MiB, the oldest 0 min")
    assert versions(s3, bucket) == ["creative-assets/a.txt"]


def test_a_broken_index_ends_with_4_and_the_bucket_is_looked_at_all_the_same(
    env: dict[str, str], workspace: Path
) -> None:
    (workspace / "cache" / "index.json").write_bytes(b'{"products": ')
    result = doctor(env, "--json")
    assert result.returncode == 4
    assert statuses(result, "index.json", "write") == ["problem", "ok"]
    assert (workspace / "cache" / "index.json").read_bytes() == b'{"products": '


def test_another_run_is_named(env: dict[str, str], workspace: Path) -> None:
    with exclusive(catalog_path(workspace / "cache").with_name("lock")):
        result = doctor(env, "--json")
    assert result.returncode == 0
    assert f"held by process {os.getpid()} on" in str(checks(result)["lock"]["detail"])


def test_a_plain_terminal_gets_ascii_and_narrow_lines_that_a_shell_can_join(env: dict[str, str]) -> None:
    result = doctor(env | {"LANG": "C", "LC_ALL": "C", "COLUMNS": "60"})
    assert result.stdout.isascii()
    assert max(map(len, result.stdout.splitlines())) <= 60
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert "> creative-s3 bucket apply --only versioning" in lines


def test_somebody_without_credentials_is_shown_the_embedded_server(
    env: dict[str, str], tmp_path: Path
) -> None:
    surroundings = without_keys(env) | {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")}
    # An address of nobody, so that no test asks AWS itself.
    surroundings |= {"AWS_ENDPOINT_URL_S3": env["S3_ENDPOINT_URL"]}
    del surroundings["S3_ENDPOINT_URL"]
    idle = doctor(surroundings, "--json")
    assert checks(idle)["embedded server"]["fix"] == "creative-s3 local up"
    directory = tmp_path / "data" / "creative-s3" / "local"
    server = local.start(directory)
    try:
        running = doctor(surroundings, "--json")
    finally:
        local.remove(directory)
    assert running.returncode == 4
    assert server.endpoint_url in str(checks(running)["embedded server"]["detail"])
    assert checks(running)["embedded server"]["fix"] == 'eval "$(creative-s3 local env)"'


def test_a_clock_that_is_20_minutes_off_ends_with_4(env: dict[str, str]) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=20), usegmt=True)
    with odd_server(403, s3_error("RequestTimeTooSkewed"), {"Date": date}) as server:
        result = doctor(env | {"S3_ENDPOINT_URL": server.url}, "--json")
    assert result.returncode == 4
    assert "20 min" in str(checks(result)["clock"]["detail"])
    assert checks(result)["clock"]["status"] == "problem"
    assert statuses(result, "credentials", "list", "index.json") == ["not-tried", "not-tried", "ok"]


def test_the_right_region_is_named_when_the_bucket_is_elsewhere(env: dict[str, str]) -> None:
    body = s3_error("AuthorizationHeaderMalformed", Region="eu-north-1")
    headers = {"x-amz-bucket-region": "eu-north-1"}
    with odd_server(400, body, headers) as server:
        result = doctor(env | {"S3_ENDPOINT_URL": server.url}, "--json")
    assert result.returncode == 4
    assert checks(result)["region"]["status"] == "problem"
    assert "eu-north-1" in str(checks(result)["region"]["detail"])
    assert checks(result)["endpoint"]["status"] == "ok"


def test_an_unknown_server_gets_only_reading_requests_that_it_cannot_mistake(env: dict[str, str]) -> None:
    with odd_server(200, "<?xml version='1.0'?><ListBucketResult/>", {"Server": "SomeS3/1.0"}) as server:
        result = doctor(env | {"S3_ENDPOINT_URL": server.url}, "--json")
        asked = list(server.asked)
    assert "SomeS3" in str(checks(result)["endpoint"]["detail"])
    assert statuses(result, "write", "tags", "conditional writes") == ["not-tried"] * 3
    assert {line.split()[0] for line in asked} == {"GET", "HEAD"}
    queries = {line.partition("?")[2].partition("&")[0].partition("=")[0] for line in asked}
    assert queries <= {"", "list-type", "versioning", "encryption", "uploads", "policy", "lifecycle"}


def test_a_server_that_lacks_an_api_is_named_as_such(env: dict[str, str]) -> None:
    with odd_server(501, s3_error("NotImplemented")) as server:
        result = doctor(env | {"S3_ENDPOINT_URL": server.url}, "--json")
    assert result.returncode == 4
    assert "HTTP 501" in str(checks(result)["endpoint"]["detail"])
