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
    '<?xml version="1.0" encoding="ISO-2022-JP"?><svg><scr\x1b(Bipt>alert(1)</scr\x1b(Bipt></svg>',
    "<svg xmlns:a\u0300='http://www.w3.org/1999/xhtml'><a\u0300:script>alert(1)</a\u0300:script></svg>",
    "<svg xmlns:a\xb7='http://www.w3.org/1999/xhtml'><a\xb7:script>alert(1)</a\xb7:script></svg>",
    '<?xml-stylesheet type="text/xsl" href="#x"?><svg><xsl:element name="script"/></svg>',
    '<!DOCTYPE svg [<!ATTLIST svg onload CDATA "alert(1)"><!-- -->]><svg><!-- --><svg /></svg>',
    "<svg xmlns:h='http://www.w3.org/1999/xhtml'><h:frameset><h:frame src='x.html'/></h:frameset></svg>",
    "<svg xmlns:h='http://www.w3.org/1999/xhtml'><h:meta http-equiv='refresh' content='0'/></svg>",
    '<svg><set attributeName="x-l:href" to="x"/></svg>',
    '<svg><use href="data:image/svg+xml;base64,PHN2Zz4=#x"/></svg>',
]
DISGUISED = [
    b'<?a free?><svg onload="alert(1)"/>',
    b"<!--free--><s:svg xmlns:s='http://www.w3.org/2000/svg'><s:script>alert(1)</s:script></s:svg>",
    b"<!--wide--><html xmlns='http://www.w3.org/1999/xhtml'><script>alert(1)</script></html>",
    b"\n\n\n<ftyp><script xmlns='http://www.w3.org/1999/xhtml'>alert(1)</script></ftyp>",
    b"\xff\xfe<\0ftyp" + "><script xmlns='http://www.w3.org/1999/xhtml'/>".encode("utf-16-le"),
    b"<\0?\0ftyp" + "?><svg onload='alert(1)'/>".encode("utf-16-le"),
]
"""XML, for a browser, whose first bytes could be a film's."""


@pytest.mark.parametrize("text", ACTIVE)
def test_a_picture_that_may_run_a_program_is_active(text: str) -> None:
    is_seen = is_active(BytesIO(text.encode()))

    assert is_seen or not media_types.is_media(text.encode())  # what is no picture lands nowhere else either


@pytest.mark.parametrize("content", DISGUISED)
def test_a_picture_in_xml_that_begins_as_a_film_is_none(content: bytes) -> None:
    assert not media_types.is_media(content)


def test_a_film_whose_first_box_has_60_bytes_is_one() -> None:
    assert media_types.is_media(b"\0\0\0<ftypisom" + bytes(52))


@pytest.mark.parametrize("declared", ["", "<?xml version='1.0' encoding='UTF-8'?>\n<!-- a --><!-- b -->\n"])
def test_a_plain_picture_in_svg_is_a_picture(declared: str) -> None:
    content = f"{declared}{PLAIN}".encode()
    assert media_types.is_media(content)
    assert not is_active(BytesIO(content))


@pytest.mark.parametrize("content", [PLAIN.encode(), b"\x89PNG\r\n\x1a\n<script>", b"%PDF-1.7 onload=", b""])
def test_any_other_picture_is_not(content: bytes) -> None:
    assert not is_active(BytesIO(content))


def test_a_picture_too_large_to_be_looked_through_is_active(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_types, "_LARGEST_SVG_BYTES", len(PLAIN) - 1)
    assert is_active(BytesIO(PLAIN.encode() + b" " * media_types.HEAD_BYTES))
