"""What the tests share: a real S3 server, buckets on it, workspaces, surroundings without the user's own.

Every worker of a parallel run has a server of its own.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

import creative_s3
from creative_s3.core import sample
from creative_s3.core.files import user_directories
from creative_s3.core.local import server as local
from creative_s3.core.s3.dialect import Dialect
from tests.privileges import without_overrides
from tests.studio import make_studio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_s3 import S3Client

CHECKOUT = Path(__file__).resolve().parents[1]
REFERENCE_WORKSPACE = CHECKOUT.parent / "shared" / "fixtures" / "reference-cache"

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start would, too.
for _name in ("SIGINT", "SIGHUP"):
    if (_number := getattr(signal, _name, None)) and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _name == "SIGINT" else signal.SIG_DFL)

PREFIXES = ("AWS_", "S3_", "XDG_")
OTHER_SETTINGS = {
    "BOTO_CONFIG",
    "CACHE_DIR",
    "CLOUDFRONT_DISTRIBUTION_ID",
    "COLUMNS",
    "FORCE_COLOR",
    "LOG_LEVEL",
    "NO_COLOR",
}

# Tests run in temporary directories; hypothesis would leave its examples there.
set_hypothesis_home_dir(CHECKOUT / ".hypothesis")
# How long an example takes says nothing on a machine that does other work as well.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running S3 server and the keys of its one identity."""

    endpoint_url: str
    access_key: str
    secret_key: str
    region: str
    local: local.LocalServer


@pytest.fixture(scope="session", autouse=True)
def _clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting, profile, credential or home directory of the user reaches a test."""
    nowhere = tmp_path_factory.mktemp("nowhere")
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(PREFIXES) or name.lower().endswith("_proxy") or name in OTHER_SETTINGS:
                patch.delenv(name)
        patch.setenv("HOME", str(nowhere))
        patch.setenv("AWS_CONFIG_FILE", str(nowhere / "no-config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "no-credentials"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test for which permission bits must count as somebody for whom they do."""
    if pyfuncitem.get_closest_marker("permission_bits") is None:
        return None
    names = pyfuncitem._fixtureinfo.argnames  # noqa: SLF001 - as pytest's own call does
    arguments = {name: pyfuncitem.funcargs[name] for name in names}
    without_overrides(lambda: pyfuncitem.obj(**arguments))
    return True


@pytest.fixture(autouse=True)
def _own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test starts in its own empty directory, where no ``.env`` lies."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _strangers(_clean_environment: None) -> Iterator[None]:
    """What a test learns of its servers goes with it: another one's may get the same port."""
    servers = user_directories.state_path() / "servers"
    known = set(servers.glob("*"))
    yield
    for learned in {*servers.glob("*")} - known:
        learned.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def s3_server(_clean_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server, one for the whole session; it is known to store, so that nothing is read back."""
    directory = tmp_path_factory.mktemp("s3-server")
    server = local.start(directory)
    try:
        Dialect(server.endpoint_url).found_stored()
        access_key, secret_key = local.read_credentials(server)
        yield S3Server(server.endpoint_url, access_key, secret_key, server.region, server)
    finally:
        local.remove(directory)


@pytest.fixture(scope="session")
def s3(s3_server: S3Server) -> Iterator[S3Client]:
    """A boto3 client for the server, for looking at what the code under test did."""
    session = boto3.session.Session(
        aws_access_key_id=s3_server.access_key,
        aws_secret_access_key=s3_server.secret_key,
        region_name=s3_server.region,
    )
    client = session.client(
        "s3", endpoint_url=s3_server.endpoint_url, config=Config(s3={"addressing_style": "path"})
    )
    with contextlib.closing(client):
        yield client


@pytest.fixture
def bucket(s3: S3Client) -> Iterator[str]:
    """A new, empty bucket of this test alone."""
    name = f"test-{secrets.token_hex(6)}"
    s3.create_bucket(Bucket=name)
    yield name
    # A test may have deleted it, or locked what is in it; the server goes at the end anyhow.
    with contextlib.suppress(ClientError):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                s3.delete_object(Bucket=name, Key=version["Key"], VersionId=version["VersionId"])
        s3.delete_bucket(Bucket=name)


@pytest.fixture
def server_env(s3_server: S3Server, bucket: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment for a subprocess that works on `bucket`, made from scratch."""
    home = tmp_path_factory.mktemp("home")
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
        "PYTHONPATH": str(Path(creative_s3.__file__).parents[1]),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "AWS_CONFIG_FILE": str(home / "no-config"),
        "AWS_EC2_METADATA_DISABLED": "true",
        **local.environment(s3_server.local),
        "S3_BUCKET_NAME": bucket,
    }


@pytest.fixture(scope="session")
def sample_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample workspace, made once: only for reading."""
    directory = tmp_path_factory.mktemp("sample") / "workspace"
    sample.make_workspace(directory)
    return directory


@pytest.fixture
def workspace(sample_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sample workspace of this test alone."""
    return _copy(sample_workspace, tmp_path_factory.mktemp("work") / "workspace")


@pytest.fixture
def studio_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small workspace in every shape that the pipeline writes, of this test alone."""
    directory = tmp_path_factory.mktemp("studio") / "workspace"
    make_studio(directory)
    return directory


@pytest.fixture
def reference_workspace(tmp_path_factory: pytest.TempPathFactory, studio_workspace: Path) -> Path:
    """A copy of one that the pipeline itself wrote, where it lies beside the checkout; else the small one."""
    if not REFERENCE_WORKSPACE.is_dir():
        return studio_workspace
    return _copy(REFERENCE_WORKSPACE, tmp_path_factory.mktemp("reference") / "workspace")


def _copy(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    for path in (target, *target.rglob("*")):
        path.chmod(path.stat().st_mode | stat.S_IWUSR)
    return target
