"""Every key press, in the order of typing, to the one place that it is for.

Dialogs, the bottom line and the action table are called at once and not by message: over a slow line several keys
arrive together, and the second must meet what the first one opened. Keys typed while a room is being entered wait
for its input box, so that a sentence typed ahead never lands among the commands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, cast

from textual import events
from textual.screen import Screen

from .actions import Focus
from .keymap import Keymap, key_name
from .screen import ConsoleScreen

if TYPE_CHECKING:
    from .dialogs.sheet import Dialog

MAX_HELD = 4096
"""Key presses kept while a room is being entered."""
IN_DIALOGS = frozenset({"console.leave-now", "console.stop", "screen.redraw"})
"""Actions whose keys reach through a dialog or a typed line."""


class KeyRouter:
    """Routes keys; used on the app's loop only. `top` gives the screen that is on top now."""

    def __init__(
        self,
        screen: ConsoleScreen,
        top: Callable[[], Screen[object]],
        keymap: Keymap,
        table: Mapping[str, Callable[[], None]],
    ) -> None:
        self._screen = screen
        self._top = top
        self._keymap = keymap
        self._table = table
        self._held: deque[events.Key | events.Paste] | None = None
        self.interrupts: Callable[[str], bool] = lambda _action_id: False
        """Whether an action of a lost connection is meant by its key now."""

    def take(self, event: events.Key | events.Paste) -> bool:
        """Route a key press or a paste; False when the focused widget should have it."""
        if self._held is not None:
            self._held.append(event)
            return True
        if isinstance(event, events.Paste):
            return self._paste(event)
        return self._press(event)

    def hold(self) -> None:
        """Keep what is typed from now on."""
        self._held = deque(maxlen=MAX_HELD)

    def release(self, *, keep: bool) -> None:
        """Give what was held to whatever has the focus now, or drop it."""
        held, self._held = self._held or (), None
        for event in held if keep else ():
            if not self.take(event) and self._screen.focused is not None:
                self._screen.focused._forward_event(event)  # noqa: SLF001 - what App does with every key

    def _press(self, event: events.Key) -> bool:
        screen, dialog = self._screen, self._dialog()
        kind = screen.focus_kind()
        key = key_name(event.key, event.character)
        typing = kind is None or dialog is not None
        action = self._keymap.action(Focus.INPUT if kind is None else kind, key)
        if not typing and kind is not Focus.INPUT:
            urgent = self._keymap.action(Focus.LOST, key)
            action = urgent if urgent is not None and self.interrupts(urgent.id) else action
        if typing and (action is None or action.id not in IN_DIALOGS):
            return dialog.take_key(key, event) if dialog is not None else screen.prompt.take_key(event)
        if kind is Focus.INPUT and screen.input_box is not None and screen.input_box.editor.interceptor:
            return False
        if action is not None:
            self._table[action.id]()
        return action is not None

    def _paste(self, event: events.Paste) -> bool:
        dialog = self._dialog()
        if dialog is not None:
            dialog.paste(event.text)
        elif self._screen.focus_kind() is None:
            self._screen.prompt.take_paste(event.text)
        else:
            return self._screen.focus_kind() is not Focus.INPUT
        return True

    def _dialog(self) -> Dialog[object] | None:
        """The dialog on top: whatever stands on the console's one screen is one. None is loaded before it is shown."""
        top = self._top()
        return None if top is self._screen else cast("Dialog[object]", top)
