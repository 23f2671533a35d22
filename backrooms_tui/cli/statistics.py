"""The figures of `stats`: once as values for programs, and from these the seed's lines (Session 11)."""

from __future__ import annotations

from typing import Any

from backrooms_tui.model.latency import Latencies
from backrooms_tui.model.room import RoomRecord
from backrooms_tui.model.units import NS, format_duration, format_size, format_time
from backrooms_tui.model.views import RoomView, StoreFacts

from .render import sized

PERCENTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


def stats_value(view: RoomView, facts: StoreFacts, *, now: int) -> dict[str, dict[str, Any]]:
    """Every figure by its section; seconds, bytes and counts, unrounded. `now` in nanoseconds since the epoch.

    An owner that has written nothing yet has measured no flush: the room's last durable entry tells the time.
    """
    record, counters = view.record, view.record.counters
    flushed = facts.last_flush or record.tail.timestamp or record.created_at
    return {
        "room": {
            "id": record.id,
            "state": str(record.state),
            "created": record.created_at / NS,
            "age": max(0, now - record.created_at) / NS,
            "last_active": record.last_active / NS,
        },
        "memory": {
            "usage": record.memory_usage,
            "capacity": record.config.memory_limit,
            "utilization": record.memory_usage / record.config.memory_limit,
            "entries": record.entries,
            "plain": record.memory_plain,
            "compression_ratio": record.memory_plain / record.memory_usage if compressed(record) else 1.0,
            "compression": record.config.compression if compressed(record) else None,
        },
        "input_output": {
            "total_inputs": counters.inputs,
            "total_outputs": counters.outputs,
            "silent_responses": counters.silent,
            **_latencies(record.latencies),
        },
        "errors": {
            "total": counters.errors,
            "timeout": counters.timeouts,
            "crash": counters.crashes,
            "invalid_input": counters.invalid_inputs,
        },
        "persistence": {
            "backend": facts.backend,
            "last_flush": flushed / NS,
            "flush_duration_avg": None if facts.last_flush is None else facts.flush_average,
            "disk_usage": facts.disk_usage,
        },
    }


def compressed(record: RoomRecord) -> bool:
    """Whether any of a room's memory is stored in less than it says."""
    return record.memory_plain > record.memory_usage > 0


def _latencies(latencies: Latencies) -> dict[str, float]:
    percentiles = {f"{name}_latency": latencies.percentile(fraction) for name, fraction in PERCENTILES.items()}
    return {"avg_latency": latencies.average, **percentiles, "max_latency": latencies.maximum / NS}


def stats_lines(view: RoomView, facts: StoreFacts, *, now: int) -> list[str]:
    """The seed's statistics."""
    value = stats_value(view, facts, now=now)
    memory = value["memory"]
    return [
        "ROOM STATISTICS",
        "================",
        f"ID: {view.record.id}",
        f"STATE: {view.record.state}",
        f"CREATED: {format_time(view.record.created_at)}",
        f"AGE: {format_duration(value['room']['age'])}",
        f"LAST_ACTIVE: {format_time(view.record.last_active)}",
        "",
        "MEMORY:",
        f"  USAGE: {sized(memory['usage'])}",
        f"  CAPACITY: {sized(memory['capacity'])}",
        f"  UTILIZATION: {memory['utilization']:.1%}",
        f"  ENTRIES: {memory['entries']}",
        f"  COMPRESSION_RATIO: {memory['compression_ratio']:.1f} ({memory['compression'] or 'uncompressed'})",
        "",
        *_section("INPUT/OUTPUT", value["input_output"]),
        "",
        *_section("ERRORS", value["errors"]),
        "",
        *_persistence_lines(value["persistence"]),
    ]


def _section(title: str, figures: dict[str, Any]) -> list[str]:
    """Counts as they are, measured seconds to the millisecond."""
    lines = (f"  {key.upper()}: {_seconds(v) if isinstance(v, float) else v}" for key, v in figures.items())
    return [f"{title}:", *lines]


def _persistence_lines(figures: dict[str, Any]) -> list[str]:
    average = figures["flush_duration_avg"]
    return [
        "PERSISTENCE:",
        f"  BACKEND: {figures['backend']}",
        f"  LAST_FLUSH: {format_time(int(figures['last_flush'] * NS))}",
        f"  FLUSH_DURATION_AVG: {'NONE' if average is None else _seconds(average)}",
        f"  DISK_USAGE: {format_size(figures['disk_usage'])}",
    ]


def _seconds(value: float) -> str:
    return f"{value:.3f}s"
