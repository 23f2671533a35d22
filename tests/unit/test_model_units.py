"""Sizes, durations and times as people write and read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backrooms_tui.model.errors import BackroomsError, UsageError
from backrooms_tui.model.units import (
    NS,
    format_age,
    format_duration,
    format_size,
    format_size_short,
    format_time,
    parse_seconds,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("256M", 268_435_456),
        ("512m", 536_870_912),
        ("100MB", 104_857_600),
        ("1.5G", 1_610_612_736),
        ("2GiB", 2 << 30),
        ("65536", 65_536),
        ("0", 0),
        (" 64 K ", 65_536),
        ("1T", 1 << 40),
        ("0.5K", 512),
        ("12 B", 12),
    ],
)
def test_sizes_are_read_as_bytes_with_1024_to_the_kilobyte(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "-1", "1..5M", "1e9", "1P", "0x10", "1M M", "9" * 400, "nan", "1.5.5"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(UsageError):
        parse_size(text)


@given(st.text(max_size=40))
def test_reading_a_size_never_raises_anything_but_a_refusal(text):
    try:
        assert parse_size(text) >= 0
    except BackroomsError:
        pass


@pytest.mark.parametrize(("text", "seconds"), [("60", 60.0), ("0.5", 0.5), ("2s", 2.0), (" 1e3 ", 1000.0)])
def test_seconds_are_read(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "nan", "inf", "1e999", "ten", "1 2"])
def test_what_is_no_positive_number_of_seconds_is_refused(text):
    with pytest.raises(UsageError):
        parse_seconds(text)


@pytest.mark.parametrize(
    ("size", "text", "narrow"),
    [
        (0, "0 B", "0"),
        (187, "187 B", "187"),
        (1023, "1023 B", "1.0K"),
        (1024, "1.0 KB", "1.0K"),
        (14_680_064, "14.0 MB", "14.0M"),
        (536_870_912, "512.0 MB", "512M"),
        (104_815_657, "100.0 MB", "100M"),
        (5 << 40, "5.0 TB", "5.0T"),
    ],
)
def test_sizes_are_written_as_in_the_seed_and_narrow(size, text, narrow):
    assert format_size(size) == text
    assert format_size_short(size) == narrow


@given(st.integers(min_value=0, max_value=999 << 40))
def test_a_narrow_size_takes_at_most_five_cells(size):
    assert len(format_size_short(size)) <= 5


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (8.9, "8s"), (185, "3m 5s"), (30 * 3600 + 46 * 60 + 36, "30h 46m 36s"), (3600, "1h 0m 0s"), (-5, "0s")],
)
def test_durations_are_written_as_in_the_seed(seconds, text):
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2, "2s"), (59.9, "59s"), (60, "1m"), (540, "9m"), (30 * 3600, "30h"), (71 * 3600, "71h"), (72 * 3600, "3d")],
)
def test_ages_take_at_most_four_cells(seconds, text):
    assert format_age(seconds) == text


def test_times_are_written_in_utc_to_the_second():
    assert format_time(1_767_774_191 * NS + 999_999_999) == "2026-01-07T08:23:11Z"
