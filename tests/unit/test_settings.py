from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from creative_s3.errors import SettingsError
from creative_s3.settings import ENVIRONMENT_NAMES, S3Config, origins

EVERYTHING = {
    "S3_BUCKET_NAME": "my-assets",
    "S3_REGION": "eu-west-1",
    "S3_STORAGE_CLASS": "STANDARD_IA",
    "S3_PREFIX": "some/where",
    "S3_ENDPOINT_URL": "http://127.0.0.1:8333",
    "S3_KMS_KEY_ID": "alias/assets",
    "S3_MAX_PARALLEL_UPLOADS": "32",
    "S3_ENABLE_VERSIONING": "false",
    "S3_ENABLE_ENCRYPTION": "false",
    "S3_USE_ACCELERATE": "true",
    "CLOUDFRONT_DISTRIBUTION_ID": "E123",
    "LOG_LEVEL": "WARNING",
    "CACHE_DIR": "other",
}


def origin(config: S3Config, name: str, **flags: object) -> tuple[str | None, str]:
    (found,) = (entry for entry in origins(config, flags=flags) if entry.name == name)
    return found.value, found.source


def test_without_anything_the_defaults_of_the_guide_apply() -> None:
    config = S3Config.from_env()
    assert config.bucket_name is None
    assert config.region == "us-east-1"
    assert config.storage_class == "STANDARD"
    assert config.prefix == "creative-assets"
    assert config.max_parallel_uploads == 10
    assert config.enable_versioning is True
    assert config.enable_encryption is True
    assert config.log_level == "INFO"
    assert config.cache_dir == Path("cache")


def test_every_setting_can_be_given_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(EVERYTHING) == set(ENVIRONMENT_NAMES.values())
    for name, value in EVERYTHING.items():
        monkeypatch.setenv(name, value)
    config = S3Config.from_env()
    found = {entry.name: (entry.value, entry.source) for entry in origins(config, flags={})}
    assert found == {name: (value, "environment") for name, value in EVERYTHING.items()}


def test_every_setting_can_be_given_in_the_env_file() -> None:
    Path(".env").write_text(
        "".join(f"{name}={value}\n" for name, value in EVERYTHING.items()), encoding="utf-8"
    )
    config = S3Config.from_env()
    found = {entry.name: (entry.value, entry.source) for entry in origins(config, flags={})}
    assert found == {name: (value, ".env") for name, value in EVERYTHING.items()}


def test_arguments_win_over_the_environment_and_that_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text(
        "S3_BUCKET_NAME=from-file\nS3_PREFIX=from-file\nS3_REGION=eu-west-1\n", encoding="utf-8"
    )
    monkeypatch.setenv("S3_BUCKET_NAME", "from-environment")
    monkeypatch.setenv("S3_PREFIX", "from-environment")
    config = S3Config.from_env(bucket_name="from-flag", prefix=None)
    assert (config.bucket_name, config.prefix, config.region) == (
        "from-flag",
        "from-environment",
        "eu-west-1",
    )
    assert origin(config, "S3_BUCKET_NAME", bucket_name="from-flag") == ("from-flag", "flag")


def test_the_guides_keyword_arguments_work() -> None:
    config = S3Config(bucket_name="my-assets", storage_class="INTELLIGENT_TIERING")
    assert config.bucket_name == "my-assets"
    assert config.storage_class == "INTELLIGENT_TIERING"


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_BUCKET_NAME", "")
    monkeypatch.setenv("S3_MAX_PARALLEL_UPLOADS", "")
    config = S3Config.from_env()
    assert config.bucket_name is None
    assert config.max_parallel_uploads == 10


def test_foreign_names_in_the_env_file_are_ignored() -> None:
    Path(".env").write_text("AWS_PROFILE=work\nDATABASE_URL=x\nS3_REGION=eu-west-1\n", encoding="utf-8")
    assert S3Config.from_env().region == "eu-west-1"


@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_awss_own_region_counts_when_ours_is_not_set(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "ap-northeast-1")
    assert origin(S3Config.from_env(), "S3_REGION") == ("ap-northeast-1", name)
    monkeypatch.setenv("S3_REGION", "eu-west-1")
    assert origin(S3Config.from_env(), "S3_REGION") == ("eu-west-1", "environment")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("S3_BUCKET_NAME", "ab", "must have 3 to 63 characters"),
        ("S3_BUCKET_NAME", "My_Bucket", "has characters that a bucket name cannot have"),
        ("S3_BUCKET_NAME", "-bucket", "must begin and end with a letter or digit"),
        ("S3_BUCKET_NAME", "a..b", "no two dots in a row"),
        ("S3_REGION", "us east", "is not a region name"),
        ("S3_STORAGE_CLASS", "cold", "'COLD' is not a storage class"),
        ("LOG_LEVEL", "loud", "'LOUD' is not a log level"),
        ("S3_MAX_PARALLEL_UPLOADS", "0", "is too small"),
        ("S3_MAX_PARALLEL_UPLOADS", "257", "is too large"),
        ("S3_MAX_PARALLEL_UPLOADS", "ten", "is not a whole number"),
        ("S3_MAX_PARALLEL_UPLOADS", "1.5", "is not a whole number"),
        ("S3_ENABLE_VERSIONING", "maybe", "is neither true nor false"),
        ("S3_ENDPOINT_URL", "ftp://host", "is not an http or https address"),
        ("S3_ENDPOINT_URL", "http://[::1", "is not an http or https address"),
        ("S3_ENDPOINT_URL", "http://host:99999", "has a port that is no number from 0 to 65535"),
        ("S3_ENDPOINT_URL", "http://host/path", "must have no path"),
        ("S3_PREFIX", "a//b", "has an empty, '.' or '..' part"),
        ("S3_PREFIX", "a/../b", "has an empty, '.' or '..' part"),
        ("S3_PREFIX", "a\tb", "has control characters"),
    ],
)
def test_a_wrong_value_names_the_setting_its_problem_and_what_is_allowed(
    name: str, value: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        S3Config.from_env()
    assert caught.value.exit_code == 4
    assert caught.value.item == name
    assert caught.value.message.startswith(f"{name} (from environment): ")
    assert problem in caught.value.message
    assert "allowed: " in (caught.value.hint or "")
    assert "Input should be" not in caught.value.message


@pytest.mark.parametrize("name", sorted(ENVIRONMENT_NAMES.values()))
def test_a_secret_in_the_wrong_place_is_not_repeated(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = "wJalrXUtnFEMI/K7MDENG bPxRfiCYCANARYKEY"
    monkeypatch.setenv(name, f"http://user:{canary}@host" if name == "S3_ENDPOINT_URL" else canary)
    with contextlib.suppress(SettingsError):  # some settings take any text
        S3Config.from_env()
        return
    with pytest.raises(SettingsError) as caught:
        S3Config.from_env()
    error = caught.value
    assert "CANARY" not in f"{error.message} {error.hint} {error.item} {error!r}"
    assert error.__cause__ is None


def test_an_env_file_that_is_no_text_is_named() -> None:
    Path(".env").write_bytes(b"S3_BUCKET_NAME=\xff\xfe\n")
    with pytest.raises(SettingsError, match=r"\.env is not UTF-8 text"):
        S3Config.from_env()


def test_slashes_around_the_prefix_do_not_matter() -> None:
    assert S3Config.from_env(prefix="/some/where/").prefix == "some/where"
    assert S3Config.from_env(prefix="").prefix == ""


def test_a_missing_bucket_names_the_ways_to_set_it() -> None:
    with pytest.raises(SettingsError) as caught:
        S3Config.from_env().require_bucket()
    assert caught.value.item == "S3_BUCKET_NAME"
    assert "--bucket" in (caught.value.hint or "")


def test_the_settings_cannot_be_changed() -> None:
    config = S3Config.from_env()
    with pytest.raises(ValidationError):
        config.prefix = "other"  # type: ignore[misc]


def test_the_workspace_is_the_parent_of_the_cache_directory(tmp_path: Path) -> None:
    assert S3Config.from_env().workspace == tmp_path
    assert S3Config.from_env(cache_dir="/data/shop/cache").workspace == Path("/data/shop")


def test_bucket_region_and_prefix_may_be_given_by_position() -> None:
    config = S3Config("my-assets", "eu-west-1", "some/where")
    assert (config.bucket_name, config.region, config.prefix) == ("my-assets", "eu-west-1", "some/where")
    assert S3Config("my-assets", prefix="x").prefix == "x"
    assert S3Config.from_env("by-position").prefix == "by-position"


@pytest.mark.parametrize(
    ("given", "settings", "item", "hint"),
    [
        (("my-assets", "eu-west-1", "p", "E123"), {}, "4 were given", "name the others"),
        (("my-assets",), {"bucket_name": "other"}, "bucket_name", "give it once"),
        ((), {"retry_attempts": 5}, "retry_attempts", "failed requests are repeated"),
        ((), {"retry_backoff": 2.0}, "retry_backoff", "grow by themselves"),
        ((), {"upload_timeout": 300}, "upload_timeout", "nothing moves"),
        ((), {"bucket": "my-assets"}, "bucket", "did you mean bucket_name?"),
        ((), {"max_parallel_upload": 3}, "max_parallel_upload", "did you mean max_parallel_uploads?"),
        ((), {"S3_STORAGE_CLASS": "GLACIER"}, "S3_STORAGE_CLASS", "did you mean storage_class?"),
        ((), {"zzz": 1}, "zzz", "there are: bucket_name, region"),
    ],
)
def test_what_is_no_setting_is_an_error_that_says_what_takes_its_place(
    given: tuple[str, ...], settings: dict[str, Any], item: str, hint: str
) -> None:
    for make in (S3Config, S3Config.from_env) if len(given) < 1 else (S3Config,):
        with pytest.raises(SettingsError) as caught:
            make(*given, **settings)
        assert caught.value.item == item
        assert hint in (caught.value.hint or "")


def test_a_wrong_value_is_the_same_error_with_and_without_the_environment() -> None:
    for make in (S3Config, S3Config.from_env):
        with pytest.raises(SettingsError, match="'COLD' is not a storage class"):
            make(storage_class="cold")


def test_an_env_file_that_is_named_has_to_exist() -> None:
    assert S3Config.from_env().bucket_name is None
    with pytest.raises(SettingsError, match="no such env file") as caught:
        S3Config.from_env(env_file="other.env")
    assert caught.value.item == "other.env"


def test_a_copy_takes_no_setting_that_does_not_exist() -> None:
    config = S3Config.from_env(None, bucket_name="assets")

    assert config.model_copy(update={"prefix": "team"}).prefix == "team"
    assert config.model_copy() == config
    with pytest.raises(SettingsError, match="no such setting") as caught:
        config.model_copy(update={"prefx": "team"})
    assert (caught.value.item, caught.value.hint) == ("prefx", "did you mean prefix?")


def test_an_empty_region_that_is_given_is_refused() -> None:
    with pytest.raises(SettingsError, match="is not a region name"):
        S3Config.from_env(region="")
