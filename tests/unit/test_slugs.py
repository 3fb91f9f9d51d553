"""The frozen slug rule: golden examples that pin it for ever, and what holds for any text."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from creative_s3.core.assets.slugs import UNSPECIFIED, slug, slug_leaf, slug_or_unspecified, split_extension

ANY_TEXT = st.text(st.characters(codec=None), max_size=300)
LATIN = st.text(st.characters(min_codepoint=0xC0, max_codepoint=0x24F), max_size=40)
PUNCTUATION = st.text(" .-_/\\'\"!?\u2013\u2026\u00a0", max_size=40)
TEXTS = ANY_TEXT | LATIN | PUNCTUATION
PART = re.compile(r"[a-z0-9._-]{1,128}")

# These keys are in buckets: a change of any line moves objects. Never change one.
GOLDEN = [
    ("CleanWave Original Liquid Detergent", "cleanwave-original-liquid-detergent"),
    ("laundry_detergent", "laundry_detergent"),
    ("16x9", "16x9"),
    ("#00aaFF", "00aaff"),
    ("v1.2 final", "v1.2-final"),
    ("crème-éclat-shampooing", "creme-eclat-shampooing"),
    ("L\u2019Été à Nîmes\u202f!", "l-ete-a-nimes"),
    ("Œuvre d\u2019art", "oeuvre-d-art"),
    ("\u00abÇa\u00bb", "ca"),
    ("Größe süß", "grosse-suss"),
    ("GROẞE ÄÖÜ", "grosse-aou"),
    ("\u201eGut\u201c", "gut"),
    ("Zażółć gęślą jaźń", "zazolc-gesla-jazn"),
    ("Łódź", "lodz"),
    ("Þór Ðæði", "thor-daedi"),
    ("Tiếng Việt", "tieng-viet"),
    ("İstanbul ışık", "istanbul-isik"),  # noqa: RUF001 - the dotless i is meant
    ("日本", "e697a5e69cac"),
    ("石けん 75ml", "e79fb3e38191e38293-75ml"),
    ("\u3000全角\u3000", "e585a8e8a792"),
    ("🧼", "f09fa7bc"),
    ("soap🧼", "soapf09fa7bc"),
    ("שלום", "d7a9d79cd795d79d"),
    ("مرحبا", "d985d8b1d8add8a8d8a7"),
    ("\u202eabc", "e280aeabc"),
    ("a  b\tc\nd", "a-b-c-d"),
    ("a\x00b\x1b[31mc\x7f", "a-b-31mc"),
    ("a / b \\ c", "a-b-c"),
    ("spring\u2013summer\u2014fall\u2026", "spring-summer-fall"),
    ("thin\u2009narrow\u202fline\u2028end", "thin-narrow-line-end"),
    ("--a--b--", "a-b"),
    (".hidden.", "hidden"),
    ("a..b", "a..b"),
    ("", "unspecified"),
    (" ", "20"),
    (".", "2e"),
    ("..", "2e2e"),
    ("---", "2d2d2d"),
    ("/", "2f"),
    ("\u037e", "3b"),
    ("\ud800", "eda080"),
    ("x\udfffy", "xedbfbfy"),
    ("×", "c397"),  # noqa: RUF001 - the sign is meant
    ("x\u0302", "xcc82"),
    ("a" * 128, "a" * 128),
    ("a" * 300, "a" * 111 + "-9835fa6bf4e20a9b"),
    ("日" * 300, "e697a5" * 18 + "e69" + "-8b5aa177f04b64a4"),
]


@pytest.mark.parametrize(("text", "expected"), GOLDEN)
def test_a_text_always_becomes_the_same_part(text: str, expected: str) -> None:
    assert slug(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Final Cut.PNG", "final-cut.png"),
        ("été.jpeg", "ete.jpeg"),
        ("archive.tar.gz", "archive.tar.gz"),
        ("no extension", "no-extension"),
        (".gitignore", "gitignore"),
        ("日本.png", "e697a5e69cac.png"),
        ("!!!.png", "212121.png"),
        (" .png", "20.png"),
        ("-.png", "2d.png"),
        ("..png", "2e.png"),
        ("...", "2e2e2e"),
        ("!.!", "212e21"),
        ("x" * 300 + ".PNG", "x" * 107 + "-41382aa0d527ac32.png"),
        ("x" * 300 + ".photoshopdocument", "x" * 111 + "-99f7de7673663bf8"),
    ],
)
def test_a_file_name_keeps_its_extension(name: str, expected: str) -> None:
    assert slug_leaf(name) == expected


@given(TEXTS)
def test_any_text_becomes_a_safe_part(text: str) -> None:
    for part in (slug(text), slug_leaf(text)):
        assert PART.fullmatch(part)
        assert part not in {".", ".."}
        assert part.strip("-.") == part


@given(TEXTS)
def test_a_part_stays_what_it_is_when_it_is_slugged_again(text: str) -> None:
    assert slug(slug(text)) == slug(text)
    assert slug_leaf(slug_leaf(text)) == slug_leaf(text)


@given(TEXTS)
@example("é" * 200)
@example("\u037e")
@example("\u037e.png")
@example("\u2000" * 130)
def test_composed_and_decomposed_twins_become_the_same_part(text: str) -> None:
    decomposed, composed = unicodedata.normalize("NFD", text), unicodedata.normalize("NFC", text)
    assert slug(decomposed) == slug(composed) == slug(text)
    assert slug_leaf(decomposed) == slug_leaf(composed) == slug_leaf(text)


@given(st.text(min_size=120, max_size=300), st.text(min_size=1, max_size=10))
def test_over_long_texts_that_differ_only_at_the_end_stay_apart(text: str, end: str) -> None:
    longer = text + end
    if max(len(slug(text)), len(slug(longer))) == 128:
        assert slug(text) != slug(longer) or unicodedata.normalize("NFC", text) == unicodedata.normalize(
            "NFC", longer
        )


@given(ANY_TEXT, st.sampled_from(["png", "JPG", "webp", "mp4"]))
def test_the_extension_of_any_named_file_stays_at_the_end(stem: str, extension: str) -> None:
    leaf = slug_leaf(f"{stem}.{extension}")
    assert leaf.endswith(f".{extension.lower()}" if stem else extension.lower())


def test_what_is_missing_is_unspecified() -> None:
    assert slug_or_unspecified(None) == slug_or_unspecified("") == UNSPECIFIED == "unspecified"
    assert slug_or_unspecified("US") == "us"


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        ("a.png", ("a", ".png")),
        ("a.b.c", ("a.b", ".c")),
        (".png", (".png", "")),
        ("png", ("png", "")),
        ("a.", ("a.", "")),
        ("a.elevenchars", ("a.elevenchars", "")),
    ],
)
def test_an_extension_is_what_follows_the_last_dot_of_a_usual_name(
    leaf: str, expected: tuple[str, str]
) -> None:
    assert split_extension(leaf) == expected
