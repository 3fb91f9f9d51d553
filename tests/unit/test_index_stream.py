"""Reading index.json entry by entry: the same as reading it whole, wherever a block of the file ends."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import creative_s3
from creative_s3.core.files.workspace import Signature
from creative_s3.core.index.documents import LONGEST_PIECE, DocumentError, Tolerance, parse_document
from creative_s3.core.index.entries import SECTIONS
from creative_s3.core.index.index import read_index
from creative_s3.core.index.stream import StreamedEntry, stream_entries
from creative_s3.errors import ExitCode, IndexFileError
from tests.unit.test_documents import JSON

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCKS = st.integers(1, 64)
NAMES = st.sampled_from(sorted(SECTIONS)) | st.text(max_size=6)
DOCUMENTS = st.dictionaries(NAMES, JSON | st.dictionaries(st.text(max_size=4), JSON, max_size=4), max_size=5)
WRITTEN = st.builds(
    lambda document, indent, ascii_only: json.dumps(document, indent=indent, ensure_ascii=ascii_only),
    DOCUMENTS,
    st.sampled_from([None, 0, 2, "\t", " \r\n "]),
    st.booleans(),
).filter(lambda text: not re.search("[\ud800-\udfff]", text))
PIECES = st.sampled_from(
    [
        *b'{}[],:"\\ \n0e.-',
        *(b"\xff", b"\xf0\x9f", b'"products":{', b'"a":1,', b"NaN", b"\\u12", b"nul", b"1e"),
    ]
).map(lambda piece: piece if isinstance(piece, bytes) else bytes([piece]))


@st.composite
def mangled(draw: st.DrawFn) -> bytes:
    raw = draw(WRITTEN).encode()
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(raw)))
        end = draw(st.integers(start, min(len(raw), start + 6)))
        raw = raw[:start] + draw(PIECES | st.just(b"")) + raw[end:]
    return raw[: draw(st.integers(0, len(raw)))] if draw(st.booleans()) else raw


class Pairs(list[tuple[str, Any]]):
    """The members of an object, also those that stand twice."""


def plain(value: object) -> object:
    if isinstance(value, Pairs):
        return {name: plain(member) for name, member in value}
    return [plain(member) for member in value] if isinstance(value, list) else value


def expected(raw: bytes) -> list[tuple[str, str, object]]:
    """List the entries of a document that is read whole."""
    found: list[tuple[str, str, object]] = []
    hooks = {**Tolerance().hooks(), "object_pairs_hook": Pairs}
    for name, value in json.loads(raw.decode("utf-8-sig"), **hooks):
        if name in SECTIONS and isinstance(value, Pairs):
            found += [(name, entry, plain(member)) for entry, member in value]
        else:
            found.append(("", name, plain(value)))
    return found


def streamed(raw: bytes, block_bytes: int = 1) -> list[StreamedEntry]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.json"
        path.write_bytes(raw)
        return list(stream_entries(path, block_bytes=block_bytes))


def outline(entries: list[StreamedEntry]) -> list[tuple[str, str, object]]:
    return [(entry.section, entry.name, entry.value) for entry in entries]


@given(WRITTEN.map(str.encode), BLOCKS, st.sampled_from([b"", b"\xef\xbb\xbf"]))
def test_the_entries_are_those_of_the_whole_document(document: bytes, block_bytes: int, mark: bytes) -> None:
    raw = mark + document
    entries = streamed(raw, block_bytes)
    assert outline(entries) == expected(raw)
    for entry in entries:
        assert raw[entry.start : entry.end].decode() == entry.raw
        assert raw[entry.name_start : entry.start].startswith(b'"')
        assert json.JSONDecoder().raw_decode(raw[entry.name_start :].decode())[0] == entry.name


def refusal_of(raw: bytes) -> str | None:
    try:
        parse_document(raw)
    except DocumentError as refusal:
        return str(refusal)
    return None


@given(mangled(), BLOCKS)
def test_what_is_refused_is_refused_with_the_same_words(raw: bytes, block_bytes: int) -> None:
    refusal = refusal_of(raw)
    if refusal is None:
        assert outline(streamed(raw, block_bytes)) == expected(raw)
        return
    with pytest.raises(IndexFileError) as caught:
        streamed(raw, block_bytes)
    # The first fault in the file is named, while a file that is read whole is decoded before it is parsed.
    assert caught.value.message == refusal or "UTF-8" in refusal


@pytest.mark.parametrize("block_bytes", [1, 7, 1024])
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" \n\t\n",
        "\u00a0\n".encode(),
        b"\xef\xbb\xbf",
        b"[]",
        b"null",
        b"NaN",
        b"17",
        b'"text"',
        b"[1, 2",
        b"[] x",
        b"nonsense",
        b'{"a" 1}',
        b'{"a": 1} x',
        b'{"a": 1}' + b" " * 3000 + b"x",
        b'{"a": 1,}',
        b'{"products": {"a": 1,}}',
        b'{"products": {,"a": 1}}',
        b'{"products": {"a": "\n"}}',
        b'{"products": {"a": "' + b"x" * 3000 + b"\n",
        b'{"products": {"a": "' + b"x" * 3000,
        b'{\n"a": "\xff"}',
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-16-le"),
        '{"a": 1}'.encode("utf-16-be"),
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{\n"a": ' + b'{"x":' * 99 + b"[" + b"]" + b"}" * 100,
        b'{"products":\n{"a": ' + b"[" * 99 + b"]" * 99 + b"}}",
        b'{"products":\n{"a": [' + b"{}," * 300 + b"[" * 98 + b"]" * 99 + b"}}",
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_no_index_is_refused_like_one_that_is_read_whole(
    tmp_path: Path, raw: bytes, block_bytes: int
) -> None:
    path = tmp_path / "index.json"
    path.write_bytes(raw)
    with pytest.raises(IndexFileError) as whole:
        read_index(path)
    with pytest.raises(IndexFileError) as caught:
        list(stream_entries(path, block_bytes=block_bytes))
    assert caught.value.message == whole.value.message
    assert (caught.value.item, caught.value.hint) == (str(path), whole.value.hint)
    assert caught.value.exit_code is ExitCode.SETTINGS


@pytest.mark.parametrize(
    ("section", "levels"), [(b"products", 98), (b"background_library", 98), (b"elsewhere", 98)]
)
def test_the_deepest_entry_that_is_allowed_is_read(section: bytes, levels: int) -> None:
    raw = b'{"' + section + b'": {"a": ' + b"[" * levels + b"]" * levels + b"}}"
    parse_document(raw)
    assert outline(streamed(raw)) == expected(raw)


@pytest.mark.parametrize(
    "make",
    [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere"), str],
    ids=["directory", "pipe", "dangling link", "nothing"],
)
def test_what_is_no_file_is_refused_without_waiting_for_it(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    path = tmp_path / "index.json"
    make(path)
    with pytest.raises(IndexFileError) as whole:
        read_index(path)
    with pytest.raises(IndexFileError) as caught:
        next(stream_entries(path))
    assert (caught.value.message, caught.value.hint) == (whole.value.message, whole.value.hint)


@pytest.mark.permission_bits
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text("{}")
    path.chmod(0)
    with pytest.raises(IndexFileError, match="cannot be read: Permission denied"):
        next(stream_entries(path))


def test_an_error_deep_in_a_large_file_has_its_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    document = {"products": {f"sàvon {number}": {"tags": ["é"] * 8} for number in range(20_000)}}
    text = json.dumps(document, indent=2, ensure_ascii=False)
    at = text.index("sàvon 19990")
    path.write_text(text[:at] + '"' + text[at:])
    with pytest.raises(IndexFileError) as caught:
        list(stream_entries(path, block_bytes=100_000))
    line, column = text.count("\n", 0, at) + 1, at - text.rindex("\n", 0, at)
    assert (
        caught.value.message
        == f"is not valid JSON: line {line}, column {column + 1}: Expecting ':' delimiter"
    )
    path.write_bytes((text[:at] + "à").encode() + b"\xff" + text[at:].encode())
    with pytest.raises(IndexFileError) as caught:
        list(stream_entries(path, block_bytes=100_000))
    assert caught.value.message == f"is not UTF-8 text: line {line}, column {column + 2}"


@pytest.mark.parametrize("block_bytes", [1, 10, 1000])
def test_what_is_no_strict_json_is_read_with_a_warning_told_once(tmp_path: Path, block_bytes: int) -> None:
    path = tmp_path / "index.json"
    path.write_text(
        '{"products": {"a": {"n": NaN, "x": 1, "x": 2}, "b": [1e999, -Infinity]}, "c": '
        + "9" * 5000
        + ', "products": {"a": 1}}'
    )
    warnings: list[tuple[str, str]] = []
    entries = stream_entries(path, block_bytes=block_bytes, warn=lambda *warning: warnings.append(warning))
    assert [(entry.name, entry.value) for entry in entries] == [
        ("a", {"n": None, "x": 2}),
        ("b", [None, None]),
        ("c", None),
        ("a", 1),
    ]
    assert [name for name, _ in warnings] == ["NaN", "x", "1e999", "-Infinity", "9" * 20, "products"]


def test_an_entry_may_be_larger_than_many_blocks() -> None:
    large = {"text": 'é\\"' * 500_000, "list": list(range(1000))}
    entries = streamed(json.dumps({"products": {"a": large, "b": 1}}).encode(), block_bytes=100)
    assert outline(entries) == [("products", "a", large), ("products", "b", 1)]


def test_a_file_that_is_replaced_meanwhile_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    document = {"products": {str(number): number for number in range(1000)}}
    path.write_text(json.dumps(document))
    entries = stream_entries(path, block_bytes=16)
    first = next(entries)
    (tmp_path / "new").write_text("{}")
    (tmp_path / "new").rename(path)
    assert [first.value, *(entry.value for entry in entries)] == list(range(1000))


def test_the_reader_tells_what_it_opened_and_gives_every_byte_to_the_tap(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"é": [1] * 99}).encode() + b"\n \n")
    digest = hashlib.sha256()
    states: list[os.stat_result] = []
    list(stream_entries(path, tap=digest.update, opened=states.append, block_bytes=7))
    assert digest.digest() == hashlib.sha256(path.read_bytes()).digest()
    assert [Signature.of(status) for status in states] == [Signature.of(path.stat())]


MEASURED = """
import resource, sys
from pathlib import Path
from creative_s3.core.index.stream import stream_entries
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
print(sum(1 for _ in stream_entries(Path(sys.argv[1]))), (peak() - before) // 1024)
"""


@pytest.mark.parametrize("letter", ["a", "é", "日", "😀"])
def test_a_large_file_costs_no_more_memory_than_a_few_blocks(tmp_path: Path, letter: str) -> None:
    path = tmp_path / "index.json"
    with path.open("w") as file:
        file.write('{"semantic_assets": {')
        file.writelines(f'"{number}": {{"text": "{letter * 500}"}},\n' for number in range(40_000))
        file.write('"last": 1}}')
    measured = subprocess.run(
        [sys.executable, "-c", MEASURED, str(path)],
        env={"PYTHONPATH": str(Path(creative_s3.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    count, grown_mib = map(int, measured.stdout.split())
    assert count == 40_001
    assert grown_mib < 20


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"semantic_assets": {"a": {"notes": "', '"}}}'),
        ('{"semantic_assets": {"', '": {}}}'),
        ('{"', '": {}}'),
        ('{"other": ["', '"]}'),
    ],
    ids=["text", "name", "name at the top", "list"],
)
def test_what_is_much_too_long_is_refused_before_all_of_it_is_read(
    tmp_path: Path, before: str, after: str
) -> None:
    path = tmp_path / "index.json"
    path.write_text(f"{before}{'x' * (3 * LONGEST_PIECE)}{after}", encoding="ascii")
    read_bytes: list[int] = []
    with pytest.raises(IndexFileError, match="has an entry of more than 16 MiB: line 1, column"):
        list(stream_entries(path, tap=lambda block: read_bytes.append(len(block))))
    assert sum(read_bytes) < 2.5 * LONGEST_PIECE
    with pytest.raises(IndexFileError, match="has an entry of more than 16 MiB: line 1, column"):
        read_index(path)
