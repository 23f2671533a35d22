"""One-key menus: ACTIONS and SORT. No time-out, `esc` leaves; a key that is not offered does nothing."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events

from backrooms_tui.model.value import value
from backrooms_tui.tui.rows import EMPTY, Row, ink, row

from .sheet import Dialog


@value
class Choice:
    key: str
    text: str
    """Our own words."""
    result: str
    refused: str = ""
    """Why it cannot be chosen now; empty when it can."""


class Menu(Dialog[str]):
    """Dismissed with the chosen result, or None."""

    width = 64

    def __init__(self, title: Row, choices: Iterable[Choice]) -> None:
        super().__init__()
        self.title_row = title
        self.note_row = row(ink("dim", "esc"))
        self._choices = tuple(choices)

    def rows(self, width: int) -> tuple[Row, ...]:
        del width
        return (EMPTY, *(_choice_row(choice) for choice in self._choices), EMPTY)

    def press(self, key: str, event: events.Key) -> bool:
        for choice in self._choices:
            if choice.key == key:
                if not choice.refused:
                    self.dismiss(choice.result)
                return True
        return super().press(key, event)


def _choice_row(choice: Choice) -> Row:
    if choice.refused:
        return row(ink("dim", f"  {choice.key}   {choice.text}   {choice.refused}"))
    return row(ink("key", f"  {choice.key}   "), ink("", choice.text))
