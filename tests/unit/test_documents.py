"""The file index.json: what can be read, and what is refused with its line and column."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.index.index import ProblemKind, read_index
from creative_s3.errors import ExitCode, IndexFileError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty: line 1, column 1"),
        (b" \n\t\n", "is empty: line 1, column 1"),
        (b"\xef\xbb\xbf", "is empty: line 1, column 1"),
        (b'{\n  "products": {\n    "a"', "is not valid JSON: line 3, column 8: Expecting ':' delimiter"),
        (b'{"a" 1}', "line 1, column 6: Expecting ':' delimiter"),
        (b'{"a": 1} x', "is not valid JSON: line 1, column 10: Extra data"),
        (b"[]", "is not a JSON object: line 1, column 1"),
        (b"null", "is not a JSON object"),
        (b"NaN", "is not a JSON object"),
        (b'{\n"a": "\xff"}', "is not UTF-8 text: line 2, column 7"),
        ('{"a": 1}'.encode("utf-16"), "is UTF-16 text"),
        ('{"a": 1}'.encode("utf-16-le"), "is UTF-16 text"),
        ('{"a": 1}'.encode("utf-16-be"), "is UTF-16 text"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "is nested too deeply: line 1, column 106"),
        (b'{\n"a": ' + b'{"x":' * 99 + b"[" + b"]" + b"}" * 100, "is nested too deeply: line 2, column 501"),
    ],
)
def test_a_file_that_is_no_index_is_refused_with_its_line_and_column(
    content: bytes, expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "index.json"
    path.write_bytes(content)
    with pytest.raises(IndexFileError) as caught:
        read_index(path)
    assert expected in caught.value.message
    assert caught.value.item == str(path)
    assert caught.value.hint is not None
    assert str(path) in caught.value.hint
    assert caught.value.exit_code is ExitCode.SETTINGS
    assert path.read_bytes() == content


def test_a_missing_index_says_so(tmp_path: Path) -> None:
    with pytest.raises(IndexFileError, match=r"there is no index\.json"):
        read_index(tmp_path / "index.json")


def test_a_directory_in_place_of_the_index_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index.json").mkdir()
    with pytest.raises(IndexFileError, match="is not a regular file"):
        read_index(tmp_path / "index.json")


def test_a_pipe_in_place_of_the_index_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "index.json")
    with pytest.raises(IndexFileError, match="is not a regular file"):
        read_index(tmp_path / "index.json")


@pytest.mark.permission_bits
def test_an_index_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text("{}")
    path.chmod(0)
    with pytest.raises(IndexFileError, match="cannot be read: Permission denied"):
        read_index(path)


def test_a_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_bytes(b'\xef\xbb\xbf{"a": "\xc3\xa9"}')
    assert read_index(tmp_path / "index.json").document == {"a": "é"}


def test_what_is_no_strict_json_is_read_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text(
        '{"n": NaN, "i": -Infinity, "big": 1e999, "long": '
        + "9" * 5000
        + ', "a": {"x": 1, "x": 2}, "e": 1e3}'
    )
    index = read_index(path)
    assert index.document == {"n": None, "i": None, "big": None, "long": None, "a": {"x": 2}, "e": 1000.0}
    assert {problem.kind for problem in index.problems} == {ProblemKind.WARNING}
    assert sorted(problem.entry for problem in index.problems) == ["-Infinity", "1e999", "9" * 20, "NaN", "x"]
    assert not any(problem.stops for problem in index.problems)


def test_many_names_of_which_one_stands_twice_are_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    names = [str(number) for number in range(100_000)]
    path.write_text("{" + ",".join(f'"{name}": 1' for name in [*names, "7"]) + "}")
    assert [problem.entry for problem in read_index(path).problems] == ["7"]


@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_the_reader_raises_nothing_but_its_own_error(content: bytes) -> None:
    path = Path("index.json")
    path.write_bytes(content)
    with contextlib.suppress(IndexFileError):
        assert isinstance(read_index(path).document, dict)
