"""The bottom line while something is typed into it: a command, a filter, a search."""

from __future__ import annotations

from collections.abc import Callable

from textual import events

from backrooms_tui.model.value import value
from backrooms_tui.tui.fields import field_row
from backrooms_tui.tui.line_edit import LineEdit
from backrooms_tui.tui.rows import Row, ink, row

from .pane import Pane


@value
class Question:
    """What the prompt asks, and who wants to know."""

    sign: str
    """`:` or `/`."""
    changed: Callable[[str], None]
    """Called with every change of the text."""
    done: Callable[[str], bool]
    """Called with the text on enter; False keeps the prompt open, because the text was refused."""
    cancelled: Callable[[], None]
    completed: Callable[[str], str] = staticmethod(lambda text: text)
    """Gives the text that tab makes of it."""


class Prompt(Pane, can_focus=True):
    """One line of input that is in the way of nothing when nothing is asked."""

    def __init__(self) -> None:
        super().__init__(id="prompt")
        self._edit = LineEdit()
        self._question: Question | None = None

    def ask(self, question: Question, text: str = "") -> None:
        """Open the line; the focus comes here until `done` accepts or the operator gives up."""
        self._question = question
        self._edit.set(text)
        self.display = True
        # At once: `focus` would wait for its turn, and keys that come meanwhile would be commands.
        self.screen.set_focus(self)
        self.refresh()

    def row(self, y: int) -> Row:
        del y
        sign = self._question.sign if self._question else ""
        return row(ink("key", f" {sign}")) + field_row(self._edit, self.size.width - 3, here=True)

    def take_key(self, event: events.Key) -> bool:
        """Take a key press; gives True, because the line takes them all."""
        question = self._question
        if question is None:
            return True
        if event.key == "escape":
            self._close()
            question.cancelled()
        elif event.key == "enter":
            if question.done(self._edit.text):
                self._close()
        elif event.key == "tab":
            self._edit.set(question.completed(self._edit.text))
            self._changed(question)
        elif self._edit.press(event.key, event.character):
            self._changed(question)
        return True

    def take_paste(self, text: str) -> None:
        """Take pasted text as one line."""
        if self._question is not None:
            self._edit.insert(text.replace("\n", " "))
            self._changed(self._question)

    def _changed(self, question: Question) -> None:
        self.refresh()
        question.changed(self._edit.text)

    def _close(self) -> None:
        self._question = None
        self.display = False
