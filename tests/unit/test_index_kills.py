"""kill -9 while index.json is written: old or new, never half, and nothing left over after the next write."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import creative_s3
from creative_s3.core.index.writer import EntryChange, write_changes

PYTHON_PATH = {"PYTHONPATH": str(Path(creative_s3.__file__).parents[1]), "PYTHONDONTWRITEBYTECODE": "1"}
STRACE = shutil.which("strace")
KILLS = 60
OLD = {"products": {str(number): {"n": number} for number in range(2000)}}

FORKS = """
import os, sys
from pathlib import Path
from creative_s3.core.index.writer import EntryChange, write_changes
index = Path(sys.argv[1])
for first in sys.stdin:
    child = os.fork()
    if not child:
        for number in range(int(first), 1_000_000):
            counted = EntryChange("", "counter", {"n": number})
            write_changes(index, [counted, EntryChange("semantic_assets", str(number), {"n": number})])
    print(child, flush=True)
    os.waitpid(child, 0)
    print("gone", flush=True)
"""


@pytest.fixture
def index(tmp_path: Path) -> Path:
    path = tmp_path / "cache" / "index.json"
    path.parent.mkdir()
    path.write_text(json.dumps(OLD, indent=2))
    return path


def left_over(index: Path) -> set[str]:
    return {path.name for path in index.parent.iterdir()} - {"index.json", ".creative-s3"}


def test_a_writer_that_is_killed_at_any_moment_leaves_the_old_or_the_new_file(index: Path) -> None:
    chance = random.Random(20250101)  # noqa: S311 - moments, not secrets
    number, killed_within = 0, 0
    with subprocess.Popen(
        [sys.executable, "-c", FORKS, str(index)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=PYTHON_PATH,
    ) as forks:
        assert forks.stdin is not None
        assert forks.stdout is not None
        for _ in range(KILLS):
            forks.stdin.write(f"{number}\n")
            forks.stdin.flush()
            writer = int(forks.stdout.readline())
            select_for(chance.uniform(0.005, 0.06))
            os.kill(writer, signal.SIGKILL)
            assert forks.stdout.readline() == "gone\n"
            killed_within += bool(left_over(index))
            document = json.loads(index.read_text())
            written = document.get("semantic_assets", {})
            number = document.get("counter", {}).get("n", -1) + 1
            assert document["products"] == OLD["products"]
            assert list(written) == [str(n) for n in range(number)]
    assert killed_within > 0
    write_changes(index, [EntryChange("products", "last", {})])
    assert not left_over(index)


def select_for(seconds: float) -> None:
    """Let the writer work for a moment: the moment is what is varied."""
    signal.sigtimedwait([], seconds)


ONE = """
import sys
from pathlib import Path
from creative_s3.core.index.writer import EntryChange, write_changes
write_changes(Path(sys.argv[1]), [EntryChange("products", "1999", {"n": -1})])
"""


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
@pytest.mark.parametrize(
    ("call", "nth"),
    [
        ("write", 1),
        ("fchmod", 1),
        ("fsync", 1),
        ("/^rename", 1),
        ("fsync", 2),
        ("/^unlink", 1),
    ],
)
def test_a_writer_that_is_killed_in_a_system_call_leaves_the_old_or_the_new_file(
    index: Path, call: str, nth: int
) -> None:
    old = index.read_text()
    new = json.dumps({"products": {**OLD["products"], "1999": {"n": -1}}}, indent=2)
    killed = subprocess.run(
        [
            *(str(STRACE), "-f", "-qq", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={nth}"),
            *(sys.executable, "-c", ONE, str(index)),
        ],
        env=PYTHON_PATH,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert index.read_text() in {old, new}
    write_changes(index, [EntryChange("products", "1999", {"n": -1})])
    assert index.read_text() == new
    assert not left_over(index)
