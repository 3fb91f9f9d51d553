"""The `bucket` commands and `init` on a real server: exit code, streams, then the bucket and the disk."""

from __future__ import annotations

import json
import os
import pty
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from creative_s3.core.bucket.handler import LAMBDA
from tests.cli.inside import Inside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from types_boto3_s3 import S3Client

KEY = "creative-assets/products/hero.png"
ROLE = "arn:aws:iam::111122223333:role/copy"


@pytest.fixture
def cli(server_env: dict[str, str], tmp_path: Path) -> Inside:
    """The program in an empty directory, with a bucket."""
    return Inside(server_env, tmp_path)


@pytest.fixture
def new_name(s3: S3Client, bucket: str) -> Iterator[str]:
    """A name that no bucket has yet."""
    name = f"{bucket}-new"
    yield name
    if name in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
        s3.delete_bucket(Bucket=name)


def bodies(s3: S3Client, bucket: str) -> list[bytes]:
    """Return the content of every version of the key, the newest first; delete markers have none."""
    answer = s3.list_object_versions(Bucket=bucket, Prefix=KEY)
    entries = [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]
    newest = sorted(entries, key=lambda one: (one["IsLatest"], one["LastModified"]), reverse=True)
    return [
        s3.get_object(Bucket=bucket, Key=KEY, VersionId=one["VersionId"])["Body"].read()
        if "Size" in one
        else b""
        for one in newest
    ]


def versioned(s3: S3Client, bucket: str, *contents: bytes) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for content in contents:
        s3.put_object(Bucket=bucket, Key=KEY, Body=content, ChecksumAlgorithm="CRC64NVME")


def test_a_new_bucket_is_versioned_encrypted_and_written_into_env(
    cli: Inside, s3: S3Client, new_name: str
) -> None:
    (cli.cwd / ".env").write_text("OTHER=kept\n", encoding="utf-8")
    plan = cli("bucket", "create", new_name, "--dry-run", "--json")
    assert (plan.code, plan.data["creates"], plan.data["done"]) == (0, True, False)
    with pytest.raises(ClientError):
        s3.head_bucket(Bucket=new_name)
    made = cli("bucket", "create", new_name, "--yes", "--write-env", "--json")
    assert made.code == 0
    assert any("unset S3_BUCKET_NAME" in warning for warning in made.envelope["warnings"])
    outcomes = {row["configuration"]: row["outcome"] for row in made.data["changes"]}
    assert {outcomes[name] for name in ("versioning", "encryption", "lifecycle")} == {"proved"}
    assert [row["part"] for row in made.data["left_out"]] == ["public-access", "tls"]
    assert s3.get_bucket_versioning(Bucket=new_name)["Status"] == "Enabled"
    rules = s3.get_bucket_lifecycle_configuration(Bucket=new_name)["Rules"]
    assert [rule["ID"] for rule in rules] == ["creative-s3:abort-unfinished-uploads"]
    env = (cli.cwd / ".env").read_text(encoding="utf-8")
    assert env.splitlines() == ["OTHER=kept", f"S3_BUCKET_NAME={new_name}", "S3_REGION=us-east-1"]


def test_a_bucket_that_exists_is_left_alone(cli: Inside, s3: S3Client, bucket: str) -> None:
    again = cli("bucket", "create", bucket, "--yes")
    assert (again.code, again.out) == (8, "")
    assert f"creative-s3 bucket check --bucket {bucket}" in again.err
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)


@pytest.mark.parametrize("name", ["xn--a", "Nice", "a..b", "assets-s3alias"])
def test_a_name_that_s3_refuses_ends_with_4(cli: Inside, name: str) -> None:
    refused = cli("bucket", "create", name, "--yes")
    assert (refused.code, refused.out) == (4, "")
    assert name in refused.err


def test_without_a_terminal_a_change_needs_yes(cli: Inside, s3: S3Client, bucket: str) -> None:
    asked = cli("bucket", "apply")
    assert (asked.code, asked.out) == (2, "")
    assert "+Status: Enabled" in asked.err  # the diff comes first
    assert "--yes" in asked.err
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)


def test_apply_does_what_the_settings_say_and_only_that(cli: Inside, s3: S3Client, bucket: str) -> None:
    theirs: Any = {
        "ID": "theirs",
        "Status": "Enabled",
        "Filter": {"Prefix": "logs/"},
        "Expiration": {"Days": 9},
    }
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [theirs]})
    plan = cli("bucket", "apply", "--dry-run", "-q")
    assert (plan.code, plan.out) == (0, "versioning\nencryption\n")
    assert cli("bucket", "apply", "--yes").code == 0
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [theirs]
    done = cli("bucket", "apply", "--only", "unfinished-uploads", "--yes", "--json")
    assert done.data["changes"][0]["kept"] == ["theirs"]
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert rules[0] == theirs
    assert len(rules) == 2
    again = cli("bucket", "apply", "--all")
    assert (again.code, "is so already" in again.out) == (0, True)


def test_settings_that_ask_for_nothing_change_nothing(cli: Inside, s3: S3Client, bucket: str) -> None:
    quiet = Inside({**cli.env, "S3_ENABLE_VERSIONING": "false", "S3_ENABLE_ENCRYPTION": "false"}, cli.cwd)
    assert quiet("bucket", "apply", "-q").out == ""
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)


def test_a_part_that_does_not_exist_is_a_usage_error(cli: Inside) -> None:
    assert cli("bucket", "apply", "--only", "everything").code == 2
    assert cli("bucket", "apply", "--only", "tls", "--all").code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "--only", "public-access", "--yes"),
        ("replicate", "other-bucket", "--role", ROLE, "--yes"),
        ("replication", "status"),
        ("notify", "--eventbridge", "--yes"),
        ("notify", "--sqs", "arn:aws:sqs:us-east-1:111122223333:q", "--yes"),
        ("logging", "on", "--target", "other-bucket", "--account", "111122223333", "--yes"),
        ("logging", "off", "--yes"),
        ("logging", "status"),
        ("accelerate", "on", "--yes"),
        ("accelerate", "off", "--yes"),
        ("accelerate", "status"),
    ],
)
def test_what_the_server_lacks_ends_with_4_and_the_bucket_is_as_it_was(
    cli: Inside, s3: S3Client, bucket: str, arguments: tuple[str, ...]
) -> None:
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"the only copy")
    refused = cli("bucket", *arguments, "--json")
    assert refused.code == 4
    assert refused.envelope["error"]["code"] == "unsupported"
    assert "not supported by this endpoint" in refused.envelope["error"]["message"]
    assert s3.get_object(Bucket=bucket, Key=KEY)["Body"].read() == b"the only copy"


def test_a_deleted_object_comes_back(cli: Inside, s3: S3Client, bucket: str) -> None:
    versioned(s3, bucket, b"first", b"second")
    s3.delete_object(Bucket=bucket, Key=KEY)
    shown = cli("bucket", "versions", "products/hero.png", "--json")
    assert [one["is_delete_marker"] for one in shown.data["versions"]] == [True, False, False]
    assert (cli("bucket", "recover", KEY).code, bodies(s3, bucket)) == (2, [b"", b"second", b"first"])
    back = cli("bucket", "recover", "products/hero.png", "--yes", "--json")
    assert (back.code, back.data["proof"], back.data["key"]) == (0, "checksum", KEY)
    assert bodies(s3, bucket) == [b"second", b"first"]


def test_going_back_keeps_what_was_there(cli: Inside, s3: S3Client, bucket: str) -> None:
    versioned(s3, bucket, b"first", b"second")
    first = cli("bucket", "versions", KEY, "-q").out.splitlines()[-1]
    plan = cli("bucket", "recover", KEY, "--version", first, "--dry-run")
    assert (plan.code, "on top" in plan.out) == (0, True)
    back = cli("bucket", "recover", KEY, "--version", first, "--yes")
    assert back.code == 0
    assert bodies(s3, bucket) == [b"first", b"second", b"first"]


def test_going_back_without_a_version_or_without_versioning_changes_nothing(
    cli: Inside, s3: S3Client, bucket: str
) -> None:
    versioned(s3, bucket, b"first", b"second")
    first = cli("bucket", "versions", KEY, "-q").out.splitlines()[-1]
    assert cli("bucket", "recover", KEY, "--yes").code == 2
    assert cli("bucket", "recover", KEY, "--version", "nowhere", "--yes").code == 5
    assert cli("bucket", "recover", "nothing-here", "--yes").code == 5
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    refused = cli("bucket", "recover", KEY, "--version", first, "--yes")
    assert (refused.code, "bucket apply --only versioning" in refused.err) == (8, True)
    assert bodies(s3, bucket) == [b"second", b"first"]


def test_unfinished_uploads_are_shown_with_their_bytes_and_old_ones_aborted(
    cli: Inside, s3: S3Client, bucket: str
) -> None:
    begun = s3.create_multipart_upload(Bucket=bucket, Key=KEY)["UploadId"]
    s3.upload_part(Bucket=bucket, Key=KEY, UploadId=begun, PartNumber=1, Body=b"x" * 5 * 1024**2)
    elsewhere = s3.create_multipart_upload(Bucket=bucket, Key="elsewhere/a.bin")["UploadId"]
    shown = cli("bucket", "uploads", "--json")
    assert [one["key"] for one in shown.data["uploads"]] == [KEY]
    assert shown.data["size_bytes"] == 5 * 1024**2
    assert cli("bucket", "uploads", "--abort-older", "7d", "--yes", "--json").data["aborted"] == 0
    assert cli("bucket", "uploads", "--abort-older", "0s").code == 2
    done = cli("bucket", "uploads", "--abort-older", "0s", "--yes")
    assert (done.code, "1 upload aborted, 5.0 MiB freed." in done.out) == (0, True)
    left = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    assert [one["Key"] for one in left] == ["elsewhere/a.bin"]
    s3.abort_multipart_upload(Bucket=bucket, Key="elsewhere/a.bin", UploadId=elsewhere)


def test_a_statement_of_others_stays_when_a_distribution_is_let_in(
    cli: Inside, s3: S3Client, bucket: str
) -> None:
    theirs = {
        "Sid": "Theirs",
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:ListBucket",
        "Resource": f"arn:aws:s3:::{bucket}",
    }
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [theirs]}))
    arguments = ("bucket", "policy", "cdn", "E2EXAMPLE", "--account", "111122223333")
    printed = json.loads(cli(*arguments, "-q").out)
    done = cli(*arguments, "--apply", "--yes", "--json")
    assert (done.code, done.data["changes"][0]["kept"]) == (0, ["Theirs"])
    statements = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert statements == [theirs, printed]
    assert cli(*arguments, "--apply").out.strip() == "✓ bucket policy: is so already"


def test_a_policy_that_would_lock_everybody_out_is_refused(cli: Inside, s3: S3Client, bucket: str) -> None:
    assert json.loads(cli("bucket", "policy", "tls", "-q").out)["Resource"] == [
        f"arn:aws:s3:::{bucket}",
        f"arn:aws:s3:::{bucket}/*",
    ]
    refused = cli("bucket", "policy", "tls", "--apply", "--yes")
    assert (refused.code, "plain http" in refused.err) == (8, True)
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket=bucket)


def test_the_iam_policy_is_printed_alone_and_asks_nobody(cli: Inside, bucket: str) -> None:
    nobody = Inside({**cli.env, "S3_ENDPOINT_URL": "http://127.0.0.1:9", "S3_BUCKET_NAME": bucket}, cli.cwd)
    printed = nobody("bucket", "policy", "iam", "--command", "validate", "-q")
    assert (printed.code, printed.err) == (0, "")
    assert json.loads(printed.out)["Statement"][0]["Resource"] == f"arn:aws:s3:::{bucket}"
    assert nobody("bucket", "policy", "iam", "--command", "uplaod").code == 2


def test_the_example_handler_reads_keys_as_they_are(cli: Inside) -> None:
    printed = cli("bucket", "notify", "--example", "lambda", "-q")
    assert (printed.code, printed.out, printed.err) == (0, LAMBDA, "")
    keys = ["creative-assets/a b&c.png", "ü+plus/日本.png", "plain.png"]
    written = ["creative-assets/a+b%26c.png", "%C3%BC%2Bplus/%E6%97%A5%E6%9C%AC.png", "plain.png"]
    event = {
        "Records": [
            {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": key}}}
            for key in written
        ]
    }
    script = (
        f"{printed.out}\nimport json, sys\nprint(json.dumps(lambda_handler(json.load(sys.stdin), None)))\n"
    )
    for given, expected in ((event, keys), ({"Event": "s3:TestEvent"}, [])):
        done = subprocess.run(
            [sys.executable, "-c", script],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout.splitlines()[-1]) == {"handled": expected}


@pytest.mark.parametrize(
    "arguments",
    [
        ("notify",),
        ("notify", "--eventbridge", "--sqs", "arn:aws:sqs:us-east-1:1:q"),
        ("notify", "--eventbridge", "--suffix", ".png"),
        ("notify", "--lambda", "arn:aws:lambda:eu-west-3:1:function:f"),
        ("notify", "--sqs", "arn:aws:sqs:us-east-1:1:q", "--events", "ObjectMade:*"),
        ("logging", "on"),
        ("policy", "cdn", "E2EXAMPLE", "--account", "12"),
        ("uploads", "--abort-older", "soon"),
    ],
)
def test_calls_that_make_no_sense_end_with_2(cli: Inside, arguments: tuple[str, ...]) -> None:
    wrong = cli("bucket", *arguments)
    assert (wrong.code, wrong.out) == (2, "")
    assert "→" in wrong.err


def test_init_without_a_terminal_names_the_flags(cli: Inside) -> None:
    env = {name: value for name, value in cli.env.items() if name != "S3_BUCKET_NAME"}
    asked = Inside(env, cli.cwd)("init")
    assert (asked.code, asked.out) == (2, "")
    for flag in ("--bucket", "--region", "--prefix", "--cache-dir", "--yes"):
        assert flag in asked.err
    assert not (cli.cwd / ".env").exists()


def test_init_writes_what_was_given_keeps_the_rest_and_runs_the_doctor(cli: Inside, bucket: str) -> None:
    (cli.cwd / "cache").mkdir()
    (cli.cwd / "cache" / "index.json").write_text("{}", encoding="utf-8")
    env_file = cli.cwd / ".env"
    env_file.write_text("# mine\nS3_REGION=eu-west-3\nOTHER='x y'\n", encoding="utf-8")
    done = cli("init", "--bucket", bucket, "--region", "us-east-1", "--yes", "--json")
    assert done.code == 0
    assert {check["name"] for check in done.data["checks"]} >= {"bucket", "public access", "index.json"}
    assert env_file.read_text(encoding="utf-8") == (
        f"# mine\nS3_REGION=us-east-1\nOTHER='x y'\nS3_BUCKET_NAME={bucket}\n"
    )
    assert stat.S_IMODE(env_file.stat().st_mode) == 0o600


def test_an_answer_that_cannot_be_used_is_not_written(cli: Inside) -> None:
    refused = cli("init", "--bucket", "No Bucket", "--yes")
    assert (refused.code, (cli.cwd / ".env").exists()) == (4, False)


def test_at_a_terminal_init_asks_and_takes_what_is_offered(cli: Inside, bucket: str) -> None:
    env = {**cli.env, "TERM": "xterm", "COLUMNS": "80"}
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "creative_s3", "init"],
        env=env,
        cwd=cli.cwd,
        stdin=terminal,
        stdout=subprocess.DEVNULL,
        stderr=terminal,
    )
    os.close(terminal)
    os.write(controller, b"No Bucket\n\nmars 1\n\nshots\n\ny\n")  # what cannot be is asked for again
    assert process.wait(60) in {0, 4, 5}  # the doctor's own word on a directory without a cache
    os.close(controller)
    lines = (cli.cwd / ".env").read_text(encoding="utf-8").splitlines()
    assert lines == [f"S3_BUCKET_NAME={bucket}", "S3_REGION=us-east-1", "S3_PREFIX=shots", "CACHE_DIR=cache"]
