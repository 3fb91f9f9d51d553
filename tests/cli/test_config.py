from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from creative_s3.cli.app import app
from creative_s3.core.s3 import credentials

NAMES = (
    "S3_BUCKET_NAME",
    "S3_REGION",
    "S3_STORAGE_CLASS",
    "S3_PREFIX",
    "S3_ENDPOINT_URL",
    "S3_KMS_KEY_ID",
    "S3_MAX_PARALLEL_UPLOADS",
    "S3_ENABLE_VERSIONING",
    "S3_ENABLE_ENCRYPTION",
    "S3_USE_ACCELERATE",
    "CLOUDFRONT_DISTRIBUTION_ID",
    "LOG_LEVEL",
    "CACHE_DIR",
)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def settings(result: Result) -> dict[str, dict[str, str | None]]:
    found: dict[str, dict[str, str | None]] = json.loads(result.stdout)["data"]["settings"]
    return found


def test_every_setting_is_shown_with_its_origin() -> None:
    result = invoke("config")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()[1 : len(NAMES) + 1]] == list(NAMES)
    assert "creative-assets" in result.stdout
    assert result.stderr == ""


def test_json_has_every_setting_with_its_value_and_origin() -> None:
    result = invoke("config", "--json")
    assert result.exit_code == 0
    assert result.stderr == ""
    assert tuple(settings(result)) == NAMES
    assert settings(result)["S3_PREFIX"] == {"value": "creative-assets", "origin": "default"}
    assert settings(result)["S3_BUCKET_NAME"] == {"value": None, "origin": "default"}


def test_quiet_prints_assignments_only() -> None:
    result = invoke("config", "-q")
    assert result.exit_code == 0
    assert [line.partition("=")[0] for line in result.stdout.splitlines()] == list(NAMES)
    assert "S3_REGION=us-east-1" in result.stdout.splitlines()
    assert result.stderr == ""


def test_a_flag_wins_over_the_environment_and_that_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(
        "S3_BUCKET_NAME=from-file\nS3_PREFIX=from-file\nS3_REGION=eu-west-1\n", encoding="utf-8"
    )
    monkeypatch.setenv("S3_BUCKET_NAME", "from-environment")
    monkeypatch.setenv("S3_PREFIX", "from-environment")
    found = settings(invoke("config", "--json", "--bucket", "from-flag"))
    assert found["S3_BUCKET_NAME"] == {"value": "from-flag", "origin": "flag"}
    assert found["S3_PREFIX"] == {"value": "from-environment", "origin": "environment"}
    assert found["S3_REGION"] == {"value": "eu-west-1", "origin": ".env"}
    assert found["CACHE_DIR"] == {"value": "cache", "origin": "default"}


@pytest.mark.parametrize(
    ("option", "value", "name"),
    [
        ("--bucket", "my-assets", "S3_BUCKET_NAME"),
        ("--prefix", "some/where", "S3_PREFIX"),
        ("--cache-dir", "other", "CACHE_DIR"),
        ("--endpoint-url", "http://127.0.0.1:8333", "S3_ENDPOINT_URL"),
        ("--region", "eu-central-1", "S3_REGION"),
    ],
)
@pytest.mark.parametrize("before", [True, False], ids=["before the command", "after the command"])
def test_a_setting_is_accepted_on_both_sides_of_the_command(
    option: str, value: str, name: str, *, before: bool
) -> None:
    given = (option, value)
    result = invoke(*given, "config", "--json") if before else invoke("config", *given, "--json")
    assert result.exit_code == 0
    assert settings(result)[name] == {"value": value, "origin": "flag"}


def test_the_option_after_the_command_wins() -> None:
    result = invoke("--bucket", "first", "--json", "config", "--bucket", "second")
    assert settings(result)["S3_BUCKET_NAME"]["value"] == "second"


def test_a_wrong_value_names_the_setting_its_problem_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("S3_STORAGE_CLASS", "cold")
    result = invoke("config")
    assert result.exit_code == 4
    assert result.stdout == ""
    assert "S3_STORAGE_CLASS (from environment): 'COLD' is not a storage class" in result.stderr
    assert "→ allowed: STANDARD, INTELLIGENT_TIERING" in result.stderr


def test_a_wrong_value_in_json_is_the_same_envelope(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_MAX_PARALLEL_UPLOADS", "1000")
    result = invoke("--json", "config")
    assert result.exit_code == 4
    assert result.stderr == ""
    answer = json.loads(result.stdout)
    assert answer["ok"] is False
    assert answer["command"] == "config"
    assert answer["error"] == {
        "code": "settings",
        "message": "S3_MAX_PARALLEL_UPLOADS (from environment): is too large",
        "item": "S3_MAX_PARALLEL_UPLOADS",
        "hint": "allowed: a whole number from 1 to 256",
    }


@pytest.mark.parametrize("mode", [(), ("--json",), ("-q",), ("-v",)])
def test_no_secret_is_ever_shown(mode: tuple[str, ...]) -> None:
    Path(".env").write_text(
        "AWS_SECRET_ACCESS_KEY=canary-in-the-file\nS3_REGION=eu-west-1\n", encoding="utf-8"
    )
    Path("credentials").write_text(
        "[default]\naws_access_key_id = AKIACANARY00000001\naws_secret_access_key = canary-in-profile\n",
        encoding="utf-8",
    )
    environment = os.environ | {
        "AWS_SHARED_CREDENTIALS_FILE": "credentials",
        "AWS_SESSION_TOKEN": "canary-in-the-environment",
        "LOG_LEVEL": "DEBUG",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    done = subprocess.run(
        [sys.executable, "-m", "creative_s3", "config", *mode],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert "eu-west-1" in done.stdout
    assert "canary" not in (done.stdout + done.stderr).lower()


def test_the_source_of_the_credentials_is_named_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIACANARY0000000001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-canary")
    assert json.loads(invoke("config", "--json").stdout)["data"]["credentials"] == (
        "environment (AWS_ACCESS_KEY_ID)"
    )


@pytest.mark.parametrize(
    ("environment", "profile", "source"),
    [
        ({}, None, "none here; on AWS, the machine's own role"),
        ({"AWS_PROFILE": "work"}, None, "none: the profile work does not exist"),
        ({"AWS_PROFILE": "work"}, {"sso_session": "x"}, "SSO, profile work"),
        ({"AWS_PROFILE": "work"}, {"role_arn": "x", "aws_access_key_id": "y"}, "assumed role, profile work"),
        ({"AWS_PROFILE": "work"}, {"aws_access_key_id": "y"}, "access key in the AWS files, profile work"),
        ({"AWS_PROFILE": "work"}, {"credential_process": "x"}, "credential process, profile work"),
        (
            {"AWS_PROFILE": "work", "AWS_ACCESS_KEY_ID": "k"},
            {"sso_session": "x"},
            "environment (AWS_ACCESS_KEY_ID)",
        ),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://x"}, None, "container role"),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": "f"}, None, "web identity token (AWS_WEB_IDENTITY_TOKEN_FILE)"),
    ],
)
def test_the_source_of_credentials_follows_botocores_order(
    environment: dict[str, str], profile: dict[str, str] | None, source: str
) -> None:
    assert credentials.source(environment, {"work": profile} if profile else {}) == source


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "creative_s3", *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_an_env_file_that_is_a_pipe_is_read_once_for_the_whole_command() -> None:
    os.mkfifo(".env")
    with subprocess.Popen(["/bin/sh", "-c", "printf 'S3_PREFIX=piped\\nS3_BUKET=x\\n' > .env"]):
        done = run("config", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["data"]["settings"]
    assert (found["S3_PREFIX"], found["S3_REGION"]["origin"]) == (
        {"value": "piped", "origin": ".env"},
        "default",
    )


@pytest.mark.parametrize(
    "command", ["config", "migrate plan", "doctor", "status", "assets list", "init --bucket my-assets --yes"]
)
def test_a_line_that_cannot_be_read_ends_every_command_with_4(command: str) -> None:
    Path(".env").write_text('S3_BUCKET_NAME=assets\nS3_PREFIX="team\n', encoding="utf-8")
    done = run(*command.split())
    assert done.returncode == 4, done.stdout + done.stderr
    assert ".env, line 2: S3_PREFIX lacks the closing quotation mark" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_line_that_only_a_shell_reads_is_told() -> None:
    Path(".env").write_text("source other.sh\nS3_PREFIX=team\n", encoding="utf-8")
    done = run("config")
    assert done.returncode == 0
    assert ".env, line 1 names another file, which only a shell reads: it is left out" in done.stderr


def test_what_may_be_another_programs_is_only_a_warning() -> None:
    Path(".env").write_text("S3_BUCKET=assets\n", encoding="utf-8")
    done = run("config")
    assert done.returncode == 0
    assert "S3_BUCKET (.env, line 1) is not a setting; S3_BUCKET_NAME is, and is not set" in done.stderr
