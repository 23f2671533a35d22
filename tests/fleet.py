"""A recorded fleet of rooms behind `RoomService`, for screens that must look the same every time.

Behaviour is tested on the real service; this one only plays back. Times are as of NOW, ids are seeded.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from typing import BinaryIO

from backrooms_tui.model.entries import EntryType, MemoryEntry, Meta, Outcome, Tail
from backrooms_tui.model.errors import (
    BackroomsError,
    IllegalTransition,
    NoBackup,
    NothingRuns,
    QueueFull,
    RoomCorrupted,
)
from backrooms_tui.model.events import Event, RoomChanged, RoomCreated, RoomDestroyed
from backrooms_tui.model.ids import RoomId, new_room_id, resolve
from backrooms_tui.model.latency import Latencies
from backrooms_tui.model.reports import (
    BackupInfo,
    BackupReport,
    BackupSpec,
    CheckReport,
    CompressionReport,
    ExportReport,
    ExportSpec,
    Finding,
    Progress,
    RecoverReport,
    RestoreReport,
    quiet,
)
from backrooms_tui.model.room import Counters, Creation, Damage, RoomConfig, RoomRecord, Suspension
from backrooms_tui.model.states import RoomState, Verb, transition
from backrooms_tui.model.units import NS
from backrooms_tui.model.views import Occupant, Receipt, RoomView, ServiceStatus, StoreFacts, TurnResult

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
        memory_plain=memory * 244 // 100 if number % 3 == 2 else memory,
        counters=Counters(inputs=47, outputs=45, silent=2, errors=errors, invalid_inputs=errors),
        latencies=latencies(40, 0.5 + number),
        queued=queue,
        suspension=Suspension(NOW - idle * NS, "ops@h2") if state is RoomState.SUSPENDED else None,
        damage=Damage("CHECKSUM_MISMATCH", "/room/c2f9/memory/17", 0x4A2F, NOW - idle * NS)
        if state is RoomState.CORRUPTED
        else None,
    )


def _backups(of: RoomId, number: int) -> list[BackupInfo]:
    """So many backups, a day between two; those of the damaged room end before its last sign of life."""
    names = [f"2026-01-{8 - (number == 6) - day:02d}-0300" for day in range(3)]
    start = NOW - (40_187 + 86_400 * (number == 6)) * NS
    return [
        BackupInfo(of, f"/backups/{of}/{name}.tar.gz", start - day * 86_400 * NS, 6 * M)
        for day, name in enumerate(names[: {1: 3, 2: 1, 3: 2, 6: 3}.get(number, 0)])
    ]


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
        self.gate = threading.Event()
        """Long verbs come to their middle and wait for it; each tells its progress while it waits."""
        self.gate.set()
        self.shelf = {one.id: _backups(one.id, number) for number, one in enumerate(given)}
        self.present: tuple[Occupant, ...] = ()
        self.refusal: BackroomsError | None = None
        """What every long verb ends with."""
        self.command_seal: tuple[str, ...] = ()

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
        if self.records[of].damage is not None:
            raise RoomCorrupted("UNABLE TO LOAD STATE")
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

    def interrupt(self, of: RoomId, *, by: str) -> TurnResult:
        self.calls.append(("interrupt", of, by))
        raise NothingRuns(f"ROOM: {of}")

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

    def _work(self, call: tuple[object, ...], progress: Progress, of: int = 1248) -> None:
        """A long verb's body: half of it, the gate, the rest."""
        self.calls.append(call)
        progress(0, of)
        while not self.gate.wait(0.01):
            progress(of // 2, of)
        if self.refusal is not None:
            raise self.refusal
        progress(of, of)

    def export(self, of: RoomId, spec: ExportSpec, sink: BinaryIO, progress: Progress = quiet) -> ExportReport:
        damage = self.records[of].damage
        self._work(("export", of, spec), progress)
        size = sink.write(b'{"timestamp":1704715920,"type":"INPUT","content":"x"}\n')
        if damage is not None:
            raise RoomCorrupted(f"CORRUPTION_TYPE: {damage.type}", f"OFFSET: 0x{damage.offset:08X}")
        return ExportReport(1247, size)

    def backup(
        self, of: RoomId, spec: BackupSpec, sink: BinaryIO | None = None, progress: Progress = quiet
    ) -> BackupReport:
        self._work(("backup", of, spec, sink is None), progress)
        if sink is not None:
            sink.write(b"archive")
        path = None if sink is not None else f"/backups/{of}/2026-01-08-1409.tar.gz"
        return BackupReport(of, path, 1247, 14 * M, 6 * M, 0.34)

    def backups(self, of: RoomId | None = None) -> list[BackupInfo]:
        return [one for key, found in self.shelf.items() if of in (None, key) for one in found]

    def restore(self, source: BinaryIO, progress: Progress = quiet) -> RestoreReport:
        self._work(("restore", source.read()), progress)
        made = record(len(self.records) + 100, RoomState.IDLE, 9 * M, 60, 0, 0)
        self.records[made.id] = made
        self.subscription.tell(RoomCreated(made.id))
        return RestoreReport(made.id, 9, made.state)

    def recover(self, of: RoomId, *, by: str, from_backup: bool = False, progress: Progress = quiet) -> RecoverReport:
        self._work(("recover", of, by, from_backup), progress)
        damage, shelf = self.records[of].damage, self.shelf[of]
        if not from_backup and damage is not None:
            raise RoomCorrupted(f"CORRUPTION_TYPE: {damage.type}", f"OFFSET: 0x{damage.offset:08X}")
        if not shelf:
            raise NoBackup("MANUAL INTERVENTION REQUIRED")
        self.records[of] = self.records[of].with_(state=RoomState.ACTIVE, damage=None)
        self.subscription.tell(RoomChanged(of, RoomState.ACTIVE))
        return RecoverReport(of, RoomState.ACTIVE, shelf[0], 1241, 6, 3 * 3600.0)

    def compact(self, of: RoomId, progress: Progress = quiet) -> CompressionReport:
        self._work(("compact", of), progress)
        return CompressionReport(NOW, "zstd", 3, 1247, 1247, 456 * M, 187 * M, 1.23)

    def check(self, progress: Progress = quiet) -> CheckReport:
        self._work(("check",), progress, 700 * M)
        damaged = [one for one in self.records.values() if one.damage is not None]
        findings = tuple(Finding(one.id, one.damage) for one in damaged if one.damage is not None)
        return CheckReport(len(self.records), 9 * len(self.records), 700 * M, findings, 1.5)

    def store_facts(self) -> StoreFacts:
        return StoreFacts("LEVELDB", "/rooms", NOW, 0.002, 14 * M)

    def presence(self, of: RoomId) -> tuple[Occupant, ...]:
        return self.present

    def status(self) -> ServiceStatus:
        started = NOW - 100 * NS
        return ServiceStatus(
            "0.1.0", 12847, started, self.durable, self.read_only, 3, (), command_seal=self.command_seal
        )

    def subscribe(self, rooms: object = None) -> PlayedSubscription:
        return self.subscription

    def close(self) -> None:
        self.closed = True
        self.subscription.close()
