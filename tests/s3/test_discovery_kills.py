"""A sync that is killed at any step of its recording: the next one finishes it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import creative_s3
from creative_s3.core.catalog.settling import settle
from creative_s3.core.files.workspace import Workspace
from creative_s3.errors import ExitCode
from tests.s3.test_discovery import PREFIX, Machine

if TYPE_CHECKING:
    from creative_s3.core.s3.connection import Connection

KILLS = 20
SCRIPT = """
import json, os, signal, sys
from pathlib import Path
from creative_s3.core.storage.manager import S3StorageManager
from creative_s3.core.discovery.syncing import sync_with_bucket
from creative_s3.settings import S3Config

cache_dir, prefix, settings, kill_at = sys.argv[1:]
calls, counting, kill_at = 0, False, int(kill_at)

def count(frame, event, _argument):
    global calls, counting
    counting = counting or (event == "call" and frame.f_code.co_name == "record")
    calls += counting
    if calls == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)

storage = S3StorageManager(S3Config.from_env(env_file=None, **json.loads(settings)))
sys.setprofile(count)
sync_with_bucket(storage, Path(cache_dir), prefix=prefix)
sys.setprofile(None)
print(calls)
"""


def test_a_sync_that_is_killed_anywhere_is_finished_by_whoever_comes_next(
    connection: Connection, studio_workspace: Path, tmp_path: Path
) -> None:
    first = Machine(connection, studio_workspace)
    assert first.upload() is ExitCode.OK
    settings = json.dumps(
        {
            "bucket_name": connection.bucket,
            "endpoint_url": connection.endpoint_url,
            "region": connection.config.region,
        }
    )

    def synced(cache_dir: Path, kill_at: int) -> subprocess.CompletedProcess[str]:
        package = str(Path(creative_s3.__file__).parents[1])
        return subprocess.run(
            [sys.executable, "-c", SCRIPT, str(cache_dir), PREFIX, settings, str(kill_at)],
            env={**os.environ, "PYTHONPATH": package},
            capture_output=True,
            text=True,
            check=False,
        )

    whole = Machine(connection, tmp_path / "whole")
    done = synced(whole.cache_dir, -1)
    assert done.returncode == 0, done.stderr
    steps = int(done.stdout)
    expected = whole.entries()
    assert len(expected) == len(first.entries()) - 1
    rng = random.Random()  # noqa: S311 - other points each time, no secret
    points = [*sorted(rng.sample(range(1, steps), KILLS - 2)), steps - 200, steps - 60]
    for number, point in enumerate(points):
        machine = Machine(connection, tmp_path / f"killed-{number}")
        assert synced(machine.cache_dir, point).returncode < 0, point
        if machine.index_path.exists():
            json.loads(machine.index_path.read_bytes())
        with machine.catalog() as catalog:
            settle(catalog, Workspace(machine.cache_dir))
            known = {(row.section, row.entry) for row in catalog.assets.all()}
        if machine.index_path.exists():
            # Whatever the catalog had durably, the index has after settling; nothing is there by halves.
            found = machine.entries()
            assert known <= found.keys(), point
            assert all(expected[name] == value for name, value in found.items()), point
        machine.sync()
        assert machine.entries() == expected, point
        assert not list(machine.cache_dir.glob(".*.part*")), point
        assert machine.validate().exit_code(strict=True) is ExitCode.OK, point
