"""The small picture under `assets show`: where there is one, and that no file can do harm by it."""

from __future__ import annotations

import os
import pty
import struct
import subprocess
import sys
import zlib
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from rich.console import Console

from creative_s3.cli.assets.preview import COLUMNS, MOST_PIXELS, ROWS, preview

if TYPE_CHECKING:
    from tests.cli.program import Program

ASSET = "scene_summer_us_001"
BLOCK = "▄"


def screen(width: int = 80, **options: object) -> Console:
    given = {"force_terminal": True, "color_system": "truecolor", **options}
    return Console(width=width, file=StringIO(), **given)  # type: ignore[arg-type]


def drawn(path: Path, console: Console) -> str:
    picture = preview(path, console)
    assert picture is not None
    with console.capture() as captured:
        console.print(picture)
    return captured.get()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.new("RGB", (300, 200), (255, 0, 0)).save(path)
    return path


def png(width: int, height: int, content: bytes = b"") -> bytes:
    """Return a PNG that says it is so large."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def test_a_picture_fits_its_room_and_keeps_its_shape(picture: Path) -> None:
    lines = drawn(picture, screen()).splitlines()
    assert [line.count(BLOCK) for line in lines if BLOCK in line] == [COLUMNS] * 14
    assert "255;0;0" in lines[0]
    with Image.open(picture) as image:
        image.resize((100, 1000)).save(picture)
    lines = drawn(picture, screen()).splitlines()
    assert [line.count(BLOCK) for line in lines if BLOCK in line] == [4] * ROWS


def test_a_picture_is_no_wider_than_the_screen(picture: Path) -> None:
    assert drawn(picture, screen(width=20)).splitlines()[0].count(BLOCK) == 20


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *(("PNG", mode) for mode in ("RGB", "RGBA", "L", "LA", "P", "1", "I;16")),
        *(("JPEG", mode) for mode in ("RGB", "L", "CMYK")),
        *(("WEBP", mode) for mode in ("RGB", "RGBA")),
        *(("GIF", mode) for mode in ("P", "L")),
        *(("TIFF", mode) for mode in ("RGB", "CMYK", "F")),
    ],
)
def test_pictures_of_all_usual_kinds_are_drawn(tmp_path: Path, kind: str, mode: str) -> None:
    path = tmp_path / "picture"
    Image.new(mode, (50, 30)).save(path, format=kind)
    assert "no thumbnail" not in drawn(path, screen())


@pytest.mark.parametrize(
    "options", [{"force_terminal": False}, {"color_system": None}, {"width": 9}], ids=str
)
def test_there_is_none_where_it_could_not_be_seen(picture: Path, options: dict[str, object]) -> None:
    assert preview(picture, screen(**options)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        png(10, 10),
        png(10, 10, zlib.compress(b"\0" * 5)),
        png(100_000, 100_000),
        png(MOST_PIXELS + 1, 1),
        b"GIF89a\xff\xff\xff\xff",
        b"\xff\xd8\xff\xe0garbage",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    ],
)
def test_what_cannot_be_decoded_gets_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(content)
    assert drawn(path, screen()).startswith("\x1b[2mno thumbnail: ")


def test_a_file_that_has_gone_meanwhile_gets_a_sentence(tmp_path: Path) -> None:
    assert "no thumbnail: FileNotFoundError" in drawn(tmp_path / "gone.png", screen())


def test_show_ends_with_the_picture_on_a_terminal_and_nowhere_else(cli: Program) -> None:
    assert cli("upload", "--yes", "-q").code == 0
    program = [sys.executable, "-m", "creative_s3"]
    assert BLOCK in on_terminal(cli, [*program, "assets", "show", ASSET])
    assert BLOCK not in on_terminal(cli, [*program, "assets", "show", ASSET, "--no-color"])
    assert BLOCK not in cli("assets", "show", ASSET).out
    # Nothing is downloaded for it.
    file = Path(cli("assets", "find", "--json", ASSET).data["assets"][0]["path"])
    file.unlink()
    assert BLOCK not in on_terminal(cli, [*program, "assets", "show", ASSET])
    assert not file.exists()


def test_without_the_extra_nothing_changes(cli: Program) -> None:
    assert cli("upload", "--yes", "-q").code == 0
    script = "import sys; sys.modules['PIL'] = None; from creative_s3.cli.app import main; main()"
    shown = on_terminal(cli, [sys.executable, "-c", script, "assets", "show", ASSET])
    assert "hot: the same content is on local disk" in shown
    assert BLOCK not in shown
    assert "thumbnail" not in shown


def on_terminal(cli: Program, command: list[str]) -> str:
    """Run a command on a terminal with colours and return all that it shows."""
    mine, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        env={**cli.env, "TERM": "xterm-256color", "COLUMNS": "100"},
        cwd=cli.cwd,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = b""
    with suppress(OSError):  # what Linux says at the end of a terminal
        while some := os.read(mine, 65536):
            seen += some
    assert process.wait(60) == 0, seen.decode()
    os.close(mine)
    return seen.decode()
