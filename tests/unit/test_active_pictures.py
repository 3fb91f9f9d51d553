"""A picture in SVG that could run a program is told from one that could not."""

from __future__ import annotations

from io import BytesIO

import pytest

from creative_s3.core.files import media_types
from creative_s3.core.files.media_types import is_active

PLAIN = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 4 4"><title>on = off &amp; set</title>'
    '<style>.a{fill:red}</style><circle class="a" r="2"/><use href="#a"/>'
    '<animate attributeName="r" to="3"/><text onomatopoeia-free="x">button onto</text></svg>'
)
ACTIVE = [
    "<svg><script>alert(1)</script></svg>",
    "<svg><svg:SCRIPT href='x'/></svg>",
    '<svg onload="alert(1)"/>',
    "<svg><g\nonclick\n=alert(1)/></svg>",
    '<svg><a href="javascript:alert(1)"/></svg>',
    '<svg><a href="&#106;ava&#115;cript:alert(1)"/></svg>',
    '<svg><a href="java\nscript:alert(1)"/></svg>',
    '<svg><a href="java\x01script:alert(1)"/></svg>',
    "<svg><foreignObject><p/></foreignObject></svg>",
    '<svg><set attributeName="onclick" to="alert(1)"/></svg>',
    '<svg><animate attributeName="xlink:href" to="x"/></svg>',
    '<svg><image href="data:text/html,x"/></svg>',
    '<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>',
    f"<svg>{' ' * 9000}<script/></svg>",
    f"<?xml version='1.0'?>\n<!-- {'x' * 500} -->\n<svg><handler/></svg>",
]


@pytest.mark.parametrize("text", ACTIVE)
def test_a_picture_that_may_run_a_program_is_active(text: str) -> None:
    is_seen = is_active(BytesIO(text.encode()))

    assert is_seen or not media_types.is_media(text.encode())  # what is no picture lands nowhere else either


@pytest.mark.parametrize("content", [PLAIN.encode(), b"\x89PNG\r\n\x1a\n<script>", b"%PDF-1.7 onload=", b""])
def test_any_other_picture_is_not(content: bytes) -> None:
    assert not is_active(BytesIO(content))


def test_a_picture_too_large_to_be_looked_through_is_active(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_types, "_LARGEST_SVG_BYTES", len(PLAIN) - 1)
    assert is_active(BytesIO(PLAIN.encode() + b" " * media_types.HEAD_BYTES))
