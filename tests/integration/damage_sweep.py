"""One bit flipped, or a file cut, all over a small store of any backend: what becomes of its rooms.

Each case must end as `harmless` (all of every room reads back as it was), `room` (one room is told to be damaged, with
type and offset, and the others read back as they were), `shared` (the store is refused and the place named, or
several rooms are told to be damaged in a place that is no room's own) or, where an engine keeps rooms in one `table`,
`table` (several of them are told to be damaged). Anything else, silent loss first of all, is an AssertionError; a
traceback is the exception itself.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from store_contract import T0, new_record, remembering

from backrooms_tui.model.errors import RoomCorrupted, StoreCorrupted
from backrooms_tui.model.room import QueuedInput
from backrooms_tui.model.states import RoomState
from backrooms_tui.persistence.opening import StoreOptions, open_store
from backrooms_tui.persistence.segments import compress
from backrooms_tui.persistence.store import Compaction, RoomCommit

ROOMS = ("a", "b", "c")
ENTRIES = 8
SEGMENT = 4


def build(root: Path, backend: str, options: StoreOptions | None = None) -> dict:
    """Make a store of three rooms, each with a segment, entries, a snapshot and a queue, and stop it cleanly.

    Gives what `everything` sees of each room, by its id.
    """
    store = open_store(root, backend=backend, options=options)
    try:
        store.load()
        for name in ROOMS:
            first = remembering(new_record(name), *(f"{name} {n} tür 部屋" for n in range(ENTRIES)))
            store.commit([first])
            stored = first.record.with_(state_version=1, queued=1)
            queued = (QueuedInput(ENTRIES, stored.tail.timestamp, "r1"),)
            old = first.entries[:SEGMENT]
            blob = compress(stored.id, [sealed.blob for sealed in old], "zstd")
            compaction = Compaction(tuple(sealed.entry.timestamp for sealed in old), blob)
            commit = RoomCommit(stored, stored.tail, (), b'{"n":1}', queued, (), (compaction,))
            store.commit([commit])
        return {record.id: everything(store, record.id) for record in store.load().records}
    finally:
        store.close()


def everything(store, room_id) -> dict:
    """All that faces can see of a room. Raises RoomCorrupted where it is told to be damaged."""
    record = next(record for record in store.load().records if record.id == room_id)
    damage = record.damage if record.state is RoomState.CORRUPTED else store.verify(room_id)
    if damage is not None:
        raise RoomCorrupted(
            f"CORRUPTION_TYPE: {damage.type}", f"WHERE: {damage.where}", f"OFFSET: 0x{damage.offset:08X}"
        )
    with store.image(room_id) as image:
        stored = (image.record, image.snapshot, image.queue, list(image.rows))
    return {
        "record": record,
        "stored": stored,
        "forward": store.read(room_id, after=0, limit=2 * ENTRIES),
        "backward": store.read(room_id, limit=3) + store.read(room_id, before=T0 + 5, limit=5),
        "entry": store.entry(room_id, T0 + 1),
        "queue": store.queue(room_id),
        "snapshot": store.snapshot(room_id),
    }


def outcome(root: Path, backend: str, expected: dict, options: StoreOptions | None = None) -> str:
    """Open the store at `root` and tell what has become of the rooms that `build` made there."""
    try:
        store = open_store(root, backend=backend, options=options)
    except StoreCorrupted as error:
        return _refused(error)
    try:
        records = store.load().records
        told = [_told(store, room_id, expected[room_id]) for room_id in expected]
        strangers = [record for record in records if record.id not in expected]
        list(store.inspect())
    except StoreCorrupted as error:
        return _refused(error)
    finally:
        store.close()
    assert all(record.state is RoomState.CORRUPTED for record in strangers), "a room from nowhere"
    places = [place for place in told if place is not None]
    if len(places) > 1:
        own = [place for place in places if any(room_id in place for room_id in expected)]
        if own and backend == "LEVELDB":
            return "table"
        assert not own, f"damage in one room's own place has harmed another: {places}"
        return "shared"
    return "room" if places else "harmless"


def _told(store, room_id, expected) -> str | None:
    """The place where a room is told to be damaged; None for a room that is as it was."""
    try:
        found = everything(store, room_id)
    except RoomCorrupted as error:
        told = dict(line.partition(": ")[::2] for line in error.details)
        assert told["CORRUPTION_TYPE"], error
        assert told["OFFSET"].startswith("0x"), error
        return told["WHERE"]
    for what, value in expected.items():
        assert found[what] == value, f"{what} of a room is silently wrong"
    return None


def _refused(error: StoreCorrupted) -> str:
    assert len(error.details) > 1, f"refused without a place and a way out: {error}"
    return "shared"


def sweep(
    root: Path,
    backend: str,
    files: Iterable[str],
    how: str,
    stride: int,
    *,
    expected: dict,
    options: StoreOptions | None = None,
) -> Counter[str]:
    """Damage a copy of the store at every `stride`-th byte of some files (by their paths in it), one byte at a time;
    count what becomes of it. `how` is "flip" (one bit) or "cut" (the file ends there).
    """
    counts: Counter[str] = Counter()
    copy = root.with_name(f"{root.name}.damaged")
    for name in files:
        content = (root / name).read_bytes()
        for at in range(0, len(content), stride):
            shutil.copytree(root, copy)
            try:
                (copy / name).write_bytes(damaged(content, at, how))
                counts[outcome(copy, backend, expected, options)] += 1
            except Exception as error:
                raise AssertionError(f"{name}: {how} at {at}") from error
            finally:
                shutil.rmtree(copy)
    return counts


def damaged(content: bytes, at: int, how: str) -> bytes:
    if how == "cut":
        return content[:at]
    return bytes([*content[:at], content[at] ^ 1 << at % 8, *content[at + 1 :]])
