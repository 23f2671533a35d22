"""The filter line over the room list: its grammar and nothing else.

Words are matched as substrings of id, state and name; `field:value` compares one figure; `!` first inverts the
whole filter; `~` first matches the letters in order with gaps. All words must match.

    state:active mem:>100m err:>0 id:a3f7        !state:idle        ~rprt
"""

from __future__ import annotations

import operator
from collections.abc import Callable

from backrooms_tui.model.errors import UsageError
from backrooms_tui.model.units import parse_seconds, parse_size
from backrooms_tui.model.value import value
from backrooms_tui.model.views import RoomView

_COMPARE: tuple[tuple[str, Callable[[float, float], bool]], ...] = (
    (">=", operator.ge),
    ("<=", operator.le),
    (">", operator.gt),
    ("<", operator.lt),
    ("=", operator.eq),
)


def _count(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"FILTER: {text[:20]!r} is not a number.") from None


_NUMBERS: dict[str, tuple[Callable[[RoomView], float], Callable[[str], float]]] = {
    "mem": (lambda view: view.record.memory_usage, parse_size),
    "entries": (lambda view: view.record.tail.seq, _count),
    "in": (lambda view: view.record.counters.inputs, _count),
    "out": (lambda view: view.record.counters.outputs, _count),
    "silent": (lambda view: view.record.counters.silent, _count),
    "err": (lambda view: view.record.counters.errors, _count),
    "timeouts": (lambda view: view.record.counters.timeouts, _count),
    "crashes": (lambda view: view.record.counters.crashes, _count),
    "queue": (lambda view: view.queue_depth, _count),
    "p95": (lambda view: view.record.latencies.percentile(0.95), parse_seconds),
}

_TEXTS: dict[str, Callable[[RoomView], str]] = {
    "id": lambda view: view.record.id,
    "state": lambda view: view.record.state.lower(),
    "name": lambda view: (view.record.config.name or "").lower(),
    "entity": lambda view: view.entity.lower(),
    "runs": lambda view: view.record.config.entity.lower(),
}

FIELDS = (*_TEXTS, *_NUMBERS)
"""Every field name, for help and for refusals."""

Predicate = Callable[[RoomView], bool]


@value
class RoomFilter:
    """A filter as typed, ready to test rooms."""

    text: str = ""
    matches: Predicate = staticmethod(lambda _view: True)

    def __bool__(self) -> bool:
        return bool(self.text)


def parse_filter(text: str) -> RoomFilter:
    """Read a filter line. Raises UsageError naming the word that cannot be read."""
    stripped = text.strip()
    if not stripped:
        return RoomFilter()
    if stripped.startswith("~"):
        return RoomFilter(stripped, _fuzzy(stripped[1:].strip().lower()))
    inverted = stripped.startswith("!")
    tests = [_token(word) for word in stripped.removeprefix("!").lower().split()]
    if inverted:
        return RoomFilter(stripped, lambda view: not all(test(view) for test in tests))
    return RoomFilter(stripped, lambda view: all(test(view) for test in tests))


def _token(word: str) -> Predicate:
    field, colon, value = word.partition(":")
    if not colon:
        return lambda view: any(word in text(view) for text in _TEXTS.values())
    if field in _TEXTS:
        text_of = _TEXTS[field]
        if field == "id":
            return lambda view: text_of(view).startswith(value)
        return lambda view: value in text_of(view)
    if field in _NUMBERS:
        return _comparison(field, value)
    raise UsageError(f"FILTER: {field[:20]!r} is not one of {' '.join(FIELDS)}.")


def _comparison(field: str, value: str) -> Predicate:
    figure_of, read = _NUMBERS[field]
    for sign, compare in _COMPARE:
        if value.startswith(sign):
            limit = read(value.removeprefix(sign))
            return lambda view: compare(figure_of(view), limit)
    limit = read(value)
    return lambda view: figure_of(view) == limit


def _fuzzy(letters: str) -> Predicate:
    def matches(view: RoomView) -> bool:
        rest = iter(" ".join(text(view) for text in _TEXTS.values()))
        return all(letter in rest for letter in letters)

    return matches
