"""A file that is held open: what others do to it shows."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from creative_s3.core.index.held_files import HeldFile

if TYPE_CHECKING:
    from pathlib import Path


def test_a_change_right_after_looking_shows_even_if_the_size_stays(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    for number in range(30):
        path.write_text(f"{number:5}")
        with HeldFile.open(path) as held:
            assert held.is_untouched()
            path.write_text(f"{-number:5}")
            assert not held.is_untouched()


def test_a_file_from_the_future_is_no_reason_to_wait(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.touch()
    os.utime(path, (4e9, 4e9))
    with HeldFile.open(path) as held:
        assert held.is_untouched()


def test_losing_its_name_does_not_touch_a_file(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text("old")
    with HeldFile.open(path) as held:
        (tmp_path / "new").write_text("new")
        (tmp_path / "new").rename(path)
        assert held.is_untouched()
        assert not held.is_at(path)
        assert held.read(10) == b"old"
