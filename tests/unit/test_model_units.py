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
    format_size_whole,
    format_span,
    format_time,
    parse_seconds,
    parse_size,
    parse_time,
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


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0B"), (812, "812B"), (1024, "1KB"), (14 * 1024, "14KB"), (187 << 20, "187MB"), ((1 << 20) - 1, "1MB")],
)
def test_sizes_in_reports_are_whole_as_in_the_seed(size, text):
    assert format_size_whole(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (1.9, "1 second"),
        (61, "1 minute"),
        (3 * 3600 + 5, "3 hours"),
        (90_000, "1 day"),
        (-1, "0 seconds"),
    ],
)
def test_spans_are_written_in_words_of_the_largest_unit(seconds, text):
    assert format_span(seconds) == text


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("1704715920", 1_704_715_920 * NS, 1_704_715_921 * NS - 1),
        ("1704715920.123", 1_704_715_920_123_000_000, 1_704_715_920_123_000_000),
        ("2024-01-08T12:12:00Z", 1_704_715_920 * NS, 1_704_715_921 * NS - 1),
        ("2024-01-08T12:12:00", 1_704_715_920 * NS, 1_704_715_921 * NS - 1),
        ("2024-01-08T14:12:00.5+02:00", 1_704_715_920 * NS + NS // 2, 1_704_715_920 * NS + NS // 2),
        ("2024-01-08", 1_704_672_000 * NS, (1_704_672_000 + 86_400) * NS - 1),
        ("0", 0, NS - 1),
    ],
)
def test_moments_are_read_and_a_second_or_day_has_an_end(text, first, last):
    assert parse_time(text) == first
    assert parse_time(text, end=True) == last


@given(st.text(max_size=30))
def test_what_is_no_moment_is_refused_and_nothing_else_happens(text):
    try:
        parse_time(text)
    except UsageError as refused:
        assert refused.details[0].startswith("TIME: ")
