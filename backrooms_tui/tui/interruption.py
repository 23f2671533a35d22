"""While the connection to the owner is lost, and the moment in which there is a new one. Used on the loop only.

The last known screen stays where it is and can be scrolled; a banner says how old it is. What the operator typed is
kept, and inputs that nobody answered are told to the new connection under their own ids, so that each is there once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual.timer import Timer

from backrooms_tui.model.units import NS, format_age

from .attachment import Attachment, Outage
from .calls import Lane, ServiceCalls
from .desk import Desk
from .lost_rows import LINES, Kept, folded_row, lost_rows
from .outbox import Outbox
from .safe import SafeText
from .screen import ConsoleScreen
from .verbs import Verbs

REDRAW_SECONDS = 1.0
"""Of the banner that counts; folded it is still."""


class Interruption:
    """Made by the app, told by `changed` whenever the attachment is another."""

    def __init__(
        self,
        attachment: Attachment,
        screen: ConsoleScreen,
        desk: Desk,
        verbs: Verbs,
        outbox: Outbox,
        calls: ServiceCalls,
        drafts: Path | None,
    ) -> None:
        self._attachment = attachment
        self._screen = screen
        self._desk = desk
        self._verbs = verbs
        self._outbox = outbox
        self._calls = calls
        self._drafts = drafts
        self._outage: Outage | None = None
        self._connections = attachment.connections
        self._folded = False
        self._timer: Timer | None = None

    def actions(self) -> dict[str, Callable[[], None]]:
        """Handlers by action id."""
        return {
            "connection.retry": self._attachment.retry,
            "connection.offline": self._fold,
            "connection.drafts": self._write_drafts,
        }

    def takes(self, action_id: str) -> bool:
        """Whether a key of the banner means it now: folded, it leaves the letters to the panes but one."""
        return self._outage is not None and (not self._folded or action_id == "connection.offline")

    def changed(self) -> None:
        """The connection was lost, a try has failed, or there is a new one."""
        before, self._outage = self._outage, self._attachment.outage
        if self._outage is None:
            self._rejoin(before)
            return
        if before is None:
            self._folded = False
            self._desk.refused(self._outage.error)
            self._desk.turn.show(None)  # what the entity does now is not known
            self._desk.block_input()
            self._desk.paint()
            self._outbox.list_in_doubt()
            self._screen.save_drafts()
        self._draw()

    def _rejoin(self, before: Outage | None) -> None:
        """Also after a loss so short that this loop never saw it: the session is a new one then, too."""
        self._draw()
        if self._connections == self._attachment.connections:
            return
        self._connections = self._attachment.connections
        self._verbs.enter_again()
        self._outbox.send_again()
        self._desk.block_input()
        self._screen.log_view.read_on()
        self._desk.load()
        away = "" if before is None else f" AFTER {format_age((self._desk.clock() - before.since) / NS)}"
        self._desk.say(f"CONNECTED AGAIN{away}. SESSION {self._attachment.session}")

    def _fold(self) -> None:
        self._folded = not self._folded
        self._draw()

    def _draw(self) -> None:
        outage = self._outage
        counting = outage is not None and not self._folded
        if counting and self._timer is None:
            self._timer = self._screen.set_interval(REDRAW_SECONDS, self._draw, name="outage")
        elif not counting and self._timer is not None:
            self._timer.stop()
            self._timer = None
        if outage is None:
            self._screen.show_lost(0)
            return
        keymap = self._desk.keymap
        if self._folded:
            self._screen.show_lost(1, lambda _size: (folded_row(outage, keymap),))
            return
        kept = Kept(self._screen.unsent(), self._outbox.in_doubt)
        now = self._desk.clock()
        self._screen.show_lost(LINES, lambda size: lost_rows(outage, kept, keymap, now=now, width=size.width))

    def _write_drafts(self) -> None:
        """A copy for people; the file that the next console reads is written, too."""
        self._screen.save_drafts()
        text = self._screen.drafts_text()
        if self._drafts is None or not text:
            self._desk.say("THERE ARE NO DRAFTS.")
            return
        path = self._drafts.with_name(f"drafts-{self._desk.clock() // NS}.txt")
        self._calls.run(partial(_write, path, text), self._written, self._desk.refused, lane=Lane.VERB)

    def _written(self, path: Path) -> None:
        self._desk.note(SafeText.of(f"DRAFTS WRITTEN: {path}"))


def _write(path: Path, text: str) -> Path:
    from backrooms_tui.persistence.private_files import private_directory, replace_private

    private_directory(path.parent)
    replace_private(path, text.encode("utf-8", "backslashreplace"))
    return path
