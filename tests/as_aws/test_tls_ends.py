"""SeaweedFS behind something that ends TLS, at an address of its own: files, and the TLS-only policy."""

from __future__ import annotations

import json
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trustme
from botocore.exceptions import ClientError

from tests.cli.program import Program
from tests.faults.proxy import FaultProxy
from tests.faults.workshop import a_cache, stored

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from types_boto3_s3 import S3Client

    from tests.conftest import S3Server

OTHERS = {"Sid": "Others", "Effect": "Deny", "Principal": "*", "Action": "s3:PutBucketAcl"}


@pytest.fixture
def program(s3_server: S3Server, server_env: dict[str, str], tmp_path: Path) -> Iterator[Program]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with FaultProxy(s3_server.endpoint_url, tls=context) as end:
        told = {"S3_ENDPOINT_URL": end.url, "AWS_CA_BUNDLE": str(tmp_path / "authority.pem")}
        yield Program(server_env | told, tmp_path)


def policy_of(s3: S3Client, bucket: str) -> object:
    try:
        return json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    except ClientError as error:
        return error.response["Error"]["Code"]


@pytest.mark.parametrize("engine", ["auto", "crt", "classic"])
def test_files_go_there_and_back_by_https_to_a_server_that_is_not_aws(
    program: Program, s3: S3Client, bucket: str, tmp_path: Path, engine: str
) -> None:
    cache = a_cache(tmp_path / "studio", 0, 64 << 10, 17 << 20)
    program = replace(program, cwd=cache.directory)

    up = program("migrate", "upload", "--engine", engine, "--json")
    again = program("migrate", "upload", "--engine", engine, "--json")
    get = ("assets", "download", "asset-02", "--output", "back.png", "--engine", engine)
    back = program(*get)

    assert up.code == 0, up.err
    assert stored(s3, bucket) == cache.content
    assert again.data["uploaded"] == 0
    assert back.code == 0, back.err
    assert (program.cwd / "back.png").read_bytes() == cache.content[cache.key_of("02.png")]


@pytest.mark.parametrize("statements", [[], [OTHERS]], ids=["none", "another's"])
@pytest.mark.parametrize("command", [("policy", "tls", "--apply"), ("apply", "--only", "tls")])
def test_the_policy_is_tried_and_refused_and_the_bucket_is_as_it_was(
    program: Program, s3: S3Client, bucket: str, command: tuple[str, ...], statements: list[dict[str, str]]
) -> None:
    if statements:
        own = [statement | {"Resource": f"arn:aws:s3:::{bucket}"} for statement in statements]
        document = {"Version": "2012-10-17", "Statement": own}
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))
    before = policy_of(s3, bucket)

    ended = program("bucket", *command, "--yes")

    assert ended.code == 8, ended
    assert "the policy would lock everybody out" in ended.out + ended.err
    assert policy_of(s3, bucket) == before
    assert program("assets", "list").code == 0


def test_a_new_bucket_gets_all_else(program: Program, s3: S3Client, bucket: str) -> None:
    name = f"{bucket}-new"

    ended = program("bucket", "create", name, "--yes", "--json")

    assert "the policy would lock everybody out" in ended.out
    assert policy_of(s3, name) == "NoSuchBucketPolicy"
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    s3.delete_bucket(Bucket=name)
