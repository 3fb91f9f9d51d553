"""Credentials that cannot be: every command ends with 4, says what is wrong and where, and shows none."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import CredentialRetrievalError

from creative_s3.core.faults.translation import translate
from creative_s3.core.s3 import credentials
from creative_s3.core.s3.connection import connect
from creative_s3.errors import CreativeS3Error, CredentialsError, SettingsError
from creative_s3.settings import S3Config
from tests.cli.program import Program, Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import S3Server

ACCESS, SECRET, TOKEN = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"
KEY = "canary-key"
CANARY = "canary-secret"


@pytest.fixture
def env(server_env: dict[str, str]) -> dict[str, str]:
    """The environment without a source of credentials."""
    return {
        name: value
        for name, value in server_env.items()
        if name not in {"AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", ACCESS, SECRET}
    } | {"AWS_SHARED_CREDENTIALS_FILE": "/nowhere/credentials"}


def profile(text: str, *, name: str = "config") -> dict[str, str]:
    Path(name).write_text(text, encoding="utf-8")
    return {"AWS_CONFIG_FILE": str(Path(name).absolute()), "AWS_PROFILE": "team"}


def process(body: str) -> dict[str, str]:
    script = Path(f"give-credentials-{len(body)}")
    script.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    script.chmod(0o755)
    text = f"[profile team]\ncredential_process = {script.absolute()}\n"
    return profile(text, name=f"config-{len(body)}")


def given(**more: object) -> str:
    answer = {"Version": 1, "AccessKeyId": KEY, "SecretAccessKey": CANARY, **more}
    return f"cat <<'END'\n{json.dumps(answer)}\nEND"


def in_words(result: Result) -> str:
    said = result.out + result.err
    assert CANARY not in said
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({ACCESS: KEY, SECRET: f"{CANARY}\r"}, f"{SECRET} has a line break"),
        ({ACCESS: f"{KEY}\n", SECRET: CANARY}, f"{ACCESS} has a line break"),
        ({ACCESS: KEY, SECRET: CANARY, TOKEN: "a\r\nb"}, f"{TOKEN} has a line break"),
        ({ACCESS: f"{KEY} ", SECRET: CANARY}, f"{ACCESS} begins or ends with a space"),
        ({ACCESS: f"ca nary{KEY}", SECRET: CANARY}, f"{ACCESS} has a space"),
        ({ACCESS: KEY, SECRET: f"\t{CANARY}"}, f"{SECRET} has a tab"),
        ({ACCESS: f"é{KEY}", SECRET: CANARY}, f"{ACCESS} has characters that are not ASCII"),
        ({ACCESS: KEY, SECRET: os.fsdecode(b"\xff\xfe")}, f"{SECRET} is not UTF-8"),
        ({ACCESS: KEY, SECRET: f'"{CANARY}"'}, f"{SECRET} stands in quotation marks"),
        ({ACCESS: KEY}, f"{SECRET} is missing"),
        ({ACCESS: KEY, SECRET: ""}, f"{SECRET} is missing or empty"),
        ({SECRET: CANARY}, f"{ACCESS} is not set"),
        ({ACCESS: "", SECRET: CANARY}, f"{ACCESS} is empty"),
        ({ACCESS: KEY, SECRET: CANARY, "AWS_PROFILE": "nope"}, "profile 'nope' does not exist"),
        (
            {"AWS_WEB_IDENTITY_TOKEN_FILE": "/nowhere/token", "AWS_ROLE_ARN": "arn:aws:iam::1:role/x"},
            "/nowhere/token",
        ),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://example.com/x"}, "container role"),
        (
            {
                ACCESS: KEY,
                SECRET: CANARY,
                "AWS_CA_BUNDLE": "/nowhere/ca.pem",
                "S3_ENDPOINT_URL": "https://127.0.0.1:1",
            },
            "/nowhere/ca.pem: no such file",
        ),
        (
            {ACCESS: KEY, SECRET: CANARY, "S3_ENDPOINT_URL": "", "AWS_ENDPOINT_URL": "garbage"},
            "AWS_ENDPOINT_URL",
        ),
        (
            {ACCESS: KEY, SECRET: CANARY, "S3_ENDPOINT_URL": "", "AWS_ENDPOINT_URL": "ftp://x"},
            "AWS_ENDPOINT_URL",
        ),
        (
            {ACCESS: KEY, SECRET: CANARY, "S3_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "http://h:0"},
            "port from 1",
        ),
    ],
)
def test_variables_that_cannot_be_are_named(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    error = _fault(env, monkeypatch, variables)
    assert said in f"{error.message} ({error.item})"
    assert CANARY not in f"{error.message} {error.hint}"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo hello", "is not JSON"),
        ("echo the vault is sealed >&2; exit 1", "the vault is sealed"),
        ("echo '{}'", "version"),
        ("echo '[1]'", "is not an object"),
        (given(SecretAccessKey=None), "is not text"),
        (given(SecretAccessKey=f"{CANARY}\n"), "has a line break"),
        (given(Expiration="soon"), "time of expiry"),
        (given(Expiration="2020-01-01T00:00:00Z"), "still expired"),
        ("printf '\\377'", "is not UTF-8"),
    ],
)
def test_what_a_credential_process_gives_wrongly_is_said(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, body: str, said: str
) -> None:
    error = _fault(env, monkeypatch, process(body))
    assert said in error.message
    assert "credential process, profile team" in error.message
    assert CANARY not in f"{error.message} {error.hint}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[profile team]\ncredential_process = /nowhere/program\n",
            "no such file or directory: /nowhere/program",
        ),
        ('[profile team]\ncredential_process = "open\n', "credential process, profile team"),
        ("[profile team\n", "line 1"),
        (
            "[profile team]\nsso_session = none\nsso_account_id = 1\nsso_role_name = r\n",
            "sso-session does not exist",
        ),
        (
            "[profile team]\nsso_start_url=https://x\nsso_region=r\nsso_account_id=1\nsso_role_name=r\n",
            "the SSO session has expired",
        ),
        ("[profile team]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = none\n", '"none"'),
        (f"[profile team]\naws_access_key_id = {KEY}\naws_secret_access_key =\n", "is empty"),
        (
            f"[profile team]\naws_access_key_id = {KEY}\naws_secret_access_key = {CANARY}\ns3 = x\n",
            "setting s3",
        ),
    ],
)
def test_what_the_aws_files_say_wrongly_is_said(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    error = _fault(env, monkeypatch, profile(text))
    assert said in error.message
    assert CANARY not in f"{error.message} {error.hint}"


def _fault(
    env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]
) -> CreativeS3Error:
    for name, value in {**env, **variables}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises((CredentialsError, SettingsError)) as caught:
        connect(S3Config.from_env(env_file=None))
    assert caught.value.exit_code == 4
    return caught.value


@pytest.mark.parametrize(
    "command", ["assets list", "migrate upload", "doctor", "bucket create other-bucket --yes"]
)
def test_every_command_ends_with_4_for_each_of_them(
    env: dict[str, str], tmp_path: Path, command: str
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache/index.json").write_text("{}", encoding="utf-8")
    program = Program(env, tmp_path)
    for variables, said in (
        ({ACCESS: f"{KEY}\n", SECRET: CANARY}, f"{ACCESS} has a line break"),
        (process("echo hello"), "is not JSON"),
        (process(given(Expiration="2020-01-01T00:00:00Z")), "still expired"),
    ):
        result = program(*command.split(), **variables)
        assert result.code == 4, result
        assert said in in_words(result)


def test_a_wrong_secret_is_a_wrong_secret_also_where_a_bucket_is_made(
    env: dict[str, str], s3_server: S3Server, tmp_path: Path
) -> None:
    result = Program(env, tmp_path)(
        "bucket", "create", "other-bucket", "--yes", **{ACCESS: s3_server.access_key, SECRET: CANARY}
    )
    assert result.code == 4
    assert "the secret access key does not match" in in_words(result)


def test_a_process_that_hangs_is_ended(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "PROCESS_LIMIT_S", 0.3)
    assert "did not end within" in _fault(env, monkeypatch, process("exec sleep 1000")).message


def test_a_process_that_fails_later_ends_the_run_with_4(
    env: dict[str, str], s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = json.dumps(
        {
            "Version": 1,
            "AccessKeyId": s3_server.access_key,
            "SecretAccessKey": s3_server.secret_key,
            "Expiration": "2999-01-01T00:00:00Z",
        }
    )
    for name, value in {
        **env,
        **process(f"if [ -e used ]; then echo broken; else touch used; echo '{good}'; fi"),
    }.items():
        monkeypatch.setenv(name, value)
    connection = connect(S3Config.from_env(env_file=None))
    found = connection.session.get_credentials()
    assert found is not None
    found._expiry_time = found._time_fetcher()  # type: ignore[attr-defined] # noqa: SLF001 - an hour passes
    with pytest.raises(CredentialRetrievalError) as caught:
        connection.client.list_buckets()
    assert isinstance(translate(caught.value), CredentialsError)
