"""The progress line: what it says, how often, and that nothing of it stays."""

import io

import pytest

from backrooms_tui.cli.progress import Meter


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.mark.parametrize(
    ("unit", "done", "of", "seconds", "line"),
    [
        ("entries", 412_000, 1_000_000, 2.0, "EXPORTING 41% 412,000 of 1,000,000 entries, 206,000/s, 2s left"),
        ("entries", 5, 10, 0.1, "EXPORTING 50% 5 of 10 entries"),
        ("entries", 5, 0, 2.0, "EXPORTING 5 entries, 2/s"),
        ("bytes", 1 << 20, 4 << 20, 1.0, "EXPORTING 25% 1.0 MB of 4.0 MB, 1.0 MB/s, 3s left"),
        ("bytes", 4 << 20, 4 << 20, 1.0, "EXPORTING 100% 4.0 MB of 4.0 MB, 4.0 MB/s"),
        ("bytes", 0, 4 << 20, 9.0, "EXPORTING 0% 0 B of 4.0 MB"),
    ],
)
def test_the_line_tells_amount_rate_and_time_left(unit, done, of, seconds, line, stream, clock):
    assert Meter("EXPORTING", unit, stream, clock).line(done, of, seconds) == line


def test_it_is_drawn_at_most_ten_times_a_second(stream, clock):
    meter = Meter("CHECKING", "bytes", stream, clock)
    for n in range(1000):
        clock.now = 100 + n / 1000
        meter.show(n, 1000)
    assert stream.getvalue().count("\r") == 10


def test_it_is_erased_once_and_only_if_it_was_drawn(stream, clock):
    meter = Meter("CHECKING", "bytes", stream, clock)
    meter.erase()
    assert stream.getvalue() == ""
    meter.show(1, 2)
    meter.erase()
    meter.erase()
    assert stream.getvalue().endswith("\r\x1b[K")
    assert stream.getvalue().count("\x1b[K") == 2


def test_a_line_never_reaches_the_last_column_of_a_narrow_terminal(stream, clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    Meter("EXPORTING", "entries", stream, clock).show(123_456, 1_000_000)
    assert stream.getvalue() == "\rEXPORTING 12% 123,4\x1b[K"
