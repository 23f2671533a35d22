"""DESTROY: one room, armed by typing the last eight characters of its id; several, by typing how many.

The last eight, because the list shows the first: they have to be read from here. Paste is refused, `enter` does
nothing, and only `F` destroys, once armed. There is no undo in the model; several rooms get a countdown that any
key stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from textual import events
from textual.timer import Timer

from backrooms_tui.model.ids import SHORT, RoomId, short
from backrooms_tui.model.units import NS, format_age, format_size_short, format_time
from backrooms_tui.model.views import RoomView
from backrooms_tui.tui.fields import field_row
from backrooms_tui.tui.figures import state_run
from backrooms_tui.tui.line_edit import LineEdit
from backrooms_tui.tui.rows import EMPTY, Row, ends, ink, row

from .sheet import Dialog

COUNTDOWN_SECONDS = 5
_LISTED = 8

T = TypeVar("T")


class _Armed(Dialog[T]):
    """What both dialogs share: a typed field that no paste fills, and `F`."""

    note_row = row(ink("error", "IRREVERSIBLE"))

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._edit = LineEdit(limit=limit)
        self._refusal = ""

    @property
    def armed(self) -> bool:
        raise NotImplementedError

    def fire(self) -> None:
        """Do what was armed."""
        raise NotImplementedError

    def press(self, key: str, event: events.Key) -> bool:
        self._refusal = ""
        if key == "F" and self.armed:
            self.fire()
        elif key in ("enter", "F"):
            pass
        elif not self._edit.press(event.key, event.character):
            return super().press(key, event)
        self.redraw()
        return True

    def paste(self, text: str) -> None:
        del text
        self._refusal = "PASTE IS REFUSED HERE. READ THE ID AND TYPE IT."
        self.redraw()

    def _last_row(self, width: int) -> Row:
        cancel = row(ink("key", "esc"), ink("dim", " CANCEL"))
        if self._refusal:
            return ends(row(ink("warn", f" {self._refusal}")), cancel, width)
        if self.armed:
            return ends(
                row(ink("error", " ARMED."), ink("", " "), ink("key", "F"), ink("error", " DESTROYS.")), cancel, width
            )
        return ends(row(ink("dim", " NOT ARMED. enter does nothing.")), cancel, width)


class DestroyRoom(_Armed[RoomId]):
    """Dismissed with the full id of the room to destroy, or None."""

    title_row = row(ink("title", "DESTROY ROOM"))

    def __init__(self, view: RoomView, now: int, backups: int | None = None) -> None:
        """`backups` is how many go with the room; None: nobody has looked."""
        super().__init__(SHORT)
        self._view = view
        self._backups = backups
        self._now = now

    @property
    def armed(self) -> bool:
        return self._edit.text == self._view.record.id[-SHORT:]

    def fire(self) -> None:
        self.dismiss(self._view.record.id)

    def rows(self, width: int) -> tuple[Row, ...]:
        record = self._view.record
        memory = format_size_short(record.memory_usage)
        field = field_row(self._edit, SHORT + 1, here=True, placeholder="_" * SHORT)
        return (
            EMPTY,
            row(ink("dim", " ROOM     "), ink("", record.id[:32])),
            row("          ", ink("", record.id[32:])),
            row(
                ink("dim", " STATE    "),
                state_run(self._view),
                ink("dim", "   MEMORY "),
                ink("", memory),
                ink("dim", "   ENTRIES "),
                ink("", str(record.tail.seq)),
            ),
            row(
                ink("dim", " CREATED  "),
                ink("", format_time(record.created_at)),
                ink("dim", "   LAST "),
                ink("", format_time(record.last_active)),
            ),
            row(ink("dim", " DELETES  "), ink("", f"STATE, MEMORY, QUEUE, CONFIG, {self._backup_words()}")),
            EMPTY,
            row(ink("", f" Type the LAST {SHORT} characters of the room ID to arm:  ")) + field,
            EMPTY,
            self._last_row(width),
        )

    def _backup_words(self) -> str:
        if self._backups is None:
            return "ITS BACKUPS"
        return f"{self._backups} BACKUP{'' if self._backups == 1 else 'S'}"


class DestroyRooms(_Armed[tuple[RoomId, ...]]):
    """Several rooms. Dismissed with their ids after a countdown that nobody stopped, or None.

    More than half of all rooms at once needs the words twice.
    """

    title_row = row(ink("title", "DESTROY ROOMS"))

    def __init__(self, views: Sequence[RoomView], *, total: int, now: int) -> None:
        super().__init__(64)
        self._views = tuple(views)
        self._now = now
        words = f"DESTROY {len(views)} ROOMS"
        self._words = f"{words} {words}" if len(views) * 2 > total else words
        self._left = 0
        self._timer: Timer | None = None

    @property
    def armed(self) -> bool:
        return self._edit.text == self._words

    def fire(self) -> None:
        self._left = COUNTDOWN_SECONDS
        self._timer = self.set_interval(1.0, self._tick, name="destroy-countdown")

    def press(self, key: str, event: events.Key) -> bool:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
            self._edit.set("")
            self._refusal = "STOPPED. NOTHING WAS DESTROYED."
            self.redraw()
            return True
        return super().press(key, event)

    def rows(self, width: int) -> tuple[Row, ...]:
        listed = [self._room_row(view) for view in self._views[:_LISTED]]
        if len(self._views) > _LISTED:
            listed.append(row(ink("dim", f" and {len(self._views) - _LISTED} more")))
        field = field_row(self._edit, width - 2, here=self._timer is None)
        prompt = row(ink("", " Type to arm:  "), ink("strong", self._words))
        return (EMPTY, *listed, EMPTY, prompt, row(ink("dim", " ")) + field, EMPTY, self._last_row(width))

    def _last_row(self, width: int) -> Row:
        if self._timer is None:
            return super()._last_row(width)
        return row(
            ink("error", f" DESTROYING {len(self._views)} ROOMS IN {self._left} s."), ink("", " ANY KEY STOPS IT.")
        )

    def _room_row(self, view: RoomView) -> Row:
        age = format_age((self._now - view.record.created_at) / NS)
        memory = format_size_short(view.record.memory_usage)
        return row(
            f" {short(view.record.id)}  ",
            state_run(view, padded=10),
            ink("", f"{memory:>7}"),
            ink("dim", f"  AGE {age}"),
        )

    def _tick(self) -> None:
        self._left -= 1
        if self._left > 0:
            self.redraw()
            return
        if self._timer is not None:
            self._timer.stop()
        self.dismiss(tuple(view.record.id for view in self._views))
