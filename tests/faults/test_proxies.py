"""Through the proxies of a company: tunnels, absolute addresses, passwords, and what they refuse."""

from __future__ import annotations

import secrets
import ssl
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit

import pytest
import trustme

from tests.faults.forward_proxy import HOST, ForwardProxy
from tests.faults.proxy import FaultProxy
from tests.faults.workshop import Site, a_cache
from tests.s3.moving import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.program import Result
    from tests.conftest import S3Server

NAME = "s3.far-away.example"
SIZES = (40_000, 40_000, 18 * MIB)
USER = "me"
PASSWORD = "p@ss/w0rd%:"  # noqa: S105 - of a proxy of ours
"""With what has to be escaped in an address."""


class Far(NamedTuple):
    """A server that only a proxy knows how to reach.

    Attributes:
        plain: Where its http really is.
        secure: Where its https really is.
        tls: What a proxy may speak TLS with.
        authority: A file with the certificate to trust.
    """

    plain: tuple[str, int]
    secure: tuple[str, int]
    tls: ssl.SSLContext
    authority: str


@pytest.fixture
def far(s3_server: S3Server, tmp_path: Path) -> Iterator[Far]:
    authority = trustme.CA()
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NAME, HOST).configure_cert(context)
    with FaultProxy(s3_server.endpoint_url, tls=context) as secure:
        yield Far(_place(s3_server.endpoint_url), _place(secure.url), context, str(path))


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 0


@pytest.fixture
def small(site: Site, tmp_path: Path) -> Site:
    return site.with_cache(a_cache(tmp_path / "small", *SIZES))


def address(proxy: ForwardProxy, password: str | None = None) -> str:
    scheme, _, place = proxy.url.partition("://")
    return proxy.url if password is None else f"{scheme}://{USER}:{quote(password, safe='')}@{place}"


def journey(site: Site, far: Far, endpoint: str, **env: str) -> list[Result]:
    told = {"S3_ENDPOINT_URL": endpoint, "AWS_CA_BUNDLE": far.authority, **env}
    target = str(site.cache.directory / secrets.token_hex(4))
    return [
        site.program(*command, "--insecure-endpoint", **told)
        for command in (
            ("migrate", "upload", "-v"),
            ("migrate", "upload"),
            ("migrate", "validate", "--deep"),
            ("assets", "download", *site.cache.plan, "--output", target),
            ("doctor",),
        )
    ]


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY"])
@pytest.mark.parametrize("over_tls", [False, True], ids=["http proxy", "https proxy"])
def test_https_goes_through_a_tunnel(small: Site, far: Far, variable: str, over_tls: bool) -> None:  # noqa: FBT001 - a parameter
    tls = far.tls if over_tls else None
    with ForwardProxy(to=far.secure, credentials=f"{USER}:{PASSWORD}", tls=tls) as proxy:
        results = journey(small, far, f"https://{NAME}", **{variable: address(proxy, PASSWORD)})

    assert [result.code for result in results] == [0] * 5
    assert small.stored() == small.cache.content
    assert {line.split()[0] for line in proxy.asked} == {"CONNECT"}
    assert PASSWORD not in "".join(result.out + result.err for result in results)
    assert quote(PASSWORD, safe="") not in "".join(result.out + result.err for result in results)


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY"])
def test_plain_http_goes_by_absolute_addresses(small: Site, far: Far, variable: str) -> None:
    with ForwardProxy(to=far.plain) as proxy:
        results = journey(small, far, f"http://{NAME}:8333", **{variable: address(proxy)})

    assert [result.code for result in results] == [0] * 5
    assert small.stored() == small.cache.content
    assert all(line.split()[1].startswith(f"http://{NAME}:8333/") for line in proxy.asked)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("password", [None, "wrong"])
def test_a_proxy_that_wants_other_credentials_is_told_as_that(
    site: Site, far: Far, scheme: str, password: str | None
) -> None:
    to = far.secure if scheme == "https" else far.plain
    with ForwardProxy(to=to, credentials=f"{USER}:{PASSWORD}") as proxy:
        result = site.program(
            "migrate",
            "upload",
            "--insecure-endpoint",
            S3_ENDPOINT_URL=f"{scheme}://{NAME}",
            AWS_CA_BUNDLE=far.authority,
            **{f"{scheme}_proxy": address(proxy, password)},
        )

    assert result.code == 4
    assert "HTTP 407" in result.err
    assert "wrong" not in result.err
    assert proxy.asked == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_is_not_there_is_named_without_its_password(site: Site, far: Far, scheme: str) -> None:
    result = site.program(
        "assets",
        "list",
        "--insecure-endpoint",
        S3_ENDPOINT_URL=f"{scheme}://{NAME}",
        AWS_CA_BUNDLE=far.authority,
        **{f"{scheme}_proxy": f"http://{USER}:wordofours@{HOST}:9"},
    )

    assert result.code == 9
    assert f"http://{HOST}:9" in result.err
    assert "wordofours" not in result.err


@pytest.mark.parametrize(
    "address",
    [f"http://{HOST}:port", "socks5://127.0.0.1:1080", "http://", "http://me:w%C3%B6rd@127.0.0.1:9"],
)
def test_an_address_that_cannot_be_one_is_refused_before_anything_is_sent(site: Site, address: str) -> None:
    result = site.program("assets", "list", S3_ENDPOINT_URL=f"https://{NAME}", https_proxy=address)

    assert result.code == 4
    assert "HTTPS_PROXY" in result.err


@pytest.mark.parametrize("variables", [("http_proxy",), ("HTTP_PROXY", "HTTPS_PROXY")])
def test_this_machine_is_never_asked_through_a_proxy(small: Site, variables: tuple[str, ...]) -> None:
    with ForwardProxy() as proxy:
        env = dict.fromkeys(variables, proxy.url)
        target = str(small.cache.directory / "to")
        codes = [
            small.program(*command, **env).code
            for command in (
                ("migrate", "upload"),
                ("assets", "download", *small.cache.plan, "--output", target),
                ("doctor",),
            )
        ]

    assert codes == [0] * 3
    assert proxy.asked == []


def test_the_common_runtime_alone_is_refused_where_a_proxy_serves(site: Site, far: Far) -> None:
    with ForwardProxy(to=far.plain) as proxy:
        result = site.program(
            "migrate",
            "upload",
            "--engine",
            "crt",
            "--insecure-endpoint",
            S3_ENDPOINT_URL=f"http://{NAME}",
            http_proxy=proxy.url,
        )

    assert result.code == 4
    assert "proxy" in result.err
