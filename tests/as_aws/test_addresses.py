"""Presigned addresses: the region's own host, signature version 4, and whoever has one reads the object."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import botocore.session
import pytest

from creative_s3.core.s3.connection import accelerated, connect
from creative_s3.core.storage.manager import S3StorageManager
from creative_s3.core.transfers.direct_requests import DirectRequests
from creative_s3.errors import SettingsError
from creative_s3.settings import S3Config
from tests.as_aws.names import NEW_REGION, host_of
from tests.faults.workshop import KIB, a_cache

if TYPE_CHECKING:
    from pathlib import Path

    from creative_s3.core.s3.connection import Connection
    from tests.as_aws.conftest import Opens

FETCH = """
import ssl, sys, urllib.error, urllib.request
trusting = ssl.create_default_context(cafile=sys.argv[2])
try:
    with urllib.request.urlopen(sys.argv[1], context=trusting) as answer:
        print(answer.status, answer.read().hex())
except urllib.error.HTTPError as error:
    print(error.code)
    error.close()
"""
PRESIGN = """
import sys
from creative_s3 import S3StorageManager
print(S3StorageManager().get_presigned_url(sys.argv[1], expiration=60))
"""


@pytest.mark.parametrize(
    ("region", "name", "accelerate"),
    [
        ("us-east-1", "", "false"),
        ("eu-central-1", "", "false"),
        (NEW_REGION, "", "false"),
        ("eu-central-1", "", "true"),
        ("eu-central-1", "dots.as.aws.", "false"),
        (NEW_REGION, "dots.as.aws.", "false"),
    ],
)
def test_an_address_that_the_program_or_the_library_gives_is_the_regions_and_reads_the_object(
    opened: Opens, tmp_path: Path, region: str, name: str, accelerate: str
) -> None:
    cache = a_cache(tmp_path / "studio", 64 * KIB)
    ((key, path),) = cache.plan.items()
    bucket = f"{name}{secrets.token_hex(4)}" if name else ""
    office = opened(cache.directory, region, bucket=bucket, S3_USE_ACCELERATE=accelerate)
    assert office.program("migrate", "upload").code == 0

    for told in (office.program("assets", "url", "asset-00", "-q").out, office.run(PRESIGN, key)):
        address = told.strip()
        parts = urlsplit(address)
        said = parse_qs(parts.query)
        assert parts.netloc == host_of(office.bucket, region)
        assert said["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
        assert f"/{region}/s3/" in said["X-Amz-Credential"][0]
        fetched = office.run(FETCH, address, str(office.bed.ca_file))
        assert fetched.split() == ["200", path.read_bytes().hex()]
        assert office.run(FETCH, address.replace(key, f"{key}x"), str(office.bed.ca_file)).strip() == "403"


# -- made without a request, so that all regions of all partitions can be tried


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> S3Config:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    return S3Config(bucket_name="the-bucket")


def connected(config: S3Config, **more: object) -> Connection:
    return connect(config.model_copy(update=more))


def presigned(connection: Connection) -> str:
    return urlsplit(S3StorageManager(connection=connection).get_presigned_url("k")).netloc


def test_the_regions_of_every_partition_are_aws_and_have_their_own_hosts(config: S3Config) -> None:
    session = botocore.session.Session()
    partitions = session.get_available_partitions()
    assert {"aws", "aws-cn", "aws-us-gov", "aws-eusc"} <= set(partitions)
    for partition in partitions:
        region = max(session.get_available_regions("s3", partition))
        connection = connected(config, region=region)
        assert connection.is_aws, region
        assert connection.endpoint_url is None, region
        direct = urlsplit(DirectRequests(connection).endpoint_url).netloc
        assert direct == presigned(connection)
        assert direct.startswith(f"the-bucket.s3.{region}."), region


def test_china_and_the_european_sovereign_cloud_have_domains_of_their_own(config: S3Config) -> None:
    hosts = [presigned(connected(config, region=region)) for region in ("cn-north-1", "eusc-de-east-1")]
    assert hosts == ["the-bucket.s3.cn-north-1.amazonaws.com.cn", "the-bucket.s3.eusc-de-east-1.amazonaws.eu"]


@pytest.mark.parametrize(
    ("says", "host"),
    [
        ("addressing_style = auto", "the-bucket.s3.us-east-1.amazonaws.com"),
        ("addressing_style = path", "s3.us-east-1.amazonaws.com"),
        ("use_dualstack_endpoint = true", "the-bucket.s3.dualstack.us-east-1.amazonaws.com"),
        ("us_east_1_regional_endpoint = legacy", "the-bucket.s3.amazonaws.com"),
        ("use_accelerate_endpoint = true", "the-bucket.s3-accelerate.amazonaws.com"),
    ],
)
def test_what_the_profile_says_of_hosts_counts(
    config: S3Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, host: str
) -> None:
    path = tmp_path / "config"
    path.write_text(f"[default]\ns3 =\n  {says}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    connection = connected(config)

    assert presigned(connection) == host
    assert urlsplit(DirectRequests(connection).endpoint_url).netloc == host


@pytest.mark.parametrize(
    "url",
    ["https://s3.eu-west-1.amazonaws.com", "https://bucket.vpce-1a2b-3c.s3.eu-west-1.vpce.amazonaws.com"],
)
def test_an_address_of_aws_that_is_named_is_aws_all_the_same(config: S3Config, url: str) -> None:
    connection = connected(config, endpoint_url=url, region="eu-west-1", use_accelerate=True)

    assert connection.is_aws
    assert f"https://{presigned(connection)}" == url
    assert accelerated(connection) is connection  # S3 takes one of both only


@pytest.mark.parametrize(
    ("variable", "host"),
    [
        ("AWS_USE_FIPS_ENDPOINT", "the-bucket.s3-fips.us-east-1.amazonaws.com"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "the-bucket.s3.dualstack.us-east-1.amazonaws.com"),
    ],
)
def test_what_the_environment_says_of_hosts_counts(
    config: S3Config, monkeypatch: pytest.MonkeyPatch, variable: str, host: str
) -> None:
    monkeypatch.setenv(variable, "true")
    connection = connected(config)

    assert connection.is_aws
    assert presigned(connection) == host
    assert urlsplit(DirectRequests(connection).endpoint_url).netloc == host


def test_acceleration_with_fips_is_an_error_of_the_settings_whoever_asks_for_it(
    config: S3Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    ours = connected(config, use_accelerate=True)
    with pytest.raises(SettingsError, match="with FIPS endpoints"):
        accelerated(ours)

    (tmp_path / "config").write_text("[default]\ns3 =\n  use_accelerate_endpoint = true\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    of_the_profile = connected(config)
    with pytest.raises(SettingsError, match="FIPS"):
        DirectRequests(of_the_profile)


@pytest.mark.parametrize("region", ["cn-north-1", "eusc-de-east-1"])
def test_acceleration_where_there_is_none_is_an_error_of_the_settings(config: S3Config, region: str) -> None:
    connection = connected(config, region=region, use_accelerate=True)
    with pytest.raises(SettingsError, match="Transfer Acceleration") as caught:
        accelerated(connection)
    assert caught.value.hint == "set S3_USE_ACCELERATE=false"
