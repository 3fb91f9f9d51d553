"""`cdn setup`: a distribution that has everything, and what is said of one that has not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from creative_s3 import S3Config
from creative_s3.core.cdn.setup import examine_distribution, first_steps
from creative_s3.core.checks.checks import Check, Status
from creative_s3.core.s3.connection import connect
from creative_s3.errors import ExitCode, SettingsError
from tests.aws.conftest import BUCKET

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

    from creative_s3.core.checks.doctor import Diagnosis


def make(**origin: object) -> tuple[str, str]:
    """Make a distribution before the bucket, with an origin access control; return its id and ARN."""
    client: Any = boto3.client("cloudfront", region_name="us-east-1")
    control = client.create_origin_access_control(
        OriginAccessControlConfig={
            "Name": "oac",
            "SigningProtocol": "sigv4",
            "SigningBehavior": "always",
            "OriginAccessControlOriginType": "s3",
        }
    )["OriginAccessControl"]["Id"]
    known = {
        "Id": "s3",
        "DomainName": f"{BUCKET}.s3.us-east-1.amazonaws.com",
        "OriginPath": "/creative-assets",
        "OriginAccessControlId": control,
        "S3OriginConfig": {"OriginAccessIdentity": ""},
        **origin,
    }
    answer = client.create_distribution(
        DistributionConfig={
            "CallerReference": "x",
            "Comment": "",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [known]},
            "DefaultCacheBehavior": {
                "TargetOriginId": "s3",
                "ViewerProtocolPolicy": "redirect-to-https",
                "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
            },
        }
    )["Distribution"]
    client.close()
    return answer["Id"], answer["ARN"]


def allow(s3: S3Client, arn: str) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": ["s3:GetObject"],
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
        "Condition": {"StringEquals": {"AWS:SourceArn": arn}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))


def look(name: str, **config: str) -> Diagnosis:
    """Look at a distribution; moto forgets the access control, which is put into its answers again."""
    connection = connect(S3Config.from_env())

    def complete(parsed: Any, **_: object) -> None:  # noqa: ANN401 - botocore's own
        if "Distribution" in parsed:
            client: Any = boto3.client("cloudfront", region_name="us-east-1")
            listed = client.list_origin_access_controls()["OriginAccessControlList"]["Items"]
            client.close()
            origin = parsed["Distribution"]["DistributionConfig"]["Origins"]["Items"][0]
            origin["OriginAccessControlId"] = listed[0]["Id"]

    def change(parsed: Any, **_: object) -> None:  # noqa: ANN401 - the same
        if "OriginAccessControl" in parsed:
            parsed["OriginAccessControl"]["OriginAccessControlConfig"].update(config)

    session: Any = connection.session
    session.register("after-call.cloudfront.GetDistribution", complete)
    session.register("after-call.cloudfront.GetOriginAccessControl", change)
    return examine_distribution(connection, name)


def looked_at(name: str, **config: str) -> dict[str, Check]:
    return {check.name: check for check in look(name, **config).checks}


def test_a_distribution_that_has_everything_has_no_problem(aws_bucket: S3Client) -> None:
    name, arn = make()
    allow(aws_bucket, arn)
    diagnosis = look(name)
    assert diagnosis.exit_code is ExitCode.OK
    assert {check.status for check in diagnosis.checks} == {Status.OK, Status.NOT_TRIED}


def test_an_access_control_that_does_not_sign_is_a_problem(aws_bucket: S3Client) -> None:
    name, arn = make()
    allow(aws_bucket, arn)
    check = looked_at(name, SigningBehavior="never")["origin access"]
    assert check.status is Status.PROBLEM
    assert "SigningBehavior is never" in check.detail


def test_a_policy_for_another_distribution_is_none_for_this_one(aws_bucket: S3Client) -> None:
    name, arn = make()
    allow(aws_bucket, f"{arn}X")
    check = looked_at(name)["bucket policy"]
    assert check.status is Status.PROBLEM
    assert check.fix == f"creative-s3 bucket policy cdn {name} --apply"


@pytest.mark.usefixtures("aws_bucket")
def test_an_origin_that_is_not_the_bucket_is_a_problem() -> None:
    name, _ = make(DomainName="elsewhere.s3.us-east-1.amazonaws.com")
    check = looked_at(name)["origin"]
    assert check.status is Status.PROBLEM
    assert "elsewhere" in check.detail


@pytest.mark.usefixtures("aws_bucket")
@pytest.mark.parametrize(
    ("path", "status"), [("", Status.WARNING), ("/creative-assets", Status.OK), ("/other", Status.PROBLEM)]
)
def test_the_origin_path_has_to_lead_to_the_prefix(path: str, status: Status) -> None:
    name, _ = make(OriginPath=path)
    assert looked_at(name)["origin path"].status is status


@pytest.mark.usefixtures("aws_bucket")
def test_a_distribution_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        looked_at("ENOSUCH")


@pytest.mark.usefixtures("aws_bucket")
def test_the_first_steps_name_this_bucket() -> None:
    commands = " ".join(step.command or "" for step in first_steps(connect(S3Config.from_env())))
    assert f"{BUCKET}.s3.us-east-1.amazonaws.com" in commands
