"""Life of a room's process, from the fork to its last input.

Forked by the zygote; takes its channels, seals itself, and only then reads who it is to be. Descriptors: 0 nothing,
1 and 2 captured, 3 frames both ways, 4 what faulthandler writes when it dies.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import traceback
from typing import NoReturn

from backrooms_tui.entity.inside.channel import Channel
from backrooms_tui.entity.inside.runtime import Runtime
from backrooms_tui.entity.seal import selftest, syscalls
from backrooms_tui.entity.seal.clock import ClockPlan
from backrooms_tui.entity.seal.hermetic import Applied, die_with, seal
from backrooms_tui.model.value import value

FRAMES = 3
CRASH = 4
FAILED = 70
"""Exit status when the runtime itself could not go on, or an entity could not be built."""
MAX_CRASH = 16 * 1024
"""Bytes of a traceback left behind; the pipe takes 64 KiB without a reader."""
_LAST_DESCRIPTOR = 2**32 - 1


@value
class Birth:
    """What the zygote gives to a child."""

    frames: int
    captured: int
    crash: int
    """Descriptors, all above 4."""
    memory_limit: int
    parent: int
    clock_plan: ClockPlan | None
    """None leaves the real clock visible."""


def live(birth: Birth) -> NoReturn:
    """Be a room, until the host is gone or the entity ends the process. Never returns into the zygote."""
    try:
        try:
            applied = _become(birth)
        except OSError as error:
            Channel(FRAMES).send({"type": "fail", "error": "EntitySealFailed", "text": str(error), "trace": ""})
            raise
        Runtime(Channel(FRAMES), applied.clock).run()
    except SystemExit as end:
        _leave(end)
    except BaseException:  # border: nothing may unwind into the zygote's loop
        try:
            os.write(CRASH, traceback.format_exc().encode(errors="replace")[-MAX_CRASH:])
        finally:
            os._exit(FAILED)
    os._exit(0)


def probe(birth: Birth) -> NoReturn:
    """Be sealed like a room, tell through the frames channel what holds, and end."""
    channel = None
    try:
        applied = _become(birth)
        channel = Channel(FRAMES)
        channel.send(selftest.facts(applied, birth.memory_limit))
    except BaseException as error:  # border, as above
        (channel or Channel(FRAMES)).send({"refused": f"{type(error).__name__}: {error}"})
    os._exit(0)


def _become(birth: Birth) -> Applied:
    _take_channels(birth)
    die_with(birth.parent)
    os.chdir("/")
    os.umask(0o077)
    gc.enable()
    faulthandler.enable(CRASH, all_threads=False)
    return seal(parent=birth.parent, memory_limit=birth.memory_limit, clock_plan=birth.clock_plan)


def _take_channels(birth: Birth) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    places = ((birth.captured, 1), (birth.captured, 2), (birth.frames, FRAMES), (birth.crash, CRASH))
    for descriptor, place in places:
        os.dup2(descriptor, place)
    syscalls.call(syscalls.CLOSE_RANGE, CRASH + 1, _LAST_DESCRIPTOR, 0)


def _leave(end: SystemExit) -> NoReturn:
    """Exit as the entity asked by sys.exit: its number, 0 for None, 1 for anything else."""
    code = end.code if isinstance(end.code, int) else int(end.code is not None)
    os._exit(code & 0xFF)
