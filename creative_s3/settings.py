"""The settings: one frozen value, and where each part of it came from.

A flag wins over the environment, the environment over ``.env``, ``.env`` over the default. AWS credentials
come from boto3's own chain (environment, profiles, SSO, roles).
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from creative_s3 import setting_checks
from creative_s3.dotenv import values as env_values
from creative_s3.dotenv.misspelt import Misspelt, misspelt
from creative_s3.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

DEFAULT_REGION = "us-east-1"

ENVIRONMENT_NAMES: Mapping[str, str] = {
    "bucket_name": "S3_BUCKET_NAME",
    "region": "S3_REGION",
    "storage_class": "S3_STORAGE_CLASS",
    "prefix": "S3_PREFIX",
    "endpoint_url": "S3_ENDPOINT_URL",
    "kms_key_id": "S3_KMS_KEY_ID",
    "max_parallel_uploads": "S3_MAX_PARALLEL_UPLOADS",
    "enable_versioning": "S3_ENABLE_VERSIONING",
    "enable_encryption": "S3_ENABLE_ENCRYPTION",
    "use_accelerate": "S3_USE_ACCELERATE",
    "cloudfront_distribution_id": "CLOUDFRONT_DISTRIBUTION_ID",
    "log_level": "LOG_LEVEL",
    "cache_dir": "CACHE_DIR",
}
_FIELDS: Mapping[str, str] = {name: field for field, name in ENVIRONMENT_NAMES.items()}
_from_file: ContextVar[tuple[str | Path | None, env_values.EnvValues]] = ContextVar("from_file")
"""The env file of the `S3Config` that is being made, and what it says: pydantic's own reader guesses."""
_ENV_FILE = ".env"
_BY_POSITION = ("bucket_name", "region", "prefix")
_WITHOUT_SETTING: Mapping[str, str] = {
    "retry_attempts": "leave it out: failed requests are repeated, and what fails then is queued again",
    "retry_backoff": "leave it out: the pauses between tries grow by themselves",
    "upload_timeout": "leave it out: a connection on which nothing moves is given up, however large the file",
}
"""Settings of the program before this one, and what does their work now."""


class _AwsRegionSource(EnvSettingsSource):
    """The region from AWS's own environment variables, when none of ours names one."""

    def __call__(self) -> dict[str, Any]:
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        return {"region": region} if region else {}


class _EnvFileSource(PydanticBaseSettingsSource):
    """The env file, read by `dotenv.values`."""

    def __call__(self) -> dict[str, Any]:
        _, read = _the_env_file()
        return {_FIELDS[name]: value.text for name, value in read.settings.items() if value.text}

    def get_field_value(self, field: object, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - pydantic's
        """Give nothing for a single field: `__call__` gives all of them."""
        return None, field_name, False


class S3Config(BaseSettings):
    """Everything that can be set, checked and frozen.

    ``S3Config.from_env()`` and ``S3Config()`` read the environment and ``.env``; arguments win over both.
    Bucket, region and prefix may be given by position. Building one never touches the network or a bucket.

    Attributes:
        bucket_name: The bucket; commands that need one say so when it is missing.
        region: The bucket's region; ``AWS_REGION`` or ``AWS_DEFAULT_REGION`` count when it is not set.
        storage_class: For new objects.
        prefix: What all keys begin with, without slashes at the ends; may be empty.
        endpoint_url: An S3-compatible server instead of AWS.
        kms_key_id: Encrypt uploads with this KMS key; without it the bucket's own default applies.
        max_parallel_uploads: Requests in flight, 1 to 256.
        enable_versioning: Whether the bucket is meant to keep versions; ``doctor`` checks it.
        enable_encryption: Whether the bucket is meant to have default encryption; ``doctor`` checks it.
        use_accelerate: Whether transfers go by S3 Transfer Acceleration; on AWS only.
        cloudfront_distribution_id: The distribution in front of the bucket.
        log_level: For the log on standard error.
        cache_dir: The pipeline's cache directory, relative to the current directory or absolute.

    Raises:
        SettingsError: A value is wrong, or there is no such setting.
    """

    model_config = SettingsConfigDict(
        env_prefix="S3_",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=False,
    )

    bucket_name: Annotated[str, AfterValidator(setting_checks.bucket_name)] | None = None
    region: Annotated[str, AfterValidator(setting_checks.region)] = DEFAULT_REGION
    storage_class: Annotated[setting_checks.StorageClass, BeforeValidator(setting_checks.upper)] = "STANDARD"
    prefix: Annotated[str, AfterValidator(setting_checks.prefix)] = "creative-assets"
    endpoint_url: Annotated[str, AfterValidator(setting_checks.endpoint_url)] | None = None
    kms_key_id: str | None = None
    max_parallel_uploads: Annotated[int, Field(ge=1, le=256)] = 10
    enable_versioning: bool = True
    enable_encryption: bool = True
    use_accelerate: bool = False
    cloudfront_distribution_id: str | None = Field(
        default=None, validation_alias="cloudfront_distribution_id"
    )
    log_level: Annotated[setting_checks.LogLevel, BeforeValidator(setting_checks.upper)] = Field(
        default="INFO", validation_alias="log_level"
    )
    cache_dir: Path = Field(default=Path("cache"), validation_alias="cache_dir")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with other values for some settings, which are not checked again.

        Args:
            update: The values, by the names of the fields.
            deep: Copy the values, too.

        Raises:
            SettingsError: There is no setting of such a name.
        """
        _check_names(update or {})
        return super().model_copy(update=update, deep=deep)

    def __init__(self, *given: object, **settings: Any) -> None:  # noqa: ANN401 - any field
        if len(given) > len(_BY_POSITION):
            raise SettingsError(
                "S3Config takes at most three settings by position: bucket_name, region and prefix",
                item=f"{len(given)} were given",
                hint="name the others, for example storage_class='STANDARD_IA'",
            )
        for name, value in zip(_BY_POSITION, given, strict=False):
            if name in settings:
                raise SettingsError("this setting is given twice", item=name, hint="give it once")
            settings[name] = value
        _check_names(settings)
        named = {name: value for name, value in settings.items() if value is not None}
        try:
            super().__init__(**named)
        except ValidationError as error:
            raise _explain(error, named, *_the_env_file()) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic-settings passes it
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: keyword arguments, environment, ``.env``, AWS's own region."""
        return init_settings, env_settings, _EnvFileSource(settings_cls), _AwsRegionSource(settings_cls)

    @classmethod
    def from_env(
        cls,
        prefix: str | None = None,
        *,
        env_file: str | Path | None = _ENV_FILE,
        **overrides: Any,  # noqa: ANN401 - any field
    ) -> Self:
        """Read the environment and an env file; arguments that are not None win.

        Args:
            prefix: What all keys begin with; by default ``S3_PREFIX``.
            env_file: The file; None reads none. One that is named here has to exist.
            overrides: Any other setting.

        Raises:
            SettingsError: A value is wrong, a line of the env file is not understood, a name is misspelt, or
                there is no such setting or file; names the setting, the problem and the allowed values.
        """
        if env_file is not None and env_file != _ENV_FILE and not Path(env_file).exists():
            raise SettingsError(
                "there is no such env file", item=str(env_file), hint="name one that exists, or leave it out"
            )
        given = {name: value for name, value in overrides.items() if value is not None}
        if prefix is not None:
            given["prefix"] = prefix
        read = _read(env_file)
        token = _from_file.set((env_file, read))
        try:
            config = cls(**given)
        finally:
            _from_file.reset(token)
        for one in _misspelt(given, env_file, read):
            if one.is_slip:
                raise SettingsError(
                    f"{one.name} ({one.place}) is not a setting; {one.meant} is, and is not set",
                    item=one.name,
                    hint=f"correct the name; if it is another program's, set {one.meant} as well",
                )
        return config

    @property
    def workspace(self) -> Path:
        """The parent of the cache directory, absolute: index paths are relative to it."""
        return Path(os.path.abspath(self.cache_dir)).parent  # noqa: PTH100 - resolve() would follow links

    def require_bucket(self) -> str:
        """Return the bucket's name.

        Raises:
            SettingsError: None is set.
        """
        if self.bucket_name is None:
            raise SettingsError(
                "no bucket is set",
                item="S3_BUCKET_NAME",
                hint="set S3_BUCKET_NAME in .env or the environment, or pass --bucket NAME",
            )
        return self.bucket_name


@dataclass(frozen=True, slots=True)
class Origin:
    """A setting's value and where it came from.

    Attributes:
        name: The environment variable's name.
        value: As text; None when it is not set.
        source: ``flag``, ``environment``, ``.env`` (the file's path) or ``default``.
    """

    name: str
    value: str | None
    source: str


def origins(
    config: S3Config, *, flags: Mapping[str, object], env_file: str | Path | None = ".env"
) -> tuple[Origin, ...]:
    """Tell for each setting of `config` where it came from, in the order of ``ENVIRONMENT_NAMES``."""
    read = _read(env_file)
    return tuple(
        Origin(
            name=name,
            value=_as_text(getattr(config, field)),
            source=_source(field, flags, env_file, read),
        )
        for field, name in ENVIRONMENT_NAMES.items()
    )


def _check_names(settings: Iterable[str]) -> None:
    """See that each name is a setting.

    Raises:
        SettingsError: One is not.
    """
    for name in settings:
        if name in ENVIRONMENT_NAMES:
            continue
        hint = _WITHOUT_SETTING.get(name)
        if hint is None:
            from difflib import get_close_matches  # noqa: PLC0415 - most runs need no comparison

            alike = get_close_matches(name.lower().removeprefix("s3_"), ENVIRONMENT_NAMES, n=1)
            hint = f"did you mean {alike[0]}?" if alike else f"there are: {', '.join(ENVIRONMENT_NAMES)}"
        raise SettingsError("there is no such setting", item=name, hint=hint)


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _source(
    field: str, flags: Mapping[str, object], env_file: str | Path | None, read: env_values.EnvValues
) -> str:
    if flags.get(field) is not None:
        return "flag"
    from_environment = EnvSettingsSource(S3Config)()
    if from_environment.get(field) is not None:
        return "environment"
    if (value := read.settings.get(ENVIRONMENT_NAMES.get(field, field))) and value.text:
        return str(env_file)
    if field == "region" and (os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")):
        return "AWS_REGION" if os.environ.get("AWS_REGION") else "AWS_DEFAULT_REGION"
    return "default"


def _the_env_file() -> tuple[str | Path | None, env_values.EnvValues]:
    """Return the file that settings are being read from, and what it holds."""
    return _from_file.get(None) or (_ENV_FILE, _read(_ENV_FILE))


def _read(env_file: str | Path | None) -> env_values.EnvValues:
    if env_file is None:
        return env_values.EnvValues({}, {})
    return env_values.read(Path(env_file), _FIELDS.keys(), os.environ)


def doubtful_names(given: Collection[str] = (), env_file: str | Path | None = ".env") -> tuple[Misspelt, ...]:
    """Return the names in the environment and the env file that look like settings and are none.

    Args:
        given: The fields that are set by arguments.
        env_file: The file that the settings are read from.
    """
    return _misspelt(given, env_file, _read(env_file))


def left_out(env_file: str | Path | None = ".env") -> tuple[str, ...]:
    """Say of each line of the env file that sets nothing what it is.

    Args:
        env_file: The file that the settings are read from.
    """
    return tuple(
        f"{env_file}, line {one.line} {one.problem}: it is left out" for one in _read(env_file).left_out
    )


def _misspelt(
    given: Collection[str], env_file: str | Path | None, read: env_values.EnvValues
) -> tuple[Misspelt, ...]:
    strangers = [name for name in os.environ if name.upper() not in _FIELDS]
    taken = {name.upper() for name, value in os.environ.items() if value}
    taken |= {name for name, value in read.settings.items() if value.text}
    taken |= {ENVIRONMENT_NAMES.get(field, field) for field in given}
    places = {name: f"{env_file}, line {line}" for name, line in read.others.items()}
    return misspelt(strangers, places, [name for name in _FIELDS if name not in taken])


def _explain(
    error: ValidationError,
    given: Mapping[str, object],
    env_file: str | Path | None,
    read: env_values.EnvValues,
) -> SettingsError:
    """Turn pydantic's error into ours; values stay out, they might be secrets in the wrong place."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = str(first["loc"][0]) if first["loc"] else "settings"
    name = ENVIRONMENT_NAMES.get(field, field)
    wrong = error.errors(include_url=False, include_context=False)[0]["input"]
    problem = setting_checks.problem(field, first["type"], first["msg"], wrong)
    source = _source(field, given, env_file, read)
    if source == str(env_file):
        source += f", line {read.settings[name].line}"
    allowed = setting_checks.ALLOWED.get(field)
    return SettingsError(
        f"{name} (from {source}): {problem}",
        item=name,
        hint=f"allowed: {allowed}" if allowed else f"correct {name}, then run: creative-s3 config",
    )


__all__ = ["ENVIRONMENT_NAMES", "Origin", "S3Config", "origins"]
