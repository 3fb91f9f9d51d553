"""The tiers at a hundred thousand assets: `tiers status` and the plan of `tiers manage`, as whole commands.

Run it with ``python -m benchmarks.tiers``. Half of the assets have a file on local disk, all are known as
proved in S3. The bucket is on the embedded server; it is asked for its lifecycle rules only.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.catalog import write_index

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_RUNS = 5
_COMMANDS = (
    ("tiers status", ("tiers", "status", "-q")),
    ("tiers status --limit", ("tiers", "status", "--limit", "100MB", "-q")),
    (
        "tiers manage --dry-run",
        ("tiers", "manage", "--limit", "100MB", "--max-evict", "100%", "--dry-run", "-q"),
    ),
    ("tiers manage --explain", ("tiers", "manage", "--explain", "scene_0000001", "-q")),
)


def make_cache(cache: Path, assets: int, environment: Mapping[str, str]) -> None:
    """Make the files, and a catalog that knows an object of each asset and half a million uses."""
    from creative_s3.core.catalog.catalog import Catalog, ProvedObject
    from creative_s3.core.catalog.intake import take_in
    from creative_s3.core.catalog.places import catalog_path, remote_side
    from creative_s3.core.files.workspace import Workspace
    from creative_s3.core.s3.connection import connect
    from creative_s3.settings import S3Config

    os.environ.update(environment)
    write_index(cache, assets)
    chance = random.Random(8)  # noqa: S311 - the same each time
    names = [f"scene_{number:07d}" for number in range(assets)]
    written = time.time()
    for name in names[::2]:
        path = cache / "scenes" / f"{name}.png"
        path.write_bytes(b"x" * chance.randrange(1_000, 8_000))
        aged = written - chance.uniform(2, 9_600) * 3_600  # what was written within the hour would all stay
        os.utime(path, (aged, aged))
    connection = connect(S3Config.from_env(env_file=None, cache_dir=cache))
    workspace = Workspace(cache)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with Catalog(
        catalog_path(workspace.cache_dir), bucket=remote_side(connection, connection.config.prefix)
    ) as catalog:
        take_in(catalog, workspace)
        sizes = {
            name: path.stat().st_size for name in names if (path := cache / "scenes" / f"{name}.png").exists()
        }
        keys = {name: f"creative-assets/backgrounds/scene/us/fall/{name}.png" for name in names}
        catalog.remember(
            assignments=keys,
            objects=[
                ProvedObject(
                    key,
                    sizes.get(name, 5_000),
                    "etag",
                    "AAAAAAAAAAA=",
                    None,
                    "STANDARD",
                    name,
                    "checksum",
                    now,
                )
                for name, key in keys.items()
            ],
        )
        catalog.assets.set_cold([name for name in names if name not in sizes], is_cold=True)
        used = {chance.choice(names): chance.randrange(1, 20) for _ in range(assets // 5)}
        catalog.usage.record(used, {}, at=datetime.now(UTC))


def measured(command: Sequence[str], root: Path, environment: Mapping[str, str]) -> list[float]:
    """Run a command some times; return the seconds of each."""
    seconds = []
    for _ in range(_RUNS):
        begun = time.perf_counter()
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "creative_s3", *command],
            env=dict(environment),
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        seconds.append(time.perf_counter() - begun)
        if done.returncode:
            sys.exit(f"{' '.join(command)}: {done.stderr}")
    return seconds


def main() -> None:
    """Make it, measure, print a table."""
    from creative_s3.core.local import server as local

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=100_000)
    parser.add_argument("--keep", type=Path, help="use and keep this directory")
    arguments = parser.parse_args()
    memory = Path("/dev/shm")  # noqa: S108 - where Linux keeps files in memory
    work = arguments.keep or Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    server = local.start(work / "server")
    try:
        environment = {**os.environ, **local.environment(server), "CACHE_DIR": str(work / "cache")}
        if not (work / "cache").exists():
            make_cache(work / "cache", arguments.assets, environment)
            _put_one(environment)
        print(f"{arguments.assets:,} assets, half of them on local disk; {_RUNS} runs each")
        for name, command in _COMMANDS:
            seconds = measured(command, work, environment)
            print(f"{name:26} {statistics.median(seconds):6.2f} s   (from {min(seconds):.2f})", flush=True)
    finally:
        local.stop(server.directory) if arguments.keep else local.remove(work / "server")
        if not arguments.keep:
            shutil.rmtree(work, ignore_errors=True)


def _put_one(environment: Mapping[str, str]) -> None:
    """Put something under the prefix: an empty bucket is refused."""
    import boto3

    os.environ.update(environment)
    client = boto3.client("s3", endpoint_url=environment["S3_ENDPOINT_URL"])
    client.put_object(Bucket=environment["S3_BUCKET_NAME"], Key="creative-assets/one", Body=b"one")


if __name__ == "__main__":
    main()
