"""Taking turns with the neighbours: a room that says tens of thousands of lines must not take all of the interpreter.

A thread that computes gives the interpreter up only when somebody has waited a whole switch interval for it, and a
neighbour's input changes threads some ten times. So whoever works through a flood rests every few lines, for half the
time that they took, and the neighbours find the interpreter free: 60,000 lines made a neighbour four times slower, and
make it half as slow again now. The price is the flood's own: it takes longer by what it rests. Rooms of the same worker
wait for its work and for its rest, and gain nothing.
"""

from __future__ import annotations

import time

FREE = 1024
"""Steps that nobody notices."""
STEPS = 32
"""Between two rests; some 0.2 ms of work."""
SHARE = 0.5
"""Of the time worked."""
MOST = 0.002
"""Seconds of one rest."""


class Pace:
    """Of one turn's work, in one thread."""

    __slots__ = ("_steps", "_worked")

    def __init__(self) -> None:
        self._steps = 0
        self._worked = 0.0
        """Seconds that the thread had computed at the last rest."""

    def step(self) -> None:
        """One more small thing has been done."""
        self._steps += 1
        if self._steps > FREE and self._steps % STEPS == 0:
            self._rest()

    def _rest(self) -> None:
        worked = time.thread_time()
        time.sleep(min((worked - self._worked) * SHARE, MOST))
        self._worked = worked
