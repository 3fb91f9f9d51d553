"""Writing index.json: what is merged, what is kept, and what is refused without touching the file."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import creative_s3
from creative_s3.core.files.workspace import Signature
from creative_s3.core.index.edits import EMPTY_INDEX
from creative_s3.core.index.stream import stream_entries
from creative_s3.core.index.writer import LOCK_NAME, EntryChange, write_changes
from creative_s3.errors import IndexFileError, ItemError, LockedError
from tests.unit.test_lock import holder_of

if TYPE_CHECKING:
    from collections.abc import Callable

LONG_AGO = (0, 0)
SOAP = EntryChange("products", "soap", {"name": "Soap", "tags": ["é"]})
PYTHON_PATH = {"PYTHONPATH": str(Path(creative_s3.__file__).parents[1])}


@pytest.fixture
def index(tmp_path: Path) -> Path:
    path = tmp_path / "cache" / "index.json"
    path.parent.mkdir()
    return path


def names_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_a_missing_index_is_made_as_the_pipeline_makes_it(index: Path) -> None:
    result = write_changes(index, [SOAP])
    expected = json.loads(EMPTY_INDEX)
    expected["products"]["soap"] = {"name": "Soap", "tags": ["é"]}
    assert index.read_text() == json.dumps(expected, indent=2)
    assert result.was_written
    assert result.entries == 1
    assert (
        stat.S_IMODE(index.stat().st_mode)
        == stat.S_IMODE((index.parent / ".creative-s3").stat().st_mode) & 0o666
    )
    assert names_in(index.parent) == {"index.json", ".creative-s3"}


def test_a_missing_index_is_made_even_without_changes(index: Path) -> None:
    assert write_changes(index, []).was_written
    assert index.read_bytes() == EMPTY_INDEX


def test_the_result_tells_what_the_file_is_now(index: Path) -> None:
    for changes in ([SOAP], [EntryChange("", "abc", {"n": 1})], [EntryChange("", "abc", {"n": 1})]):
        result = write_changes(index, changes)
        assert result.sha256 == hashlib.sha256(index.read_bytes()).hexdigest()
        assert result.signature == Signature.of(index.stat())
        assert result.entries == sum(1 for _ in stream_entries(index))


def test_the_result_tells_which_content_the_changes_were_merged_into(index: Path) -> None:
    assert write_changes(index, [SOAP]).merged_from == ""
    before = hashlib.sha256(index.read_bytes()).hexdigest()
    assert write_changes(index, [EntryChange("", "abc", {"n": 1})]).merged_from == before


def test_an_index_of_the_pipeline_changes_only_where_it_is_told_to(studio_workspace: Path) -> None:
    index = studio_workspace / "cache" / "index.json"
    before = index.read_text()
    write_changes(
        index,
        [
            EntryChange("products", "power-dish-soap", {"status": "retired"}),
            EntryChange("reuse_patterns", "scene_summer_us_001_summer_2025", None),
            EntryChange("", "feedbeef", {"file_path": "cache/new.png"}),
        ],
    )
    expected = json.loads(before)
    expected["products"]["power-dish-soap"]["status"] = "retired"
    del expected["reuse_patterns"]["scene_summer_us_001_summer_2025"]
    expected["feedbeef"] = {"file_path": "cache/new.png"}
    assert index.read_text() == json.dumps(expected, indent=2)


def test_what_is_there_already_is_not_written_again(index: Path) -> None:
    first = write_changes(index, [SOAP])
    second = write_changes(index, [SOAP, EntryChange("products", "nothing", None)])
    assert not second.was_written
    assert (second.signature, second.sha256, second.entries) == (first.signature, first.sha256, 1)


def test_a_later_change_of_an_entry_adds_to_an_earlier_one(index: Path) -> None:
    write_changes(
        index,
        [
            EntryChange("products", "a", {"n": 1, "m": 1}),
            EntryChange("products", "a", {"n": 2}),
            EntryChange("products", "b", {"n": 1}),
            EntryChange("products", "b", None),
        ],
    )
    assert json.loads(index.read_text())["products"] == {"a": {"n": 2, "m": 1}}


class LookedUp(Mapping[str, Mapping[str, Any]]):
    """Entries that are made when they are asked for."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[str]:
        return map(str, range(self.count))

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        if name.isascii() and name.isdigit() and int(name) < self.count:
            return {"n": int(name)}
        raise KeyError(name)


def test_changes_may_be_a_mapping_that_looks_them_up(index: Path) -> None:
    write_changes(index, {"semantic_assets": LookedUp(10)})
    result = write_changes(index, {"semantic_assets": LookedUp(1000), "products": {"a": {}}})
    assert result.entries == 1001
    assert list(json.loads(index.read_text())["semantic_assets"].items()) == list(LookedUp(1000).items())


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_the_permissions_of_the_file_are_kept(index: Path, mode: int) -> None:
    index.write_text("{}")
    index.chmod(mode)
    write_changes(index, [SOAP])
    assert stat.S_IMODE(index.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_of_the_file_is_kept(index: Path) -> None:
    index.write_text("{}")
    os.chown(index, 1234, 4321)
    write_changes(index, [SOAP])
    assert (index.stat().st_uid, index.stat().st_gid) == (1234, 4321)


@pytest.mark.parametrize("content", ["{}", None])
def test_a_link_stays_a_link_and_its_target_is_replaced(
    index: Path, tmp_path: Path, content: str | None
) -> None:
    (tmp_path / "disk").mkdir()
    target = tmp_path / "disk" / "real.json"
    if content is not None:
        target.write_text(content)
    index.symlink_to("../disk/real.json")
    write_changes(index, [SOAP])
    assert index.readlink() == Path("../disk/real.json")
    assert json.loads(target.read_text())["products"]["soap"]["name"] == "Soap"
    assert names_in(tmp_path / "disk") == {"real.json"}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"[]", "is not a JSON object"),
        (b'{"products": {"a": 1', "is not valid JSON: line 1, column 21"),
        (b'{"products": ' + b"[" * 200 + b"]" * 200 + b"}", "is nested too deeply"),
        (b'{"products": [1]}', "cannot be added to: its products is no object but a list"),
    ],
)
def test_a_file_that_is_no_index_is_never_replaced(index: Path, content: bytes, expected: str) -> None:
    index.write_bytes(content)
    os.utime(index, LONG_AGO)
    with pytest.raises(IndexFileError, match=expected) as caught:
        write_changes(index, [SOAP])
    assert caught.value.item == str(index)
    assert index.read_bytes() == content
    assert names_in(index.parent) == {"index.json", ".creative-s3"}


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["directory", "pipe"])
def test_what_is_no_file_is_never_replaced(index: Path, make: Callable[[Path], object]) -> None:
    make(index)
    with pytest.raises(IndexFileError, match="is not a regular file"):
        write_changes(index, [SOAP])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (EntryChange("elsewhere", "a", {}), "'elsewhere' is no section"),
        (EntryChange("", "products", {}), "'products' is a section"),
        (EntryChange("products", "a", {"n": float("inf")}), "not JSON compliant"),
    ],
)
def test_a_change_that_makes_no_sense_is_a_mistake_of_the_caller(
    index: Path, change: EntryChange, expected: str
) -> None:
    index.write_text('{"products": {}}')
    with pytest.raises(ValueError, match=expected):
        write_changes(index, [change])
    assert index.read_text() == '{"products": {}}'
    assert names_in(index.parent) <= {"index.json", ".creative-s3"}


def test_another_writer_is_waited_for_and_then_named(index: Path) -> None:
    with holder_of(index.parent / ".creative-s3" / LOCK_NAME) as holder:
        with pytest.raises(LockedError, match=f"process {holder.pid} on "):
            write_changes(index, [SOAP], lock_wait_s=0.1)
        assert not index.exists()
        assert holder.stdin is not None
        threading.Timer(0.1, holder.stdin.close).start()
        assert write_changes(index, [SOAP]).was_written


FILLED = """
import resource, sys
from pathlib import Path
from creative_s3.core.index.writer import EntryChange, write_changes
from creative_s3.errors import ItemError
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    write_changes(Path(sys.argv[1]), [EntryChange("products", "a", {"n": 1})])
except ItemError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_file_as_it_was(index: Path) -> None:
    content = json.dumps({"products": {str(number): {"n": number} for number in range(2000)}})
    index.write_text(content)
    filled = subprocess.run(
        [sys.executable, "-c", FILLED, str(index)],
        env=PYTHON_PATH,
        capture_output=True,
        text=True,
        check=True,
    )
    assert filled.stdout.startswith("there is no room on the disk")
    assert index.read_text() == content
    assert names_in(index.parent) == {"index.json", ".creative-s3"}


def test_a_place_that_cannot_be_written_is_named(index: Path) -> None:
    (index.parent / ".creative-s3").touch()
    with pytest.raises(ItemError) as caught:
        write_changes(index, [SOAP])
    assert str(index.parent) in str(caught.value.item)


@pytest.mark.permission_bits
def test_a_directory_without_permission_is_named(index: Path) -> None:
    write_changes(index, [])
    index.parent.chmod(0o500)
    with pytest.raises(ItemError, match="Permission denied"):
        write_changes(index, [SOAP])
    index.parent.chmod(0o700)
    assert index.read_bytes() == EMPTY_INDEX


MEASURED = """
import resource, sys
from pathlib import Path
from creative_s3.core.index.writer import EntryChange, write_changes
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
changes = [EntryChange("semantic_assets", str(n), {"n": n}) for n in (-1, 5, 10_000)]
print(write_changes(Path(sys.argv[1]), changes).entries, (peak() - before) // 1024)
"""


def test_a_large_index_costs_no_more_memory_than_a_few_blocks(index: Path) -> None:
    with index.open("w") as file:
        file.write('{"semantic_assets": {')
        file.writelines(f'"{number}": {{"text": "{"x" * 500}"}},\n' for number in range(50_000))
        file.write('"last": 1}}')
    measured = subprocess.run(
        [sys.executable, "-c", MEASURED, str(index)],
        env=PYTHON_PATH,
        capture_output=True,
        text=True,
        check=True,
    )
    entries, grown_mib = map(int, measured.stdout.split())
    assert entries == 50_002
    assert grown_mib < 20
