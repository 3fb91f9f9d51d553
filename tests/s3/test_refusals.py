"""What a server refuses is an object's own failure where it accepts other requests, a few times in a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from creative_s3.core.transfers.refusals import Refusals
from creative_s3.errors import BucketNotFoundError, CredentialsError, ItemError, TemporaryError
from tests.s3.moving import connection_to

if TYPE_CHECKING:
    from tests.conftest import S3Server


def test_it_is_the_objects_own_until_the_sixth_in_a_row(
    s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals, error = Refusals(connection_to(s3_server.local, bucket, monkeypatch)), CredentialsError("no")

    for _ in range(5):
        assert isinstance(refusals.of_item(error, "k"), ItemError)
    assert refusals.of_item(error, "k") is error
    refusals.succeeded()
    assert isinstance(refusals.of_item(error, "k"), ItemError)


@pytest.mark.parametrize("error", [BucketNotFoundError("none"), CredentialsError("no")])
def test_it_is_everything_where_another_request_is_refused_too(
    s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, error: CredentialsError
) -> None:
    refusals = Refusals(connection_to(s3_server.local, "no-such-bucket-here", monkeypatch))

    assert refusals.of_item(error, "k") is error


def test_what_passes_is_left_as_it_is(
    s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = TemporaryError("later")

    assert Refusals(connection_to(s3_server.local, bucket, monkeypatch)).of_item(error, "k") is error
