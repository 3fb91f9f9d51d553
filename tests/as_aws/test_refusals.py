"""Credentials, certificates and names that are wrong: each is told by its own sentence, with exit code 4."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest
import trustme

from tests.faults.programme import Answer, Rule
from tests.faults.workshop import HEAD, KIB, Cache, a_cache

if TYPE_CHECKING:
    from pathlib import Path

    from tests.as_aws.bed import Office
    from tests.as_aws.conftest import Opens

MIB = 1 << 20
UPLOAD = """
import sys
from pathlib import Path
from creative_s3.core.s3.connection import connect
from creative_s3.core.transfers.engine import TransferEngine, Upload
from creative_s3.settings import S3Config
path = Path("output/00.png")
with TransferEngine(connect(S3Config.from_env()), engine=sys.argv[1], patience_s=1) as engine:
    for outcome in engine.upload([Upload(key="k", path=path, size_bytes=path.stat().st_size)]):
        print(type(outcome.error).__name__, outcome.error)
"""
UNTRUSTED = "the server's TLS certificate is not trusted"


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return a_cache(tmp_path / "studio", 10 * KIB, 17 * MIB)


COMMANDS = (
    ("bucket", "create", "BUCKET", "--yes"),
    ("bucket", "apply", "--yes"),
    ("bucket", "check"),
    ("migrate", "upload"),
    ("assets", "url", "asset-00"),
    ("assets", "download", "asset-00", "--output", "back"),
    ("assets", "upload", "output/00.png", "--type", "composite"),
)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "the secret access key does not match"),
        ({"AWS_ACCESS_KEY_ID": "AKIANOSUCHKEY000"}, "S3 does not know this access key"),
    ],
    ids=["secret", "access key"],
)
def test_wrong_credentials_are_named_by_every_command_whatever_it_asks_first(
    opened: Opens, cache: Cache, wrong: dict[str, str], sentence: str
) -> None:
    """HEAD has no body to say it in, which once made them a denied permission, or another's bucket."""
    office = opened(cache.directory)
    assert office.program("migrate", "upload").code == 0
    for command in COMMANDS:
        ended = office.program(*(office.bucket if word == "BUCKET" else word for word in command), **wrong)
        assert ended.code == 4, (command, ended.err)
        assert sentence in ended.out + ended.err, command


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (400, "ExpiredToken", "the credentials have expired"),
        (400, "InvalidToken", "S3 does not accept the session token"),
        (403, "RequestTimeTooSkewed", "this machine's clock"),
    ],
)
def test_what_is_wrong_with_token_or_clock_is_told_where_a_head_comes_first(
    opened: Opens, tmp_path: Path, status: int, code: str, sentence: str
) -> None:
    """The server has no tokens and no clock of its own that could be wrong: the end of TLS answers."""
    office = opened(a_cache(tmp_path / "studio", 10 * KIB).directory)
    assert office.program("migrate", "upload").code == 0
    office.bed.end.follow(Rule(Answer(status, code), host=f"{office.bucket}.*"))

    for command in (("assets", "url", "asset-00"), ("bucket", "create", office.bucket, "--yes")):
        ended = office.program(*command)
        assert ended.code == 4, (command, ended.err)
        assert sentence in ended.err


def test_a_permission_that_is_missing_is_still_that_and_is_looked_into_once(
    opened: Opens, cache: Cache
) -> None:
    office = opened(cache.directory)
    assert office.program("migrate", "upload").code == 0
    office.bed.end.follow(Rule(Answer(403, "AccessDenied"), HEAD))
    before = office.sent("ListObjectsV2")

    ended = office.program("assets", "download", "asset-00", "asset-01", "--output", "back")

    assert ended.code == 5
    assert "S3 denies access" in ended.out + ended.err
    assert office.sent("ListObjectsV2") == before + 1


def test_a_name_that_another_account_has_is_told(opened: Opens, tmp_path: Path) -> None:
    office = opened(tmp_path)
    office.bed.end.follow(Rule(Answer(403, "AccessDenied"), host=f"{office.bucket}.*"))

    ended = office.program("bucket", "create", office.bucket, "--yes")

    assert ended.code == 5
    assert "a bucket of this name exists already, and these credentials may not see it" in ended.err


@pytest.mark.parametrize("engine", ["auto", "crt", "classic"])
def test_a_certificate_of_another_authority_stops_before_the_first_request(
    opened: Opens, cache: Cache, tmp_path: Path, engine: str
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    office = opened(cache.directory, AWS_CA_BUNDLE=str(other))

    ended = office.program("migrate", "upload", "--engine", engine)

    assert ended.code == 4
    assert UNTRUSTED in ended.err
    assert "check AWS_CA_BUNDLE" in ended.err
    assert asked(office) == set()


def asked(office: Office) -> set[str]:
    """Return the hosts that requests went to, but those of another office: its last may be told late."""
    return {host for host in office.hosts_seen() if office.bucket in host or "as-aws-" not in host}


@pytest.mark.parametrize("engine", ["auto", "classic", *(["crt"] if "CRT_STALLS" in os.environ else [])])
def test_each_engine_itself_refuses_such_a_certificate(
    opened: Opens, cache: Cache, tmp_path: Path, engine: str
) -> None:
    """The listing before it would stop the command; here nothing is asked before.

    The Common Runtime's turn is in ``nox -s long``: its TLS library waits up to 30 s after each failure.
    """
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    office = opened(cache.directory, AWS_CA_BUNDLE=str(other))

    said = office.run(UPLOAD, engine, within_s=170)

    assert re.findall(r"^SettingsError", said, re.MULTILINE)
    assert UNTRUSTED in said
    assert asked(office) == set()


def test_a_certificate_without_the_hosts_name_is_not_trusted(opened: Opens, tmp_path: Path) -> None:
    """One label is what a wildcard stands for, so virtual hosts of dotted buckets have no certificate."""
    office = opened(tmp_path)
    said = office.run(
        "import ssl, socket, sys\n"
        "trusting = ssl.create_default_context(cafile=sys.argv[1])\n"
        "with socket.create_connection((sys.argv[2], int(sys.argv[3]))) as plain:\n"
        "    try:\n"
        "        trusting.wrap_socket(plain, server_hostname='a.b.s3.eu-central-1.amazonaws.com').close()\n"
        "    except ssl.SSLCertVerificationError as error:\n"
        "        print(error.verify_message)\n",
        str(office.bed.ca_file),
        office.bed.address[0],
        str(office.bed.address[1]),
    )
    assert "Hostname mismatch" in said


def test_acceleration_with_a_dotted_bucket_is_an_error_of_the_settings(opened: Opens, cache: Cache) -> None:
    office = opened(cache.directory, bucket="with.dots.as.aws", S3_USE_ACCELERATE="true")

    ended = office.program("migrate", "upload")

    assert ended.code == 4
    assert "Transfer Acceleration takes no bucket whose name has dots" in ended.err
    assert "set S3_USE_ACCELERATE=false" in ended.err
