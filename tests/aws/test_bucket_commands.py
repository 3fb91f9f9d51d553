"""The `bucket` commands on moto, which stands for AWS: what only AWS has, and where moto is not believed."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import boto3
import botocore.handlers
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from creative_s3.cli.app import app
from creative_s3.core.s3.connection import accelerated, connect
from creative_s3.core.transfers.crt_serializer import LeanSerializer
from creative_s3.errors import SettingsError
from creative_s3.settings import S3Config
from tests.aws.scripted_s3 import answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.awsrequest import AWSResponse
    from types_boto3_s3 import S3Client

REGION = "eu-west-3"
BUCKET = "creative-assets-somewhere"
COPY = "creative-assets-copy"
ROLE = "arn:aws:iam::123456789012:role/copy"
ASKED = ("ConfirmationRequired", "ClientRequestToken", "RoleArn", "SourceBucket")
QUEUE = "arn:aws:sqs:eu-west-3:123456789012:told"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    """AWS without a bucket, and settings that name one."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "S3_BUCKET_NAME": BUCKET,
        "S3_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        client = boto3.client("s3", region_name=REGION)
        yield client
        client.close()


@pytest.fixture
def made(aws: S3Client) -> S3Client:
    """The bucket and another one in a second region; both keep versions."""
    make(aws, BUCKET)
    elsewhere = boto3.client("s3", region_name="eu-central-1")
    elsewhere.create_bucket(Bucket=COPY, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    elsewhere.put_bucket_versioning(Bucket=COPY, VersioningConfiguration={"Status": "Enabled"})
    elsewhere.close()
    return aws


def make(aws: S3Client, name: str) -> None:
    aws.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    aws.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    result = CliRunner().invoke(app, [*arguments, "--json"])
    envelope: dict[str, Any] = json.loads(result.stdout)
    return result.exit_code, envelope


def rows(envelope: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["configuration"]: row for row in envelope["data"]["changes"]}


def test_a_new_bucket_gets_everything_that_guards_it(aws: S3Client) -> None:
    code, envelope = run("bucket", "create", BUCKET, "--yes")
    assert (code, {row["outcome"] for row in envelope["data"]["changes"]}) == (0, {"proved", None})
    assert aws.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] == REGION
    assert aws.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert set(aws.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values()) == {
        True
    }
    owner = aws.get_bucket_ownership_controls(Bucket=BUCKET)["OwnershipControls"]["Rules"]
    assert owner == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    (tls,) = json.loads(aws.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert tls["Resource"] == [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"]
    # moto takes the policy's Deny for all requests, whatever its condition says: reading seems denied, too.
    _, envelope = run("bucket", "check")
    found = {check["name"]: check["status"] for check in envelope["data"]["checks"]}
    for name in ("versioning", "encryption", "public access", "ownership", "TLS only", "policy"):
        assert found[name] == "ok"


def test_a_bucket_that_lacks_them_gets_a_fixing_command_for_each_and_they_work(aws: S3Client) -> None:
    make(aws, BUCKET)
    aws.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    _, envelope = run("bucket", "check")
    fixes = [str(check["fix"]) for check in envelope["data"]["checks"] if check["status"] == "warning"]
    assert len(fixes) == 5
    for fix in fixes:
        assert run(*fix.split("  # ")[0].split()[1:], "--yes")[0] == 0, fix
    _, envelope = run("bucket", "check")
    left = [check["name"] for check in envelope["data"]["checks"] if check["status"] == "warning"]
    assert left == ["leftovers"]  # now that it keeps versions, a rule for old ones


def test_an_acceleration_that_is_asked_for_and_off_is_a_problem(
    made: S3Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_USE_ACCELERATE", "true")
    code, envelope = run("bucket", "check")
    assert code == 4
    found = {check["name"]: check for check in envelope["data"]["checks"]}
    assert found["acceleration"]["fix"] == "creative-s3 bucket apply --only acceleration"
    assert run("bucket", "apply", "--yes")[0] == 0
    assert made.get_bucket_accelerate_configuration(Bucket=BUCKET)["Status"] == "Enabled"
    assert run("bucket", "accelerate", "status")[1]["data"] == {"bucket": BUCKET, "on": True, "used": True}
    assert run("bucket", "accelerate", "off", "--yes")[0] == 0
    assert made.get_bucket_accelerate_configuration(Bucket=BUCKET)["Status"] == "Suspended"


def test_replication_is_set_up_and_shown_and_the_role_gets_its_policy(made: S3Client) -> None:
    code, envelope = run("bucket", "replicate", COPY, "--role", ROLE, "--yes")
    assert (code, rows(envelope)["replication"]["outcome"]) == (0, "proved")
    assert envelope["data"]["role_policy"]["Statement"][2]["Resource"] == f"arn:aws:s3:::{COPY}/*"
    assert any("--existing" in warning for warning in envelope["warnings"])
    (rule,) = made.get_bucket_replication(Bucket=BUCKET)["ReplicationConfiguration"]["Rules"]
    assert rule["Destination"]["Bucket"] == f"arn:aws:s3:::{COPY}"
    code, envelope = run("bucket", "replication", "status", "--sample", "5")
    assert (code, len(envelope["data"]["rules"])) == (0, 1)


@pytest.mark.usefixtures("made")
def test_what_moto_gives_back_otherwise_is_not_taken_for_proof() -> None:
    """moto answers with an empty prefix and without delete markers, whatever was put; S3 may take a while."""
    arguments = ("--role", ROLE, "--prefix", "creative-assets/", "--delete-markers", "--yes")
    code, envelope = run("bucket", "replicate", COPY, *arguments)
    assert (code, envelope["ok"], rows(envelope)["replication"]["outcome"]) == (7, False, "different")
    found = rows(envelope)["replication"]["found"]["Rules"][0]
    assert (found["DeleteMarkerReplication"]["Status"], found["Filter"]) == ("Disabled", {"Prefix": ""})


def test_a_side_without_versions_refuses_replication(made: S3Client) -> None:
    made.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})
    code, envelope = run("bucket", "replicate", COPY, "--role", ROLE, "--yes")
    assert (code, envelope["error"]["item"]) == (8, BUCKET)
    assert run("bucket", "replicate", COPY, "--role", "copy", "--yes")[0] == 2
    assert run("bucket", "replicate", BUCKET, "--role", ROLE, "--yes")[0] == 2


def test_a_queue_is_told_beside_a_topic_of_others(made: S3Client) -> None:
    sqs: Any = boto3.client("sqs", region_name=REGION)
    sns: Any = boto3.client("sns", region_name=REGION)
    sqs.create_queue(QueueName="told")
    topic = sns.create_topic(Name="theirs")["TopicArn"]
    theirs: Any = {"Id": "theirs", "TopicArn": topic, "Events": ["s3:ObjectRemoved:*"]}
    made.put_bucket_notification_configuration(
        Bucket=BUCKET, NotificationConfiguration={"TopicConfigurations": [theirs]}
    )
    arguments = ("bucket", "notify", "--sqs", QUEUE, "--suffix", ".png")
    code, envelope = run(*arguments, "--yes")
    assert (code, rows(envelope)["notification"]["kept"]) == (0, ["theirs"])
    found = made.get_bucket_notification_configuration(Bucket=BUCKET)
    assert found["TopicConfigurations"] == [theirs]
    assert found["QueueConfigurations"][0]["Id"] == "creative-s3:sqs:told::.png"
    assert run(*arguments)[1]["data"]["changes"][0]["needed"] is False
    assert run("bucket", "notify", "--sqs", QUEUE, "--prefix", "creative-assets/", "--yes")[0] == 8


def test_logs_go_where_they_may_be_written_and_stop_again(made: S3Client) -> None:
    logs = "creative-assets-logs"
    make(made, logs)
    code, envelope = run("bucket", "logging", "on", "--target", logs, "--yes")
    assert code == 0
    assert {row["outcome"] for row in envelope["data"]["changes"]} == {"proved"}
    assert run("bucket", "logging", "status")[1]["data"]["on"] is True
    (statement,) = json.loads(made.get_bucket_policy(Bucket=logs)["Policy"])["Statement"]
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
    assert run("bucket", "logging", "off", "--yes")[0] == 0
    assert "LoggingEnabled" not in made.get_bucket_logging(Bucket=BUCKET)
    assert run("bucket", "logging", "on", "--target", BUCKET, "--yes")[0] == 2
    assert run("bucket", "logging", "on", "--target", COPY, "--yes")[0] == 8


def test_a_distribution_is_let_in_with_the_account_that_aws_names(made: S3Client) -> None:
    assert run("bucket", "policy", "tls", "--apply", "--yes")[0] == 0
    code, envelope = run("bucket", "policy", "cdn", "E2EXAMPLE", "--apply", "--yes")
    assert (code, rows(envelope)["policy"]["kept"]) == (0, ["CreativeS3TlsOnly"])
    tls, cdn = json.loads(made.get_bucket_policy(Bucket=BUCKET)["Policy"])["Statement"]
    assert tls["Sid"] == "CreativeS3TlsOnly"
    arn = cdn["Condition"]["StringEquals"]["AWS:SourceArn"]
    assert arn == "arn:aws:cloudfront::123456789012:distribution/E2EXAMPLE"
    assert run("bucket", "policy", "tls", "--apply")[1]["data"]["changes"][0]["needed"] is False


@pytest.mark.usefixtures("made")
def test_the_batch_job_for_what_is_there_waits_for_a_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    """moto has no jobs: botocore makes the request and reads the answer, and only the network is ours."""
    jobs: list[ET.Element] = []

    def take(request: Any, **_: object) -> AWSResponse:  # noqa: ANN401 - botocore's own
        jobs.append(ET.fromstring(request.body))  # noqa: S314 - our own
        return answer(request, 200, "<CreateJobResult><JobId>job-1</JobId></CreateJobResult>")

    builtin = [*botocore.handlers.BUILTIN_HANDLERS, ("before-send.s3-control.CreateJob", take)]
    monkeypatch.setattr(botocore.handlers, "BUILTIN_HANDLERS", builtin)
    arguments = ("bucket", "replicate", COPY, "--role", ROLE, "--existing", "--yes")
    code, envelope = run(*arguments)
    assert code == 0
    assert envelope["data"]["job"]["id"] == "job-1"
    assert "--requested-job-status Ready" in envelope["data"]["job"]["confirm"]
    run(*arguments)
    told = [{name: job.findtext(f".//{{*}}{name}") for name in ASKED} for job in jobs]
    assert [one.pop("ClientRequestToken") is None for one in told] == [False, False]
    assert (
        told
        == [{"ConfirmationRequired": "true", "RoleArn": ROLE, "SourceBucket": f"arn:aws:s3:::{BUCKET}"}] * 2
    )
    assert len({job.findtext("{*}ClientRequestToken") for job in jobs}) == 2  # each is a job of its own


@pytest.mark.usefixtures("aws")
def test_transfers_alone_are_accelerated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_USE_ACCELERATE", "true")
    connection = connect(S3Config.from_env())
    fast = accelerated(connection)
    for one, host in ((connection, f"{BUCKET}.s3.eu-west-3."), (fast, f"{BUCKET}.s3-accelerate.")):
        url = one.client.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "k"})
        assert url.startswith(f"https://{host}amazonaws.com/")
    flight: Any = SimpleNamespace(if_none_match=None, if_match=None)
    request = LeanSerializer(fast).request("get_object", "k", {}, flight)
    assert request.headers.get("host") == f"{BUCKET}.s3-accelerate.amazonaws.com"
    with pytest.raises(SettingsError, match="dots"):
        accelerated(connect(S3Config.from_env(bucket_name="with.dots")))
    elsewhere = connect(S3Config.from_env(endpoint_url="http://127.0.0.1:9"))
    assert accelerated(elsewhere) is elsewhere


def test_moto_takes_a_delete_that_it_does_not_know_for_one_of_the_bucket(aws: S3Client) -> None:
    """The trap that the guard is for: nobody would notice in a green test."""
    make(aws, BUCKET)
    aws.delete_bucket_metrics_configuration(Bucket=BUCKET, Id="EntireBucket")
    assert aws.list_buckets()["Buckets"] == []
