"""Views to the seed's lines: pure functions, nothing is printed here.

Foreign text (names, entries, errors) stays as it is: `Shell.say` scrubs whatever meets a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from backrooms_tui.model.entries import MemoryEntry
from backrooms_tui.model.ids import short
from backrooms_tui.model.room import RoomConfig, RoomRecord
from backrooms_tui.model.runtimes import OPTIONS, Runtime, parse
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.units import NS, format_age, format_size, format_size_whole, format_time
from backrooms_tui.model.views import RoomView

if TYPE_CHECKING:
    from backrooms_tui.model.comparison import Comparison

SORT_TITLES = {"created": "creation time", "active": "last activity", "memory": "memory usage", "age": "age"}
_TABLE = "{:<10} {:<9} {:>9} {:>8} {:>6} {:>8}  {:<9}  {}"


def sized(size: int) -> str:
    """`14680064 bytes (14.0 MB)`."""
    return f"{size} bytes ({format_size(size)})"


def chosen(
    views: Iterable[RoomView], *, state: str | None = None, sort: str | None = None, limit: int | None = None
) -> list[RoomView]:
    """The rooms a list shows, in its order: newest or largest first, `age` oldest first."""
    wanted = [view for view in views if state is None or view.record.state == state.upper()]
    if sort == "memory":
        wanted.sort(key=lambda view: view.record.memory_usage, reverse=True)
    elif sort == "active":
        wanted.sort(key=lambda view: view.record.last_active, reverse=True)
    elif sort is not None:
        wanted.sort(key=lambda view: view.record.created_at, reverse=sort == "created")
    return wanted[:limit]


def sorted_lines(views: Sequence[RoomView], *, state: str | None, sort: str, now: int) -> list[str]:
    """The seed's sorted list, numbered. `now` in nanoseconds since the epoch."""
    if not views:
        return ["NO ROOMS"]
    lines = [f"{(state or 'active').upper()} ROOMS (sorted by {SORT_TITLES[sort]}):"]
    for number, view in enumerate(views, 1):
        record = view.record
        ago = format_age((now - (record.last_active if sort == "active" else record.created_at)) / NS)
        facts = [format_size(record.memory_usage), f"{ago} ago"]
        if state is None:
            facts.insert(0, record.state)
        lines.append(f"{number}. {short(record.id)}... ({', '.join(facts)})")
    return lines


def table_lines(views: Sequence[RoomView], *, now: int) -> list[str]:
    """One line for each room, in columns."""
    lines = [_TABLE.format("ROOM", "STATE", "MEMORY", "ENTRIES", "QUEUE", "ACTIVE", "ENTITY", "NAME").rstrip()]
    for view in views:
        record = view.record
        cells = (
            short(record.id),
            record.state,
            format_size(record.memory_usage),
            record.entries,
            view.queue_depth,
            format_age((now - record.last_active) / NS),
            parse(record.config.entity).kind,
            record.config.name or "",
        )
        lines.append(_TABLE.format(*cells).rstrip())
    return lines


def room_value(view: RoomView) -> dict[str, object]:
    """A room for programs. Times are whole seconds since the epoch, as in the seed."""
    record = view.record
    return {
        "id": record.id,
        "state": str(record.state),
        "created_at": record.created_at // NS,
        "last_active": record.last_active // NS,
        "memory_usage": record.memory_usage,
        "memory_capacity": record.config.memory_limit,
        "total_inputs": record.counters.inputs,
        "total_outputs": record.counters.outputs,
        "total_errors": record.counters.errors,
        "last_error": record.last_error,
        "state_version": record.state_version,
        "entries": record.entries,
        "queue": view.queue_depth,
        "entity": record.config.entity,
        "name": record.config.name,
        "creator": {
            "pid": record.creation.pid,
            "user": record.creation.user,
            "host": record.creation.host,
        },
    }


def comparison_value(comparison: Comparison) -> dict[str, object]:
    """Two rooms compared, for programs: `delta` is B's figure less A's."""
    return {
        "a": room_value(comparison.a),
        "b": room_value(comparison.b),
        "delta": {
            "created": comparison.created,
            "memory": comparison.memory,
            "inputs": comparison.inputs,
            "average_latency": comparison.latency,
        },
        "shared": [*comparison.shared],
        "isolated": comparison.isolated,
    }


def config_value(config: RoomConfig) -> dict[str, object]:
    return {
        "memory_limit": config.memory_limit,
        "timeout": config.timeout,
        "compression": config.compression,
        "entity": config.entity,
        "name": config.name,
    }


def config_line(values: dict[str, object]) -> str:
    """`CONFIG: memory_limit=268435456 timeout=60`."""
    pairs = (f"{key}={f'{value:g}' if isinstance(value, float) else value}" for key, value in values.items())
    return f"CONFIG: {' '.join(pairs)}"


def inspect_lines(view: RoomView) -> list[str]:
    """The seed's inspection, and below it what else is known of the room."""
    record = view.record
    lines = [
        "ROOM INSPECTION",
        f"STATE: {record.state}",
        f"CREATED: {format_time(record.created_at)}",
        f"LAST_ACTIVE: {format_time(record.last_active)}",
    ]
    if record.state is RoomState.CORRUPTED:
        return lines + _damage_lines(record)
    return [
        *lines,
        f"MEMORY_SIZE: {sized(record.memory_usage)}",
        f"MEMORY_CAPACITY: {sized(record.config.memory_limit)}",
        f"ENTRIES: {record.entries}",
        f"QUEUE: {view.queue_depth}",
        f"TOTAL_INPUTS: {record.counters.inputs}",
        f"TOTAL_OUTPUTS: {record.counters.outputs}",
        f"TOTAL_ERRORS: {record.counters.errors}",
        f"LAST_ERROR: {record.last_error or 'NONE'}",
        f"STATE_VERSION: {record.state_version}",
        f"CREATOR: {record.creation.user}@{record.creation.host} (pid {record.creation.pid})",
        f"ENTITY: {parse(record.config.entity).shown} ({view.entity})",
        *_suspension_lines(record),
        *([f"NAME: {record.config.name}"] if record.config.name else []),
        f"ID: {record.id}",
    ]


def runtime_lines(runtime: Runtime) -> list[str]:
    """Options of the entity, given and by default, and the calls of the host that it may make."""
    given = dict(runtime.options)
    lines = [f"  {name}={held}{'' if name in given else ' (default)'}" for name, held in runtime.effective]
    calls = ", ".join(runtime.calls)
    return [*(["OPTIONS:", *lines] if lines else []), *([f"CALLS: {calls}"] if calls else [])]


def runtime_value(runtime: Runtime) -> dict[str, object]:
    """The same for programs; an option that holds nothing is null."""
    return {
        "runtime": {
            "kind": runtime.kind,
            "target": runtime.target or None,
            "options": {name: runtime.option(name) or None for name in OPTIONS[runtime.kind]},
            "calls": [*runtime.calls],
            "profile": runtime.profile,
        }
    }


def _damage_lines(record: RoomRecord) -> list[str]:
    damage = record.damage
    detected = "UNKNOWN" if damage is None else format_time(damage.detected_at)
    lines = ["MEMORY_SIZE: UNKNOWN", f"CORRUPTION_DETECTED: {detected}"]
    if damage is not None:
        lines += [f"CORRUPTION_TYPE: {damage.type}", f"OFFSET: 0x{damage.offset:08X}", f"WHERE: {damage.where}"]
    return [*lines, f"ID: {record.id}"]


def _suspension_lines(record: RoomRecord) -> list[str]:
    if record.suspension is None:
        return []
    return [f"SUSPENDED_AT: {format_time(record.suspension.at)}", f"SUSPENDED_BY: {record.suspension.by}"]


def entry_lines(entry: MemoryEntry) -> list[str]:
    """One remembered thing: `[time] TYPE text`, further lines of its text indented."""
    first, *more = entry.content.split("\n")
    stamp = f"{format_time(entry.timestamp)[:-1]}.{entry.timestamp // 1_000_000 % 1000:03d}Z"
    return [f"[{stamp}] {entry.type.name} {first}", *(f"    {line}" for line in more)]


def entry_value(entry: MemoryEntry) -> dict[str, object]:
    """The same for programs; the timestamp is in nanoseconds, it is the entry's id."""
    return {
        "timestamp": entry.timestamp,
        "seq": entry.seq,
        "type": entry.type.name,
        "content": entry.content,
        "metadata": entry.metadata,
    }


def destroy_lines(view: RoomView) -> list[str]:
    """The warning shown before a room is destroyed."""
    record = view.record
    return [
        "WARNING: This operation is irreversible",
        f"ROOM: {record.id}",
        f"STATE: {record.state}",
        f"MEMORY: {format_size_whole(record.memory_usage)}",
        f"CREATED: {format_time(record.created_at)}",
        f"LAST_ACTIVE: {format_time(record.last_active)}",
        "",
    ]
