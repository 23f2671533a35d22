"""Capacity: a room that fills up is compressed, then forgets its oldest entries, and its figures stay true."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from leveldb_places import kill_after
from support import eventually

from backrooms_tui.config.settings import EntitySettings, LimitSettings, PersistenceSettings, Settings
from backrooms_tui.model import errors
from backrooms_tui.model.entries import EntryType, MemoryEntry, Meta
from backrooms_tui.model.events import Notice
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import RoomConfig, RoomRecord
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.views import Receipt
from backrooms_tui.persistence.opening import open_store
from backrooms_tui.persistence.segments import bodies_of, is_segment
from backrooms_tui.service import RoomService

MB = 1024 * 1024
SMALL = 16 * MB


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "rooms"


@pytest.fixture
def open_rooms(root: Path, open_service_on) -> Callable[..., RoomService]:
    def open_it(*, threshold: float = 0.85, entries: int = 1_000_000) -> RoomService:
        settings = Settings(
            persistence=PersistenceSettings(path=str(root)),
            entity=EntitySettings(memory_compression_threshold=threshold),
            limits=LimitSettings(memory_entries_max=entries),
        )
        return open_service_on(settings)

    return open_it


def make_room(service: RoomService, **config: object) -> RoomId:
    return service.create(RoomConfig(**{"memory_limit": SMALL, **config})).record.id  # type: ignore[arg-type]


def ask(service: RoomService, room: RoomId, text: str) -> None:
    assert service.wait(service.submit(room, text.encode(), source="test"), timeout=60) is not None


def memory(service: RoomService, room: RoomId) -> list[MemoryEntry]:
    entries: list[MemoryEntry] = []
    while page := service.read(room, after=entries[-1].timestamp if entries else 0, limit=10_000):
        entries += page
    return entries


def settled(service: RoomService, room: RoomId, event: str) -> MemoryEntry:
    """The newest entry that tells of a compaction, when there is one."""

    def told() -> list[MemoryEntry]:
        return [e for e in memory(service, room) if e.metadata.get(Meta.EVENT) == event]

    return eventually(told, within=60)[-1]  # type: ignore[index,no-any-return]


def accounted(root: Path, room: RoomId) -> tuple[RoomRecord, int]:
    """The stored record of a room, and how many rows of it are segments; its figures are those of its rows."""
    store = open_store(root)
    try:
        record = next(r for r in store.load().records if r.id == room)
        rows = store.rows(room, after=0, size=1 << 40)
        assert store.verify(room) is None
    finally:
        store.close()
    assert record.memory_usage == sum(len(blob) for _, blob in rows)
    assert record.memory_plain == sum(8 + len(body) for _, blob in rows for body in bodies_of(room, blob))
    assert record.entries == sum(len(bodies_of(room, blob)) for _, blob in rows)
    return record, sum(is_segment(blob) for _, blob in rows)


def test_a_room_over_the_threshold_is_compressed_and_nothing_is_lost(open_rooms, root: Path) -> None:
    service = open_rooms(threshold=0.01)
    room = make_room(service)
    watch = service.subscribe([room])
    ask(service, room, "stream 4000 lines")
    told = settled(service, room, "compressed")
    assert told.type is EntryType.STATE_CHANGE
    ask(service, room, "valid input")
    entries = memory(service, room)
    assert [e.content for e in entries[1:4001]] == [f"Line {n} of 4000." for n in range(1, 4001)]
    assert [e.seq for e in entries] == list(range(1, len(entries) + 1))
    report = [e.text for e in watch.get(1) if isinstance(e, Notice)]
    assert [text.split("=")[0] for text in report] == ["COMPRESSION_STARTED: timestamp"]
    assert "COMPRESSION_ALGORITHM: zstd COMPRESSION_LEVEL: 3 ENTRIES_BEFORE: 4001 ENTRIES_AFTER: 4001" in report[0]
    service.close()
    record, segments = accounted(root, room)
    assert segments >= 14
    assert record.memory_usage < record.memory_plain / 2


@pytest.mark.parametrize("algorithm", ["zstd", "lz4"])
def test_compacting_by_hand_tells_what_it_did_and_keeps_the_newest_entries_single(open_rooms, root, algorithm) -> None:
    service = open_rooms()
    room = make_room(service, compression=algorithm)
    ask(service, room, "stream 1000 lines")
    before = service.room(room).record
    steps: list[tuple[int, int]] = []
    report = service.compact(room, lambda done, of: steps.append((done, of)))
    after = service.room(room).record
    assert (report.algorithm, report.entries_before, report.entries_after) == (algorithm, 1001, 1001)
    assert report.size_before == before.memory_usage
    assert report.ratio > 1.5
    assert steps
    assert all(0 < done <= of for done, of in steps)
    assert after.memory_plain > before.memory_plain
    assert [e.seq for e in memory(service, room)] == list(range(1, 1003))
    service.close()
    record, segments = accounted(root, room)
    assert segments == 3
    assert report.size_after <= record.memory_usage <= report.size_after + 1000


def test_compacting_again_finds_nothing_to_do_and_leaves_no_trace(open_rooms) -> None:
    service = open_rooms()
    room = make_room(service)
    ask(service, room, "stream 1000 lines")
    service.compact(room)
    record = service.room(room).record
    report = service.compact(room)
    assert report.size_after == report.size_before
    assert service.room(room).record == record


def test_a_room_without_compression_keeps_single_entries_and_forgets_only_over_its_capacity(open_rooms, root) -> None:
    service = open_rooms()
    room = make_room(service, compression="none")
    text = "x" * 65_000
    receipts = []
    while service.room(room).record.memory_usage < SMALL - 100_000:
        receipts.append(service.submit(room, text.encode(), source="test"))
        assert service.wait(receipts[-1], timeout=60) is not None
    assert service.room(room).record.head.seq == 0
    for _ in range(4):
        ask(service, room, text)
    told = settled(service, room, "truncated")
    assert told.metadata[Meta.DATA]["first_seq"] == 1
    record = service.room(room).record
    assert record.head.seq == told.metadata[Meta.DATA]["last_seq"]
    assert record.memory_usage < SMALL
    entries = memory(service, room)
    assert [e.seq for e in entries] == list(range(record.head.seq + 1, record.tail.seq + 1))
    service.close()
    _, segments = accounted(root, room)
    assert segments == 0
    again = open_rooms()
    ask(again, room, "valid input")
    assert again.room(room).record.state is RoomState.ACTIVE


def test_what_was_truncated_is_told_by_sequence_time_count_and_bytes(open_rooms) -> None:
    service = open_rooms(entries=300)
    room = make_room(service)
    ask(service, room, "stream 250 lines")
    everything = memory(service, room)
    ask(service, room, "stream 100 lines")
    told = settled(service, room, "truncated").metadata[Meta.DATA]
    gone = [e for e in everything if e.seq <= told["last_seq"]]
    assert (told["first_seq"], told["entries"], told["after"]) == (1, len(gone), 0)
    assert told["until"] == gone[-1].timestamp
    assert told["bytes"] > sum(len(e.content) for e in gone)


def test_a_room_at_its_entries_goes_on(open_rooms, root: Path) -> None:
    service = open_rooms(entries=120)
    room = make_room(service)
    for _ in range(12):
        ask(service, room, "stream 20 lines")
    eventually(lambda: service.room(room).record.entries <= 120, within=60)
    record = service.room(room).record
    assert (record.counters.outputs, record.state) == (12, RoomState.ACTIVE)
    assert record.tail.seq > 240
    service.close()
    accounted(root, room)


def test_one_turn_that_says_more_than_the_room_may_hold_is_written_whole_and_then_forgotten(open_rooms, root) -> None:
    service = open_rooms(entries=200)
    room = make_room(service)
    result = service.wait(service.submit(room, b"stream 1000 lines", source="test"), timeout=60)
    assert result is not None
    assert result.outcome == "OUTPUT"
    eventually(lambda: service.room(room).record.entries <= 200, within=60)
    ask(service, room, "valid input")
    service.close()
    accounted(root, room)


def test_inputs_that_wait_are_never_truncated_and_all_run(open_rooms, root: Path) -> None:
    service = open_rooms(entries=40)
    room = make_room(service)
    first = service.submit(room, b"stream 100 lines", source="test")
    receipts = []
    for n in range(10):
        try:
            receipts.append(service.submit(room, f"remember k{n}: {n}".encode(), source="test"))
        except errors.MemoryExhausted:
            break
    assert receipts
    results = [service.wait(receipt, timeout=60) for receipt in [first, *receipts]]
    assert all(result is not None and result.outcome == "OUTPUT" for result in results)
    eventually(lambda: service.room(room).record.entries <= 40, within=60)
    service.close()
    accounted(root, room)


def test_a_room_full_of_inputs_that_wait_refuses_the_next_one_until_they_have_run(open_rooms) -> None:
    service = open_rooms(entries=5)
    room = make_room(service)
    first, second = (service.submit(room, b"long running operation", source="test", timeout=100) for _ in range(2))
    for _ in range(8):
        last = service.submit(room, b"valid input", source="test")

    def interrupt(receipt: Receipt) -> None:
        eventually(
            lambda: (running := service.room(room).running) is not None and running.seq == receipt.seq, within=30
        )
        service.interrupt(room, by="test")

    interrupt(first)
    eventually(lambda: (running := service.room(room).running) is not None and running.seq == second.seq, within=30)
    with pytest.raises(errors.MemoryExhausted) as refusal:
        service.submit(room, b"valid input", source="test")
    assert any(line.endswith("OF 5") for line in refusal.value.details)
    interrupt(second)
    assert service.wait(last, timeout=60) is not None
    ask(service, room, "valid input")


def test_no_turn_starts_while_a_room_is_compacted_and_its_inputs_wait(open_rooms) -> None:
    service = open_rooms()
    room, other = make_room(service), make_room(service)
    ask(service, room, "stream 2000 lines")
    held, go = threading.Event(), threading.Event()

    def hold(done: int, of: int) -> None:
        held.set()
        assert go.wait(30)

    thread = threading.Thread(target=service.compact, args=(room, hold))
    thread.start()
    assert held.wait(30)
    receipt = service.submit(room, b"valid input", source="test")
    assert service.wait(receipt, timeout=0.3) is None
    assert service.room(room).running is None
    ask(service, other, "valid input")
    go.set()
    assert service.wait(receipt, timeout=30) is not None
    thread.join()


def test_a_cancelled_compaction_leaves_a_sound_room_that_goes_on(open_rooms, root: Path) -> None:
    service = open_rooms()
    room = make_room(service)
    ask(service, room, "stream 2000 lines")

    def cancel(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        service.compact(room, cancel)
    ask(service, room, "valid input")
    service.close()
    accounted(root, room)


def test_a_suspended_room_can_be_compacted_and_a_corrupted_one_cannot(open_rooms, root: Path) -> None:
    service = open_rooms()
    room = make_room(service)
    ask(service, room, "stream 1000 lines")
    service.suspend(room, by="ops@h1")
    assert service.compact(room).ratio > 1.5
    assert service.room(room).record.state is RoomState.SUSPENDED


def test_reading_beside_a_compaction_never_takes_it_for_damage(open_rooms) -> None:
    service = open_rooms()
    room = make_room(service)
    ask(service, room, "stream 5000 lines")
    seen: list[int] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.append(len(memory(service, room)))

    thread = threading.Thread(target=read)
    thread.start()
    try:
        service.compact(room)
    finally:
        done.set()
        thread.join()
    assert set(seen) <= {5001, 5002}
    assert service.room(room).record.state is RoomState.ACTIVE


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_a_rooms_figures_are_those_of_its_rows(open_rooms, root: Path, seed: int) -> None:
    chance = random.Random(seed)
    service = open_rooms(threshold=0.02, entries=2500)
    room = make_room(service, compression=chance.choice(["zstd", "lz4", "none"]))
    for _ in range(25):
        match chance.randrange(6):
            case 0 | 1:
                ask(service, room, f"stream {chance.randrange(1, 900)} lines")
            case 2:
                ask(service, room, "remember value: " + "y" * chance.randrange(1, 60_000))
            case 3:
                service.compact(room)
            case 4:
                ask(service, room, "drill fail")
            case 5:
                service.close()
                accounted(root, room)
                service = open_rooms(threshold=0.02, entries=2500)
    service.close()
    accounted(root, room)


def test_a_room_truncated_past_what_the_witness_saw_is_sound_after_a_kill(root: Path) -> None:
    kill_after(
        root,
        """
record = filled(store, "a", 30)
store.write_witness()
store.commit([(more := remembering(record, *map(str, range(30, 60))))])
truncated(store, compacted(store, more.record, 0, 40), 1)
""",
    )
    store = open_store(root)
    (record,) = store.load().records
    assert (record.state, record.head.seq) == (RoomState.ACTIVE, 40)
    assert [entry.content for entry in store.read(record.id, after=0)] == [str(n) for n in range(40, 60)]
    store.close()
