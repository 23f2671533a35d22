"""What every backend must do, as one suite: a backend joins by giving a `Backend` to the fixture that runs it.

`test_store_contract.py` runs it; backends of later days are added to the fixture's parameters there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from backrooms_tui.model.entries import Draft, EntryType, Tail
from backrooms_tui.model.errors import RoomCorrupted, RoomExists, RoomNotFound, SequenceConflict, StoreClosed
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Creation, Damage, QueuedInput, RoomConfig, RoomRecord, Suspension
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.value import changed
from backrooms_tui.persistence.records import seal
from backrooms_tui.persistence.segments import compress, is_segment, plain_size, tail_of
from backrooms_tui.persistence.store import Compaction, RoomCommit, RoomStore

T0 = 1_700_000_000_000_000_000


def room_id(name: str) -> RoomId:
    return RoomId(hashlib.sha256(name.encode()).hexdigest())


def new_record(name: str, *, created_at: int = T0) -> RoomRecord:
    return RoomRecord(
        id=room_id(name),
        state=RoomState.ACTIVE,
        config=RoomConfig(name=name),
        creation=Creation(pid=4242, user="operator", host="corridor"),
        created_at=created_at,
        last_active=created_at,
    )


def drafts(*texts: str) -> list[Draft]:
    return [Draft(EntryType.INPUT, text, {"source": "test"}) for text in texts]


def remembering(record: RoomRecord, *texts: str, **changes: object) -> RoomCommit:
    """The commit that adds entries with these texts, and changes fields of the record."""
    entries, tail = seal(record.id, record.tail, drafts(*texts), T0)
    usage = record.memory_usage + sum(len(sealed.blob) for sealed in entries)
    plain = record.memory_plain + usage - record.memory_usage
    changed = record.with_(tail=tail, memory_usage=usage, memory_plain=plain, **changes)
    return RoomCommit(record=changed, expected=record.tail, entries=entries)


def compacted(store: RoomStore, record: RoomRecord, start: int, stop: int, algorithm: str = "zstd") -> RoomRecord:
    """Have rows `start` to `stop` of a room become one segment; gives the record afterwards."""
    rows = store.rows(record.id, after=0, size=1 << 40)[start:stop]
    blob = compress(record.id, [row for _, row in rows], algorithm)
    freed = sum(len(row) for _, row in rows) - len(blob)
    smaller = record.with_(memory_usage=record.memory_usage - freed)
    compaction = Compaction(tuple(timestamp for timestamp, _ in rows), blob)
    store.commit([RoomCommit(smaller, record.tail, compactions=(compaction,))])
    return smaller


def truncated(store: RoomStore, record: RoomRecord, rows: int) -> RoomRecord:
    """Have the oldest rows of a room go; gives the record afterwards."""
    going = store.rows(record.id, after=0, size=1 << 40)[:rows]
    smaller = record.with_(
        head=tail_of(record.id, going[-1][1]),
        memory_usage=record.memory_usage - sum(len(row) for _, row in going),
        memory_plain=record.memory_plain - sum(plain_size(row) for _, row in going),
    )
    compaction = Compaction(tuple(timestamp for timestamp, _ in going), None)
    store.commit([RoomCommit(smaller, record.tail, compactions=(compaction,))])
    return smaller


def filled(store: RoomStore, name: str, count: int) -> RoomRecord:
    """Create a room with `count` entries, `0` to `count - 1`."""
    commit = remembering(new_record(name), *map(str, range(count)))
    store.commit([commit])
    return commit.record


def texts(entries: list) -> list[str]:
    return [entry.content for entry in entries]


@dataclass
class Backend:
    """A store under test. `again` closes it and opens the same place anew; None where nothing can outlive it."""

    store: RoomStore
    again: Callable[[], RoomStore] | None


class StoreContract:
    @pytest.fixture
    def store(self, backend: Backend) -> RoomStore:
        return backend.store

    def test_a_new_store_is_empty(self, store):
        assert store.load().records == ()

    def test_rooms_are_loaded_oldest_first(self, store):
        for name, created_at in (("b", T0 + 2), ("a", T0 + 3), ("c", T0 + 1)):
            store.commit([RoomCommit(new_record(name, created_at=created_at), Tail())])
        assert [record.config.name for record in store.load().records] == ["c", "b", "a"]

    def test_a_record_comes_back_as_it_was_given(self, store):
        record = new_record("a")
        record = record.with_(
            state=RoomState.SUSPENDED,
            last_input_at=T0 + 5,
            latencies=record.latencies.observe(1_500_000).observe(3),
            last_error="ENTITY_TIMEOUT",
            suspension=Suspension(T0, "operator@corridor"),
            damage=Damage("SEQUENCE_GAP", "/room/x", 7, T0),
            counters=changed(record.counters, inputs=3, crashes=2),
        )
        store.commit([RoomCommit(record, Tail())])
        assert store.load().records == (record,)

    def test_entries_come_back_whole_and_in_order(self, store):
        entries, tail = seal(
            room_id("a"),
            Tail(),
            [
                Draft(EntryType.INPUT, "tür \x1b[31m 部屋\n", {"request_id": "r1"}),
                Draft(EntryType.OBSERVATION, "", {"data": {"n": [1, 2.5, None, True, 10**40]}}),
            ],
            T0,
        )
        store.commit([RoomCommit(new_record("a").with_(tail=tail), Tail(), entries)])
        assert store.read(room_id("a")) == [sealed.entry for sealed in entries]
        assert store.entry(room_id("a"), T0 + 1) == entries[1].entry

    def test_an_entry_that_is_not_there_is_damage(self, store):
        filled(store, "a", 2)
        with pytest.raises(RoomCorrupted) as caught:
            store.entry(room_id("a"), T0 + 77)
        assert "CORRUPTION_TYPE: SEQUENCE_GAP" in caught.value.details

    @pytest.mark.parametrize(
        ("cursor", "expected"),
        [
            ({}, range(7, 10)),
            ({"before": T0}, range(0)),
            ({"before": T0 + 1}, range(1)),
            ({"before": T0 + 5}, range(2, 5)),
            ({"before": T0 + 9}, range(6, 9)),
            ({"before": T0 + 10}, range(7, 10)),
            ({"before": 10**30}, range(7, 10)),
            ({"after": -5}, range(3)),
            ({"after": 0}, range(3)),
            ({"after": T0}, range(1, 4)),
            ({"after": T0 + 5}, range(6, 9)),
            ({"after": T0 + 8}, range(9, 10)),
            ({"after": T0 + 9}, range(0)),
            ({"after": 10**30}, range(0)),
            ({"after": T0, "before": T0 + 3}, range(1, 3)),
            ({"after": T0 + 3, "before": T0 + 3}, range(0)),
            ({"after": T0 + 5, "before": T0 + 2}, range(0)),
        ],
        ids=str,
    )
    def test_pages_go_by_cursor_both_ways(self, store, cursor, expected):
        filled(store, "a", 10)
        assert texts(store.read(room_id("a"), **cursor, limit=3)) == [str(n) for n in expected]

    @pytest.mark.parametrize("limit", [1, 2, 3, 9, 10, 11, 200])
    def test_pages_walked_in_either_direction_give_every_entry_once(self, store, limit):
        filled(store, "a", 10)
        forward, cursor = [], 0
        while page := store.read(room_id("a"), after=cursor, limit=limit):
            forward += page
            cursor = page[-1].timestamp
        backward, cursor = [], None
        while page := store.read(room_id("a"), before=cursor, limit=limit):
            backward = page + backward
            cursor = page[0].timestamp
        assert texts(forward) == texts(backward) == [str(n) for n in range(10)]

    @pytest.mark.parametrize("limit", [1, 3, 4, 5, 9, 40])
    def test_pages_of_compressed_memory_are_those_of_plain_memory(self, store, limit):
        """Wherever a page begins inside a segment, and however many segments it spans."""
        commit = remembering(new_record("a"), *map(str, range(40)))
        store.commit([commit])
        for start in range(0, 32, 8):
            old = commit.entries[start : start + 8]
            blob = compress(commit.record.id, [sealed.blob for sealed in old], "zstd")
            compaction = Compaction(tuple(sealed.entry.timestamp for sealed in old), blob)
            store.commit([RoomCommit(commit.record, commit.record.tail, compactions=(compaction,))])
        for n in range(40):
            later = store.read(room_id("a"), after=T0 + n, limit=limit)
            earlier = store.read(room_id("a"), before=T0 + n, limit=limit)
            assert texts(later) == [str(m) for m in range(n + 1, min(40, n + 1 + limit))]
            assert texts(earlier) == [str(m) for m in range(max(0, n - limit), n)]

    def test_a_page_of_none_is_empty(self, store):
        filled(store, "a", 3)
        assert store.read(room_id("a"), limit=0) == store.read(room_id("a"), after=0, limit=0) == []

    def test_rooms_do_not_see_each_other(self, store):
        filled(store, "a", 3)
        filled(store, "b", 2)
        assert len(store.read(room_id("a"))) == 3
        assert len(store.read(room_id("b"), after=0)) == 2

    def test_commits_continue_each_other_in_one_batch_and_across_rooms(self, store):
        first = remembering(new_record("a"), "one")
        second = remembering(first.record, "two")
        store.commit([first, remembering(new_record("b"), "other"), second])
        assert texts(store.read(room_id("a"))) == ["one", "two"]
        assert store.stored_tail(room_id("a")) == second.record.tail

    @pytest.mark.parametrize("kind", ["stale", "ahead", "unknown room", "created twice", "tail without entries"])
    def test_a_commit_that_does_not_continue_the_stored_tail_writes_nothing(self, store, kind):
        stored = filled(store, "a", 2)
        after = remembering(stored, "three").record
        bad = {
            "stale": remembering(new_record("a"), "zero"),
            "ahead": remembering(after, "four"),
            "unknown room": RoomCommit(new_record("b").with_(tail=stored.tail), stored.tail),
            "created twice": RoomCommit(new_record("a"), Tail()),
            "tail without entries": RoomCommit(after, stored.tail),
        }[kind]
        with pytest.raises(SequenceConflict):
            store.commit([remembering(new_record("c"), "x"), bad])
        assert store.stored_tail(room_id("c")) is None
        assert store.stored_tail(room_id("a")) == stored.tail
        assert store.load().records == (stored,)

    def test_a_commit_without_entries_changes_the_record(self, store):
        stored = filled(store, "a", 2)
        idle = stored.with_(state=RoomState.IDLE, config=changed(stored.config, timeout=5))
        store.commit([RoomCommit(idle, stored.tail)], sync=False)
        assert store.load().records == (idle,)

    def test_the_snapshot_stays_until_the_next_one(self, store):
        stored = filled(store, "a", 1)
        assert store.snapshot(stored.id) is None
        first = stored.with_(state_version=1)
        store.commit([RoomCommit(first, stored.tail, snapshot=b"\x00state")])
        store.commit([RoomCommit(first, stored.tail)])
        assert store.snapshot(stored.id) == b"\x00state"
        store.commit([RoomCommit(first.with_(state_version=2), stored.tail, snapshot=b"")])
        assert store.snapshot(stored.id) == b""

    def test_the_queue_keeps_order_and_forgets_what_ended(self, store):
        stored = filled(store, "a", 12)
        waiting = tuple(QueuedInput(seq, T0 + seq - 1, f"r{seq}") for seq in (9, 10, 11))
        store.commit([RoomCommit(stored.with_(queued=3), stored.tail, queue_put=waiting)])
        assert store.queue(stored.id) == list(waiting)
        again = changed(waiting[1], attempt=1, timeout=2.5)
        store.commit([RoomCommit(stored.with_(queued=2), stored.tail, queue_put=(again,), queue_del=(9,))])
        assert store.queue(stored.id) == [again, waiting[2]]

    def test_a_sound_room_verifies(self, store):
        stored = filled(store, "a", 3)
        queued = QueuedInput(3, stored.tail.timestamp)
        record = stored.with_(queued=1, state_version=1)
        store.commit([RoomCommit(record, stored.tail, snapshot=b"{}", queue_put=(queued,))])
        assert store.verify(stored.id) is None

    def test_a_destroyed_room_leaves_nothing_and_its_neighbours_stay(self, store):
        stored = filled(store, "a", 5)
        filled(store, "b", 1)
        record = stored.with_(state_version=1, queued=1)
        queued = (QueuedInput(1, T0),)
        store.commit([RoomCommit(record, stored.tail, snapshot=b"s", queue_put=queued)])
        store.destroy(stored.id)
        assert [record.id for record in store.load().records] == [room_id("b")]
        assert store.stored_tail(stored.id) is None
        for look in (store.read, store.queue, store.snapshot):
            with pytest.raises(RoomNotFound):
                look(stored.id)
        with pytest.raises(SequenceConflict):
            store.commit([RoomCommit(record, stored.tail)])
        store.commit([remembering(new_record("a"), "anew")])
        assert texts(store.read(stored.id)) == ["anew"]
        assert store.snapshot(stored.id) is None
        assert store.queue(stored.id) == []

    def test_destroying_what_is_not_there_does_no_harm(self, store):
        filled(store, "b", 1)
        store.destroy(room_id("a"))
        assert len(store.load().records) == 1

    def test_a_sound_store_can_be_reopened_in_place(self, store):
        stored = filled(store, "a", 3)
        store.reopen()
        store.commit([remembering(stored, "four")])
        assert texts(store.read(stored.id)) == ["0", "1", "2", "four"]

    @pytest.mark.parametrize("algorithm", ["zstd", "lz4"])
    def test_a_segment_reads_like_the_entries_it_is_made_of(self, store, algorithm):
        stored = filled(store, "a", 30)
        plain = store.read(stored.id, limit=100)
        stored = compacted(store, stored, 0, 12, algorithm)
        stored = compacted(store, stored, 1, 9, algorithm)
        assert [is_segment(row) for _, row in store.rows(stored.id, after=0, size=1 << 40)][:3] == [True, True, False]
        assert store.verify(stored.id) is None
        assert store.read(stored.id, limit=100) == plain
        for entry in plain:
            assert store.entry(stored.id, entry.timestamp) == entry
        for cursor in range(T0 - 1, T0 + 31):
            after = [entry for entry in plain if entry.timestamp > cursor]
            before = [entry for entry in plain if entry.timestamp < cursor]
            for limit in (1, 7, 100):
                assert store.read(stored.id, after=cursor, limit=limit) == after[:limit]
                assert store.read(stored.id, before=cursor, limit=limit) == before[-limit:]

    def test_a_whole_memory_may_be_one_segment_and_go_on(self, store):
        stored = compacted(store, filled(store, "a", 5), 0, 5)
        assert store.verify(stored.id) is None
        more = remembering(stored, "more")
        store.commit([more])
        assert texts(store.read(stored.id)) == ["0", "1", "2", "3", "4", "more"]
        assert store.load().records == (more.record,)

    def test_truncated_memory_begins_at_its_head(self, store):
        stored = truncated(store, filled(store, "a", 20), 6)
        assert (stored.head.seq, stored.entries) == (6, 14)
        assert store.verify(stored.id) is None
        rest = [str(n) for n in range(6, 20)]
        assert texts(store.read(stored.id)) == texts(store.read(stored.id, after=0)) == rest
        assert texts(store.read(stored.id, after=T0 + 2, limit=2)) == rest[:2]
        assert store.read(stored.id, before=T0 + 6) == []
        with pytest.raises(RoomCorrupted):
            store.entry(stored.id, T0 + 5)

    def test_segments_are_truncated_like_single_entries_and_to_the_last(self, store):
        stored = compacted(store, compacted(store, filled(store, "a", 20), 0, 8), 1, 5)
        stored = truncated(store, stored, 1)
        assert texts(store.read(stored.id, after=0)) == [str(n) for n in range(8, 20)]
        stored = truncated(store, stored, len(store.rows(stored.id, after=0, size=1 << 40)))
        assert (stored.entries, stored.memory_usage, stored.memory_plain) == (0, 0, 0)
        assert store.verify(stored.id) is None
        assert store.read(stored.id) == store.read(stored.id, after=0) == []
        more = remembering(stored, "more")
        store.commit([more])
        assert texts(store.read(stored.id)) == ["more"]
        assert store.verify(stored.id) is None

    def test_compactions_and_entries_of_one_commit_happen_together(self, store):
        stored = filled(store, "a", 6)
        rows = store.rows(stored.id, after=0, size=1 << 40)
        noted = remembering(stored, "noted")
        blob = compress(stored.id, [row for _, row in rows[2:4]], "zstd")
        compactions = (
            Compaction((rows[0][0], rows[1][0]), None),
            Compaction((rows[2][0], rows[3][0]), blob),
        )
        head = tail_of(stored.id, rows[1][1])
        store.commit([changed(noted, record=noted.record.with_(head=head), compactions=compactions)])
        assert texts(store.read(stored.id, after=0)) == ["2", "3", "4", "5", "noted"]
        assert store.verify(stored.id) is None

    def test_a_record_made_on_a_compaction_that_never_happened_is_refused(self, store):
        stored = filled(store, "a", 6)
        for wrong in (
            stored.with_(head=Tail(2, T0 + 1, 7)),
            stored.with_(memory_usage=stored.memory_usage - 1),
        ):
            with pytest.raises(SequenceConflict):
                store.commit([RoomCommit(wrong, stored.tail)])
        assert store.load().records == (stored,)

    def test_rows_come_in_pieces_of_some_size_and_always_one(self, store):
        stored = compacted(store, filled(store, "a", 30), 0, 10)
        everything = store.rows(stored.id, after=0, size=1 << 40)
        assert len(everything) == 21
        for size in (1, 200, 10_000):
            walked, last = [], 0
            while piece := store.rows(stored.id, after=last, size=size):
                walked += piece
                last = piece[-1][0]
            assert walked == everything
        assert store.rows(stored.id, after=0, size=1) == everything[:1]

    def test_an_image_is_the_room_of_one_moment_whatever_is_committed_meanwhile(self, store):
        stored = compacted(store, filled(store, "a", 40), 0, 20)
        queued = (QueuedInput(40, stored.tail.timestamp, "r1"),)
        stored = stored.with_(state_version=1, queued=1)
        store.commit([RoomCommit(stored, stored.tail, snapshot=b"{}", queue_put=queued)])
        rows = store.rows(stored.id, after=0, size=1 << 40)
        with store.image(stored.id) as image:
            assert (image.record, image.snapshot, image.queue) == (stored, b"{}", queued)
            seen = [next(image.rows)]
            later = remembering(stored, "later", state_version=2, queued=0)
            store.commit([changed(later, snapshot=b"[]", queue_del=(40,))])
            assert seen + list(image.rows) == rows

    def test_a_room_is_put_in_whole_and_is_the_same_room(self, store):
        stored = compacted(store, filled(store, "a", 40), 0, 20)
        stored = stored.with_(state_version=1, queued=1)
        queued = (QueuedInput(40, stored.tail.timestamp, "r1"),)
        store.commit([RoomCommit(stored, stored.tail, snapshot=b"{}", queue_put=queued)])
        rows, entries = store.rows(stored.id, after=0, size=1 << 40), store.read(stored.id)
        store.destroy(stored.id)
        store.clear(stored.id)
        assert store.load().records == (), "not there before it is established"
        store.clear(stored.id)
        store.fill(stored.id, rows[:10])
        store.fill(stored.id, rows[10:])
        store.establish(stored, b"{}", queued)
        assert store.load().records == (stored,)
        assert store.verify(stored.id) is None
        assert (store.read(stored.id), store.snapshot(stored.id), store.queue(stored.id)) == (
            entries,
            b"{}",
            list(queued),
        )
        store.commit([remembering(stored, "more")])
        assert texts(store.read(stored.id))[-1] == "more"

    def test_a_room_that_is_well_is_not_cleared_and_a_corrupted_one_stays_that_until_it_is_established(self, store):
        stored = filled(store, "a", 5)
        rows = store.rows(stored.id, after=0, size=1 << 40)
        store.commit([RoomCommit(stored, stored.tail, snapshot=b"{}")])
        with pytest.raises(RoomExists):
            store.clear(stored.id)
        assert len(store.read(stored.id)) == 5
        ill = stored.with_(state=RoomState.CORRUPTED, damage=Damage("SEQUENCE_GAP", "x", 1, T0))
        store.commit([RoomCommit(ill, stored.tail)])
        store.clear(stored.id)
        assert [(r.state, r.damage) for r in store.load().records] == [(ill.state, ill.damage)]
        store.fill(stored.id, rows)
        store.establish(stored, None, ())
        assert store.load().records == (stored,)
        assert store.snapshot(stored.id) is None, "nothing of the room before is left"
        assert store.verify(stored.id) is None

    def test_compacted_and_truncated_rooms_are_there_after_the_next_opening(self, backend):
        if backend.again is None:
            return
        first = truncated(backend.store, compacted(backend.store, filled(backend.store, "a", 60), 0, 30), 1)
        second = compacted(backend.store, truncated(backend.store, filled(backend.store, "b", 60), 20), 0, 30)
        seen = [backend.store.read(record.id, after=0) for record in (first, second)]
        store = backend.again()
        assert sorted(store.load().records, key=lambda record: str(record.config.name)) == [first, second]
        assert [store.verify(record.id) for record in (first, second)] == [None, None]
        assert [store.read(record.id, after=0) for record in (first, second)] == seen
        assert list(store.inspect()) == []
        store.commit([remembering(first, "more")])

    def test_the_remains_of_a_damaged_room_are_its_rows(self, store):
        stored = filled(store, "a", 8)
        rows = store.rows(stored.id, after=0, size=1 << 40)
        with store.remains(stored.id) as left:
            assert (left.record, left.snapshot, left.queue, list(left.rows)) == (stored, None, (), rows)

    def test_a_closed_store_refuses_everything_and_closes_again(self, store):
        stored = filled(store, "a", 1)
        store.close()
        store.close()
        for use in (
            store.load,
            lambda: store.verify(stored.id),
            lambda: store.commit([RoomCommit(stored, stored.tail)]),
            lambda: store.destroy(stored.id),
            lambda: store.read(stored.id),
            lambda: store.queue(stored.id),
            lambda: store.entry(stored.id, T0),
            lambda: store.snapshot(stored.id),
            lambda: store.stored_tail(stored.id),
            lambda: store.rows(stored.id, after=0, size=1),
            lambda: store.clear(room_id("b")),
            lambda: store.image(stored.id).__enter__(),
            store.reopen,
            store.write_witness,
            store.disk_usage,
        ):
            with pytest.raises(StoreClosed):
                use()

    def test_what_was_committed_is_there_after_the_next_opening(self, backend):
        if backend.again is None:
            assert backend.store.disk_usage() == 0, "a store without a place on disk must not pretend to have one"
            return
        stored = filled(backend.store, "a", 300)
        queued = (QueuedInput(300, stored.tail.timestamp, "r"),)
        record = stored.with_(queued=1, state_version=1)
        backend.store.commit([RoomCommit(record, stored.tail, snapshot=b"{}", queue_put=queued)], sync=False)
        assert backend.store.disk_usage() > 10_000
        store = backend.again()
        assert store.load().records == (record,)
        assert store.verify(stored.id) is None
        assert (store.snapshot(stored.id), store.queue(stored.id)) == (b"{}", list(queued))
        assert texts(store.read(stored.id, after=0, limit=500)) == [str(n) for n in range(300)]
        store.commit([remembering(record, "more")])
        assert store.stored_tail(stored.id).seq == 301
