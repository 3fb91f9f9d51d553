"""Where downloads go: nothing leaves the output directory, whatever the keys say."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.files.folders import check_no_links
from creative_s3.core.storage.placement import (
    Destination,
    Placer,
    folded,
    ignores_case,
    safe_path,
)
from creative_s3.errors import RefusedError, UnsafeKeyError, UsageError

PREFIX = "creative-assets"
HOSTILE = {
    "../escape.png": "another folder",
    "a/../../escape.png": "another folder",
    "..": "another folder",
    "a/./b.png": "another folder",
    "/etc/passwd": "begins or ends",
    "a//b.png": "begins or ends",
    "a/b/": "begins or ends",
    "C:/Windows/x.png": "like a drive",
    "a/c:stream.png": "like a drive",
    "a/CON": "device",
    "a/con.png": "device",
    "nul.tar.gz": "device",
    "COM¹.png": "device",
    "a/Lpt9": "device",
    "a\0b.png": "NUL",
    "..\\..\\x.png": "backslash",
    "a/b.png.": "dot or a space",
    "a /b.png": "dot or a space",
    "x" * 256: "255 bytes",
    "é" * 128: "255 bytes",
    "cache/.creative-s3/catalog.sqlite3": "our own folder",
}


def placer(*, ignoring_case: bool = False) -> Placer:
    return Placer(PREFIX, ignores_case=lambda: ignoring_case)


def destination(output: str | None, *, alone: bool) -> Destination:
    return Destination(output, alone=alone, prefix=PREFIX)


@pytest.mark.parametrize(("key", "reason"), HOSTILE.items(), ids=ascii)
def test_a_hostile_key_is_refused_with_its_reason(key: str, reason: str) -> None:
    with pytest.raises(UnsafeKeyError, match=reason):
        safe_path(key)


@pytest.mark.parametrize(
    "name",
    [
        "...png",
        ".hidden",
        "console.png",
        "com10",
        "a b.png",
        "日本.png",
        "-rf",
        "a\nb",
        "x" * 255,
        "null",
        "aux_",
    ],
    ids=ascii,
)
def test_an_unusual_but_harmless_name_is_kept_as_it_is(name: str) -> None:
    assert safe_path(f"folder/{name}") == PurePosixPath("folder", name)


@given(st.text(max_size=40) | st.text("/.\\ aA:", max_size=12))
def test_whatever_is_accepted_stays_below_the_directory_and_is_spelled_like_the_key(key: str) -> None:
    try:
        path = safe_path(key)
    except UnsafeKeyError:
        return
    assert str(path) == key
    assert not path.is_absolute()
    assert ".." not in path.parts


def test_several_keys_keep_their_path_below_the_prefix() -> None:
    assert placer().place(f"{PREFIX}/products/transparent/a.png") == PurePosixPath(
        "products/transparent/a.png"
    )
    assert placer().place("elsewhere/a.png") == PurePosixPath("elsewhere/a.png")


def test_a_key_below_a_file_is_refused_and_names_the_key_of_the_file() -> None:
    both = placer()
    both.place(f"{PREFIX}/a")
    with pytest.raises(UnsafeKeyError, match=f"is a file, made of the object: {PREFIX}/a$") as caught:
        both.place(f"{PREFIX}/a/b/c.png")
    assert caught.value.item == f"{PREFIX}/a/b/c.png"


def test_a_key_whose_name_is_a_folder_already_is_refused() -> None:
    both = placer()
    both.place(f"{PREFIX}/a/b/c.png")
    with pytest.raises(UnsafeKeyError, match=f"folder of the object: {PREFIX}/a/b/c.png"):
        both.place(f"{PREFIX}/a/b")


def test_two_keys_with_one_path_are_not_both_placed() -> None:
    both = placer()
    both.place(f"{PREFIX}/a.png")
    with pytest.raises(UnsafeKeyError, match="same file"):
        both.place("a.png")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a/B.png", "a/b.png"),
        ("\u00c9.png", "E\u0301.png"),
        ("Straße.png", "STRASSE.png"),
        ("A", "a/x"),
        ("a/x", "A"),
    ],
    ids=ascii,
)
def test_twins_clash_only_where_the_file_system_takes_them_for_one(first: str, second: str) -> None:
    both = placer()
    both.place(first)
    both.place(second)
    clashing = placer(ignoring_case=True)
    clashing.place(first)
    with pytest.raises(UnsafeKeyError):
        clashing.place(second)


def test_folders_that_are_twins_may_share_one_folder() -> None:
    both = placer(ignoring_case=True)
    both.place("A/x.png")
    assert both.place("a/y.png") == PurePosixPath("a/y.png")


@given(st.text(max_size=20))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert folded(text) == folded(text.casefold())


def test_the_probe_of_the_file_system_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    assert ignores_case(tmp_path) is (tmp_path / "A").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert ignores_case(tmp_path / "missing") is False


def test_a_linked_folder_is_refused_and_the_directory_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "real" / "inner" / "out").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    check_no_links(tmp_path / "link", ["inner", "new"], item="a.png")
    with pytest.raises(UnsafeKeyError, match="symbolic link"):
        check_no_links(tmp_path / "link", ["inner", "out"], item="a.png")


def test_one_key_goes_under_its_last_part_into_the_current_directory() -> None:
    assert destination(None, alone=True).path_of(f"{PREFIX}/x/a.png") == Path("a.png")


def test_one_key_goes_into_a_directory_that_exists_or_ends_with_a_slash(tmp_path: Path) -> None:
    assert destination(str(tmp_path), alone=True).path_of("x/a.png") == tmp_path / "a.png"
    assert destination("new/", alone=True).path_of("x/a.png") == Path("new/a.png")


def test_one_key_goes_to_the_file_that_is_named_whatever_the_key_is() -> None:
    assert destination("local/b.png", alone=True).path_of("x/..") == Path("local/b.png")


def test_one_key_without_a_usable_last_part_is_refused_with_the_command_that_names_the_file() -> None:
    with pytest.raises(UnsafeKeyError) as caught:
        destination(None, alone=True).path_of("x y/..")
    assert caught.value.item == "x y/.."
    assert caught.value.hint == (
        "name the file yourself: creative-s3 assets download --output FILE -- 'x y/..'"
    )


def test_several_keys_do_not_go_into_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError):
        destination(str(tmp_path / "file"), alone=False)
    assert destination(str(tmp_path), alone=False).path_of(f"{PREFIX}/x/a.png") == tmp_path / "x" / "a.png"


def test_several_keys_do_not_follow_a_link_out_of_the_directory(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "x").symlink_to(tmp_path)
    with pytest.raises(UnsafeKeyError, match="symbolic link") as caught:
        destination(str(tmp_path / "out"), alone=False).path_of(f"{PREFIX}/x/a.png")
    assert caught.value.item == f"{PREFIX}/x/a.png"


@given(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}(\.[A-Za-z0-9_-]{1,20}){0,3}", fullmatch=True))
def test_usual_names_are_taken_but_for_those_of_devices(name: str) -> None:
    first = name.partition(".")[0].upper()
    if first in {"CON", "PRN", "AUX", "NUL"} or (len(first) == 4 and first[:3] in {"COM", "LPT"}):
        return  # `HOSTILE` has these
    assert safe_path(name) == PurePosixPath(name)


@pytest.mark.parametrize("name", ["con", "NUL.txt", "com1.png", "Aux.tar.gz", "lpt9"])
def test_a_name_that_looks_usual_and_is_a_device_is_refused(name: str) -> None:
    with pytest.raises(UnsafeKeyError, match="device"):
        safe_path(name)


@pytest.mark.parametrize("there", ["link", "dangling", "pipe", "device"])
def test_one_object_does_not_take_the_place_of_what_is_no_file(tmp_path: Path, there: str) -> None:
    path = tmp_path / "out"
    (tmp_path / "target").write_bytes(b"precious")
    if there == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to({"link": "target", "dangling": "none", "device": "/dev/null"}[there])
    with pytest.raises(RefusedError, match="is not replaced by a file"):
        destination(str(path), alone=True)
    for name in ("/dev/null", "/dev/stdout"):
        with pytest.raises(RefusedError, match="is not replaced by a file"):
            destination(name, alone=True)
