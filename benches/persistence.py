"""The store beside what the disk and LevelDB do by themselves, on the same file system, in the same seconds.

    python benches/persistence.py [--rounds 1000] [--entries 1000000]

Must: durable commits at most 2.0x append + fdatasync, an unsynced append at most 5x a bare put, reading the end of a
long memory at most 1.5x that of a short one, 1,024 rooms ready in a second.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import plyvel
from _harness import Floor, Row, interleave, print_table

from backrooms_tui.model.entries import Draft, EntryType, Tail
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.latency import Latencies
from backrooms_tui.model.room import Creation, QueuedInput, RoomConfig, RoomRecord
from backrooms_tui.model.states import RoomState
from backrooms_tui.persistence.opening import open_store
from backrooms_tui.persistence.records import seal
from backrooms_tui.persistence.store import RoomCommit, RoomStore, SealedEntry

ROOMS = 1024
LINES = 16
TEXT = "remember the door at the end of the corridor is blue and was never locked"
SNAPSHOT = os.urandom(500)
INPUT = Draft(EntryType.INPUT, TEXT, {"request_id": "4f1c2a9e", "source": "operator@corridor"})
OUTPUT = Draft(EntryType.OUTPUT, TEXT, {"input": 7, "outcome": "OUTPUT", "latency_ns": 1_234_567})


class Room:
    """A room that grows: gives the commits a supervisor would make."""

    def __init__(self, name: str) -> None:
        latencies = Latencies()
        for n in range(1, 40):  # a histogram as a used room has it
            latencies = latencies.observe(n**4 * 1000)
        self.record = RoomRecord(
            RoomId(hashlib.sha256(name.encode()).hexdigest()),
            RoomState.ACTIVE,
            RoomConfig(name=name),
            Creation(1, "operator", "corridor"),
            created_at=time.time_ns(),
            last_active=time.time_ns(),
            latencies=latencies,
        )

    def commit(self, *drafts: Draft, turn_ends: bool = False) -> RoomCommit:
        before = self.record
        entries, tail = seal(before.id, before.tail, drafts, time.time_ns())
        self.record = self._grown(entries, tail).with_(state_version=before.state_version + turn_ends)
        if turn_ends:
            return RoomCommit(self.record, before.tail, entries, snapshot=SNAPSHOT, queue_del=(before.tail.seq,))
        return RoomCommit(self.record, before.tail, entries)

    def _grown(self, entries: Sequence[SealedEntry], tail: Tail) -> RoomRecord:
        size, before = sum(len(entry.blob) for entry in entries), self.record
        usage, plain = before.memory_usage + size, before.memory_plain + size
        return before.with_(tail=tail, memory_usage=usage, memory_plain=plain)

    def accept(self) -> RoomCommit:
        before = self.record
        entries, tail = seal(before.id, before.tail, (INPUT,), time.time_ns())
        self.record = self._grown(entries, tail)
        queued = QueuedInput(tail.seq, tail.timestamp, "4f1c2a9e")
        return RoomCommit(self.record, before.tail, entries, queue_put=(queued,))


def durable(store: RoomStore, floor: Floor, rounds: int) -> list[Row]:
    fresh = [RoomCommit(Room(f"new {n}").record, Tail()) for n in range(2 * rounds)]
    room = Room("busy")
    store.commit([room.commit()])
    figures = interleave(
        {
            "create": lambda: store.commit([fresh.pop()]),
            "input": lambda: store.commit([room.accept()]),
            "turn": lambda: store.commit([room.commit(OUTPUT, OUTPUT, turn_ends=True)]),
            "floor": floor.append,
        },
        rounds,
    )
    labels = {"create": "create a room", "input": "commit an INPUT", "turn": "commit a turn (2 entries, state)"}
    base = figures["floor"].median
    return [
        Row(f"{label}, durable", figures[name].median, "append 500 B + fdatasync", base, must=2.0)
        for name, label in labels.items()
    ]


def unsynced(store: RoomStore, folder: Path, rounds: int) -> tuple[Row, str]:
    """Sealing, record, counters and admission included; the lines of a turn come in one commit."""
    room = Room("unsynced")
    store.commit([room.commit()])
    value = seal(room.record.id, Tail(), (INPUT,), time.time_ns())[0][0].blob
    prefix = f"/room/{room.record.id}/memory/".encode()
    numbers = itertools.count()
    with plyvel.DB(str(folder / "bare"), create_if_missing=True, compression=None) as bare:

        def put() -> None:
            for _ in range(LINES):
                bare.put(prefix + b"%020d" % next(numbers), value)

        figures = interleave(
            {
                "lines": lambda: store.commit([room.commit(*[INPUT] * LINES)], sync=False),
                "alone": lambda: store.commit([room.commit(INPUT)], sync=False),
                "put": put,
            },
            4 * rounds,
        )
    base = figures["put"].median / LINES
    alone = figures["alone"].median
    row = Row(
        f"memory append, not synced, one of {LINES} lines of a turn",
        figures["lines"].median / LINES,
        "bare plyvel put",
        base,
        must=5.0,
    )
    return row, f"an entry alone in its commit, not synced: {alone * 1e6:.1f} us, {alone / base:.1f}x a bare put"


def long_memory(store: RoomStore, entries: int, rounds: int) -> Row:
    rooms = {}
    for name, count in (("short", 1000), ("long", entries)):
        rooms[name] = room = Room(name)
        for _ in range(count // 1000):
            store.commit([room.commit(*[OUTPUT] * 1000)], sync=False)
    figures = interleave(
        {name: lambda room_id=room.record.id: store.read(room_id, limit=200) for name, room in rooms.items()}, rounds
    )
    return Row(
        f"last 200 of {entries:,} entries", figures["long"].median, "of 1,000", figures["short"].median, must=1.5
    )


def opening(folder: Path, rounds: int) -> tuple[Row, list[str]]:
    """Time until all records are in hand after a clean stop, and what LevelDB and the witness take of it."""
    path = folder / "many"
    store = open_store(path)
    for n in range(ROOMS):
        store.commit([Room(f"room {n}").commit(*[INPUT] * 10)], sync=False)
    store.commit([Room("synced").commit(INPUT)])
    began = time.perf_counter()
    store.write_witness()
    witness = time.perf_counter() - began
    store.close()

    def ours() -> None:
        opened = open_store(path)
        assert len(opened.load().records) == ROOMS + 1
        opened.close()

    def bare() -> None:
        with plyvel.DB(str(path / "leveldb"), compression=None) as db:
            assert sum(1 for _ in db.iterator(prefix=b"/index/")) == ROOMS + 1

    figures = interleave({"ours": ours, "bare": bare}, rounds)
    return Row(f"open with {ROOMS:,} rooms", figures["ours"].median, "ready in 1 s", 1.0, must=1.0), [
        f"bare open + index scan, nothing decoded: {figures['bare'].median * 1e3:.1f} ms",
        f"witness of {ROOMS:,} rooms written in {witness * 1e3:.1f} ms",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--entries", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        store = open_store(folder / "store")
        with Floor(folder) as floor:
            rows = durable(store, floor, options.rounds)
        row, alone = unsynced(store, folder, options.rounds)
        rows.append(row)
        rows.append(long_memory(store, options.entries, options.rounds // 4))
        store.close()
        row, notes = opening(folder, options.rounds // 50)
        rows.append(row)
    print_table("Persistence", rows, notes=[alone, *notes])


if __name__ == "__main__":
    main()
