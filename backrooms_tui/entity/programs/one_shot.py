"""`exit`: a program that is run once for each input, and whose end is the end of the answer.

The child waits sealed, and becomes the program when the input comes: a start costs the answer only the exec. Status 0
is `done`; any other is a failure, told with the end of what it had to say on standard error.
"""

from __future__ import annotations

import os
from typing import Any

from backrooms_tui.entity.frames import Done, Fail, Frame, Log, Output, Ready
from backrooms_tui.entity.process import ExitReport

from .command import CommandProcess
from .spoken import Stream

_MAX_COMPLAINT = 4096
"""Characters of standard error that a failure is told with."""


class OneShotProcess(CommandProcess):
    """See the module."""

    one_shot = True

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._out = Stream()
        self._error = Stream()
        self._complaint = ""
        self._given = False

    def _on_sealed(self) -> list[Frame]:
        return [Ready(self._program.name, "")]

    def _give(self, text: str) -> None:
        super()._give(text)
        self._given = True
        self.start()

    def _written(self) -> None:
        """End its input. The descriptor stays ours, for it is watched by its number."""
        if self._given:
            self._given = False
            nothing = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            os.dup2(nothing, self._pipes.standard_in, inheritable=False)
            os.close(nothing)

    def _said(self, data: bytes) -> list[Frame]:
        lines = self._out.feed(data)
        return [Output(lines)] if lines else []

    def _complained(self, data: bytes) -> list[Frame]:
        self._complain(self._error.feed(data))
        return []

    def _complain(self, text: str) -> None:
        self._complaint = (self._complaint + text)[-_MAX_COMPLAINT:]

    def _on_death(self, report: ExitReport) -> list[Frame]:
        rest = self._out.rest()
        self._complain(self._error.rest())
        frames: list[Frame] = [Output(rest)] if rest else []
        if report.status is None or not self._in_turn:
            return frames
        self._in_turn = False
        if report.status != 0:
            return [*frames, Fail("EXIT_STATUS", f"{report.status}\n{self._complaint}".strip(), "")]
        complaint: list[Frame] = [Log("stderr", self._complaint)] if self._complaint else []
        return [*frames, *complaint, Done(self._seq)]
