"""Textual's driver for this product: it writes to standard output, and it survives the loss of its terminal.

When a terminal goes away, Textual's writer thread dies of the first write, its queue of 30 fills, and the next
frame blocks the loop for ever: no signal is handled any more, nothing is closed. Here a lost terminal swallows
what is written, and the console leaves as if told to.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO

from textual import events
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size

if TYPE_CHECKING:
    from textual.app import App


class Terminal:
    """The writable end of a terminal. After a failed write it takes everything and keeps nothing."""

    def __init__(self, file: TextIO, on_lost: Callable[[], None]) -> None:
        self._file = file
        self._on_lost = on_lost
        self.lost = False

    def write(self, text: str) -> int:
        self._guarded(lambda: self._file.write(text))
        return len(text)

    def flush(self) -> None:
        self._guarded(self._file.flush)

    def fileno(self) -> int:
        return self._file.fileno()

    def isatty(self) -> bool:
        return not self.lost and self._file.isatty()

    def _guarded(self, work: Callable[[], object]) -> None:
        if self.lost:
            return
        try:
            work()
        except (OSError, ValueError):
            self.lost = True
            self._on_lost()


class ConsoleDriver(LinuxDriver):
    """Tells the app's `terminal_lost` (in the writer's thread) when a write failed."""

    def __init__(
        self, app: App[object], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        assert sys.__stdout__ is not None
        lost: Callable[[], None] = getattr(app, "terminal_lost", lambda: None)
        self.terminal = Terminal(sys.__stdout__, lost)
        self._file = self.terminal  # type: ignore[assignment] # it has all that the writer thread calls

    def start_application_mode(self) -> None:
        """Take the terminal, and hear of its sizes on the loop.

        Textual reads the size inside the signal handler; a second signal between the reading and the telling makes
        the older size arrive last, and the console stays drawn for it.
        """
        super().start_application_mode()  # type: ignore[no-untyped-call] # Textual's gap
        asyncio.get_running_loop().add_signal_handler(signal.SIGWINCH, self._resized)

    def _get_terminal_size(self) -> tuple[int, int]:
        """A terminal that has no size (a serial line, `script` without one) is 80x24 to Textual and 80x25 to Rich: each
        resized after the other for ever, and a console that had lost such a terminal never came to its end.
        """
        width, height = super()._get_terminal_size()
        try:
            unknown = 0 in os.get_terminal_size(self.fileno)
        except OSError:
            unknown = True
        return self._NO_SIZE if unknown and (width, height) == (80, 24) else (width, height)

    _NO_SIZE = (80, 25)
    """Rich's."""

    def _resized(self) -> None:
        if not self._in_band_window_resize:
            size = Size(*self._get_terminal_size())
            self._app.post_message(events.Resize(size, size))

    def set_mouse(self, *, on: bool) -> None:
        """Take the mouse from the terminal, or give it back."""
        if on:
            self._mouse = True
            self._enable_mouse_support()
        else:
            self._disable_mouse_support()
            self._mouse = False
