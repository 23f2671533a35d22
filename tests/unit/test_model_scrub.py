"""Nothing a terminal acts on comes through, over all of Unicode."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backrooms_tui.model.scrub import MARK, scrub

ACTED_ON = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def test_no_character_of_unicode_survives_that_a_terminal_could_act_on():
    survivors = [
        hex(code)
        for code in range(sys.maxunicode + 1)
        if any(unicodedata.category(c) in ACTED_ON for c in scrub(f"a{chr(code)}b"))
    ]
    assert survivors == []


def test_every_character_that_is_not_acted_on_is_kept_or_replaced_by_one_visible_mark():
    for code in range(0, sys.maxunicode + 1, 7):
        result = scrub(chr(code))
        assert result == chr(code) or all(c.isprintable() for c in result)
        assert len(result) in (1, 4)


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b[31mred", f"{MARK}[31mred"),
        ("\x1b]52;c;QQ==\x07", f"{MARK}]52;c;QQ==␇"),
        ("a\x9bm", "a�m"),
        ("tab\there", "tab    here"),
        ("one\ntwo", "one␊two"),
        ("back\x08space\x7f", "back␈space␡"),
        ("\u202eright to left", "�right to left"),
        ("zero\u200bwidth\ufeff", "zero�width�"),
        ("lone \ud800 surrogate", "lone � surrogate"),
        ("tag\U000e0041", "tag�"),
        ("narrow\u202fspace", "narrow space"),
    ],
)
def test_controls_become_visible_marks(hostile, shown):
    assert scrub(hostile) == shown


@pytest.mark.parametrize("text", ["", "plain", "[INFO] [/] [b", "naïve ☃", "漢字", "e\u0301", "\u00a0 space", "👍🏽"])
def test_text_that_is_safe_is_not_touched(text):
    assert scrub(text) == text


@given(st.text())
def test_scrubbing_is_stable_and_gives_one_line(text):
    once = scrub(text)
    assert scrub(once) == once
    assert len(once.splitlines()) <= 1
    assert not any(unicodedata.category(c) in ACTED_ON for c in once)
