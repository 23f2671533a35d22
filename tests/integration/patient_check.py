"""`entity check` with all the time there is: how quick an example is depends on who else is at work on the machine."""

from __future__ import annotations

import sys

from room_exe import RoomExe
from sealed_rooms import PATIENCE

PATIENT = ("GRACE", "SLOW_START")
"""What of `authoring.trials` an entity that is right can miss when it is not given the processor."""
_PROGRAM = f"""
import sys
from functools import partial
from backrooms_tui.authoring import check, trials
for name in {PATIENT!r}:
    setattr(trials, name, {PATIENCE!r})
check.examine = partial(check.examine, start={PATIENCE!r}, answer={PATIENCE!r})
from backrooms_tui.__main__ import main
sys.exit(main())
"""


def patiently(exe: RoomExe) -> RoomExe:
    """The same program, with patience."""
    exe.program = [sys.executable, "-c", _PROGRAM]
    return exe
