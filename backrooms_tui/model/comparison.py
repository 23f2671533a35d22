"""Two rooms beside each other (seed 000, Session 12): from records and counters alone, never from memory.

That nothing is shared is computed: two rooms have their own ids (and with them their own keys in the store), memories
that end in different places, and entities in different processes. What two views have in common is named.
"""

from __future__ import annotations

from .entries import Tail
from .units import NS, format_duration, format_size, format_time
from .value import value
from .views import RoomView


@value
class Comparison:
    """B held against A. Differences are B's figure less A's."""

    a: RoomView
    b: RoomView
    now: int
    """Nanoseconds since the epoch."""
    shared: tuple[str, ...]
    """What the rooms have in common and must not: any of ID, MEMORY, PROCESS; empty where they are isolated."""
    created: float
    """Seconds that B is newer."""
    memory: int
    """Bytes that B is larger."""
    inputs: int
    """Inputs that B had more."""
    latency: float
    """Seconds that B is slower on average."""

    @property
    def isolated(self) -> bool:
        return not self.shared


def compare(a: RoomView, b: RoomView, *, now: int) -> Comparison:
    """`now` in nanoseconds since the epoch."""
    return Comparison(
        a=a,
        b=b,
        now=now,
        shared=_shared(a, b),
        created=(b.record.created_at - a.record.created_at) / NS,
        memory=b.record.memory_usage - a.record.memory_usage,
        inputs=b.record.counters.inputs - a.record.counters.inputs,
        latency=b.record.latencies.average - a.record.latencies.average,
    )


def _shared(a: RoomView, b: RoomView) -> tuple[str, ...]:
    facts = {
        "ID": a.record.id == b.record.id,
        # The chain runs over all entries and the room's id: two memories with one end are one memory.
        "MEMORY": a.record.tail == b.record.tail != Tail(),
        "PROCESS": a.entity_pid == b.entity_pid is not None,
    }
    return tuple(name for name, common in facts.items() if common)


def comparison_lines(comparison: Comparison) -> list[str]:
    """The seed's lines."""
    a, b = comparison.a.record, comparison.b.record
    return [
        "COMPARING ROOMS",
        "===============",
        "",
        f"ROOM A: {a.id}",
        f"ROOM B: {b.id}",
        "",
        *_section(
            "CREATED",
            format_time(a.created_at),
            format_time(b.created_at),
            _delta(comparison.created, format_duration(abs(comparison.created)), "newer"),
        ),
        "AGE:",
        *(f"  {name}: {_age(comparison, view)}" for name, view in (("A", comparison.a), ("B", comparison.b))),
        "",
        *_section(
            "MEMORY",
            _memory(comparison.a),
            _memory(comparison.b),
            _delta(comparison.memory, format_size(abs(comparison.memory)), "larger"),
        ),
        *_section("ACTIVITY", _activity(comparison.a), _activity(comparison.b), _more_inputs(comparison.inputs)),
        *_section("LATENCY", _latency(comparison.a), _latency(comparison.b), _slower(comparison.latency)),
        *_verdict(comparison),
    ]


def _section(title: str, a: str, b: str, delta: str) -> list[str]:
    return [f"{title}:", f"  A: {a}", f"  B: {b}", f"  DELTA: {delta}", ""]


def _delta(difference: float, amount: str, how: str) -> str:
    """`5.8 MB (A larger)`."""
    return f"{amount} ({'B' if difference > 0 else 'A'} {how})" if difference else "none"


def _age(comparison: Comparison, view: RoomView) -> str:
    return format_duration((comparison.now - view.record.created_at) / NS)


def _memory(view: RoomView) -> str:
    return f"{format_size(view.record.memory_usage)} ({view.record.entries} entries)"


def _activity(view: RoomView) -> str:
    counters = view.record.counters
    return f"{counters.inputs} inputs, {counters.outputs} outputs"


def _more_inputs(difference: int) -> str:
    if not difference:
        return "none"
    return f"{abs(difference)} more input{'s' * (abs(difference) > 1)} in {'B' if difference > 0 else 'A'}"


def _latency(view: RoomView) -> str:
    latencies = view.record.latencies
    return f"avg={latencies.average:.3f}s p95={latencies.percentile(0.95):.3f}s"


def _slower(difference: float) -> str:
    if abs(difference) < 0.0005:
        return "none"
    return f"{'B' if difference > 0 else 'A'} slower by {abs(difference):.3f}s avg"


def _verdict(comparison: Comparison) -> list[str]:
    if comparison.isolated:
        return ["NO SHARED MEMORY DETECTED", "ROOMS ARE ISOLATED"]
    return [f"SHARED: {', '.join(comparison.shared)}", "ROOMS ARE NOT ISOLATED"]
