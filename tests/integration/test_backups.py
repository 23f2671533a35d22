"""Backups and what becomes of them: one exact prefix beside writes, restored whole or not at all, by themselves."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support import eventually

from backrooms_tui.config.settings import BackupSettings, LimitSettings, PersistenceSettings, Settings
from backrooms_tui.model import errors
from backrooms_tui.model.entries import EntryType, MemoryEntry, Outcome
from backrooms_tui.model.events import Notice, RoomCreated
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.reports import BackupSpec, ExportSpec
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.states import RoomState
from backrooms_tui.service import RoomService, open_service

Open = Callable[..., RoomService]
HOUR = 3600


@pytest.fixture
def open_rooms(tmp_path: Path, open_service_on) -> Open:
    def open_it(where: str = "rooms", *, rooms: int = 1024, **backup: object) -> RoomService:
        persistence = PersistenceSettings(path=str(tmp_path / where / "store"), backup=BackupSettings(**backup))  # type: ignore[arg-type]
        settings = Settings(persistence=persistence, limits=LimitSettings(max_rooms=rooms))
        return open_service_on(settings)

    return open_it


@pytest.fixture
def service(open_rooms: Open) -> RoomService:
    return open_rooms()


def make_room(service: RoomService, **config: object) -> RoomId:
    return service.create(RoomConfig(**config)).record.id  # type: ignore[arg-type]


def ask(service: RoomService, room: RoomId, text: str) -> list[str]:
    result = service.wait(service.submit(room, text.encode(), source="test"), timeout=60)
    assert result is not None
    assert result.outcome in (Outcome.OUTPUT, Outcome.SILENT)
    return [entry.content for entry in result.entries if entry.type is EntryType.OUTPUT]


def memory(service: RoomService, room: RoomId) -> list[MemoryEntry]:
    return service.read(room, after=0, limit=1_000_000)


def archive_of(service: RoomService, room: RoomId, **spec: object) -> bytes:
    sink = io.BytesIO()
    service.backup(room, BackupSpec(**spec), sink)  # type: ignore[arg-type]
    return sink.getvalue()


def flat(archive: bytes) -> io.BytesIO:
    return io.BytesIO(archive)


@pytest.mark.parametrize("compression", ["gzip", "xz", "zstd", "none"])
def test_a_restored_room_remembers_everything_and_goes_on(open_rooms: Open, compression: str) -> None:
    service = open_rooms()
    room = make_room(service, name="ledger", timeout=7)
    ask(service, room, "remember value: kept")
    ask(service, room, "stream 600 lines")
    service.compact(room)
    archive = archive_of(service, room, compression=compression, include_config=True)
    other = open_rooms("elsewhere")
    watch = other.subscribe()
    report = other.restore(flat(archive))
    assert RoomCreated(room) in watch.get(5)
    assert (report.room_id, report.entries, report.state) == (room, len(memory(service, room)), RoomState.ACTIVE)
    assert memory(other, room) == memory(service, room)
    assert other.room(room).record.config == service.room(room).record.config
    assert ask(other, room, "recall value") == ["kept"]
    assert other.check().findings == ()
    other.close()
    assert ask(open_rooms("elsewhere"), room, "recall value") == ["kept"]


def test_a_whole_binary_export_is_restored_too_and_a_partial_one_refused(open_rooms: Open) -> None:
    service = open_rooms()
    room = make_room(service)
    ask(service, room, "remember value: kept")
    whole, part = io.BytesIO(), io.BytesIO()
    service.export(room, ExportSpec("binary"), whole)
    service.export(room, ExportSpec("binary", types=(EntryType.INPUT,)), part)
    other = open_rooms("elsewhere")
    with pytest.raises(errors.ArchiveInvalid):
        other.restore(flat(part.getvalue()))
    assert other.rooms() == []
    other.restore(flat(whole.getvalue()))
    assert memory(other, room) == memory(service, room)


def test_a_room_restored_without_its_settings_gets_the_defaults(open_rooms: Open) -> None:
    service = open_rooms()
    room = make_room(service, timeout=7, name="n")
    other = open_rooms("elsewhere")
    other.restore(flat(archive_of(service, room)))
    assert other.room(room).record.config == RoomConfig()


def test_a_suspended_room_is_exported_backed_up_and_restored_as_it_is(open_rooms: Open) -> None:
    service = open_rooms()
    room = make_room(service)
    ask(service, room, "valid input")
    service.suspend(room, by="ops@h1")
    lines = io.BytesIO()
    assert service.export(room, ExportSpec(), lines).entries == 3
    assert len(lines.getvalue().splitlines()) == 3
    other = open_rooms("elsewhere")
    assert other.restore(flat(archive_of(service, room))).state is RoomState.SUSPENDED
    with pytest.raises(errors.RoomSuspended):
        other.submit(room, b"x", source="test")


def test_a_room_that_is_there_and_well_is_not_replaced(service: RoomService) -> None:
    room = make_room(service)
    ask(service, room, "valid input")
    archive = archive_of(service, room)
    before = memory(service, room)
    with pytest.raises(errors.RoomExists):
        service.restore(flat(archive))
    assert memory(service, room) == before


def test_a_full_store_takes_no_room_more_and_is_as_before(open_rooms: Open) -> None:
    service = open_rooms()
    archive = archive_of(service, make_room(service))
    other = open_rooms("few", rooms=1)
    make_room(other)
    before = other.rooms()
    with pytest.raises(errors.MaxRoomsExceeded):
        other.restore(flat(archive))
    assert other.rooms() == before


def test_a_damaged_archive_changes_nothing(open_rooms: Open) -> None:
    service = open_rooms()
    room = make_room(service)
    ask(service, room, "stream 300 lines")
    archive = bytearray(archive_of(service, room, compression="none"))
    archive[len(archive) // 2] ^= 1
    other = open_rooms("elsewhere")
    with pytest.raises(errors.ArchiveInvalid):
        other.restore(flat(bytes(archive)))
    assert other.rooms() == []
    other.restore(flat(archive_of(service, room)))


def test_a_cancelled_restore_leaves_no_room_and_can_be_done_again(open_rooms: Open) -> None:
    service = open_rooms()
    room = make_room(service)
    ask(service, room, "stream 300 lines")
    archive = archive_of(service, room)
    other = open_rooms("elsewhere")

    def cancel(done: int, of: int) -> None:
        if done > of // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        other.restore(flat(archive), cancel)
    assert other.rooms() == []
    assert other.restore(flat(archive)).entries == 301
    other.close()
    assert len(open_rooms("elsewhere").rooms()) == 1


def test_other_rooms_answer_while_a_room_is_restored(open_rooms: Open) -> None:
    service = open_rooms()
    room = make_room(service)
    ask(service, room, "stream 300 lines")
    archive = archive_of(service, room)
    other = open_rooms("elsewhere")
    busy = make_room(other)
    answers: list[list[str]] = []

    def meanwhile(done: int, of: int) -> None:
        if not answers and done > of // 2:
            answers.append(ask(other, busy, "valid input"))

    other.restore(flat(archive), meanwhile)
    assert answers == [["Acknowledged."]]


def test_a_backup_taken_during_writes_is_one_exact_prefix(open_rooms: Open) -> None:
    service = open_rooms()
    room = make_room(service)
    ask(service, room, "initialize counter at 0")
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            ask(service, room, "increment counter")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        archives = [archive_of(service, room) for _ in range(5)]
    finally:
        stop.set()
        writer.join()
    everything = memory(service, room)
    for n, archive in enumerate(archives):
        other = open_rooms(f"other{n}")
        other.restore(flat(archive))
        restored = memory(other, room)
        assert restored == everything[: len(restored)]
        counted = sum(1 for e in restored if e.type is EntryType.OUTPUT and e.content.startswith("Counter"))
        waiting = other.room(room).record.queued
        said = ask(other, room, "what is counter value")
        assert said == [f"Counter: {counted + waiting - 1}"]
        other.close()


def test_inputs_that_waited_in_a_backup_run_after_its_restore(open_rooms: Open) -> None:
    service = open_rooms()
    room = make_room(service)
    service.submit(room, b"long running operation", source="test", timeout=60)
    service.submit(room, b"remember value: later", source="test")
    archive = archive_of(service, room)
    other = open_rooms("elsewhere")
    other.restore(flat(archive))
    assert other.room(room).queue_depth == 2


def test_a_backup_without_a_file_stands_on_the_shelf_beside_the_rooms(open_rooms: Open, tmp_path: Path) -> None:
    service = open_rooms()
    room = make_room(service)
    report = service.backup(room, BackupSpec())
    (info,) = service.backups()
    assert (info.path, info.size, info.room_id) == (report.path, report.size, room)
    assert Path(info.path).parent == tmp_path / "rooms" / "backups" / room
    assert Path(info.path).stat().st_mode & 0o777 == 0o600


def test_destroying_a_room_removes_its_backups_and_no_others(service: RoomService) -> None:
    room, other = make_room(service), make_room(service)
    for each in (room, other):
        service.backup(each, BackupSpec())
    service.destroy(room, confirm=room)
    assert [info.room_id for info in service.backups()] == [other]


def test_rooms_that_nothing_outlives_have_no_shelf() -> None:
    service = open_service(Settings(), persist=False)
    try:
        room = make_room(service)
        assert service.backups() == []
        with pytest.raises(errors.UsageError):
            service.backup(room, BackupSpec())
        other = archive_of(service, room)
        service.destroy(room, confirm=room)
        assert service.restore(flat(other)).room_id == room
    finally:
        service.close()


def test_a_staying_owner_backs_rooms_up_by_itself_when_they_have_changed(open_rooms: Open) -> None:
    service = open_rooms(interval=1)
    room, quiet = make_room(service), make_room(service)
    service.resume_pending()
    eventually(lambda: {info.room_id for info in service.backups()} == {room, quiet})
    ask(service, room, "valid input")
    eventually(lambda: len(service.backups(room)) >= 2)  # more, when a round came amid the input
    assert len(service.backups(quiet)) == 1


def test_a_one_shot_owner_and_one_told_not_to_back_nothing_up(open_rooms: Open) -> None:
    for where, staying, enabled in (("a", False, True), ("b", True, False)):
        service = open_rooms(where, interval=1, enabled=enabled)
        make_room(service)
        if staying:
            service.resume_pending()
        assert not [t for t in threading.enumerate() if t.name == "backups"]


def test_an_owner_that_finds_old_backups_begins_at_once_and_one_that_finds_new_ones_waits(
    open_rooms: Open, tmp_path: Path
) -> None:
    service = open_rooms()
    room = make_room(service)
    service.backup(room, BackupSpec())
    (info,) = service.backups()
    service.close()
    Path(info.path).rename(Path(info.path).with_name("2020-01-01-0000.tar.gz"))
    again = open_rooms(interval=10 * HOUR)
    again.resume_pending()
    eventually(lambda: len(again.backups()) == 2)


def test_a_backup_that_fails_is_told_and_the_owner_goes_on(open_rooms: Open, tmp_path: Path) -> None:
    service = open_rooms(interval=1)
    room = make_room(service)
    (tmp_path / "rooms" / "backups").write_text("in the way")
    watch = service.subscribe()
    service.resume_pending()
    told = eventually(lambda: [e for e in watch.get(1) if isinstance(e, Notice) and e.severity == "WARN"])
    assert told[0].text.startswith("BACKUP FAILED: ")  # type: ignore[index]
    assert ask(service, room, "valid input") == ["Acknowledged."]
    (tmp_path / "rooms" / "backups").unlink()
    eventually(service.backups)


def test_closing_gives_up_a_backup_at_work(open_rooms: Open) -> None:
    service = open_rooms(interval=1)
    room = make_room(service)
    ask(service, room, "stream 3000 lines")
    service.resume_pending()
    eventually(service.backups, within=10)
    service.close()
    assert not [t for t in threading.enumerate() if t.name == "backups"]
