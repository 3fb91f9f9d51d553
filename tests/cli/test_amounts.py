"""Sizes and times as people write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from creative_s3.cli.declare.amounts import bytes_per_second, moment, seconds, size_in_bytes
from creative_s3.errors import UsageError

NOW = datetime(2026, 3, 15, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("900", 900), ("90s", 90), ("15m", 900), ("1h", 3600), ("7D", 604_800), ("2w", 1_209_600), (" 2 ", 2)],
)
def test_times_are_read_as_people_write_them(text: str, expected: int) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "h", "1.5h", "1h30m", "٣", "9999999999"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12h", "2026-03-15T00:00:00+00:00"),
        ("1D", "2026-03-14T12:00:00+00:00"),
        ("2w", "2026-03-01T12:00:00+00:00"),
        ("2026-03-01", "2026-03-01T00:00:00+00:00"),
        (" 2026-03-01T10:30 ", "2026-03-01T10:30:00+00:00"),
        ("2026-03-01T10:30:00+02:00", "2026-03-01T08:30:00+00:00"),
    ],
)
def test_a_moment_is_so_long_ago_or_a_date(text: str, expected: str) -> None:
    assert moment(text, option="--older", now=NOW).isoformat() == expected


@pytest.mark.parametrize(
    "text", ["", "30", "d", "-1d", "1.5d", "999999999w", "2026-02-30", "0001-01-01T00+23"]
)
def test_what_is_no_moment_is_refused_with_the_options_name(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        moment(text, option="--older", now=NOW)
    assert caught.value.item == "--older"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("512", 512),
        ("512 B", 512),
        ("5kb", 5000),
        ("5K", 5120),
        ("5 KiB", 5120),
        ("5MB", 5_000_000),
        ("1.5GiB", 1_610_612_736),
        ("0.1TB", 100_000_000_000),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str, expected: int) -> None:
    assert size_in_bytes(text, option="--larger") == expected


@pytest.mark.parametrize("text", ["", "MB", "-1", "1,5MB", "5 XB", "5iB", "1e3", "٣MB", "5MBs"])
def test_what_is_no_size_is_refused_with_the_options_name(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        size_in_bytes(text, option="--larger")
    assert caught.value.item == "--larger"


@pytest.mark.parametrize(
    ("text", "speed"),
    [("20MiB/s", 20 << 20), ("500KB/s", 500_000), ("1.5 GiB", 3 << 29), (" 7 ", 7), ("2m/S", 2 << 20)],
)
def test_a_speed_is_a_size_in_each_second(text: str, speed: int) -> None:
    assert bytes_per_second(text, option="--max-bandwidth") == speed


@pytest.mark.parametrize("text", ["", "fast", "0", "-1MiB/s", "20MiB/h", "/s", "20Mbit/s"])
def test_what_is_no_speed_names_the_option_and_how_to_write_it(text: str) -> None:
    with pytest.raises(UsageError, match="this is no speed") as caught:
        bytes_per_second(text, option="--max-bandwidth")
    assert caught.value.item == "--max-bandwidth"
    assert "20MiB/s" in (caught.value.hint or "")
