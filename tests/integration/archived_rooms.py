"""Rooms to export and archive, and what tests do with the files."""

from __future__ import annotations

import io

from store_contract import T0, new_record

from backrooms_tui.model.entries import Draft, EntryType
from backrooms_tui.model.reports import BackupSpec, ExportSpec
from backrooms_tui.model.room import QueuedInput, RoomRecord
from backrooms_tui.model.states import RoomState
from backrooms_tui.persistence.archive import read_archive, write_archive
from backrooms_tui.persistence.exporting import export
from backrooms_tui.persistence.records import HEADER, seal
from backrooms_tui.persistence.segments import bodies_of, compress, tail_of
from backrooms_tui.persistence.store import Compaction, RoomCommit, RoomStore

SECOND = 1_000_000_000
TAKEN_AT = T0 + 3600 * SECOND

ODD = Draft(EntryType.OBSERVATION, "", {"data": {"deep": [1, None, {"é": 10**30}], "f": 1.5}})
"""Metadata with containers and an integer beyond 64 bits."""


def drafts_of(count: int) -> list[Draft]:
    """Turns: an input, an output, an observation with odd metadata."""
    kinds = (
        lambda n: Draft(EntryType.INPUT, f"store observation {n}", {"source": "test"}),
        lambda n: Draft(EntryType.OUTPUT, f"Stored: {n} \x1b[31m é \N{OGHAM SPACE MARK}", {"input": n, "ok": True}),
        lambda n: ODD,
    )
    return [kinds[n % 3](n) for n in range(count)]


def room_with(store: RoomStore, drafts: list[Draft], *, name: str = "a", **changes: object) -> RoomRecord:
    """A room that remembers `drafts`, a second apart."""
    record = new_record(name)
    for n, draft in enumerate(drafts):
        entries, tail = seal(record.id, record.tail, [draft], T0 + n * SECOND)
        size = sum(len(entry.blob) for entry in entries)
        after = record.with_(
            tail=tail, memory_usage=record.memory_usage + size, memory_plain=record.memory_plain + size
        )
        store.commit([RoomCommit(after, record.tail, entries)], sync=False)
        record = after
    last = record.with_(**changes)
    store.commit([RoomCommit(last, record.tail)])
    return last


def compacted(store: RoomStore, record: RoomRecord, algorithm: str, first: int, count: int) -> RoomRecord:
    """Have `count` rows of a room from the `first` on be one segment."""
    with store.image(record.id) as image:
        rows = list(image.rows)[first : first + count]
    blob = compress(record.id, [row for _, row in rows], algorithm)
    usage = record.memory_usage + len(blob) - sum(len(row) for _, row in rows)
    after = record.with_(memory_usage=usage)
    change = Compaction(tuple(timestamp for timestamp, _ in rows), blob)
    store.commit([RoomCommit(after, record.tail, compactions=(change,))])
    return after


def full_room(store: RoomStore, *, name: str = "a", count: int = 60) -> RoomRecord:
    """A room with everything a room can have: segments, a truncated beginning, state, a queue, figures."""
    record = room_with(store, drafts_of(count), name=name)
    record = compacted(store, record, "zstd", 0, 20)
    record = compacted(store, record, "lz4", 1, 7)
    waiting = QueuedInput(count - 2, T0 + (count - 3) * SECOND, "request", 1, 2.5)
    after = record.with_(
        state=RoomState.IDLE,
        state_version=3,
        queued=1,
        last_input_at=T0 + 5,
        last_error="ENTITY_TIMEOUT",
        latencies=record.latencies.observe(1_500_000).observe(3),
    )
    store.commit([RoomCommit(after, record.tail, snapshot=b'{"n": 1}', queue_put=(waiting,))])
    return after


def truncated(store: RoomStore, record: RoomRecord) -> RoomRecord:
    """Have a room's oldest row go."""
    with store.image(record.id) as image:
        timestamp, row = next(image.rows)
    head = tail_of(record.id, row)
    plain = sum(HEADER + len(body) for body in bodies_of(record.id, row))
    after = record.with_(
        head=head, memory_usage=record.memory_usage - len(row), memory_plain=record.memory_plain - plain
    )
    store.commit([RoomCommit(after, record.tail, compactions=(Compaction((timestamp,), None),))])
    return after


def exported(store: RoomStore, record: RoomRecord, format_: str = "jsonl", **spec: object) -> bytes:
    sink = io.BytesIO()
    with store.image(record.id) as image:
        report = export(image, ExportSpec(format_, **spec), sink)
    assert report.size == len(sink.getvalue())
    return sink.getvalue()


def archived(store: RoomStore, record: RoomRecord, compression: str = "none", *, include_config: bool = True) -> bytes:
    sink = io.BytesIO()
    with store.image(record.id) as image:
        plain = write_archive(image, BackupSpec(compression, include_config), sink, taken_at=TAKEN_AT)
    assert compression != "none" or plain == len(sink.getvalue())
    return sink.getvalue()


def put_in(store: RoomStore, data: bytes, **options: object) -> RoomRecord:
    """Restore an archive or export."""
    with read_archive(io.BytesIO(data), **options) as archive:
        image = archive.image
        store.clear(image.record.id)
        store.fill(image.record.id, list(image.rows))
        store.establish(image.record, image.snapshot, image.queue)
    return image.record
