"""The main job as on AWS: there, again, proved, back; by each engine, in each kind of region and bucket."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.as_aws.names import ACCELERATED, DUALSTACK, FIPS, NEW_REGION
from tests.faults.workshop import Cache, a_cache

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.as_aws.bed import Office
    from tests.as_aws.conftest import Opens

KIB, MIB = 1 << 10, 1 << 20


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    """A small file and one in parts."""
    return a_cache(tmp_path / "studio", 64 * KIB, 17 * MIB)


def there_and_back(office: Office, cache: Cache, engine: str = "auto") -> None:
    """Upload a cache, send nothing the second time, prove it, bring it back; all of it is the same."""
    program = office.program
    first = program("migrate", "upload", "--engine", engine, "--json")
    assert first.code == 0, first.err
    assert first.data["uploaded"] == len(cache.plan)
    assert office.stored() == cache.content

    before = office.sent("PutObject", "UploadPart", key="*.png")
    again = program("migrate", "upload", "--engine", engine, "--json")
    assert again.code == 0, again.err
    assert again.data["uploaded"] == 0
    assert office.sent("PutObject", "UploadPart", key="*.png") == before

    assert program("migrate", "validate", "--deep", "--strict").code == 0

    # Of large objects, the automatic choice is the Common Runtime.
    getting = engine if office.bed.resolves_all else "classic"
    prefix = "creative-assets/composites/"
    back = program("assets", "download", "--prefix", prefix, "--output", "back", "--engine", getting)
    assert back.code == 0, back.err
    found = {path.name: path.read_bytes() for path in (program.cwd / "back").rglob("*.png")}
    assert found == {path.name: path.read_bytes() for path in cache.plan.values()}


@pytest.mark.parametrize("engine", ["auto", "crt", "classic"])
def test_files_of_all_sizes_go_there_and_back_by_each_engine(
    opened: Opens, tmp_path: Path, engine: str
) -> None:
    cache = a_cache(tmp_path / "studio", 0, 1, 64 * KIB, 16 * MIB - 1, 16 * MIB, 17 * MIB)
    office = opened(cache.directory)
    if engine == "crt" and not office.bed.resolves_all:
        pytest.skip("the Common Runtime resolves names itself: it takes mounts and port 443 of one's own")

    there_and_back(office, cache, engine)

    assert office.hosts_seen() == {f"{office.bucket}.s3.eu-central-1.amazonaws.com"}


@pytest.mark.parametrize("region", ["us-east-1", NEW_REGION])
def test_each_region_is_reached_by_its_own_host(opened: Opens, cache: Cache, region: str) -> None:
    office = opened(cache.directory, region)

    there_and_back(office, cache)

    assert office.hosts_seen() == {f"{office.bucket}.s3.{region}.amazonaws.com"}


@pytest.mark.parametrize(
    ("variable", "domain"), [("AWS_USE_FIPS_ENDPOINT", FIPS), ("AWS_USE_DUALSTACK_ENDPOINT", DUALSTACK)]
)
def test_hosts_that_the_environment_asks_for_are_used_for_everything(
    opened: Opens, cache: Cache, variable: str, domain: str
) -> None:
    office = opened(cache.directory, "us-east-1")
    asking = replace(office.program, env={**office.program.env, variable: "true"})
    office = replace(office, program=asking)

    there_and_back(office, cache)

    assert office.hosts_seen() == {f"{office.bucket}.{domain}"}


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_a_bucket_with_dots_is_in_the_path_for_no_certificate_has_its_name(
    opened: Opens, cache: Cache, region: str
) -> None:
    office = opened(cache.directory, region, bucket=f"studio.as.aws.{secrets.token_hex(4)}")

    there_and_back(office, cache)

    assert office.hosts_seen() == {f"s3.{region}.amazonaws.com"}


@pytest.mark.parametrize("engine", ["auto", "crt", "classic"])
def test_with_acceleration_what_is_moved_goes_by_its_host_and_all_else_by_the_regions(
    opened: Opens, cache: Cache, engine: str
) -> None:
    office = opened(cache.directory, S3_USE_ACCELERATE="true")
    if engine == "crt" and not office.bed.resolves_all:
        pytest.skip("the Common Runtime resolves names itself: it takes mounts and port 443 of one's own")

    there_and_back(office, cache, engine)

    fast = f"{office.bucket}.{ACCELERATED}"
    assert office.hosts_seen() == {f"{office.bucket}.s3.eu-central-1.amazonaws.com", fast}
    assert office.hosts_seen("UploadPart", "CreateMultipartUpload", "CompleteMultipartUpload") == {fast}


@pytest.mark.parametrize("name", ["", "studio.as.aws."])
def test_an_address_of_aws_that_is_named_has_the_bucket_in_the_path(
    opened: Opens, cache: Cache, name: str
) -> None:
    bucket = f"{name}{secrets.token_hex(4)}" if name else ""
    host = "s3.eu-central-1.amazonaws.com"
    office = opened(cache.directory, bucket=bucket, S3_ENDPOINT_URL=f"https://{host}")
    if not office.bed.resolves_all:
        pytest.skip("the Common Runtime resolves names itself: it takes mounts and port 443 of one's own")

    there_and_back(office, cache)

    assert office.hosts_seen() == {host}


def test_the_bed_serves_users_who_may_not_mount_or_listen_on_443(
    opened_elsewhere: Opens, cache: Cache
) -> None:
    office = opened_elsewhere(cache.directory)
    assert not office.bed.resolves_all

    there_and_back(office, cache)

    assert office.hosts_seen() == {f"{office.bucket}.s3.eu-central-1.amazonaws.com"}


def test_a_file_of_many_parts_goes_there_and_back(opened: Opens, tmp_path: Path) -> None:
    cache = a_cache(tmp_path / "studio", 65 * MIB + 1)
    office = opened(cache.directory)

    there_and_back(office, cache)

    assert office.sent("UploadPart") == 9


@pytest.mark.parametrize("region", ["us-east-1", NEW_REGION])
@pytest.mark.parametrize("server", ["moto", "localstack"])
def test_the_same_on_other_servers_behind_aws_names(
    opened_on: Callable[[str], Opens], cache: Cache, server: str, region: str
) -> None:
    office = opened_on(server)(cache.directory, region)

    there_and_back(office, cache)

    assert office.hosts_seen() == {f"{office.bucket}.s3.{region}.amazonaws.com"}
