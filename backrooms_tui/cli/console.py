"""The way from the command line into the console: the only module here that reaches Textual, and only when called."""

from __future__ import annotations

import gc

from .shell import Shell


def console(shell: Shell) -> int:
    """Open the console on this terminal until the operator leaves it."""
    # Nothing that a start allocates is garbage: collections took 30 ms of it. The console turns them on again.
    gc.disable()
    from backrooms_tui.tui.app import run_console

    from .errors import record_fault

    def keep(error: BaseException) -> None:
        record_fault(error)  # the screen is the console's: nothing may be written over it

    settings = shell.settings()
    with shell.service(on_fault=keep) as service:
        return run_console(service, settings, on_fault=record_fault)
