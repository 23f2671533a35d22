"""`Sheet`: a framed, scrolling column of rows in the middle of the screen, and the modal screen that holds one.

Decision: a dialog gives rows and takes keys; it owns no widgets of its own, because every widget of a modal costs
some ten milliseconds before it appears.
"""

from __future__ import annotations

from typing import TypeVar

from textual import events
from textual.app import ComposeResult
from textual.screen import ModalScreen

from backrooms_tui.tui.rows import EMPTY, Row, blank, ends, ink, row
from backrooms_tui.tui.widgets.frame import HEAVY, bottom_rule, top_rule
from backrooms_tui.tui.widgets.pane import INKS, Pane

T = TypeVar("T")

_SCROLL = {"up": -1, "k": -1, "down": 1, "j": 1}


class Sheet(Pane):
    """Draws its dialog's rows inside a heavy frame."""

    def __init__(self, dialog: Dialog[T]) -> None:
        super().__init__(id="sheet")
        self._dialog = dialog
        self._rows: tuple[Row, ...] = ()
        self._top = 0

    def measure(self) -> None:
        """Take the dialog's rows anew and become as large as they need and the screen allows."""
        screen = self.app.size
        width = min(self._dialog.width, screen.width)
        self._rows = self._dialog.rows(width - 4)
        height = min(len(self._rows) + 2, screen.height)
        self._top = min(self._top, max(0, len(self._rows) - height + 2))
        self.styles.width, self.styles.height = width, height
        self.refresh()

    def scroll_rows(self, by: int) -> None:
        top = min(max(0, self._top + by), max(0, len(self._rows) - self.size.height + 2))
        if top != self._top:
            self._top = top
            self.refresh()

    def reveal(self, first: int, rows: int) -> None:
        """Scroll so that these rows are in sight."""
        inner = max(1, self.size.height - 2)
        self.scroll_rows(min(0, first - self._top) or max(0, first + rows - inner - self._top))

    def row(self, y: int) -> Row:
        width, height = self.size
        if y == 0:
            return top_rule(self._dialog.title_row, self._dialog.note_row, width, heavy=True)
        if y == height - 1:
            return bottom_rule(EMPTY, self._more(), width, heavy=True)
        number = self._top + y - 1
        inner = self._rows[number] if number < len(self._rows) else EMPTY
        side = ink("rule-focus", HEAVY.side)
        body = ends(inner, EMPTY, width - 4)
        return Row((side, ("", blank(1)), *body.runs, ("", blank(1)), side), inner.under)

    def _more(self) -> Row:
        below = len(self._rows) - self._top - self.size.height + 2
        return row(ink("dim", f"{below} MORE")) if below > 0 else EMPTY

    def scroll_key(self, key: str) -> None:
        """Scroll by a key; others mean nothing."""
        page = max(1, self.size.height - 3)
        far = len(self._rows)
        steps = {**_SCROLL, "pgup": -page, "pgdn": page, "home": -far, "g": -far, "end": far, "G": far}
        if key in steps:
            self.scroll_rows(steps[key])


class Dialog(ModalScreen[T]):
    """A modal sheet. Subclasses give `rows` and take keys in `press`; `esc` always closes it with None."""

    COMPONENT_CLASSES = INKS
    width = 78
    title_row: Row = EMPTY
    note_row: Row = EMPTY

    def __init__(self) -> None:
        super().__init__()
        self._sheet = Sheet(self)

    def compose(self) -> ComposeResult:
        yield self._sheet

    def on_mount(self) -> None:
        self.redraw()

    def on_resize(self) -> None:
        self.redraw()

    def redraw(self) -> None:
        """Draw the sheet anew after something in it changed."""
        self._sheet.measure()

    def reveal(self, first: int, rows: int) -> None:
        """Bring rows of the sheet into sight."""
        self._sheet.reveal(first, rows)

    def take_key(self, key: str, event: events.Key) -> bool:
        """Take a key press; gives True, because a modal takes them all."""
        if not self.press(key, event):
            self._sheet.scroll_key(key)
        return True

    def rows(self, width: int) -> tuple[Row, ...]:
        """Give what the sheet says, `width` cells wide."""
        del width
        return ()

    def press(self, key: str, event: events.Key) -> bool:
        """Take a key; False lets the sheet scroll by it."""
        del event
        if key == "esc":
            self.dismiss(None)
            return True
        return False

    def paste(self, text: str) -> None:
        """Take pasted text; a dialog that does not say so refuses it."""


class TextSheet(Dialog[None]):
    """Rows to read and scroll through: an entry, the ledger, figures on a small screen."""

    def __init__(self, title: Row, body: tuple[Row, ...], note: Row = EMPTY, *, width: int = 100) -> None:
        super().__init__()
        self.title_row = title
        self.note_row = note
        self.width = width
        self._body = body or (row(ink("dim", "NOTHING.")),)

    def rows(self, width: int) -> tuple[Row, ...]:
        del width
        return self._body

    def press(self, key: str, event: events.Key) -> bool:
        if key in ("q", "enter"):
            self.dismiss(None)
            return True
        return super().press(key, event)
