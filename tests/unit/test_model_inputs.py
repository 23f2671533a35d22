"""The input rules, byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backrooms_tui.model.errors import InputSizeExceeded, InvalidInputEncoding
from backrooms_tui.model.inputs import normalise


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"system diagnostic", "system diagnostic"),
        (b"  leading stays", "  leading stays"),
        (b"trailing goes \t\r\n", "trailing goes"),
        (b"a\0b\0", "ab"),
        (b"end\0 \0", "end"),
        (b"line one\nline two\n", "line one\nline two"),
        (b"\x1b[31mred\x07", "\x1b[31mred\x07"),
        ("naïve ☃ \U0001f600".encode(), "naïve ☃ \U0001f600"),
        ("\ufeffbyte order mark".encode(), "\ufeffbyte order mark"),
        (b"", ""),
        (b"\0 \n", ""),
    ],
)
def test_null_bytes_and_trailing_white_space_go_and_nothing_else_is_touched(data, text):
    assert normalise(data) == text


@pytest.mark.parametrize(
    ("data", "at"),
    [
        (b"\x00\xff", 1),
        (b"ok\xc3\x28", 2),
        (b"\xed\xa0\x80", 0),
        (b"\xc0\xaf", 0),
        (b"\xf4\x90\x80\x80", 0),
        (b"cut \xe2\x98", 4),
    ],
    ids=["lone ff", "bad continuation", "surrogate", "overlong", "beyond unicode", "cut off"],
)
def test_what_is_not_utf8_is_refused_at_its_byte(data, at):
    with pytest.raises(InvalidInputEncoding) as refused:
        normalise(data)
    assert refused.value.details == (f"AT BYTE: {at}",)


def test_65536_bytes_are_taken_and_one_more_is_refused():
    assert len(normalise(b"x" * 65_536)) == 65_536
    with pytest.raises(InputSizeExceeded) as refused:
        normalise(b"x" * 65_537)
    assert refused.value.details == ("MAX: 65536 bytes", "SIZE: 65537 bytes")


def test_size_is_that_of_the_bytes_that_came_not_of_what_is_left():
    with pytest.raises(InputSizeExceeded):
        normalise(b"\0" * 70_000)
    with pytest.raises(InputSizeExceeded):
        normalise("é".encode() * 32_769)


def test_encoding_is_checked_before_size():
    with pytest.raises(InvalidInputEncoding):
        normalise(b"x" * 70_000 + b"\xff")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_through_as_itself_without_nulls_and_trailing_space(text):
    assert normalise(text.encode()) == text.replace("\0", "").rstrip()


@given(st.binary(max_size=300), st.integers(min_value=1, max_value=256))
def test_any_bytes_give_text_that_can_be_stored_or_a_refusal(data, most):
    try:
        text = normalise(data, max_size=most)
    except (InvalidInputEncoding, InputSizeExceeded):
        return
    assert len(data) <= most
    assert "\0" not in text
    assert text == text.rstrip()
    assert normalise(text.encode()) == text
