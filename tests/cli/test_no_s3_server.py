"""What answers is no S3 server: a console, a web page, another service, a redirect. Nothing goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from creative_s3 import S3Config, S3StorageManager
from creative_s3.errors import NotS3Error
from tests.cli.inside import Inside
from tests.cli.odd_server import odd_server, s3_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PAGE = "<!DOCTYPE html><html><head><title>Console</title></head><body>Log in<br></body></html>"
XHTML = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head/><body/></html>'
HTML = {"Content-Type": "text/html; charset=utf-8"}
ANSWERS: Mapping[str, tuple[int, str, Mapping[str, str]]] = {
    "a web page": (200, PAGE, HTML),
    "nothing": (200, "", {}),
    "a page that is XML": (200, XHTML, HTML),
    "JSON": (200, '{"status": "ok"}', {"Content-Type": "application/json"}),
    "other XML": (200, "<rss/>", {}),
    "text": (200, "It works!", {"Content-Type": "text/plain"}),
    "an index of files": (200, "\n  <HTML><body>Index of /</body></HTML>", HTML),
    "a listing of another service": (200, "<EnumerationResults/>", {}),
    "404 of a web server": (404, PAGE, HTML),
    "404 of a service": (404, '{"detail": "Not Found"}', {}),
    "403 of a web server": (403, PAGE, HTML),
    "401": (401, "who are you?", {}),
    "405": (405, "", {}),
    "302 to itself": (302, "", {"Location": "/login"}),
    "302 elsewhere": (302, PAGE, {"Location": "https://sso.example/?next=x", **HTML}),
    "301 without a place": (301, "", {}),
    "303": (303, "", {"Location": "/"}),
    "307": (307, "", {"Location": "/x"}),
    "308": (308, "", {"Location": "//other.example/x"}),
}
COMMANDS = [
    ("migrate", "upload"),
    ("migrate", "validate"),
    ("assets", "list"),
    ("assets", "discover"),
    ("assets", "download", "p/no-such-file.png"),
    ("bucket", "check"),
    ("doctor",),
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_whatever_it_answers_it_is_told_as_no_s3_server(
    answer: str, server_env: dict[str, str], tmp_path: Path
) -> None:
    with odd_server(*ANSWERS[answer]) as server:
        result = Inside({**server_env, "S3_ENDPOINT_URL": server.url}, tmp_path)("assets", "list", "--json")

    assert result.code == 4
    assert result.envelope["error"]["code"] == "not-s3"
    assert result.envelope["error"]["item"] == server.url
    assert len(server.asked) < 3


@pytest.mark.parametrize("answer", ["a web page", "nothing", "302 to itself"])
def test_every_command_says_that_it_is_no_s3_server(
    answer: str, server_env: dict[str, str], workspace: Path
) -> None:
    with odd_server(*ANSWERS[answer]) as server:
        program = Inside({**server_env, "S3_ENDPOINT_URL": server.url}, workspace)
        results = {command: program(*command) for command in COMMANDS}

    assert {command: result.code for command, result in results.items()} == dict.fromkeys(COMMANDS, 4)
    for result in results.values():
        said = result.out + result.err
        assert "no S3 server" in said or "sends requests on to" in said
        assert server.url in said
        assert "S3_ENDPOINT_URL" in said
    assert all(line.split()[0] in {"GET", "HEAD"} for line in server.asked)


def test_the_status_and_the_library_say_it_too(
    server_env: dict[str, str], workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server_env.items():
        monkeypatch.setenv(name, value)
    with odd_server(200, PAGE, HTML) as server:
        status = Inside({**server_env, "S3_ENDPOINT_URL": server.url}, workspace)("status")
        manager = S3StorageManager(S3Config.from_env(None, endpoint_url=server.url))
        with pytest.raises(NotS3Error):
            list(manager.list_objects())

    assert "this is no S3 server" in status.out


def test_plain_http_spoken_to_tls_is_named(server_env: dict[str, str], workspace: Path) -> None:
    with odd_server(400, "Client sent an HTTP request to an HTTPS server.\n") as server:
        result = Inside({**server_env, "S3_ENDPOINT_URL": server.url}, workspace)("assets", "list")

    assert result.code == 4
    assert server.url.replace("http:", "https:") in result.err


@pytest.mark.parametrize("status", [301, 307, 400])
def test_what_s3_says_of_another_region_is_told_as_that(
    status: int, server_env: dict[str, str], workspace: Path
) -> None:
    body = s3_error("PermanentRedirect", Endpoint="b.s3.eu-west-1.amazonaws.com")
    with odd_server(status, body, {"x-amz-bucket-region": "eu-west-1"}) as server:
        result = Inside({**server_env, "S3_ENDPOINT_URL": server.url}, workspace)("assets", "list")

    assert result.code == 4
    assert "eu-west-1" in result.err
    assert "S3_REGION" in result.err
    assert len(server.asked) < 6


@pytest.mark.parametrize(
    "answer",
    [
        (502, PAGE, HTML),
        (503, PAGE, HTML),
        (429, "too many", {}),
        (200, "<?xml version='1.0'?><ListBucketRes", {}),
    ],
)
def test_what_stands_between_and_fails_for_now_is_temporary(
    answer: tuple[int, str, Mapping[str, str]], server_env: dict[str, str], workspace: Path
) -> None:
    with odd_server(*answer) as server:
        result = Inside({**server_env, "S3_ENDPOINT_URL": server.url}, workspace)("assets", "list")

    assert result.code == 9
