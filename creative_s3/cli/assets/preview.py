"""A small picture of a file in the terminal, where the `preview` extra (Pillow, rich-pixels) is installed.

Files come from anywhere: what a decoder cannot read, or would need too much memory for, gets a sentence
instead of a picture.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from rich.text import Text

from creative_s3.cli.text import count

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console, RenderableType

COLUMNS = 40
ROWS = 20
MOST_PIXELS = 40_000_000
"""A picture of more would take over 160 MB to decode."""
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_FEWEST_COLUMNS = 10


def preview(path: Path, console: Console) -> RenderableType | None:
    """Return a picture of a file that fits the screen, or why there is none.

    Nothing, where the screen is no terminal with colours, or where the extra is not installed.
    """
    columns = min(COLUMNS, console.width)
    if not console.is_terminal or console.color_system is None or columns < _FEWEST_COLUMNS:
        return None
    try:
        from PIL import Image
        from rich_pixels import Pixels
    except ImportError:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of much that a thumbnail does not need
            with Image.open(path, formats=_FORMATS) as image:
                if image.width * image.height > MOST_PIXELS:
                    return _none(f"it has {count(image.width * image.height)} pixels")
                # A cell is as high as two are wide, and shows two pixels, one above the other.
                room = (columns, 2 * ROWS)
                image.draft("RGB", room)
                image.thumbnail(room)
                picture: RenderableType = Pixels.from_image(image.convert("RGBA"))
                return picture
    except Exception as error:  # noqa: BLE001 - decoders raise whatever they like at what is no picture
        return _none(type(error).__name__)


def _none(why: str) -> Text:
    return Text(f"no thumbnail: {why}", style="dim")
