"""Making a program's process, in the host: its channels, its files, its way to speak."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable

from backrooms_tui.entity.mortal import Bounds
from backrooms_tui.entity.process import EntitySpec, ExitReport
from backrooms_tui.model.errors import EntityInitFailed, UsageError

from .command import CommandProcess, Pipes
from .framed import FramedProcess
from .lines import LinesProcess
from .one_shot import OneShotProcess
from .program import find

_MODES: dict[str, type[CommandProcess]] = {"lines": LinesProcess, "exit": OneShotProcess, "frames": FramedProcess}


def prepare(
    spec: EntitySpec, *, on_exit: Callable[[ExitReport], None], bounds: Bounds
) -> tuple[CommandProcess, tuple[int, ...]]:
    """The host's end of a program, and the descriptors for its child, which the caller has to pass on or close.

    Raises EntityInitFailed when the program is not there, or descriptors cannot be had.
    """
    try:
        program = find(spec.runtime)
    except UsageError as error:
        raise EntityInitFailed(*error.details) from None
    opened: list[int] = []
    try:
        pipes = _pipes(opened)
        for path in program.named_files():
            opened.append(os.open(path, os.O_PATH | os.O_CLOEXEC))  # noqa: PERF401 - what is open must be closed again
        process = _MODES[spec.runtime.option("mode")](pipes, program, spec, on_exit=on_exit, bounds=bounds)
    except OSError as error:
        for descriptor in opened:
            os.close(descriptor)
        raise EntityInitFailed(f"CHANNELS: {error.strerror}") from None
    ours = {pipes.control, pipes.standard_in, pipes.standard_out, pipes.standard_error}
    return process, tuple(descriptor for descriptor in opened if descriptor not in ours)


def _pipes(opened: list[int]) -> Pipes:
    """The host's ends; all that is opened, theirs in the order of a spawn message, is added to `opened`."""
    near, far = socket.socketpair()
    control = near.detach()
    opened += [control, far.detach()]
    input_read, input_write = os.pipe()
    opened += [input_write, input_read]
    reads = []
    for _ in range(2):
        read, write = os.pipe()
        opened += [read, write]
        reads.append(read)
    for descriptor in (control, input_write, *reads):
        os.set_blocking(descriptor, False)
    return Pipes(control, input_write, *reads)
