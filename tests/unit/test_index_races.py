"""index.json while others write it, too: processes of ours, and older pipeline code, which takes no lock."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import creative_s3
from creative_s3.core.files.workspace import Signature
from creative_s3.core.index.writer import EntryChange, write_changes
from creative_s3.errors import IndexFileError, TemporaryError

if TYPE_CHECKING:
    from collections.abc import Callable, ItemsView, Iterator

PYTHON_PATH = {"PYTHONPATH": str(Path(creative_s3.__file__).parents[1])}
STRACE = shutil.which("strace")


@pytest.fixture
def index(tmp_path: Path) -> Path:
    path = tmp_path / "cache" / "index.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"products": {}}, indent=2))
    return path


def pipeline_adds(index: Path, name: str) -> None:
    """Do what the pipeline's older code does to register something."""
    document = json.loads(index.read_text())
    document["products"][name] = {"by": "pipeline"}
    with index.open("w") as file:
        json.dump(document, file, indent=2)


def products(index: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(index.read_text())["products"]
    return found


class Meanwhile(Mapping[str, Mapping[str, Any]]):
    """Changes that do something else at the moment when the writer comes to the end of the section."""

    def __init__(self, action: Callable[[], object]) -> None:
        self.entries = {"ours": {"by": "us"}}
        self.action = action

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        return self.entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def items(self) -> ItemsView[str, Mapping[str, Any]]:
        self.action()
        return super().items()


def test_what_the_pipeline_writes_while_we_write_is_merged(index: Path) -> None:
    names = iter(["first", "second"])

    def pipeline() -> None:
        if name := next(names, None):
            pipeline_adds(index, name)

    result = write_changes(index, {"products": Meanwhile(pipeline)})
    assert list(products(index)) == ["first", "second", "ours"]
    assert result.signature == Signature.of(index.stat())


def test_an_index_that_appears_while_we_make_one_is_merged(index: Path) -> None:
    index.unlink()

    def pipeline() -> None:
        if not index.exists():
            index.write_text('{"products": {"theirs": {}}}')

    write_changes(index, {"products": Meanwhile(pipeline)})
    assert products(index) == {"theirs": {}, "ours": {"by": "us"}}


def test_an_index_that_is_taken_away_while_we_write_is_made_again(index: Path) -> None:
    pipeline_adds(index, "old")
    write_changes(index, {"products": Meanwhile(lambda: index.unlink(missing_ok=True))})
    assert products(index) == {"ours": {"by": "us"}}


def test_an_index_that_is_replaced_while_we_write_is_merged(index: Path, tmp_path: Path) -> None:
    def replace() -> None:
        if "theirs" not in products(index):
            (tmp_path / "new").write_text('{"products": {"theirs": {}}}')
            (tmp_path / "new").rename(index)

    write_changes(index, {"products": Meanwhile(replace)})
    assert products(index) == {"theirs": {}, "ours": {"by": "us"}}


def test_an_index_that_never_holds_still_is_left_to_the_others(index: Path) -> None:
    numbers = iter(range(1000))
    with pytest.raises(TemporaryError, match="faster than it can be written") as caught:
        write_changes(index, {"products": Meanwhile(lambda: pipeline_adds(index, str(next(numbers))))})
    assert caught.value.item == str(index)
    assert "ours" not in products(index)
    assert len(products(index)) == next(numbers)


def test_an_index_that_is_just_being_written_is_waited_for(index: Path) -> None:
    text = json.dumps({"products": {"theirs": {}}})
    cut = threading.Event()

    def pipeline() -> None:
        with index.open("w") as file:
            for character in text:
                file.write(character)
                file.flush()
                cut.set()
                time.sleep(0.01)  # a slow writer is the subject

    thread = threading.Thread(target=pipeline)
    thread.start()
    cut.wait()
    write_changes(index, [EntryChange("products", "ours", {})])
    thread.join()
    assert products(index) == {"theirs": {}, "ours": {}}


def test_an_index_that_was_cut_off_for_good_is_refused_in_the_end(index: Path) -> None:
    index.write_text('{"products": {')
    with pytest.raises(IndexFileError, match="is not valid JSON: line 1, column 15"):
        write_changes(index, [EntryChange("products", "ours", {})])
    assert index.read_text() == '{"products": {'


def test_older_pipeline_code_beside_us_loses_nothing_and_what_it_drops_of_ours_is_healed(index: Path) -> None:
    stop = threading.Event()
    theirs: list[str] = []

    def pipeline() -> None:
        while not stop.is_set():
            pipeline_adds(index, f"theirs{len(theirs)}")
            theirs.append(f"theirs{len(theirs)}")
            stop.wait(0.1)

    thread = threading.Thread(target=pipeline)
    thread.start()
    ours = [EntryChange("products", f"ours{number}", {"n": number}) for number in range(20)]
    try:
        for change in ours:
            write_changes(index, [change])
    finally:
        stop.set()
        thread.join()
    assert set(theirs) <= set(products(index))
    write_changes(index, ours)  # as the journal does when the file is not the one it wrote
    assert set(products(index)) == {*theirs, *(change.name for change in ours)}
    assert not list(index.parent.glob(".index*"))


WRITER = """
import sys
from pathlib import Path
from creative_s3.core.index.writer import EntryChange, write_changes
for start in range(0, 500, 20):
    batch = [EntryChange("semantic_assets", f"{sys.argv[2]}{n}", {"n": n}) for n in range(start, start + 20)]
    write_changes(Path(sys.argv[1]), batch)
"""


def test_two_processes_at_once_lose_nothing(index: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(index), name], env=PYTHON_PATH) for name in "ab"
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    found = json.loads(index.read_text())["semantic_assets"]
    assert set(found) == {f"{name}{number}" for name in "ab" for number in range(500)}


ONE = """
import sys
from pathlib import Path
from creative_s3.core.index.writer import EntryChange, write_changes
write_changes(Path(sys.argv[1]), [EntryChange("products", "ours", {})])
"""


@pytest.mark.skipif(STRACE is None, reason="strace is not installed")
@pytest.mark.parametrize(
    ("late", "expected"),
    [('{"products": {"theirs": {}}}', {"theirs": {}, "ours": {}}), ('{"products": {', {"ours": {}})],
    ids=["finished", "never finished"],
)
def test_what_the_pipeline_writes_into_the_file_that_we_just_replaced_is_merged(
    index: Path, late: str, expected: dict[str, Any]
) -> None:
    opened_before = os.open(index, os.O_WRONLY)
    inode = index.stat().st_ino
    # The second fsync is that of the directory, right after the new name.
    slowed = ["-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync:delay_enter=500000:when=2"]
    writer = subprocess.Popen([str(STRACE), *slowed, sys.executable, "-c", ONE, str(index)], env=PYTHON_PATH)
    deadline = time.monotonic() + 60
    while index.stat().st_ino == inode:
        assert time.monotonic() < deadline
        assert writer.poll() is None
    os.ftruncate(opened_before, 0)
    os.pwrite(opened_before, late.encode(), 0)
    os.close(opened_before)
    assert writer.wait() == 0
    assert products(index) == expected
