"""CRC64NVME: the published check value, S3's text form, files of every size around the chunk."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from creative_s3.core.files.checksums import CHUNK_BYTES, Crc64, crc64_hex, crc64nvme_of_file

if TYPE_CHECKING:
    from pathlib import Path

CHECK = b"123456789"
CHECK_HEX = "ae8b14860a799888"  # the check value that the CRC catalogues publish for CRC-64/NVME


def crc_of(content: bytes) -> Crc64:
    crc = Crc64()
    crc.update(content)
    return crc


def test_the_published_check_value_comes_out() -> None:
    assert crc_of(CHECK).hex == CHECK_HEX


def test_the_text_form_is_the_base64_of_eight_bytes_most_significant_first() -> None:
    assert crc_of(CHECK).base64 == base64.b64encode(bytes.fromhex(CHECK_HEX)).decode()


def test_nothing_has_the_checksum_zero() -> None:
    assert crc_of(b"").base64 == "AAAAAAAAAAA="


@given(st.binary(max_size=200), st.integers(min_value=0, max_value=200))
def test_content_in_two_pieces_has_the_checksum_of_the_whole(content: bytes, cut: int) -> None:
    crc = crc_of(content[:cut])
    crc.update(content[cut:])
    assert crc.hex == crc_of(content).hex


@given(st.binary(max_size=64))
def test_the_hexadecimal_form_follows_from_the_text_form(content: bytes) -> None:
    crc = crc_of(content)
    assert crc64_hex(crc.base64) == crc.hex


@pytest.mark.parametrize("text", ["", "AAAA", "AAAAAAAAAAAA", "not base64!!"])
def test_what_is_no_checksum_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        crc64_hex(text)


@pytest.mark.parametrize(
    "size_bytes", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 5]
)
def test_a_file_has_the_checksum_of_its_content(tmp_path: Path, size_bytes: int) -> None:
    content = (b"creative assets " * (size_bytes // 16 + 1))[:size_bytes]
    path = tmp_path / "file"
    path.write_bytes(content)
    assert crc64nvme_of_file(path) == crc_of(content).base64
