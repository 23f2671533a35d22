"""The way from the command line into the console: the only module here that reaches Textual, and only when called."""

from __future__ import annotations

import gc
from functools import partial

from .shell import NOT_DURABLE, Shell, heed_endings


def console(shell: Shell) -> int:
    """Open the console on this terminal until the operator leaves it."""
    # Nothing that a start allocates is garbage: collections took 30 ms of it. The console turns them on again.
    gc.disable()
    from backrooms_tui.tui.app import run_console
    from backrooms_tui.tui.host import open_host
    from backrooms_tui.tui.terminal import require_terminal

    from .errors import record_fault

    def keep(error: BaseException) -> None:
        record_fault(error)  # the screen is the console's: nothing may be written over it

    require_terminal()
    settings = shell.settings()
    if not shell.persist:
        shell.warn(NOT_DURABLE)
    heed_endings()
    read_only: bool = shell.options.readonly
    join = partial(shell.join, settings, read_only=read_only)
    with (
        shell.watched(settings) as watch,
        open_host(settings, join, persist=shell.persist, read_only=read_only, on_fault=keep, watch=watch) as host,
    ):
        shell.warn(*host.attachment.service.status().warnings)
        return run_console(host, settings, on_fault=record_fault)
