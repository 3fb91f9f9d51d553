"""The embedded server's life: start, find, stop, kill, restart, remove; and who can reach it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError

import creative_s3
from creative_s3.core.local import server as local
from creative_s3.errors import RefusedError, TemporaryError
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from types_boto3_s3 import S3Client

    from tests.conftest import S3Server

START = """
import pathlib, sys
from creative_s3.core.local import server as local
print(local.start(pathlib.Path(sys.argv[1])).pid)
"""


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """A place for a server of this test alone; whatever runs there at the end is stopped."""
    place = tmp_path / "a server's own place"
    yield place
    local.stop(place)


def client(server: local.LocalServer) -> S3Client:
    access_key, secret_key = local.read_credentials(server)
    session = boto3.session.Session(access_key, secret_key, region_name=server.region)
    made: S3Client = session.client("s3", endpoint_url=server.endpoint_url)
    return made


def start_elsewhere(directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", START, directory],
        env={**os.environ, "PYTHONPATH": str(Path(creative_s3.__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
    )


def on_linux() -> bool:
    return sys.platform == "linux"


def servers_of(directory: Path) -> list[int]:
    listed = subprocess.run(
        ["/bin/ps", "-A", "-ww", "-o", "pid=,command="], capture_output=True, check=True, text=True
    )
    mark = f"-dir={directory}/data "
    return [
        int(line.split()[0]) for line in listed.stdout.splitlines() if mark in line and "/bin/sh" not in line
    ]


def listening_addresses(pid: int) -> list[str]:
    """Return the address, as /proc writes it, of each TCP socket on which the process listens."""
    opened = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            opened.add(str(entry.readlink()))
    lines = [
        line
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()
    ]
    listening = [fields for fields in map(str.split, lines) if fields[3] == "0A"]
    return [fields[1].partition(":")[0] for fields in listening if f"socket:[{fields[9]}]" in opened]


def test_stop_and_start_keep_the_data_the_credentials_and_the_address(directory: Path) -> None:
    first = local.start(directory)
    with contextlib.closing(client(first)) as s3:
        s3.put_object(Bucket=first.bucket, Key="日本/石けん.png", Body=b"bytes")
        assert local.start(directory) == first
        assert local.status(directory) == first

        assert local.stop(directory) is True
        assert servers_of(directory) == []
        assert local.status(directory) is None
        assert local.stop(directory) is False

        second = local.start(directory)
        assert second.pid != first.pid
        assert second.endpoint_url == first.endpoint_url
        assert s3.get_object(Bucket=first.bucket, Key="日本/石けん.png")["Body"].read() == b"bytes"


def test_nothing_of_the_environment_reaches_the_server(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("S3_BUCKET", "foreign-bucket")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "foreign")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "foreign")
    with monkeypatch.context() as proxied:
        proxied.setenv("http_proxy", "http://127.0.0.1:1")
        server = local.start(directory, bucket="my-own-bucket")

    with contextlib.closing(client(server)) as s3:
        assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["my-own-bucket"]


def test_starting_a_running_server_with_another_bucket_makes_that_bucket(directory: Path) -> None:
    first = local.start(directory)

    second = local.start(directory, bucket="second-bucket")

    assert (second.pid, second.bucket) == (first.pid, "second-bucket")
    with contextlib.closing(client(second)) as s3:
        assert {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]} == {first.bucket, "second-bucket"}


def test_boto3_works_with_exactly_the_environment_that_is_told(s3_server: S3Server) -> None:
    script = (
        "import boto3, os\n"
        "at, region = os.environ['S3_ENDPOINT_URL'], os.environ['S3_REGION']\n"
        "s3 = boto3.client('s3', endpoint_url=at, region_name=region)\n"
        "s3.put_object(Bucket=os.environ['S3_BUCKET_NAME'], Key='told', Body=b'x')\n"
    )
    ambient = {"PATH": os.defpath, "AWS_ACCESS_KEY_ID": "wrong", "AWS_DEFAULT_PROFILE": "wrong"}

    ran = subprocess.run(
        [
            "/bin/sh",
            "-c",
            f'{local.shell_exports(s3_server.local)} exec "$0" -c "$1"',
            sys.executable,
            script,
        ],
        env=ambient,
        capture_output=True,
        check=False,
        text=True,
    )

    assert (ran.returncode, ran.stderr) == (0, "")


def test_two_concurrent_starts_give_one_server(directory: Path) -> None:
    starts = [start_elsewhere(directory) for _ in range(2)]

    pids = {int(start.communicate(timeout=60)[0]) for start in starts}

    assert len(pids) == 1
    assert servers_of(directory) == list(pids)


def test_the_directory_and_the_credentials_are_the_users_alone(s3_server: S3Server) -> None:
    server = s3_server.local

    assert stat.S_IMODE(server.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(server.credentials_file.stat().st_mode) == 0o600
    assert s3_server.secret_key not in server.log_file.read_text()
    assert s3_server.secret_key not in repr(server)


@pytest.mark.skipif(not on_linux(), reason="reads /proc")
def test_the_secret_is_not_among_the_arguments_that_every_user_can_see(s3_server: S3Server) -> None:
    arguments = Path(f"/proc/{s3_server.local.pid}/cmdline").read_text()

    assert s3_server.secret_key not in arguments


@pytest.mark.skipif(not on_linux(), reason="reads /proc")
def test_the_server_listens_on_the_loopback_alone(s3_server: S3Server) -> None:
    wait_until(lambda: len(listening_addresses(s3_server.local.pid)) == 10)

    assert set(listening_addresses(s3_server.local.pid)) == {"0100007F"}


def test_a_bucket_that_is_not_empty_cannot_be_deleted(s3: S3Client, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="kept", Body=b"x")

    with pytest.raises(ClientError, match="BucketNotEmpty"):
        s3.delete_bucket(Bucket=bucket)

    assert s3.get_object(Bucket=bucket, Key="kept")["Body"].read() == b"x"


def test_a_killed_server_is_noticed_and_starts_again_on_other_ports_if_it_must(directory: Path) -> None:
    killed = local.start(directory)
    with contextlib.closing(client(killed)) as s3:
        s3.put_object(Bucket=killed.bucket, Key="a", Body=b"survives")
    os.kill(killed.pid, signal.SIGKILL)
    wait_until(lambda: not servers_of(directory))

    assert local.status(directory) is None
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", int(killed.endpoint_url.rpartition(":")[2])))
        taken.listen()
        server = local.start(directory)

    assert server.endpoint_url != killed.endpoint_url
    with contextlib.closing(client(server)) as s3:
        assert s3.get_object(Bucket=server.bucket, Key="a")["Body"].read() == b"survives"


def test_another_process_with_the_recorded_pid_is_left_alone(directory: Path) -> None:
    local.start(directory)
    state = directory / "server.json"
    record = json.loads(state.read_text())
    local.stop(directory)
    with subprocess.Popen(["/bin/sleep", "600"]) as other:
        try:
            state.write_text(json.dumps({**record, "pid": other.pid}))

            assert local.status(directory) is None
            assert not state.exists()

            state.write_text(json.dumps({**record, "pid": other.pid}))
            (directory / "weed.pid").write_text(f"{other.pid}\n")

            assert local.stop(directory) is False
            assert other.poll() is None
        finally:
            other.kill()


def test_a_start_that_is_killed_leaves_nothing_that_hinders_the_next(directory: Path) -> None:
    interrupted = start_elsewhere(directory)
    wait_until(lambda: bool(servers_of(directory)))
    interrupted.kill()
    interrupted.communicate()

    server = local.start(directory)

    assert servers_of(directory) == [server.pid]
    with contextlib.closing(client(server)) as s3:
        s3.put_object(Bucket=server.bucket, Key="a", Body=b"x")


def test_a_server_that_cannot_come_up_says_why_and_leaves_nothing_running(directory: Path) -> None:
    local.start(directory)
    local.stop(directory)
    (directory / "data" / "filerldb2").rename(directory / "data" / "aside")
    (directory / "data" / "filerldb2").write_text("not a database")

    with pytest.raises(TemporaryError, match="failed to initialize store") as caught:
        local.start(directory)

    assert caught.value.item == str(directory / "weed.log")
    assert servers_of(directory) == []
    assert local.status(directory) is None


def test_remove_stops_the_server_and_leaves_what_is_not_its_own(directory: Path, tmp_path: Path) -> None:
    local.start(directory)
    (directory / "note.txt").write_text("the user's")
    (directory / "tmp").joinpath("link").symlink_to(tmp_path)

    assert local.remove(directory) == (directory / "note.txt",)

    assert servers_of(directory) == []
    assert [path.name for path in directory.iterdir()] == ["note.txt"]
    with pytest.raises(RefusedError):
        local.remove(directory)


def test_stop_and_remove_leave_no_sockets_and_no_directory(directory: Path, tmp_path: Path) -> None:
    # Servers that were killed leave sockets, and one may go by a number that is another service's port here.
    before = set(Path("/tmp").glob("seaweedfs-*.sock"))  # noqa: S108 - where weed puts them
    local.start(directory)
    ports = json.loads((directory / "server.json").read_text())["ports"].values()
    (tmp_path / "link").symlink_to(directory)
    with pytest.raises(RefusedError, match="symbolic link"):
        local.remove(tmp_path / "link")

    local.stop(directory)

    left = {path.name for path in set(Path("/tmp").glob("seaweedfs-*.sock")) - before}  # noqa: S108 - the same
    assert not [name for name in left for port in ports if name.endswith(f"-{port}.sock")]
    assert local.remove(directory) == ()
    assert not directory.exists()
