"""A damaged room: found, named, set apart, read as far as it can be, and made well again from its backup."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import plyvel
import pytest
from leveldb_places import first_block_size

from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.model import errors
from backrooms_tui.model.entries import EntryType, MemoryEntry, Meta
from backrooms_tui.model.events import Notice
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.reports import BackupSpec, ExportSpec
from backrooms_tui.model.room import Damage, RoomConfig
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.value import changed
from backrooms_tui.persistence import keys
from backrooms_tui.persistence.room_records import decode_room, encode_room
from backrooms_tui.service import RoomService, open_service
from backrooms_tui.supervisor import loading

Open = Callable[[], RoomService]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "rooms"


def settings_of(root: Path) -> Settings:
    return Settings(persistence=PersistenceSettings(path=str(root)))


@pytest.fixture
def open_rooms(root: Path, open_service_on) -> Open:
    def open_it() -> RoomService:
        return open_service_on(settings_of(root))

    return open_it


def ask(service: RoomService, room: RoomId, text: str) -> list[str]:
    result = service.wait(service.submit(room, text.encode(), source="test"), timeout=60)
    assert result is not None
    return [entry.content for entry in result.entries if entry.type is EntryType.OUTPUT]


def memory(service: RoomService, room: RoomId) -> list[MemoryEntry]:
    return service.read(room, after=0, limit=1_000_000)


def flip(root: Path, key: bytes, at: int = 12) -> None:
    """Change one bit of a stored value, below everything of ours."""
    db = plyvel.DB(str(root / "leveldb"), compression=None)
    value = bytearray(db.get(key))
    value[at] ^= 1
    db.put(key, bytes(value), sync=True)
    db.close()


def make_room(service: RoomService, *, backed_up: bool = True, after: str | None = "valid input") -> RoomId:
    """A room that remembers a value and 40 lines, backed up, and then one input more."""
    room = service.create(RoomConfig(name="ledger")).record.id
    ask(service, room, "remember value: kept")
    ask(service, room, "stream 40 lines")
    if backed_up:
        service.backup(room, BackupSpec(include_config=True))
    if after:
        ask(service, room, after)
    return room


def damaged(open_rooms: Open, root: Path, *, backed_up: bool = True, entry: int = 5) -> tuple[RoomService, RoomId]:
    """An owner that finds a flipped bit in one entry of a room, by reading it."""
    service = open_rooms()
    room = make_room(service, backed_up=backed_up)
    timestamp = memory(service, room)[entry].timestamp
    service.close()
    flip(root, keys.memory(room, timestamp))
    service = open_rooms()
    with pytest.raises(errors.RoomCorrupted):
        memory(service, room)
    assert service.room(room).record.state is RoomState.CORRUPTED
    return service, room


def test_a_damaged_room_refuses_input_and_is_rebuilt_from_its_backup(open_rooms: Open, root: Path) -> None:
    service, room = damaged(open_rooms, root)
    with pytest.raises(errors.RoomCorrupted) as refusal:
        service.submit(room, b"valid input", source="test")
    assert refusal.value.details[0] == "UNABLE TO LOAD STATE"
    assert "CORRUPTION_TYPE: CHECKSUM_MISMATCH" in refusal.value.details
    tail = service.room(room).record.tail.seq
    report = service.recover(room, by="ops@h1", from_backup=True)
    assert (report.state, report.lost_entries) == (RoomState.ACTIVE, 2)
    assert report.lost_seconds > 0
    assert report.backup == service.backups(room)[0]
    last = memory(service, room)[-1]
    assert last.seq == tail - 1
    assert (last.metadata[Meta.EVENT], last.metadata[Meta.BY]) == ("recovered", "ops@h1")
    assert last.metadata[Meta.DATA]["lost_entries"] == 2
    assert ask(service, room, "recall value") == ["kept"]
    assert service.room(room).record.config.name == "ledger"
    assert service.check().findings == ()
    service.close()
    again = open_rooms()
    assert again.room(room).record.state is RoomState.ACTIVE
    assert ask(again, room, "recall value") == ["kept"]


def test_recovering_without_a_backup_needs_manual_intervention_and_changes_nothing(open_rooms, root) -> None:
    service, room = damaged(open_rooms, root, backed_up=False)
    before = service.room(room)
    with pytest.raises(errors.NoBackup) as refusal:
        service.recover(room, by="ops@h1", from_backup=True)
    assert refusal.value.details == ("MANUAL INTERVENTION REQUIRED",)
    with pytest.raises(errors.RoomCorrupted) as refusal:
        service.recover(room, by="ops@h1")
    assert "CORRUPTION_TYPE: CHECKSUM_MISMATCH" in refusal.value.details
    assert service.room(room) == before


def test_backups_that_are_damaged_themselves_are_skipped_and_named(open_rooms: Open, root: Path) -> None:
    service = open_rooms()
    room = make_room(service)
    ask(service, room, "remember value: newer")
    newest = Path(service.backup(room, BackupSpec()).path or "")
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(bytes(data))
    timestamp = memory(service, room)[3].timestamp
    service.close()
    flip(root, keys.memory(room, timestamp))
    service = open_rooms()
    with pytest.raises(errors.RoomCorrupted):
        memory(service, room)
    watch = service.subscribe([room])
    report = service.recover(room, by="ops@h1", from_backup=True)
    assert report.backup == service.backups(room)[1]
    told = [event.text for event in watch.get(1) if isinstance(event, Notice)]
    assert told[0].startswith(f"BACKUP SKIPPED: {newest.name}")
    assert ask(service, room, "recall value") == ["kept"]


def test_a_room_whose_record_is_gone_is_rebuilt_all_the_same(open_rooms: Open, root: Path) -> None:
    service = open_rooms()
    room = make_room(service)
    service.close()
    flip(root, keys.index(room))
    service = open_rooms()
    assert service.room(room).record.state is RoomState.CORRUPTED
    report = service.recover(room, by="ops@h1", from_backup=True)
    assert report.lost_entries == 2  # the witness knows
    assert ask(service, room, "recall value") == ["kept"]


def test_only_a_corrupted_room_is_recovered(open_rooms: Open) -> None:
    service = open_rooms()
    room = make_room(service)
    with pytest.raises(errors.IllegalTransition):
        service.recover(room, by="ops@h1", from_backup=True)


def spoiled(open_rooms: Open, root: Path) -> RoomId:
    """A room with one flipped bit deep in its memory, that nobody has seen."""
    service = open_rooms()
    room = make_room(service)
    timestamp = memory(service, room)[5].timestamp
    service.close()
    flip(root, keys.memory(room, timestamp))
    return room


def test_damage_deep_in_a_small_room_is_told_when_it_is_entered(open_rooms: Open, root: Path) -> None:
    room = spoiled(open_rooms, root)
    service = open_rooms()
    with pytest.raises(errors.RoomCorrupted) as refusal:
        service.enter(room)
    assert "CORRUPTION_TYPE: CHECKSUM_MISMATCH" in refusal.value.details
    assert service.room(room).record.state is RoomState.CORRUPTED


def test_damage_deep_in_a_larger_room_is_found_by_its_recovery(open_rooms, root, monkeypatch) -> None:
    room = spoiled(open_rooms, root)
    monkeypatch.setattr(loading, "CHECKED_WHOLE", 0)
    service = open_rooms()
    service.leave(service.enter(room).record.id)
    report = service.recover(room, by="ops@h1", from_backup=True)
    assert report.lost_entries == 2
    assert service.check().findings == ()


def test_a_room_whose_bytes_are_sound_after_all_is_active_again_and_nothing_is_lost(open_rooms, root) -> None:
    service, room = damaged(open_rooms, root)
    damage = service.room(room).record.damage
    service.close()
    flip(root, keys.memory(room, int(damage.where[-20:])))
    service = open_rooms()
    assert service.room(room).record.state is RoomState.CORRUPTED
    report = service.recover(room, by="ops@h1")
    assert (report.state, report.backup, report.lost_entries, report.lost_seconds) == (RoomState.ACTIVE, None, 0, 0.0)
    assert ask(service, room, "recall value") == ["kept"]


def test_a_room_whose_end_is_missing_is_not_called_sound_because_the_rest_is(open_rooms: Open, root: Path) -> None:
    service = open_rooms()
    room = make_room(service)
    stored = service.room(room).record
    newest = memory(service, room)[-2:]
    service.close()
    db = plyvel.DB(str(root / "leveldb"), compression=None)
    old = memory_before = decode_room(room, db.get(keys.index(room)))
    for entry in newest:
        size = len(db.get(keys.memory(room, entry.timestamp)))
        db.delete(keys.memory(room, entry.timestamp))
        old = old.with_(memory_usage=old.memory_usage - size, memory_plain=old.memory_plain - size)
    assert memory_before.tail == stored.tail
    service_tail = _tail_before(root, db, room, newest[0].timestamp)
    db.put(keys.index(room), encode_room(old.with_(tail=service_tail)), sync=True)
    db.close()
    service = open_rooms()
    assert service.room(room).record.state is RoomState.CORRUPTED
    with pytest.raises(errors.RoomCorrupted) as refusal:
        service.recover(room, by="ops@h1")
    assert "CORRUPTION_TYPE: MEMORY_LOG_TRUNCATED" in refusal.value.details
    assert service.recover(room, by="ops@h1", from_backup=True).lost_entries is not None


def _tail_before(root: Path, db: plyvel.DB, room: RoomId, timestamp: int):
    from backrooms_tui.persistence.segments import tail_of

    start, _ = keys.memory_range(room)
    with db.iterator(start=start, stop=keys.memory(room, timestamp), include_key=False, reverse=True) as rows:
        return tail_of(room, next(rows))


def test_a_damaged_room_gives_what_lies_before_the_damage(open_rooms: Open, root: Path) -> None:
    service, room = damaged(open_rooms, root, entry=20)
    sink = io.BytesIO()
    with pytest.raises(errors.RoomCorrupted):
        service.export(room, ExportSpec(), sink)
    assert len(sink.getvalue().splitlines()) == 20
    with pytest.raises(errors.RoomCorrupted):
        service.backup(room, BackupSpec(), io.BytesIO())
    with pytest.raises(errors.RoomCorrupted):
        service.compact(room)


def test_an_archive_replaces_a_damaged_room(open_rooms: Open, root: Path) -> None:
    service, room = damaged(open_rooms, root)
    with Path(service.backups(room)[0].path).open("rb") as source:
        assert service.restore(source).state is RoomState.ACTIVE
    assert ask(service, room, "recall value") == ["kept"]


@pytest.mark.parametrize(
    "place", ["config", "metadata", "state", "index", "memory"], ids=lambda place: f"in its {place}"
)
def test_a_check_names_the_one_flipped_bit_and_changes_nothing(open_rooms: Open, root: Path, place: str) -> None:
    service = open_rooms()
    room, other = make_room(service), make_room(service)
    timestamp = memory(service, room)[7].timestamp
    service.close()
    key = keys.memory(room, timestamp) if place == "memory" else getattr(keys, place)(room)
    flip(root, key)
    service = open_rooms()
    before = service.rooms()
    report = service.check()
    assert {(f.room_id, f.damage.type, f.damage.where) for f in report.findings} == {
        (room, "CHECKSUM_MISMATCH", key.decode())
    }
    assert service.rooms() == before
    assert ask(service, other, "recall value") == ["kept"]


def test_a_block_whose_checksum_alone_is_wrong_is_told_and_is_damage_of_no_room(open_rooms: Open, root: Path) -> None:
    service = open_rooms()
    rooms = [make_room(service) for _ in range(2)]
    service.close()
    table = max(root.glob("leveldb/*.ldb"), key=lambda table: table.stat().st_size)
    content = bytearray(table.read_bytes())
    content[first_block_size(content) + 1] ^= 1  # behind a block stand its kind and its checksum
    table.write_bytes(content)
    service = open_rooms()
    findings = service.check().findings
    assert findings
    assert {(finding.room_id, finding.damage.type) for finding in findings} == {(None, "CHECKSUM_MISMATCH")}
    assert [ask(service, room, "recall value") for room in rooms] == [["kept"]] * 2


def test_a_check_of_sound_rooms_finds_nothing_and_says_how_far_it_is(open_rooms: Open) -> None:
    service = open_rooms()
    rooms = [make_room(service) for _ in range(3)]
    service.compact(rooms[0])
    service.submit(rooms[1], b"long running operation", source="test", timeout=60)
    steps: list[tuple[int, int]] = []
    report = service.check(lambda done, of: steps.append((done, of)))
    assert report.findings == ()
    assert (report.rooms, report.entries) == (3, sum(service.room(room).record.entries for room in rooms))
    assert report.size >= sum(service.room(room).record.memory_usage for room in rooms)
    assert steps == sorted(steps)
    assert all(0 < done <= of for done, of in steps)


def test_a_check_holds_figures_and_queue_against_memory(open_rooms: Open, root: Path) -> None:
    service = open_rooms()
    room = make_room(service)
    service.close()
    db = plyvel.DB(str(root / "leveldb"), compression=None)
    record = decode_room(room, db.get(keys.index(room)))
    db.put(keys.index(room), encode_room(record.with_(memory_usage=record.memory_usage + 1)), sync=True)
    db.close()
    (root / "witness").unlink()
    (root / "witness.accept").touch()
    service = open_rooms()
    assert [f.damage.where for f in service.check().findings] == [keys.index(room).decode()]


_CHILD = """
import os, sys
from pathlib import Path
from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.persistence.row_store import RowStore
from backrooms_tui.service import open_service
from backrooms_tui.supervisor import archivist

archivist.CHUNK = 1000
root, verb, room, stop = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
steps = 0

def dying(work):
    def step(*args):
        global steps
        for at in (0, 1):
            if steps == stop:
                os.kill(os.getpid(), 9)
            steps += 1
            if at == 0:
                result = work(*args)
        return result
    return step

for name in ("clear", "fill", "establish"):
    setattr(RowStore, name, dying(getattr(RowStore, name)))
service = open_service(Settings(persistence=PersistenceSettings(path=root)))
if verb == "recover":
    service.recover(room, by="ops@h1", from_backup=True)
else:
    with open(sys.argv[5], "rb") as source:
        service.restore(source)
service.close()
"""


def killed_at(root: Path, verb: str, room: RoomId, stop: int, *more: str) -> bool:
    """Whether a child that carries out the verb died at its nth step; it ends well when there are fewer."""
    command = [sys.executable, "-c", _CHILD, str(root), verb, room, str(stop), *more]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode in (0, -9), ended.stderr
    return ended.returncode == -9


def test_killed_at_any_step_a_recovery_leaves_the_room_corrupted_or_recovered(open_rooms, root: Path) -> None:
    states = []
    stop = 0
    while True:
        service, room = damaged(open_rooms, root)
        neighbour = make_room(service, backed_up=False)
        service.close()
        died = killed_at(root, "recover", room, stop)
        service = open_rooms()
        states.append(str(service.room(room).record.state))
        if service.room(room).record.state is RoomState.CORRUPTED:
            service.recover(room, by="ops@h1", from_backup=True)
        assert ask(service, room, "recall value") == ["kept"]
        assert ask(service, neighbour, "recall value") == ["kept"]
        assert service.check().findings == ()
        service.destroy(room, confirm=room)
        service.close()
        if not died:
            break
        stop += 1
    assert stop >= 8, "clear, two pieces and establish, before and after"
    assert states == sorted(states, reverse=True), "CORRUPTED until it is established, ACTIVE from then on"
    assert set(states) == {"CORRUPTED", "ACTIVE"}


def test_killed_at_any_step_a_restore_leaves_a_whole_room_or_none(open_rooms, root: Path, tmp_path: Path) -> None:
    service = open_rooms()
    room = make_room(service, backed_up=False)
    archive = tmp_path / "archive"
    with archive.open("wb") as sink:
        service.backup(room, BackupSpec(), sink)
    neighbour = make_room(service, backed_up=False)
    there = []
    stop = 0
    while True:
        service.destroy(room, confirm=room)
        service.close()
        died = killed_at(root, "restore", room, stop, str(archive))
        service = open_rooms()
        there.append(room in [view.record.id for view in service.rooms()])
        if not there[-1]:
            with archive.open("rb") as source:
                service.restore(source)
        assert ask(service, room, "recall value") == ["kept"]
        assert ask(service, neighbour, "recall value") == ["kept"]
        assert service.check().findings == ()
        if not died:
            break
        stop += 1
    assert stop >= 8
    assert there == sorted(there)
    assert there[0] is False


@pytest.mark.parametrize("backend", ["LEVELDB", "FILESYSTEM", "SQLITE", "REDIS"])
def test_every_backend_compresses_backs_up_checks_and_recovers_a_room(backend: str, root: Path, request) -> None:
    persistence = PersistenceSettings(backend=backend, path=str(root))
    if backend == "REDIS":
        server = request.getfixturevalue("redis_server").options()
        persistence = changed(persistence, host=server.host, port=server.port, key_prefix=server.key_prefix)
    service = open_service(Settings(persistence=persistence))
    try:
        room = service.create(RoomConfig(name="ledger")).record.id
        ask(service, room, "remember value: kept")
        ask(service, room, "stream 1000 lines")
        assert service.compact(room).ratio > 1.5
        service.backup(room, BackupSpec(include_config=True))
        backed_up = memory(service, room)
        ask(service, room, "valid input")
        assert service.check().findings == ()
        service._registry.corrupt(service._registry.get(room), Damage("CHECKSUM_MISMATCH", "test", 0, 1))
        with pytest.raises(errors.RoomCorrupted):
            service.submit(room, b"valid input", source="test")
        assert service.recover(room, by="ops@h1", from_backup=True).lost_entries == 2
        service.close()
        service = open_service(Settings(persistence=persistence))
        assert memory(service, room)[:-1] == backed_up
        assert ask(service, room, "recall value") == ["kept"]
        assert service.check().findings == ()
    finally:
        service.close()
