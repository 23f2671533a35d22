"""SIGINT in a room: an exception in the entity's code, once a turn, never between turns, never inside a frame.

An interrupt lands between two arbitrary instructions. So that it can neither end the process nor fall upon the next
turn, it is raised at most once after each `arm`, and only until `disarm`: whoever arms inside a `try` whose outer
frame catches everything has caught it, wherever it came.
"""

from __future__ import annotations

import signal
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

    def __init__(self) -> None:
        self._armed = False
        self.held = 0
        """How many hold interrupts off; see `hold`."""
        self.pending = False
        """One came while it was held off, and has not been raised."""

    def listen(self) -> None:
        """Take SIGINT from now on."""
        signal.signal(signal.SIGINT, lambda *_: self.ask())

    def arm(self) -> None:
        """From now on an interrupt is raised, once."""
        self.pending, self.held = False, 0
        self._armed = True

    def disarm(self) -> None:
        self._armed = self.pending = False

    def ask(self) -> None:
        """The user wants the turn to end. Raises Interrupted, unless it is held off or not wanted."""
        if self._armed:
            self.pending = True
            self._raise_unless_held()

    def hold(self) -> None:
        """Raise nothing until as many `release`s: a frame half written would be the last."""
        self.held += 1

    def release(self) -> None:
        """Raises Interrupted when one came meanwhile."""
        self.held -= 1
        self._raise_unless_held()

    def release_quietly(self) -> None:
        """Leave to the caller what came meanwhile; see `pending`."""
        self.held -= 1

    def _raise_unless_held(self) -> None:
        if self.pending and not self.held:
            self.disarm()
            raise Interrupted
