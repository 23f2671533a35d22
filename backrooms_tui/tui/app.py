"""`run_console`: the console from a terminal to a terminal, and an orderly end whatever ended it."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path

from backrooms_tui.config.paths import state_directory, user_config
from backrooms_tui.config.resources import config_path
from backrooms_tui.config.settings import Settings
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.states import RoomState

from .console_app import BackroomsApp, OnFault, unwritten_fault
from .host import Host
from .keymap import load_keymap
from .leaving import detached_line, exit_line
from .terminal import RESTORE_TITLE, operator, require_terminal
from .view_state import load_view, save_view

__all__ = ["BackroomsApp", "run_console"]

PARTING_SECONDS = 3.0
"""How long an owner is waited for that is told good-bye; one that hangs must not keep the operator."""


def run_console(host: Host, settings: Settings, *, on_fault: OnFault = unwritten_fault) -> int:
    """Show the console until the operator leaves it, then let go of the rooms and say what became of them.

    Gives the exit status. Raises UsageError where no console can be drawn, and whatever bug ended the console.
    """
    require_terminal()
    # Full collections over a streaming turn's 100,000 lines held keys up for 160 ms; now at most 48 ms, p95 32.
    gc.set_threshold(50_000, 20, 1_000)
    state = Path(state_directory())
    keymap, problems = load_keymap((config_path() / "keymap.json", Path(user_config()).with_name("keymap.json")))
    app = BackroomsApp(
        host.attachment,
        operator=operator(),
        defaults=RoomConfig(
            memory_limit=settings.limits.max_room_memory,
            timeout=settings.limits.entity_timeout,
            compression=settings.persistence.compression,
            entity=settings.entity.default,
        ),
        keymap=keymap,
        view=load_view(state / "console.json"),
        drafts=state / "drafts.json",
        environ=os.environ,
        on_fault=on_fault,
        at_once=True,
        settings=settings,
        guests=host.guests,
    )
    for problem in problems:
        app.desk.greet(problem)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        status = app.run(mouse=False)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        line = _close(app, host, state)
    if app.fault is not None:
        raise app.fault
    # The terminal may be gone; then nobody reads this.
    try:
        sys.stdout.write(f"{RESTORE_TITLE}{line}\n")
        sys.stdout.flush()
    except OSError:
        # The interpreter flushes once more at its end and would turn the failure into exit status 120.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return status or 0


def _close(app: BackroomsApp, host: Host, state: Path) -> str:
    """Everything in the order of the package's shutdown; gives the line for the shell."""
    app.stop_jobs()
    parted = _parted(app) if host.attachment.remote else None
    if parted is None:
        app.verbs.leave_all()
    with suppress(BackroomsError, OSError):
        save_view(state / "console.json", app.last_view())
    app.console_screen.save_drafts()
    app.stop_threads()
    try:
        return parted or _closing(host)
    finally:
        host.close()


def _closing(host: Host) -> str:
    """What becomes of rooms that are ours."""
    service = host.attachment.service
    status = service.status()
    return exit_line(len(service.rooms()), status.live_entities, durable=status.durable, guests=host.guests())


def _parted(app: BackroomsApp) -> str:
    """Leave the rooms of another owner and count those that go on, if it answers in time."""
    counted: list[int] = []

    def part() -> None:
        with suppress(BackroomsError):
            app.verbs.leave_all()
            views = app.attachment.service.rooms()
            counted.append(sum(view.record.state is RoomState.ACTIVE for view in views))

    thread = threading.Thread(target=part, name="console-parting", daemon=True)
    thread.start()
    thread.join(PARTING_SECONDS)
    return detached_line(counted[0] if counted else None)
