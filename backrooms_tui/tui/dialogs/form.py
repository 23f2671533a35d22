"""`Form`: a few fields to fill in or choose from, checked where they stand, with the command that does the same.

A refusal stands below the fields and what was typed stays: nobody types a path twice because a word was wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from textual import events

from backrooms_tui.model.errors import BackroomsError, UsageError
from backrooms_tui.model.value import value
from backrooms_tui.tui.fields import field_row
from backrooms_tui.tui.line_edit import LineEdit
from backrooms_tui.tui.rows import EMPTY, Row, Run, foreign, ink, row
from backrooms_tui.tui.typed_paths import writable_file

from .sheet import Dialog

T = TypeVar("T")

_LABEL = 17
"""Cells before a value: the mark and the label."""
MAX_PATH = 4096


@value
class Field:
    """One line of a form."""

    name: str
    """As the option of the command is called."""
    label: str
    help: str = ""
    """Beside a short field; a field without it has the rest of the line."""
    choices: tuple[str, ...] = ()
    """One of these, the first unless another is chosen; empty: text is typed."""
    limit: int = 64
    """Characters that can be typed."""


class Form(Dialog[T]):
    """Dismissed with `outcome`, or None. Subclasses say which fields there are and what they make."""

    fields: tuple[Field, ...] = ()
    checked_while_typing = False
    """Whether `outcome` is asked with every key; not where it looks at files."""

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        """`given` are values by name that are there already."""
        super().__init__()
        given = given or {}
        self._texts = {
            field.name: LineEdit(given.get(field.name, ""), limit=field.limit)
            for field in self.fields
            if not field.choices
        }
        self._choices = {
            field.name: field.choices.index(given[field.name]) if given.get(field.name) in field.choices else 0
            for field in self.fields
            if field.choices
        }
        self._at = 0
        self._refusal = ""
        self._replacing: str | None = None

    def outcome(self, given: Mapping[str, str]) -> T:
        """Make what the form is for. Raises BackroomsError with what is to be shown."""
        raise NotImplementedError

    def command(self, given: Mapping[str, str]) -> str:
        """The shell command that does the same; empty when there is none."""
        del given
        return ""

    def about(self, given: Mapping[str, str], width: int) -> tuple[Row, ...]:
        """What stands between the fields and the command."""
        del given, width
        return ()

    def placeholder(self, name: str) -> str:
        """What an empty field means."""
        del name
        return "-"

    def given(self) -> dict[str, str]:
        """What was typed or chosen, by name; what was left as it is, is not there."""
        found: dict[str, str] = {}
        for field in self.fields:
            if field.choices:
                if self._choices[field.name]:
                    found[field.name] = field.choices[self._choices[field.name]]
            elif self._texts[field.name].text.strip():
                found[field.name] = self._texts[field.name].text.strip()
        return found

    def may_write(self, text: str) -> None:
        """Let a file be written: one that is there only at the second `enter`. Raises UsageError."""
        _path, exists = writable_file(text)
        if exists and self._replacing != text:
            self._replacing = text
            raise UsageError("THE FILE IS THERE. enter AGAIN REPLACES IT.")

    def rows(self, width: int) -> tuple[Row, ...]:
        given = self.given()
        command = self.command(given)
        return (
            EMPTY,
            *(self._field_row(number, width) for number in range(len(self.fields))),
            EMPTY,
            *self.about(given, width),
            row(ink("dim", "  $ "), foreign("", command[: width - 4])) if command else EMPTY,
            row(foreign("error", f"  {self._refusal}"[:width])) if self._refusal else EMPTY,
        )

    def press(self, key: str, event: events.Key) -> bool:
        if key in ("up", "down", "tab", "shift+tab"):
            self._at = (self._at + (1 if key in ("down", "tab") else -1)) % len(self.fields)
        elif key == "enter":
            self._finish()
            return True
        elif not self._edit(key, event):
            return super().press(key, event)
        self._changed()
        return True

    def paste(self, text: str) -> None:
        field = self.fields[self._at]
        if not field.choices:
            self._texts[field.name].insert(text.strip("\n").replace("\n", " "))
            self._changed()

    def _changed(self) -> None:
        self._refusal, self._replacing = "", None
        if self.checked_while_typing:
            self._try()
        self.redraw()

    def _finish(self) -> None:
        self._refusal = ""
        outcome = self._try()
        if outcome is None:
            self.redraw()
        else:
            self.dismiss(outcome)

    def _try(self) -> T | None:
        try:
            return self.outcome(self.given())
        except BackroomsError as error:
            self._refusal = error.details[0] if error.details else error.code
            return None

    def _edit(self, key: str, event: events.Key) -> bool:
        field = self.fields[self._at]
        if not field.choices:
            return self._texts[field.name].press(event.key, event.character)
        at, count = self._choices[field.name], len(field.choices)
        step = {"left": -1, "right": 1, "space": 1}.get(key)
        if step is not None:
            at += step
        else:
            begins = [place for place, choice in enumerate(field.choices) if choice.startswith(key)]
            if len(key) != 1 or not begins:
                return False
            at = begins[0]
        self._choices[field.name] = at % count
        return True

    def _field_row(self, number: int, width: int) -> Row:
        field, here = self.fields[number], number == self._at
        mark = ink("accent", " > ") if here else ink("", "   ")
        head = row(mark, ink("strong" if here else "dim", f"{field.label:<{_LABEL - 3}}"))
        if field.choices:
            return head + Row(tuple(self._choice_runs(field, here=here)))
        room = 16 if field.help else width - _LABEL
        value = field_row(self._texts[field.name], room, here=here, placeholder=self.placeholder(field.name))
        return head + value + row(ink("dim", f"  {field.help}" if field.help else ""))

    def _choice_runs(self, field: Field, *, here: bool) -> list[Run]:
        """`[jsonl] csv  binary`: the brackets say it without a colour."""
        runs = []
        for place, choice in enumerate(field.choices):
            chosen = place == self._choices[field.name]
            style = ("accent" if here else "strong") if chosen else "dim"
            runs.append(ink(style, f"[{choice}]" if chosen else f" {choice} "))
        runs.append(ink("dim", f"  {field.help}" if field.help else ""))
        return runs
