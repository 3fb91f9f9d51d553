"""A bucket in another region than the settings say: every command and engine names the region and ends.

The server does not tell regions apart, so the end of TLS answers for the wrong hosts as AWS does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.as_aws.names import NEW_REGION
from tests.faults.programme import Answer, Rule
from tests.faults.workshop import KIB, a_cache

if TYPE_CHECKING:
    from pathlib import Path

    from tests.as_aws.bed import Office
    from tests.as_aws.conftest import Opens

THERE = (("x-amz-bucket-region", "eu-central-1"),)
HINT = "set S3_REGION=eu-central-1"
ANSWERS = {
    "us-east-1": Answer(
        400, "AuthorizationHeaderMalformed", headers=THERE, elements="<Region>eu-central-1</Region>"
    ),
    NEW_REGION: Answer(301, "PermanentRedirect", headers=THERE),
}
COMMANDS = (
    ("migrate", "upload"),
    ("migrate", "upload", "--engine", "crt"),
    ("migrate", "upload", "--engine", "classic"),
    ("assets", "url", "asset-00"),
    ("assets", "download", "asset-00", "--output", "back"),
    ("assets", "upload", "output/00.png", "--type", "composite"),
    ("bucket", "apply", "--yes"),
    ("bucket", "check"),
)


@pytest.fixture(params=ANSWERS)
def misplaced(opened: Opens, tmp_path: Path, request: pytest.FixtureRequest) -> Office:
    """An office whose settings name a region where the bucket is not."""
    office = opened(a_cache(tmp_path / "studio", 10 * KIB).directory, request.param)
    office.bed.end.follow(Rule(ANSWERS[request.param], host=f"*s3.{request.param}.amazonaws.com"))
    return office


def test_each_command_names_the_region_and_changes_nothing(misplaced: Office) -> None:
    for command in COMMANDS:
        ended = misplaced.program(*command)
        assert ended.code == 4, command
        assert "the bucket is in the region eu-central-1" in ended.out + ended.err, command
        assert HINT in ended.out + ended.err, command
    assert misplaced.stored() == {}
    assert not misplaced.sent("PutObject", "CreateMultipartUpload")


def test_a_new_bucket_is_not_made_where_the_name_is_taken_elsewhere(misplaced: Office) -> None:
    ended = misplaced.program("bucket", "create", misplaced.bucket, "--yes")

    assert ended.code == 8
    assert "exists in another region" in ended.err
    assert "eu-central-1" in ended.err


def test_another_bucket_such_as_a_replica_may_be_in_another_region(opened: Opens, tmp_path: Path) -> None:
    office = opened(tmp_path, "us-east-1")
    copies = f"{office.bucket}-copies"
    office.bed.s3.create_bucket(Bucket=copies)
    host = f"{copies}.s3.us-east-1.amazonaws.com"
    office.bed.end.follow(Rule(ANSWERS["us-east-1"], host=host))
    both = office.bed.python(tmp_path / "names", (office.bucket, copies))

    region = office.run(
        "import sys\n"
        "from creative_s3.core.s3.connection import connect\n"
        "from creative_s3.settings import S3Config\n"
        "answer = connect(S3Config.from_env()).client.head_bucket(Bucket=sys.argv[1])\n"
        "print(answer['ResponseMetadata']['HTTPStatusCode'])",
        copies,
        python=both,
    )

    assert region.strip() == "200"
    assert f"{copies}.s3.eu-central-1.amazonaws.com" in office.hosts_seen("HeadBucket")
