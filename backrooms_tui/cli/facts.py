"""`inspect`, `stats`, `compare`: what is known of rooms. Nothing here changes one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from backrooms_tui.model import comparison as comparing
from backrooms_tui.model.errors import RoomCorrupted
from backrooms_tui.model.runtimes import LLM, REFERENCE, Runtime, parse
from backrooms_tui.model.seals import seal_lines
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.views import RoomView, ServiceStatus

from .errors import error_lines, error_value
from .render import (
    comparison_value,
    config_line,
    config_value,
    entry_lines,
    entry_value,
    inspect_lines,
    room_value,
    runtime_lines,
    runtime_value,
)
from .salvage import readable_memory
from .shell import Shell
from .statistics import stats_lines, stats_value

if TYPE_CHECKING:
    from backrooms_tui.service import RoomService

UNKNOWN = "NOT PROBED: NO ENTITY OF THIS PROFILE HAS BEEN STARTED, OR CAN BE"
"""A seal is what was measured, never what is meant."""


def inspect(shell: Shell) -> int:
    """A room's metadata, and if asked for its configuration and memory; status 1 when that is damaged."""
    options = shell.options
    with shell.service() as service:
        room_id = service.resolve(options.room_id)
        view = service.room(room_id)
        shell.say(*inspect_lines(view))
        runtime = parse(view.record.config.entity)
        value = room_value(view) | runtime_value(runtime)
        if options.show_config:
            shell.say(config_line(config_value(view.record.config)))
            value["config"] = config_value(view.record.config)
        healthy = view.record.state is not RoomState.CORRUPTED
        if healthy:
            shell.say(*runtime_lines(runtime))
            seal = _seal(runtime, service.status())
            shell.say(f"SEAL: {runtime.profile}", *(f"  {line}" for line in seal or (UNKNOWN,)))
            value |= {"seal": [*seal]} if seal else {}
        # What is the product's own is of its version; of the others' versions nothing is known.
        own = runtime.kind in (REFERENCE, LLM)
        value["entity_version"] = service.status().version if own else None
        damages = _show_memory(shell, service, view, value) if options.show_memory else []
        shell.emit(value)
    return 1 if damages else 0


def _seal(runtime: Runtime, status: ServiceStatus) -> tuple[str, ...]:
    """The seal of a room's profile as its owner has measured it; where we are the owner, it is measured now."""
    lines = seal_lines(runtime, status)
    if lines or status.epoch:
        return lines
    from .sealing import measured  # it takes 150 ms

    return seal_lines(runtime, measured(status))


def _show_memory(shell: Shell, service: RoomService, view: RoomView, value: dict[str, object]) -> Sequence[object]:
    """Show all that can be read, and what cannot; gives the errors met."""
    shell.say("MEMORY:")
    memory, damages = [], []
    for found in readable_memory(service, view.record):
        if isinstance(found, RoomCorrupted):
            shell.say(*(f"  {line}" for line in error_lines(found)))
            damages.append(error_value(found)["error"])
        else:
            shell.say(*(f"  {line}" for line in entry_lines(found)))
            if not shell.as_text:
                memory.append(entry_value(found))
    value["memory"] = memory
    if damages:
        value["damage"] = damages
    return damages


def stats(shell: Shell) -> int:
    """A room's statistics."""
    with shell.service() as service:
        view = service.room(service.resolve(shell.options.room_id))
        facts = service.store_facts()
        now = time.time_ns()
        shell.say(*stats_lines(view, facts, now=now))
        shell.emit(stats_value(view, facts, now=now))
    return 0


def compare(shell: Shell) -> int:
    """Two rooms' figures beside each other; status 1 when they are not isolated from each other."""
    with shell.service() as service:
        a, b = (service.room(service.resolve(handle)) for handle in (shell.options.id1, shell.options.id2))
        comparison = comparing.compare(a, b, now=time.time_ns())
        shell.say(*comparing.comparison_lines(comparison))
        shell.emit(comparison_value(comparison))
    return 0 if comparison.isolated else 1
