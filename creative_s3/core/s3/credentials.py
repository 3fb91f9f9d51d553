"""The credentials that botocore's chain finds: fetched at the start, and refused by name when they cannot be.

The chain raises whatever a program, a file or a variable makes it raise. Here each becomes one sentence that
names where the credentials come from, and never shows one. What the server says of them is in `core.faults`.
"""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any, NoReturn

from botocore import exceptions as boto

from creative_s3.core.faults.translation import clean
from creative_s3.errors import CredentialsError, SettingsError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.session import Session

PROCESS_LIMIT_S = 60
"""How long a credential_process may take: enough for a person to type a code."""
CONFIG = "creative-s3 config  # names the source of the credentials"
_ENV = "env"
_OF_PROFILE = (
    ("role_arn", "assumed role"),
    ("web_identity_token_file", "web identity token"),
    ("sso_session", "SSO"),
    ("sso_start_url", "SSO"),
    ("aws_access_key_id", "access key in the AWS files"),
    ("login_session", "AWS login"),
    ("credential_process", "credential process"),
)
"""The settings of a profile in botocore's order, and what they give."""
_VARIABLES = (
    ("access_key", "AWS_ACCESS_KEY_ID"),
    ("secret_key", "AWS_SECRET_ACCESS_KEY"),
    ("token", "AWS_SESSION_TOKEN"),
)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def fetch(session: Session) -> None:
    """Fetch a session's credentials, and see that requests can be signed with them.

    A role or SSO is asked now: what is wrong with it would otherwise be told of the first request.

    Raises:
        CredentialsError: There are none, they are incomplete, or they cannot be fetched or used.
        SettingsError: An AWS file cannot be read.
    """
    try:
        _limit_processes(session)
        found = session.get_credentials()
        frozen = None
        if found is not None:
            _guard_refresh(found)
            frozen = found.get_frozen_credentials()
    except Exception as error:  # noqa: BLE001 - programs and files of the user have botocore raise anything
        _explain(session, error)
    if frozen is None:
        raise _none(_environment(session))
    where = _where(session, str(getattr(found, "method", "")))
    for field, variable in _VARIABLES:
        value = getattr(frozen, field)
        if (field != "token" or value is not None) and (problem := _problem(field, value)):
            name = variable if where is None else f"{variable.lower()} of the {where}"
            hint = "write it anew, without anything around it"
            raise CredentialsError(f"{name} {problem}", item=variable, hint=hint)


def source(environment: Mapping[str, str], profiles: Mapping[str, Mapping[str, Any]]) -> str:
    """Name the first source in botocore's order that would give credentials; ask no server, run no program.

    Args:
        environment: The environment variables.
        profiles: The profiles of the AWS configuration and credentials files, by name.
    """
    name = environment.get("AWS_PROFILE") or environment.get("AWS_DEFAULT_PROFILE") or "default"
    profile = profiles.get(name)
    if environment.get("AWS_ACCESS_KEY_ID"):
        return "environment (AWS_ACCESS_KEY_ID)"
    if profile is None and name != "default":
        return f"none: the profile {name} does not exist"
    for key, words in _OF_PROFILE:
        if profile and key in profile:
            return f"{words}, profile {name}"
    if environment.get("AWS_WEB_IDENTITY_TOKEN_FILE"):
        return "web identity token (AWS_WEB_IDENTITY_TOKEN_FILE)"
    if environment.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") or environment.get(
        "AWS_CONTAINER_CREDENTIALS_FULL_URI"
    ):
        return "container role"
    return "none here; on AWS, the machine's own role"


def no_credentials() -> CredentialsError:
    """Return the error for an empty credential chain."""
    return CredentialsError(
        "no AWS credentials were found",
        hint='run `aws configure` or set AWS_PROFILE; embedded server: eval "$(creative-s3 local env)"',
    )


def _none(environment: Mapping[str, str]) -> CredentialsError:
    if environment.get("AWS_SECRET_ACCESS_KEY"):
        state = "is empty" if "AWS_ACCESS_KEY_ID" in environment else "is not set"
        return CredentialsError(
            f"AWS_SECRET_ACCESS_KEY is set, and AWS_ACCESS_KEY_ID {state}",
            item="AWS_ACCESS_KEY_ID",
            hint="set both, or neither and AWS_PROFILE",
        )
    return no_credentials()


def _explain(session: Session, error: Exception) -> NoReturn:
    """Raise what a failure of the chain means."""
    if isinstance(error, boto.ProfileNotFound):
        raise CredentialsError(
            f"the AWS profile {error.kwargs.get('profile')!r} does not exist",
            item="AWS_PROFILE",
            hint="list profiles with `aws configure list-profiles`",
        ) from error
    if isinstance(error, boto.ConfigParseError):
        line = getattr(error.kwargs.get("error"), "lineno", None)
        raise SettingsError(
            f"the AWS file {error.kwargs.get('path')} cannot be read{f', line {line}' if line else ''}",
            item=str(error.kwargs.get("path")),
            hint="correct it: a section is [NAME], a setting is NAME = VALUE, all of it is UTF-8",
        ) from error
    if isinstance(error, boto.PartialCredentialsError):
        missing, provider = str(error.kwargs.get("cred_var")), str(error.kwargs.get("provider"))
        named = missing.upper() if provider == _ENV else missing
        where = "" if provider == _ENV else f" of the {_where(session, provider)}"
        raise CredentialsError(
            f"the AWS credentials are incomplete: {named}{where} is missing or empty", item=named, hint=CONFIG
        ) from error
    if isinstance(error, (boto.SSOError, boto.TokenRetrievalError, boto.UnauthorizedSSOTokenError)):
        raise CredentialsError(
            f"the SSO session has expired, or cannot be used ({_described(session)})",
            hint=f"aws sso login{_option(session)}",
        ) from error
    if isinstance(error, boto.HTTPClientError):
        raise TemporaryError(
            f"what gives the credentials does not answer ({_described(session)})",
            hint="check the network connection, then run the same command again",
        ) from error
    raise CredentialsError(
        f"the credentials cannot be fetched ({_described(session)}): {_reason(error)}", hint=CONFIG
    ) from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror.lower()}{f': {error.filename}' if error.filename else ''}"
    if isinstance(error, boto.BotoCoreError):
        return clean(str(error.kwargs.get("error_msg", error)))
    if isinstance(error, (boto.ClientError, RuntimeError)):
        return clean(str(error))
    return _of_value(error)


def _of_value(error: Exception) -> str:
    """Say what is wrong with what was given, without repeating it: it may be half a secret."""
    return {
        "JSONDecodeError": "what it gave is not JSON",
        "UnicodeDecodeError": "what it gave is not UTF-8 text",
        "UnicodeEncodeError": "it has characters that cannot be sent",
        "ParserError": "its time of expiry is no time",
        "IndexError": "the command is empty",
        "AttributeError": "what it gave is not an object with AccessKeyId and SecretAccessKey",
        "TypeError": "what it gave is not an object with AccessKeyId and SecretAccessKey",
        "ValueError": "it is written in a form that cannot be read",
    }.get(type(error).__name__, "what it gave cannot be read")


def _problem(field: str, value: object) -> str | None:
    """Say why a request cannot be signed with a value, without showing it."""
    if not isinstance(value, str):
        return "is not text"
    is_secret = field == "secret_key"  # it is never sent, so that it may be any text
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    rules = (
        (not value, "is empty"),
        ("\r" in value or "\n" in value, "has a line break in it"),
        (_CONTROLS.search(value), "has a tab or another control character in it"),
        (value != value.strip(), "begins or ends with a space"),
        (is_quoted, "stands in quotation marks, which would be part of it"),
        (not _is_text(value), "is not UTF-8 text"),
        (" " in value and not is_secret, "has a space in it"),
        (not value.isascii() and not is_secret, "has characters that are not ASCII"),
    )
    return next((problem for applies, problem in rules if applies), None)


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _where(session: Session, method: str) -> str | None:
    """Name what gave the credentials; None for the environment, whose variables are names enough."""
    if method == _ENV:
        return None
    if method in {"shared-credentials-file", "config-file"}:
        variable = "credentials_file" if method == "shared-credentials-file" else "config_file"
        return f"profile {_profile(session)} in {session.get_config_variable(variable)}"
    return _described(session)


def _described(session: Session) -> str:
    try:
        profiles = session.full_config.get("profiles", {})
    except boto.BotoCoreError:
        return f"profile {_profile(session)}"
    environment = {
        name: value for name, value in _environment(session).items() if name != "AWS_ACCESS_KEY_ID"
    }
    return source({**environment, "AWS_PROFILE": _profile(session)}, profiles)


def _profile(session: Session) -> str:
    return str(session.get_config_variable("profile") or "default")


def _option(session: Session) -> str:
    name = _profile(session)
    return "" if name == "default" else f" --profile {name}"


def _environment(session: Session) -> Mapping[str, str]:
    """Return the variables that botocore reads."""
    environment: Mapping[str, str] = session.get_component("credential_provider").get_provider(_ENV).environ
    return environment


def _limit_processes(session: Session) -> None:
    """Have a credential_process killed when it takes too long; botocore would wait for ever."""
    provider = session.get_component("credential_provider").get_provider("custom-process")
    provider._popen = _LimitedProcess  # noqa: SLF001 - an argument of its constructor, which botocore calls


class _LimitedProcess(subprocess.Popen[bytes]):
    def communicate(self, input: bytes | None = None, timeout: float | None = None) -> tuple[bytes, bytes]:  # noqa: A002 - Popen's own name
        try:
            return super().communicate(input, timeout or PROCESS_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.kill()
            super().communicate()
            raise boto.CredentialRetrievalError(
                provider="custom-process", error_msg=f"it did not end within {PROCESS_LIMIT_S} s"
            ) from None


def _guard_refresh(found: Any) -> None:  # noqa: ANN401 - botocore's credentials have no common type
    """Have a later refresh fail in botocore's own words, whatever the program or file behind it does."""
    refresh: Callable[[], Any] | None = getattr(found, "_refresh_using", None)
    if refresh is None:
        return

    def guarded() -> Any:  # noqa: ANN401 - as botocore's
        try:
            return refresh()
        except boto.BotoCoreError:
            raise
        except Exception as error:
            raise boto.CredentialRetrievalError(
                provider=str(found.method), error_msg=_reason(error)
            ) from error

    found._refresh_using = guarded  # noqa: SLF001 - botocore has no other way in
