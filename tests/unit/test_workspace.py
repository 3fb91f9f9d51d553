"""The workspace on disk: what is found, and what is never opened or followed."""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest

from creative_s3.core.files.local_files import partial_path
from creative_s3.core.files.own_files import PRIVATE_DIRECTORY
from creative_s3.core.files.workspace import FileState, LocalFile, Signature, Workspace

CACHE = "cache"


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    path = tmp_path / "studio" / CACHE
    path.mkdir(parents=True)
    return path


def state_of(cache_dir: Path, file_path: str) -> tuple[FileState, str]:
    found = Workspace(cache_dir).locate(file_path)
    return found.state, found.reason


def listed(cache_dir: Path) -> dict[str, FileState]:
    workspace = Workspace(cache_dir)
    return {workspace.relative(file.path): file.state for file in workspace.files_in_cache()}


def test_a_file_is_found_with_its_signature(cache_dir: Path) -> None:
    (cache_dir / "x.png").write_bytes(b"12345")
    found = Workspace(cache_dir).locate("cache/x.png")
    assert found.state is FileState.PRESENT
    assert found.size_bytes == 5
    assert found.signature == Signature.of((cache_dir / "x.png").stat())


def test_a_file_beside_the_cache_is_found(cache_dir: Path) -> None:
    (cache_dir.parent / "output").mkdir()
    (cache_dir.parent / "output" / "x.png").touch()
    assert state_of(cache_dir, "output/x.png")[0] is FileState.PRESENT


def test_an_empty_file_is_present(cache_dir: Path) -> None:
    (cache_dir / "x.png").touch()
    found = Workspace(cache_dir).locate("cache/x.png")
    assert (found.state, found.size_bytes) == (FileState.PRESENT, 0)


def test_a_missing_file_is_missing(cache_dir: Path) -> None:
    assert state_of(cache_dir, "cache/x.png") == (FileState.MISSING, "the file is missing")
    assert state_of(cache_dir, "cache/no/such/x.png")[0] is FileState.MISSING


def test_a_file_in_place_of_a_folder_makes_the_file_missing(cache_dir: Path) -> None:
    (cache_dir / "folder").touch()
    assert state_of(cache_dir, "cache/folder/x.png") == (
        FileState.MISSING,
        "the file is missing: its folder is a file",
    )


def test_a_directory_in_place_of_a_file_is_refused(cache_dir: Path) -> None:
    (cache_dir / "x.png").mkdir()
    assert state_of(cache_dir, "cache/x.png") == (FileState.REFUSED, "it is a directory, not a file")


def test_a_pipe_is_refused_without_opening_it(cache_dir: Path) -> None:
    os.mkfifo(cache_dir / "x.png")
    assert state_of(cache_dir, "cache/x.png") == (FileState.REFUSED, "it is a named pipe, not a file")
    assert listed(cache_dir) == {"cache/x.png": FileState.REFUSED}


def test_a_socket_is_refused(cache_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(cache_dir)  # the address of a socket has to be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("x.png")
        assert state_of(cache_dir, "cache/x.png") == (FileState.REFUSED, "it is a socket, not a file")
        assert listed(cache_dir) == {"cache/x.png": FileState.REFUSED}


def test_a_device_is_refused(cache_dir: Path) -> None:
    (cache_dir / "null").symlink_to("/dev/null")
    assert state_of(cache_dir, "cache/null")[0] is FileState.REFUSED


def test_a_loop_of_links_is_refused(cache_dir: Path) -> None:
    (cache_dir / "a").symlink_to("b")
    (cache_dir / "b").symlink_to("a")
    (cache_dir / "self").symlink_to(".")
    assert state_of(cache_dir, "cache/a")[0] is FileState.REFUSED
    assert listed(cache_dir) == dict.fromkeys(["cache/a", "cache/b", "cache/self"], FileState.REFUSED)


def test_a_dangling_link_is_refused(cache_dir: Path) -> None:
    (cache_dir / "x.png").symlink_to("gone.png")
    assert state_of(cache_dir, "cache/x.png") == (FileState.REFUSED, "a link leads nowhere")


def test_a_link_out_of_the_workspace_is_refused(cache_dir: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.touch()
    (cache_dir / "x.png").symlink_to(secret)
    (cache_dir / "folder").symlink_to(tmp_path)
    out = (FileState.REFUSED, "a link leads out of the workspace")
    assert state_of(cache_dir, "cache/x.png") == out
    assert state_of(cache_dir, "cache/folder/secret.png") == out
    assert listed(cache_dir) == dict.fromkeys(["cache/x.png", "cache/folder"], FileState.REFUSED)


def test_a_folder_whose_name_begins_as_the_workspaces_is_outside(cache_dir: Path, tmp_path: Path) -> None:
    neighbour = tmp_path / "studio-2"
    neighbour.mkdir()
    (neighbour / "x.png").touch()
    (cache_dir / "x.png").symlink_to(neighbour / "x.png")
    assert state_of(cache_dir, "cache/x.png")[0] is FileState.REFUSED


def test_a_link_inside_the_workspace_may_be_indexed_but_is_not_walked(cache_dir: Path) -> None:
    (cache_dir.parent / "output").mkdir()
    (cache_dir.parent / "output" / "x.png").touch()
    (cache_dir / "x.png").symlink_to("../output/x.png")
    assert state_of(cache_dir, "cache/x.png")[0] is FileState.PRESENT
    assert listed(cache_dir) == {"cache/x.png": FileState.REFUSED}


def test_the_cache_directory_itself_may_be_a_link_to_another_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    (disk / "x.png").touch()
    studio = tmp_path / "studio"
    studio.mkdir()
    (studio / CACHE).symlink_to(disk)
    assert state_of(studio / CACHE, "cache/x.png")[0] is FileState.PRESENT
    assert listed(studio / CACHE) == {"cache/x.png": FileState.PRESENT}


def test_a_name_too_long_for_the_disk_is_refused(cache_dir: Path) -> None:
    assert state_of(cache_dir, "cache/" + "x" * 300)[0] is FileState.REFUSED


@pytest.mark.permission_bits
def test_what_may_not_be_read_is_unreadable(cache_dir: Path) -> None:
    (cache_dir / "x.png").touch(mode=0)
    (cache_dir / "closed").mkdir()
    (cache_dir / "closed" / "y.png").touch()
    (cache_dir / "closed").chmod(0)
    try:
        assert state_of(cache_dir, "cache/x.png") == (FileState.UNREADABLE, "permission denied")
        assert state_of(cache_dir, "cache/closed/y.png") == (FileState.UNREADABLE, "permission denied")
        assert listed(cache_dir)["cache/closed"] is FileState.UNREADABLE
    finally:
        (cache_dir / "closed").chmod(0o755)


def test_the_walk_goes_through_all_folders_and_keeps_their_spelling(cache_dir: Path) -> None:
    names = [
        "a.png",
        "日本/crème.png",
        "re\u0300/x.png",
        "deep/er/and/deeper/x.png",
        "new\nline",
        ".hidden/x",
    ]
    for name in names:
        path = cache_dir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert listed(cache_dir) == {f"cache/{name}": FileState.PRESENT for name in names}


def test_the_index_and_our_own_files_are_left_out(cache_dir: Path) -> None:
    (cache_dir / "index.json").touch()
    (cache_dir / PRIVATE_DIRECTORY).mkdir()
    (cache_dir / PRIVATE_DIRECTORY / "catalog.sqlite3").touch()
    partial = partial_path(cache_dir / "x.png")
    partial.touch()
    partial.with_name(f"{partial.name}.0f3A").touch()
    assert listed(cache_dir) == {}


def test_files_that_only_resemble_ours_are_listed(cache_dir: Path) -> None:
    names = ["logo.creative-s3-final.png", "sub/index.json", ".creative-s3-notes"]
    for name in names:
        (cache_dir / name).parent.mkdir(exist_ok=True)
        (cache_dir / name).touch()
    assert sorted(listed(cache_dir)) == sorted(f"cache/{name}" for name in names)


@pytest.mark.parametrize("name", [b"caf\xe9.png", b"caf\xe9/plain.png"])
def test_a_name_that_is_no_utf8_is_refused_also_when_it_is_a_folders(cache_dir: Path, name: bytes) -> None:
    path = Path(os.fsdecode(os.fsencode(cache_dir) + b"/" + name))
    try:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    except OSError:
        pytest.skip("this file system has no such names")
    (found,) = Workspace(cache_dir).files_in_cache()
    assert (found.state, found.reason) == (FileState.REFUSED, "its name is not valid UTF-8")


def test_a_cache_directory_that_is_gone_is_unreadable(tmp_path: Path) -> None:
    (found,) = Workspace(tmp_path / "gone" / CACHE).files_in_cache()
    assert found.state is FileState.UNREADABLE


def test_an_edit_that_restores_size_and_time_changes_the_signature(cache_dir: Path) -> None:
    path = cache_dir / "x.png"
    path.write_bytes(b"one")
    os.utime(path, ns=(10**18, 10**18))
    before = Signature.of(path.stat())
    later = before
    while later.ctime_ns == before.ctime_ns:  # the clock of the file system moves in steps
        path.write_bytes(b"two")
        os.utime(path, ns=(10**18, 10**18))
        later = Signature.of(path.stat())
    assert (later.size_bytes, later.mtime_ns, later.inode) == (
        before.size_bytes,
        before.mtime_ns,
        before.inode,
    )
    assert later != before


def test_when_a_file_was_seen_is_no_part_of_its_signature(cache_dir: Path) -> None:
    first, second = Signature.of(cache_dir.stat()), Signature.of(cache_dir.stat())
    assert first == second
    assert 0 < first.seen_ns <= second.seen_ns


@pytest.mark.parametrize(("mtime_s", "is_older"), [(99, True), (100, True), (102, False), (10**10, True)])
def test_a_file_is_older_by_its_time_unless_that_is_still_to_come(mtime_s: int, *, is_older: bool) -> None:
    signature = Signature(1, mtime_s * 10**9, 0, 1, seen_ns=200 * 10**9)
    file = LocalFile(Path("a.png"), FileState.PRESENT, signature)
    assert file.is_older_than(datetime.fromtimestamp(100, UTC)) is is_older
