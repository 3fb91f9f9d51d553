"""A random life with kills, full disks, set clocks and an older pipeline: nothing lost, and every 0 true.

Set ``LIFE_STEPS`` to live longer than in everyday tests, as ``nox -s long`` does, and ``LIFE_SEED`` to live
another life. What a failed one did last is in its message.
"""

from __future__ import annotations

import os
import random
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.life.bucket import Bucket
from tests.life.forking import forker
from tests.life.life import Life
from tests.life.surroundings import settable_clock, small_disk
from tests.life.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

    from types_boto3_s3 import S3Client

STEPS = int(os.environ.get("LIFE_STEPS", "40")) // 2
"""In a bucket that keeps versions, and as many in one that does not."""
SEED = os.environ.get("LIFE_SEED", "1")


@pytest.mark.parametrize("versions", ["versioned", "unversioned"])
def test_a_life_loses_nothing_and_every_0_is_true(
    s3: S3Client, bucket: str, server_env: dict[str, str], tmp_path: Path, versions: str
) -> None:
    if versions == "versioned":
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    clock = settable_clock(tmp_path)
    with ExitStack() as stack:
        is_small = stack.enter_context(small_disk(tmp_path / "a"))
        life = Life(
            workspaces=(Workspace(tmp_path / "a"), Workspace(tmp_path / "b")),
            forkers=(
                stack.enter_context(forker(server_env, tmp_path / "runs-a", clock)),
                stack.enter_context(forker(server_env, tmp_path / "runs-b", clock)),
            ),
            small_disks=(0,) if is_small else (),
            is_clock_settable=clock is not None,
            bucket=Bucket(s3, bucket),
            random=random.Random(f"{SEED} {versions}"),  # noqa: S311 - nothing secret
            is_versioned=versions == "versioned",
        )
        for number in range(STEPS + 1):
            try:
                life.step() if number else life.begin()
            except AssertionError as error:
                raise AssertionError(f"seed {SEED}, step {number}: {error}") from error
    print(dict(sorted(life.done.items())))  # noqa: T201 - shown by -s, and when it fails
    assert life.done["migrate upload: 0"]
