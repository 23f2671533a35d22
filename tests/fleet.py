"""A recorded fleet of rooms behind `RoomService`, for screens that must look the same every time.

Behaviour is tested on the real service; this one only plays back. Times are as of NOW, ids are seeded.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque

from backrooms_tui.model.entries import EntryType, MemoryEntry, Meta, Outcome, Tail
from backrooms_tui.model.errors import IllegalTransition, QueueFull
from backrooms_tui.model.events import Event, RoomChanged, RoomCreated, RoomDestroyed
from backrooms_tui.model.ids import RoomId, new_room_id, resolve
from backrooms_tui.model.latency import Latencies
from backrooms_tui.model.room import Counters, Creation, Damage, RoomConfig, RoomRecord, Suspension
from backrooms_tui.model.states import RoomState, Verb, transition
from backrooms_tui.model.units import NS
from backrooms_tui.model.views import Receipt, RoomView, ServiceStatus, StoreFacts, TurnResult

NOW = 1_767_881_387 * NS
"""2026-01-08T14:09:47Z"""
M = 1024 * 1024

_FLEET = (
    # state, memory, seconds since active, queue, errors
    (RoomState.ACTIVE, 14 * M, 2, 3, 3),
    (RoomState.ACTIVE, 8 * M + 200_000, 9, 0, 0),
    (RoomState.ACTIVE, 187 * M, 1, 16, 1),
    (RoomState.IDLE, 2_900_000, 6 * 3600, 0, 0),
    (RoomState.IDLE, 1_400_000, 30 * 3600, 0, 0),
    (RoomState.SUSPENDED, 5_300_000, 12 * 3600, 0, 0),
    (RoomState.CORRUPTED, 3_100_000, 26 * 3600, 0, 0),
    (RoomState.IDLE, 412 * M, 3 * 86400, 0, 2),
)

SESSION = (
    (EntryType.INPUT, "system diagnostic", {}),
    (EntryType.OUTPUT, "[INFO] System operational", {}),
    (EntryType.OUTPUT, "[WARN] Memory usage high", {Meta.OUTCOME: Outcome.OUTPUT}),
    (EntryType.INPUT, "describe current state", {}),
    (EntryType.OUTPUT, "Room operational. Memory usage at 14%. Last input 3 seconds ago. State: ACTIVE.", {}),
    (EntryType.INPUT, "irrelevant noise", {}),
    (EntryType.STATE_CHANGE, "", {Meta.OUTCOME: Outcome.SILENT}),
    (EntryType.INPUT, "[/] [@click=app.quit]x[/]", {}),
    (EntryType.OUTPUT, "\x1b]52;c;aGFjaw==\x07 \x9b31m [red]x[/red] \u202egnp.exe", {}),
)


def room_id(number: int) -> RoomId:
    return new_room_id(created_at=number, origin="fleet", seed=hashlib.sha256(bytes([number % 251])).digest())


def latencies(count: int, scale: float) -> Latencies:
    values = Latencies()
    for number in range(count):
        values = values.observe(int((0.2 + (number * 37 % 97) / 97) * scale * NS))
    return values


def record(number: int, state: RoomState, memory: int, idle: int, queue: int, errors: int) -> RoomRecord:
    return RoomRecord(
        id=room_id(number),
        state=state,
        config=RoomConfig(name="ledger of [INFO] things" if number == 0 else None),
        creation=Creation(12847, "ops", "h1"),
        created_at=NOW - (110_796 - number * 600) * NS,
        last_active=NOW - idle * NS,
        tail=Tail(len(SESSION), NOW - idle * NS, 1),
        memory_usage=memory,
        counters=Counters(inputs=47, outputs=45, silent=2, errors=errors, invalid_inputs=errors),
        latencies=latencies(40, 0.5 + number),
        queued=queue,
        suspension=Suspension(NOW - idle * NS, "ops@h2") if state is RoomState.SUSPENDED else None,
        damage=Damage("CHECKSUM_MISMATCH", "/room/c2f9/memory/17", 0x4A2F, NOW - idle * NS)
        if state is RoomState.CORRUPTED
        else None,
    )


class PlayedSubscription:
    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def tell(self, event: Event) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def get(self, timeout: float | None = None) -> list[Event]:
        with self._changed:
            self._changed.wait_for(lambda: self._events or self._closed, timeout)
            events = list(self._events)
            self._events.clear()
            return [] if self._closed else events

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Fleet:
    """`RoomService` over values; verbs change states by the real transition table."""

    def __init__(self, records: list[RoomRecord] | None = None, *, durable: bool = True) -> None:
        given = [record(number, *row) for number, row in enumerate(_FLEET)] if records is None else records
        self.records = {one.id: one for one in given}
        self.entries: dict[RoomId, list[MemoryEntry]] = {}
        self.subscription = PlayedSubscription()
        self.calls: list[tuple[object, ...]] = []
        self.durable = durable
        self.read_only: str | None = None
        self.full = False
        self.closed = False

    def _view(self, one: RoomRecord) -> RoomView:
        entity = "LIVE" if one.state is RoomState.ACTIVE else "COLD"
        return RoomView(one, one.queued, None, entity, None, 0)

    def _log(self, of: RoomId) -> list[MemoryEntry]:
        start = NOW - 10 * NS
        return self.entries.setdefault(
            of,
            [
                MemoryEntry(seq, start + seq * NS // 2, kind, text, {Meta.INPUT: seq, **meta})
                for seq, (kind, text, meta) in enumerate(SESSION, 1)
            ],
        )

    def _apply(self, of: RoomId, verb: Verb) -> RoomView:
        one = self.records[of]
        self.records[of] = changed = one.with_(state=transition(one.state, verb))
        self.subscription.tell(RoomChanged(of, changed.state))
        return self._view(changed)

    def resolve(self, handle: str) -> RoomId:
        return resolve(handle, self.records)

    def rooms(self) -> list[RoomView]:
        return [self._view(one) for one in self.records.values()]

    def room(self, of: RoomId) -> RoomView:
        return self._view(self.records[of])

    def create(self, config: RoomConfig) -> RoomView:
        self.calls.append(("create", config))
        made = record(len(self.records) + 100, RoomState.ACTIVE, 0, 0, 0, 0).with_(config=config)
        self.records[made.id] = made
        self.subscription.tell(RoomCreated(made.id))
        return self._view(made)

    def await_entity(self, of: RoomId, timeout: float | None = None) -> RoomView:
        return self.room(of)

    def enter(self, of: RoomId) -> RoomView:
        self.calls.append(("enter", of))
        return self._apply(of, Verb.WAKE)

    def leave(self, of: RoomId) -> RoomView:
        self.calls.append(("leave", of))
        return self._apply(of, Verb.REST)

    def submit(
        self, of: RoomId, data: bytes, *, source: str, request_id: str | None = None, timeout: float | None = None
    ) -> Receipt:
        if self.full:
            raise QueueFull("16/16")
        self.calls.append(("submit", of, data))
        return Receipt(of, 48, NOW, 0)

    def wait(self, receipt: Receipt, timeout: float | None = None) -> TurnResult | None:
        return None

    def read(
        self, of: RoomId, *, after: int | None = None, before: int | None = None, limit: int = 200
    ) -> list[MemoryEntry]:
        log = self._log(of)
        if after is not None:
            return [entry for entry in log if entry.timestamp > after][:limit]
        return [entry for entry in log if before is None or entry.timestamp < before][-limit:]

    def suspend(self, of: RoomId, *, by: str) -> RoomView:
        self.calls.append(("suspend", of, by))
        return self._apply(of, Verb.SUSPEND)

    def resume(self, of: RoomId, *, by: str) -> RoomView:
        self.calls.append(("resume", of, by))
        if self.records[of].state is not RoomState.SUSPENDED:
            raise IllegalTransition(f"STATE: {self.records[of].state}", "VERB: resume")
        return self._apply(of, Verb.RESUME)

    def destroy(self, of: RoomId, *, confirm: str) -> None:
        self.calls.append(("destroy", of, confirm))
        del self.records[of]
        self.subscription.tell(RoomDestroyed(of))

    def resume_pending(self) -> None:
        self.calls.append(("resume_pending",))

    def store_facts(self) -> StoreFacts:
        return StoreFacts("LEVELDB", "/rooms", NOW, 0.002, 14 * M)

    def status(self) -> ServiceStatus:
        return ServiceStatus("0.1.0", 12847, NOW - 100 * NS, self.durable, self.read_only, 3, ())

    def subscribe(self, rooms: object = None) -> PlayedSubscription:
        return self.subscription

    def close(self) -> None:
        self.closed = True
        self.subscription.close()
