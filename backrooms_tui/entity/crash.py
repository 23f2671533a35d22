"""The report of an entity's death in the seed's words.

Signal, status, address and the instruction that faulted are the kernel's. The rest of the stack is text that the dying
process wrote about itself: it is read for frames only, cut, scrubbed, and said to be the entity's own account.
"""

from __future__ import annotations

import re
import signal

from backrooms_tui.model.scrub import scrub

from .process import FAULTS, ExitReport

MAX_FRAMES = 32
MAX_FRAME = 160
"""Characters of one frame."""
OWN_ACCOUNT = "  (as reported by the entity)"
KERNELS_WORD = " (by the kernel)"
"""Behind the one frame that is."""

_FRAME = re.compile(r'^ *File "([^"\n]*)", line (\d{1,9}),? in (.+)$', re.MULTILINE)
_OLDEST_FIRST = "Traceback (most recent call last)"
_RUNTIME = "/backrooms_tui/entity/inside/runtime.py"
"""Its frames, and those outside them, are the same in every death."""


def report_lines(report: ExitReport) -> list[str]:
    """The report, `FATAL: ENTITY_CRASHED` first, the cause second; every line is safe to print."""
    frames, own = stack_frames(report.stack), OWN_ACCOUNT
    if report.frame0 is not None:
        frames.insert(0, scrub(report.frame0[:MAX_FRAME]) + KERNELS_WORD)
        own = OWN_ACCOUNT.replace("as", "from #1 on as") if len(frames) > 1 else ""
    lines = ["FATAL: ENTITY_CRASHED", cause(report), f"ADDRESS: {_address(report)}"]
    if not frames:
        return [*lines, "STACK TRACE: NONE"]
    return [*lines, "STACK TRACE:", *(f"  #{n} {frame}" for n, frame in enumerate(frames)), *filter(None, [own])]


def stack_frames(text: str) -> list[str]:
    """`function (file:line)` of the frames in faulthandler's or a traceback's text, innermost first, scrubbed.

    They end where the entity was called by the runtime, if it was that far.
    """
    found = _FRAME.findall(text)
    if _OLDEST_FIRST in text:
        found.reverse()
    outside = next((n for n, (path, _, _) in enumerate(found) if n and path.endswith(_RUNTIME)), MAX_FRAMES)
    frames = [f"{name} ({path.rpartition('/')[2]}:{line})" for path, line, name in found[: min(outside, MAX_FRAMES)]]
    return [scrub(frame[:MAX_FRAME]) for frame in frames]


def cause(report: ExitReport) -> str:
    """How it ended, in one line of the report."""
    if report.signal is not None:
        return f"SIGNAL: {_signal_name(report.signal)}"
    return f"EXIT_STATUS: {'UNKNOWN' if report.status is None else report.status}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return str(number)


def _address(report: ExitReport) -> str:
    if report.sent:
        return "NONE (raised by itself)"
    if report.signal not in FAULTS:
        return "NONE"
    return "UNAVAILABLE" if report.address is None else f"0x{report.address:016x}"
