"""Signature version 4, compared with botocore's for whatever is to be signed."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from unittest import mock

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials, ReadOnlyCredentials
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.transfers.signing import Signer

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)
VALUES = st.lists(WORDS, min_size=1, max_size=3).map("  ".join)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz-0123456789", min_size=1, max_size=10).map("x-amz-meta-{}".format)
PATHS = st.text("abcXYZ012-._~/", max_size=30).map("/bucket/{}".format)
SECRETS = st.text("abcABC019+/", min_size=20, max_size=40)


def by_botocore(
    keys: ReadOnlyCredentials, method: str, path: str, headers: Sequence[tuple[str, str]]
) -> dict[str, str]:
    request = AWSRequest(method, f"https://host.example{path}", headers=dict(headers))
    request.context["client_config"] = Config(s3={"payload_signing_enabled": False})
    with mock.patch("botocore.auth.get_current_datetime", return_value=NOW.replace(tzinfo=None)):
        S3SigV4Auth(
            Credentials(keys.access_key or "", keys.secret_key or "", keys.token), "s3", "eu-west-1"
        ).add_auth(request)
    return {name.lower(): value for name, value in request.headers.items()}


@given(
    st.sampled_from(["GET", "HEAD", "PUT"]),
    PATHS,
    st.dictionaries(NAMES, VALUES, max_size=4),
    SECRETS,
    st.none() | SECRETS,
)
def test_requests_are_signed_as_botocore_signs_them(
    method: str, path: str, metadata: dict[str, str], secret_key: str, token: str | None
) -> None:
    keys = ReadOnlyCredentials("AKIDEXAMPLE", secret_key, token)
    headers = [("host", "host.example"), ("user-agent", "one/1"), ("content-length", "3"), *metadata.items()]

    signed = dict(Signer(lambda: keys, "eu-west-1", clock=NOW.timestamp).sign(method, path, "", headers))

    assert signed == by_botocore(keys, method, path, headers)


def test_new_credentials_and_a_new_day_are_signed_with_a_new_key() -> None:
    keys = [ReadOnlyCredentials("A", "one", None)]
    times = [NOW.timestamp()]
    signer = Signer(lambda: keys[-1], "eu-west-1", clock=lambda: times[-1])

    def authorization() -> str:
        return dict(signer.sign("GET", "/", "", [("host", "h")]))["authorization"]

    first = authorization()
    assert authorization() == first
    keys.append(ReadOnlyCredentials("A", "two", None))
    second = authorization()
    times.append(NOW.timestamp() + 86_400)
    third = authorization()

    assert len({first, second, third}) == 3
    assert "Credential=A/20260304/eu-west-1/s3/aws4_request" in second
    assert "Credential=A/20260305/eu-west-1/s3/aws4_request" in third
