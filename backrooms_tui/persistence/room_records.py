"""Records of rooms: index entry, config, creation facts, entity snapshot, queued input.

Bodies are positional arrays, small enough to be written with every commit (a few microseconds, 150-400 bytes).
Shapes are checked on the way in, so a record that decodes is one that this version could have written.
"""

from __future__ import annotations

from functools import lru_cache
from types import NoneType
from typing import Any

from backrooms_tui.model.entries import Tail
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.latency import Latencies
from backrooms_tui.model.room import Counters, Creation, Damage, QueuedInput, RoomConfig, RoomRecord, Suspension
from backrooms_tui.model.states import RoomState

from .records import HEADER, Damaged, frame, pack, unframe, unpack


class _Shape:
    """For each place of an array the types that may stand there.

    Records come in a few combinations of types: checking each value anew took most of a start.
    """

    def __init__(self, *places: tuple[type, ...]) -> None:
        self._places = places
        self._fitting: set[tuple[type, ...]] = set()

    def __len__(self) -> int:
        return len(self._places)

    def fits(self, values: list[Any]) -> bool:
        found = tuple(map(type, values))
        if found in self._fitting:
            return True
        fits = len(found) == len(self) and all(map(tuple.__contains__, self._places, found))
        if fits and len(self._fitting) < _COMBINATIONS:
            self._fitting.add(found)
        return fits


_COMBINATIONS = 256

_STATES = {str(state): state for state in RoomState}
_INT = (int,)
_REAL = (int, float)
_TEXT = (str,)
_LIST = (list,)
_INT_OR_NONE = (int, NoneType)
_REAL_OR_NONE = (int, float, NoneType)
_TEXT_OR_NONE = (str, NoneType)
_LIST_OR_NONE = (list, NoneType)

_CONFIG_PLACES = (_INT, _REAL, _TEXT, _TEXT, _TEXT_OR_NONE)
_CREATION_PLACES = (_INT, _TEXT, _TEXT)
_CONFIG = _Shape(*_CONFIG_PLACES)
_METADATA = _Shape(_INT, *_CREATION_PLACES)
_SNAPSHOT = _Shape(_INT, (bytes,))
_SUSPENSION = _Shape(_INT, _TEXT)
_DAMAGE = _Shape(_TEXT, _TEXT, _INT, _INT)
_QUEUED = _Shape(_INT, _INT, _TEXT_OR_NONE, _INT, _REAL_OR_NONE)
_LATENCIES = _Shape(_INT, _INT, _INT, _LIST, _LIST)
_RECORD = _Shape(
    *(_TEXT, _LIST, _LIST, _INT, _INT, _INT_OR_NONE, _LIST, _INT, _LIST, _LIST),
    *(_INT, _INT, _TEXT_OR_NONE, _LIST_OR_NONE, _LIST_OR_NONE),
    *(_LIST, _INT),
)
_INTEGERS = frozenset(_INT)
_PART_SIZES = (len(_CONFIG_PLACES), len(_CREATION_PLACES), 3, 3)
_PARTS = _Shape(*_CONFIG_PLACES, *_CREATION_PLACES, *((_INT,) * (3 + 3 + 7)))
"""Config, creation, tail, head and counters of a record, one after the other."""


# Most rooms of a store have the same of these, and values may be shared. Types count: 30 is not 30.0 when it is shown.
_config = lru_cache(64, typed=True)(RoomConfig)
_creation = lru_cache(64, typed=True)(Creation)
_head = lru_cache(64, typed=True)(Tail)
_counters = lru_cache(64, typed=True)(Counters)
_NOTHING_MEASURED = Latencies()


def _shaped(values: Any, shape: _Shape) -> list[Any]:
    if type(values) is not list or not shape.fits(values):
        raise Damaged("CHECKSUM_MISMATCH", HEADER)
    return values


def _open(kind: bytes, room_id: RoomId, record: bytes, shape: _Shape) -> list[Any]:
    return _shaped(unpack(unframe(kind, room_id, record)), shape)


def encode_room(record: RoomRecord) -> bytes:
    """The index record: everything of a room but its memory and its entity's state."""
    tail, head, counters, latencies = record.tail, record.head, record.counters, record.latencies
    suspension, damage = record.suspension, record.damage
    body = (
        str(record.state),
        _config_values(record.config),
        _creation_values(record.creation),
        record.created_at,
        record.last_active,
        record.last_input_at,
        (tail.seq, tail.timestamp, tail.chain),
        record.memory_usage,
        _counter_values(counters),
        (latencies.count, latencies.total, latencies.maximum, [*latencies.buckets], [*latencies.buckets.values()]),
        record.queued,
        record.state_version,
        record.last_error,
        None if suspension is None else (suspension.at, suspension.by),
        None if damage is None else (damage.type, damage.where, damage.offset, damage.detected_at),
        (head.seq, head.timestamp, head.chain),
        record.memory_plain,
    )
    return frame(b"I", record.id, pack(body))


def decode_room(room_id: RoomId, record: bytes) -> RoomRecord:
    """Raises Damaged."""
    values = _completed(unpack(unframe(b"I", room_id, record)))
    _shaped(values, _RECORD)
    state, config, creation, created_at, last_active, last_input_at, tail, *values = values
    memory_usage, counters, latencies, queued, state_version, last_error, suspension, damage, head, plain = values
    # One look at all the parts together: five looks took a third of what reading 1,024 rooms takes.
    if (len(config), len(creation), len(tail), len(head)) != _PART_SIZES:
        raise Damaged("CHECKSUM_MISMATCH", HEADER)
    _shaped([*config, *creation, *tail, *head, *counters], _PARTS)
    if state not in _STATES:
        raise Damaged("CHECKSUM_MISMATCH", HEADER)
    return RoomRecord(
        id=room_id,
        state=_STATES[state],
        config=_config(*config),
        creation=_creation(*creation),
        created_at=created_at,
        last_active=last_active,
        last_input_at=last_input_at,
        tail=Tail(*tail),
        head=_head(*head),
        memory_usage=memory_usage,
        memory_plain=plain,
        counters=_counters(*counters),
        latencies=_latencies(latencies),
        queued=queued,
        state_version=state_version,
        last_error=last_error,
        suspension=None if suspension is None else Suspension(*_shaped(suspension, _SUSPENSION)),
        damage=None if damage is None else Damage(*_shaped(damage, _DAMAGE)),
    )


def _completed(values: Any) -> Any:
    """A record from before there was compression says nothing of it: all its memory is plain."""
    if type(values) is list and len(values) == len(_RECORD) - 2:
        return [*values, [0, 0, 0], values[7]]
    return values


def encode_config(room_id: RoomId, config: RoomConfig) -> bytes:
    return frame(b"C", room_id, pack(_config_values(config)))


def decode_config(room_id: RoomId, record: bytes) -> RoomConfig:
    """Raises Damaged."""
    return RoomConfig(*_open(b"C", room_id, record, _CONFIG))


def encode_creation(room_id: RoomId, creation: Creation, created_at: int) -> bytes:
    """The metadata record: when a room was made and by whom."""
    return frame(b"M", room_id, pack((created_at, *_creation_values(creation))))


def decode_creation(room_id: RoomId, record: bytes) -> tuple[Creation, int]:
    """Gives the maker, and the nanoseconds since the epoch. Raises Damaged."""
    created_at, *creation = _open(b"M", room_id, record, _METADATA)
    return Creation(*creation), created_at


def encode_snapshot(room_id: RoomId, snapshot: bytes, version: int) -> bytes:
    """The entity's state with the `state_version` it belongs to."""
    return frame(b"S", room_id, pack((version, snapshot)))


def decode_snapshot(room_id: RoomId, record: bytes) -> tuple[bytes, int]:
    """Gives the snapshot and its version. Raises Damaged."""
    version, snapshot = _open(b"S", room_id, record, _SNAPSHOT)
    return snapshot, version


def encode_queued(room_id: RoomId, queued: QueuedInput) -> bytes:
    values = (queued.seq, queued.timestamp, queued.request_id, queued.attempt, queued.timeout)
    return frame(b"Q", room_id, pack(values))


def decode_queued(room_id: RoomId, record: bytes) -> QueuedInput:
    """Raises Damaged."""
    return QueuedInput(*_open(b"Q", room_id, record, _QUEUED))


def _config_values(config: RoomConfig) -> tuple[Any, ...]:
    return config.memory_limit, config.timeout, config.compression, config.entity, config.name


def _creation_values(creation: Creation) -> tuple[Any, ...]:
    return creation.pid, creation.user, creation.host


def _counter_values(counters: Counters) -> tuple[int, ...]:
    return (
        counters.inputs,
        counters.outputs,
        counters.silent,
        counters.errors,
        counters.timeouts,
        counters.crashes,
        counters.invalid_inputs,
    )


def _latencies(values: list[Any]) -> Latencies:
    count, total, maximum, buckets, counts = _shaped(values, _LATENCIES)
    if not buckets and not counts:
        return Latencies(count, total, maximum) if count or total or maximum else _NOTHING_MEASURED
    if len(buckets) != len(counts) or not _INTEGERS.issuperset(map(type, buckets + counts)):
        raise Damaged("CHECKSUM_MISMATCH", HEADER)
    return Latencies(count, total, maximum, dict(zip(buckets, counts, strict=True)))
