"""LocalStack's S3 and STS without Docker; its boto3 is an older one, so it has an environment of its own."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.servers.installing import python_packages
from tests.servers.processes import HOST, on_a_free_port
from tests.servers.server import Running, Server, installed, missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = "localstack"
_PYTHON = "bin/python"
_NEEDS = ("localstack-core[base-runtime]==2026.3.0", "moto-ext>=5.1.22,<5.2", "cbor2<6", "pyopenssl<25")
"""Its last release that runs without an account; the last two are what it was made for."""
_OLDEST_PYTHON = (3, 13)


@contextmanager
def _run(directory: Path) -> Iterator[Running]:
    def arguments(_port: int) -> list[str]:
        return [str(installed(_NAME) / _PYTHON), "-m", "localstack.runtime.main"]

    def environment(port: int) -> dict[str, str]:
        return {
            "GATEWAY_LISTEN": f"{HOST}:{port}",
            "SERVICES": "s3,sts",
            "STRICT_SERVICE_LOADING": "1",
            "EAGER_SERVICE_LOADING": "0",
            "GATEWAY_SERVER": "hypercorn",
            "DISABLE_EVENTS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
            "DNS_ADDRESS": "0",
            "FILESYSTEM_ROOT": str(directory / "root"),
            "LOCALSTACK_VOLUME_DIR": str(directory / "volume"),
            "TMPDIR": str(directory),
        }

    with on_a_free_port(arguments, directory=directory, env=environment) as (endpoint_url, pid):
        yield Running(_NAME, endpoint_url, pids=(pid,))


def _obstacle() -> str | None:
    return missing(_NAME, _PYTHON)


def _install(directory: Path) -> None:
    python_packages(directory, _NEEDS, oldest=_OLDEST_PYTHON)


LOCALSTACK = Server(_NAME, "PyPI: localstack-core, without Docker", _run, _obstacle, _install)
