"""SIGINT in a room: an exception in the entity's code, once a turn, never between turns, never inside a frame.

A signal says when, and not which turn is meant: it may be a moment late, or early. So the host writes an `interrupt`
frame with the turn's `seq` first, and a signal without it is nothing; the frame alone is looked for when a turn begins.

An interrupt lands between two arbitrary instructions. So that it can neither end the process nor fall upon the next
turn, it is raised at most once after each `arm`, and only until `disarm`: whoever arms inside a `try` whose outer
frame catches everything has caught it, wherever it came.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any


class Interrupted(KeyboardInterrupt):
    """The user has interrupted the turn. No `except Exception` catches it; whoever does catch it may still say
    something and return, which commits the turn. Uncaught, it fails the turn.
    """

    def __init__(self, answer: Any = None) -> None:
        """`answer`: what a call had brought until then."""
        super().__init__("interrupted")
        self.answer = answer


class Interrupts:
    """For the one thread of a sealed process."""

    def __init__(self, meant: Callable[[int], bool]) -> None:
        """`meant`: whether the host has written an interrupt frame for this turn. It reads the channel, and is not
        called while anything is held.
        """
        self._meant = meant
        self._seq: int | None = None
        """The turn that can be interrupted."""
        self.held = 0
        """How many hold interrupts off; see `hold`."""
        self._signalled = False
        """A signal came while it was held off."""

    def listen(self) -> None:
        """Take SIGINT from now on."""
        signal.signal(signal.SIGINT, lambda *_: self._on_signal())

    def arm(self, seq: int) -> None:
        """From now on an interrupt of turn `seq` is raised, once: at once, if it has come before."""
        self.held, self._signalled = 0, True
        self._seq = seq
        self._raise_if_due()

    def disarm(self) -> None:
        self._seq = None
        self._signalled = False

    def hold(self) -> None:
        """Raise nothing until as many `release`s: a frame half written would be the last."""
        self.held += 1

    def release(self) -> None:
        """Raises Interrupted when one came meanwhile."""
        self.held -= 1
        self._raise_if_due()

    def release_quietly(self) -> None:
        """Leave to the caller what came meanwhile; see `due`."""
        self.held -= 1

    def due(self) -> bool:
        """Whether one has come that was not raised. Not while anything is held."""
        while self._signalled and self._seq is not None:
            self._signalled = False
            self.held += 1  # another signal is looked at in the next round: the channel is read by one at a time
            meant = self._meant(self._seq)
            self.held -= 1
            if meant:
                self._signalled = True
                return True
        return False

    def awaits(self, seq: int) -> bool:
        """Whether turn `seq` runs and has not been interrupted yet."""
        return self._seq == seq

    def _on_signal(self) -> None:
        if self._seq is not None:
            self._signalled = True
            self._raise_if_due()

    def _raise_if_due(self) -> None:
        if not self.held and self.due():
            self.disarm()
            raise Interrupted
