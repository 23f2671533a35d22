"""One editable line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backrooms_tui.tui.line_edit import LineEdit

KEYS = ["left", "right", "home", "end", "backspace", "delete", "ctrl+w", "ctrl+u", "ctrl+k", "ctrl+a", "ctrl+e"]


def test_readline_keys_do_what_fingers_expect() -> None:
    edit = LineEdit("create --name two")
    edit.press("ctrl+w", None)
    assert edit.text == "create --name "
    edit.press("ctrl+a", None)
    edit.press("x", "x")
    assert edit.text == "xcreate --name "
    edit.press("ctrl+k", None)
    assert edit.text == "x"
    edit.press("ctrl+u", None)
    assert edit.text == ""


def test_what_does_not_print_is_not_typed() -> None:
    edit = LineEdit(limit=5)
    assert not edit.press("escape", "\x1b")
    edit.insert("a\x1b[31mb\nccccc")
    assert edit.text == "a[31m"


@given(st.lists(st.one_of(st.sampled_from(KEYS), st.characters())))
def test_the_cursor_never_leaves_the_text(presses: list[str]) -> None:
    edit = LineEdit(limit=20)
    for press in presses:
        edit.press(press, press if len(press) == 1 else None)
        assert 0 <= edit.cursor <= len(edit.text) <= 20
        assert edit.text.isprintable()
