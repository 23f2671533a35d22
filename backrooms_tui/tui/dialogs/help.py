"""HELP: generated from the action table and the live keymap, grouped, and narrowed by what is typed."""

from __future__ import annotations

from textual import events

from backrooms_tui.tui.actions import ACTIONS, Action, Group
from backrooms_tui.tui.command_line import VERBS
from backrooms_tui.tui.keymap import Keymap
from backrooms_tui.tui.line_edit import LineEdit
from backrooms_tui.tui.rows import EMPTY, Row, foreign, ink, row

from .sheet import Dialog


class Help(Dialog[None]):
    """All keys and commands. `/` begins a search, `esc` ends it, then closes the help."""

    width = 100
    title_row = row(ink("title", "KEYS"))
    note_row = row(ink("dim", "/ narrow   esc close"))

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self._keymap = keymap
        self._edit: LineEdit | None = None

    def rows(self, width: int) -> tuple[Row, ...]:
        del width
        wanted = self._edit.text.lower() if self._edit else ""
        found: list[Row] = [] if self._edit is None else [row(ink("key", "/"), foreign("", wanted)), EMPTY]
        for group in Group:
            lines = [self._line(action) for action in ACTIONS if action.group is group]
            found += _section(group.value, lines, wanted)
        commands = [
            row(ink("key", f":{grammar.usage}"), ink("dim", f"   {grammar.help}")) for grammar in VERBS.values()
        ]
        return tuple(found + _section("COMMANDS", commands, wanted))

    def press(self, key: str, event: events.Key) -> bool:
        if self._edit is not None:
            if key == "esc":
                self._edit = None
            elif key in ("up", "down", "pgup", "pgdn") or not self._edit.press(event.key, event.character):
                return False
            self.redraw()
            return True
        if key == "/":
            self._edit = LineEdit(limit=40)
            self.redraw()
            return True
        if key in ("q", "?"):
            self.dismiss(None)
            return True
        return super().press(key, event)

    def _line(self, action: Action) -> Row:
        keys = " ".join(self._keymap.keys(action.id)) or f"a {action.menu}"
        place = "" if len(action.where) > 1 else f" ({next(iter(action.where)).lower()})"
        return row(ink("key", f"  {keys:<22}"), ink("", action.help), ink("dim", place))


def _section(title: str, lines: list[Row], wanted: str) -> list[Row]:
    matching = [line for line in lines if wanted in line.plain.lower()]
    return [row(ink("strong", title)), *matching, EMPTY] if matching else []
