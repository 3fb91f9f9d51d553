from __future__ import annotations

import logging
import stat
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ConnectionError as Unreachable

from creative_s3.cli import log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYCANARY"  # noqa: S105 - a canary
TOKEN = "FwoGZXIvYXdzEBYaDCANARYTOKEN//////////wEaD=="  # noqa: S105 - a canary
KEY_ID = "AKIACANARY0000000001"


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    names = (None, "creative_s3", "boto3", "botocore", "s3transfer", "urllib3")
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


@pytest.mark.parametrize(
    "text",
    [
        f"headers={{'Authorization': b'AWS4-HMAC-SHA256 Credential={KEY_ID}/2025, Signature={SECRET}'}}",
        f"Authorization: AWS4-HMAC-SHA256 Credential={KEY_ID}, SignedHeaders=a;b, Signature={SECRET}",
        f"{{'X-Amz-Security-Token': '{TOKEN}', 'User-Agent': 'x'}}",
        f"x-amz-security-token:{TOKEN}",
        f"Signature:\n{SECRET}",
        f'"secretAccessKey": "{SECRET}", "sessionToken":"{TOKEN}"',
        f"<SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>{TOKEN}</SessionToken>",
        f"aws_secret_access_key = {SECRET}",
        f"https://b.s3.amazonaws.com/k?X-Amz-Credential={KEY_ID}%2F2025&X-Amz-Signature={SECRET}",
        f"http://user:{SECRET.replace('/', '')}@proxy:3128/ refused",
        f"{{'Authorization': 'Bearer {TOKEN}'}}",
        f"client_secret={SECRET} refresh_token={TOKEN}",
    ],
)
def test_credentials_signatures_and_tokens_are_taken_out_of_a_text(text: str) -> None:
    cleaned = log.redact(text)
    assert "CANARY" not in cleaned
    assert log.REDACTED in cleaned


def test_the_environments_secrets_are_taken_out_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    assert log.redact(f"odd {SECRET} and {TOKEN}!") == f"odd {log.REDACTED} and {log.REDACTED}!"


def test_ordinary_text_is_left_alone() -> None:
    text = "Found credentials in shared credentials file: ~/.aws/credentials; key products/token.png"
    assert log.redact(text) == text


def test_botocores_debug_log_tells_no_secret() -> None:
    written: list[str] = []
    log.configure("DEBUG", verbose=True, hushed=False, write=written.append)
    client = boto3.client(
        "s3",
        endpoint_url="http://127.0.0.1:9",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        aws_session_token=TOKEN,
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 1, "mode": "standard"}),
    )
    with pytest.raises(Unreachable):
        client.list_objects_v2(Bucket="some-bucket")
    url = client.generate_presigned_url("get_object", Params={"Bucket": "some-bucket", "Key": "k"})
    text = "\n".join(written)
    assert "x-amz-security-token:[redacted]" in text
    assert SECRET not in text
    assert TOKEN not in text
    assert KEY_ID not in text
    assert "Signature=[redacted]" in log.redact(url)


def test_the_libraries_keep_quiet_unless_the_level_is_debug() -> None:
    written: list[str] = []
    log.configure("INFO", verbose=True, hushed=False, write=written.append)
    logging.getLogger("botocore.auth").debug("theirs")
    logging.getLogger("botocore.credentials").info("theirs too")
    logging.getLogger("creative_s3.core.s3.connection").debug("ours")
    assert [text.rpartition(": ")[2] for text in written] == ["ours"]


def test_info_is_left_out_where_only_data_and_errors_are_wanted() -> None:
    written: list[str] = []
    log.configure("INFO", verbose=False, hushed=True, write=written.append)
    logging.getLogger("creative_s3").info("chatter")
    logging.getLogger("creative_s3").warning("matter")
    assert [text.rpartition(": ")[2] for text in written] == ["matter"]


def test_a_message_that_cannot_be_formatted_is_named_without_its_arguments() -> None:
    written: list[str] = []
    log.configure("INFO", verbose=False, hushed=False, write=written.append)
    root = logging.getLogger()
    root.handlers[:] = root.handlers[-1:]  # pytest's own handlers refuse such a message
    logging.getLogger("creative_s3.probe").warning("%d", SECRET)
    assert written == ["a message of creative_s3.probe cannot be formatted: TypeError"]


def test_a_crash_log_is_private_and_tells_no_secret_and_no_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))

    def fail() -> None:
        kept_secret = SECRET  # a variable's value is no part of a traceback of ours
        raise RuntimeError(f"aws_secret_access_key={TOKEN} {len(kept_secret)}")

    with pytest.raises(RuntimeError) as caught:
        fail()
    path = log.write_crash(caught.value, "creative-s3 list")
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert "creative-s3 list" in text
    assert "in fail" in text
    assert "CANARY" not in text


def test_only_the_latest_crash_logs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))
    first = log.write_crash(RuntimeError("x"), "creative-s3")
    assert first is not None
    for day in range(1, 29):
        (first.parent / f"crash-202401{day:02d}T000000-1.log").touch()
    latest = log.write_crash(RuntimeError("x"), "creative-s3")
    assert latest is not None
    kept = sorted(entry.name for entry in latest.parent.iterdir())
    assert len(kept) == 20
    assert latest.name in kept


def test_a_signature_that_begins_like_a_literal_of_bytes_is_redacted_whole() -> None:
    assert log.redact("k?Signature=Bq3w%2FzX&Expires=1") == f"k?Signature={log.REDACTED}&Expires=1"
