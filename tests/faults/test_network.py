"""Through a network: a server at another address than this machine's own, by http and by https."""

from __future__ import annotations

import secrets
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING, Literal, NamedTuple

import pytest
import trustme

from tests.cli.program import TIMEOUT_S, Program, Result
from tests.faults.namespace import Namespace, namespace, obstacle
from tests.faults.programme import Retell, Rule, on
from tests.faults.proxy import FaultProxy
from tests.faults.workshop import COMPLETE, HEAD, KIB, PART, PUT, Cache, a_cache
from tests.s3.moving import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import S3Server

SIZES = (0, 40 * KIB, 3 * MIB, 18 * MIB)
Way = Literal["http", "TLS 1.2", "TLS 1.3"]
SHORT_ANSWERS = PUT | HEAD | PART | COMPLETE | on("ListObjectsV2")
ENGINES = ("auto", "crt", "classic")


@pytest.fixture(scope="module")
def apart() -> Iterator[Namespace]:
    if reason := obstacle():
        pytest.skip(reason)
    with namespace() as made:
        yield made


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return a_cache(tmp_path / "studio", *SIZES)


def served(way: Way, authority: trustme.CA, host: str) -> ssl.SSLContext | None:
    if way == "http":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    context.minimum_version = context.maximum_version = (
        ssl.TLSVersion.TLSv1_2 if way == "TLS 1.2" else ssl.TLSVersion.TLSv1_3
    )
    return context


def inside(apart: Namespace, program: Program, *arguments: str, **more: str) -> Result:
    done = subprocess.run(
        [*apart.prefix, sys.executable, "-m", "creative_s3", *arguments],
        env={**program.env, "COLUMNS": "200", **more},
        cwd=program.cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Result(done.returncode, done.stdout, done.stderr)


class Far(NamedTuple):
    """The real program in a network of its own, and what it uploads."""

    apart: Namespace
    authority: trustme.CA
    cache: Cache
    env: dict[str, str]

    def server(self, s3_server: S3Server, way: Way) -> FaultProxy:
        """Return a server at the other end of the cable."""
        tls = served(way, self.authority, self.apart.here)
        return FaultProxy(s3_server.endpoint_url, host=self.apart.here, tls=tls)

    def run(self, server: FaultProxy, *arguments: str, **more: str) -> Result:
        """Run the program."""
        program = Program({**self.env, "S3_ENDPOINT_URL": server.url}, self.cache.directory)
        return inside(self.apart, program, *arguments, **more)

    def journey(self, server: FaultProxy, engine: str, **more: str) -> list[Result]:
        """Upload, again, validate, download; what came back is what went."""
        target = self.cache.directory / secrets.token_hex(4)
        options = ("--engine", engine, "--insecure-endpoint")
        results = [
            self.run(server, *command, **more)
            for command in (
                ("migrate", "upload", *options),
                ("migrate", "upload", *options),
                ("migrate", "validate", "--deep", "--insecure-endpoint"),
                ("assets", "download", *self.cache.plan, "--output", str(target), *options),
            )
        ]
        came = sorted(path.read_bytes() for path in target.rglob("*.png"))
        assert came == sorted(self.cache.content.values()), [result.err for result in results]
        return results


@pytest.fixture
def far(
    apart: Namespace, authority: trustme.CA, cache: Cache, server_env: dict[str, str], tmp_path: Path
) -> Far:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    return Far(apart, authority, cache, {**server_env, "AWS_CA_BUNDLE": str(path)})


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("way", ["http", "TLS 1.2", "TLS 1.3"])
def test_everything_goes_there_and_comes_back(far: Far, s3_server: S3Server, way: Way, engine: str) -> None:
    with far.server(s3_server, way) as proxy:
        refused = far.run(proxy, "migrate", "upload")
        codes = [result.code for result in far.journey(proxy, engine)]

    assert refused.code == (8 if way == "http" else 0)
    assert codes == [0] * 4


@pytest.mark.parametrize("engine", ENGINES)
def test_a_folder_of_certificates_is_trusted(
    far: Far, s3_server: S3Server, tmp_path: Path, engine: str
) -> None:
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / "empty.txt").write_bytes(b"")
    with far.server(s3_server, "TLS 1.3") as proxy:
        without = far.run(proxy, "assets", "list", AWS_CA_BUNDLE=str(folder))
        far.authority.cert_pem.write_to_path(str(folder / "authority.pem"))
        codes = [result.code for result in far.journey(proxy, engine, AWS_CA_BUNDLE=str(folder))]

    assert without.code == 4
    assert str(folder) in without.err
    assert codes == [0] * 4


@pytest.mark.parametrize("engine", ENGINES)
def test_tls_that_ends_without_a_word_is_no_harm(far: Far, s3_server: S3Server, engine: str) -> None:
    with far.server(s3_server, "TLS 1.3") as proxy:
        proxy.follow(Rule(Retell(lambda reply: [reply.raw], rudely=True), SHORT_ANSWERS))
        codes = [result.code for result in far.journey(proxy, engine)]

    assert codes == [0] * 4


def test_an_address_where_nothing_is_ends_in_time(
    apart: Namespace, cache: Cache, server_env: dict[str, str]
) -> None:
    for url in (f"https://{apart.here}:9", "https://203.0.113.7"):  # refused; without a way to it
        result = inside(
            apart, Program({**server_env, "S3_ENDPOINT_URL": url}, cache.directory), "migrate", "upload"
        )
        assert result.code == 9
        assert url in result.err
