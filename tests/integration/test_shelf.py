"""The shelf of backups: names, order, retention, and what is not ours."""

from __future__ import annotations

import os
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from store_contract import room_id

from backrooms_tui.model.errors import StoreFailed, UnsafePath
from backrooms_tui.model.formats import ARCHIVE_COMPRESSIONS
from backrooms_tui.persistence.shelf import Shelf
from backrooms_tui.persistence.whole_file import unfinished, whole_file

A, B = room_id("a"), room_id("b")
SECOND = 1_000_000_000
HOUR = 3600 * SECOND
THREE = int(datetime(2026, 1, 8, 3, 0, 12, tzinfo=UTC).timestamp()) * SECOND
"""Twelve seconds past three."""


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path / "backups")


def put(shelf, room, taken_at, content=b"archive", compression="gzip"):
    return shelf.put(room, taken_at, compression, lambda file: file.write(content))


def names(shelf, room=None):
    return [Path(info.path).name for info in shelf.list(room)]


def test_a_backup_has_the_seeds_name_and_is_private(shelf):
    info = put(shelf, A, THREE)
    path = shelf.directory / A / "2026-01-08-0300.tar.gz"
    assert (info.room_id, info.path, info.size) == (A, str(path), 7)
    assert info.taken_at == THREE - 12 * SECOND, "the name says the minute"
    assert path.read_bytes() == b"archive"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == stat.S_IMODE(shelf.directory.stat().st_mode) == 0o700


def test_a_shelf_without_backups_is_empty_and_makes_nothing(shelf):
    assert shelf.list() == shelf.list(A) == shelf.purge(1, THREE) == []
    assert shelf.forget(A) == 0
    assert not shelf.directory.exists()


def test_backups_of_one_minute_and_one_second_keep_their_order(shelf):
    taken = [put(shelf, A, THREE + n) for n in (0, 1, 2, SECOND)]
    assert names(shelf) == [
        "2026-01-08-030013.tar.gz",
        "2026-01-08-030012000000002.tar.gz",
        "2026-01-08-030012.tar.gz",
        "2026-01-08-0300.tar.gz",
    ]
    assert len({info.path for info in taken}) == 4
    assert [info.taken_at for info in shelf.list()] == sorted((info.taken_at for info in taken), reverse=True)


@pytest.mark.parametrize("compression", ARCHIVE_COMPRESSIONS)
def test_the_suffix_tells_the_compression_and_one_time_has_one_name(shelf, compression):
    suffix = {"gzip": ".tar.gz", "xz": ".tar.xz", "zstd": ".tar.zst", "none": ".tar"}[compression]
    put(shelf, A, THREE, compression=compression)
    put(shelf, A, THREE, compression="gzip")
    assert set(names(shelf)) == {"2026-01-08-030012.tar.gz", f"2026-01-08-0300{suffix}"}


def test_the_list_is_newest_first_over_rooms(shelf):
    for n, room in enumerate((A, B, A)):
        put(shelf, room, THREE + n * HOUR)
    assert [info.room_id for info in shelf.list()] == [A, B, A]
    assert [info.room_id for info in shelf.list(B)] == [B]


def test_a_backup_can_be_opened(shelf):
    with shelf.open(put(shelf, A, THREE, b"words")) as file:
        assert file.read() == b"words"


def test_what_fails_while_it_is_written_leaves_nothing(shelf):
    def fail(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shelf.put(A, THREE, "gzip", fail)
    assert list((shelf.directory / A).iterdir()) == []
    assert put(shelf, A, THREE).path.endswith("0300.tar.gz"), "its name is free again"


def test_backups_put_at_once_do_not_take_each_others_place(shelf):
    together = threading.Barrier(8)

    def write(file):
        together.wait(60)
        file.write(b"x")

    threads = [threading.Thread(target=shelf.put, args=(A, THREE, "gzip", write)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(shelf.list(A)) == 8


def test_what_is_not_ours_is_neither_listed_nor_removed(shelf, tmp_path):
    ours = put(shelf, A, THREE)
    room = shelf.directory / A
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "2020-01-01-0000.tar.gz").write_bytes(b"x")
    (shelf.directory / B).symlink_to(outside)
    (room / "2020-01-01-0000.tar.gz").symlink_to(outside / "2020-01-01-0000.tar.gz")
    (room / "2020-01-02-0000.tar.gz").mkdir()
    for name in ("notes.txt", "2020-13-01-0000.tar.gz", "2020-01-01-0000.tar.gz.bak", "2020-01-01-2500.tar.gz"):
        (room / name).write_bytes(b"x")
    (shelf.directory / "notes").mkdir()
    (shelf.directory / "notes" / "2020-01-01-0000.tar.gz").write_bytes(b"x")
    before = sorted(tmp_path.rglob("*"))
    assert shelf.list() == [ours]
    shelf.purge(1, THREE + 1000 * HOUR)
    shelf.purge(1, THREE + 1000 * HOUR)
    assert shelf.forget(B) == 0
    assert sorted(tmp_path.rglob("*")) == before
    assert shelf.forget(A) == 1
    assert (room / "notes.txt").exists()


def test_a_link_in_a_backups_place_is_not_opened(shelf, tmp_path):
    info = put(shelf, A, THREE)
    Path(info.path).unlink()
    (tmp_path / "secret").write_bytes(b"x")
    Path(info.path).symlink_to(tmp_path / "secret")
    with pytest.raises(UnsafePath):
        shelf.open(info)


def test_a_shelf_that_others_may_write_is_refused(shelf):
    shelf.directory.mkdir()
    shelf.directory.chmod(0o777)
    with pytest.raises(UnsafePath):
        put(shelf, A, THREE)


def test_a_full_or_missing_place_is_a_refusal_with_a_reason(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreFailed, match="REASON"):
        put(Shelf(tmp_path / "file" / "backups"), A, THREE)


def test_old_backups_go_at_the_second_look_and_the_newest_stays(shelf):
    for age in (5, 4, 3, 1):
        put(shelf, A, THREE - age * HOUR)
    put(shelf, B, THREE - 9 * HOUR)
    assert shelf.purge(2, THREE) == []
    gone = shelf.purge(2, THREE)
    assert [(THREE - info.taken_at) // HOUR for info in gone] == [3, 4, 5]
    assert [info.room_id for info in shelf.list()] == [A, B]


def test_the_newest_backup_stays_however_old_it_is(shelf):
    put(shelf, A, THREE)
    for _ in range(3):
        assert shelf.purge(1, THREE + 10_000 * HOUR) == []
    assert len(shelf.list(A)) == 1


def test_a_clock_that_jumps_and_comes_back_purges_nothing(shelf):
    for age in (3, 2, 1):
        put(shelf, A, THREE - age * HOUR)
    for now in (THREE, THREE + 10_000 * HOUR, THREE, THREE + 10_000 * HOUR, THREE):
        assert shelf.purge(24, now) == []


def test_a_clock_that_goes_back_purges_nothing(shelf):
    for age in (3, 2, 1):
        put(shelf, A, THREE - age * HOUR)
    for _ in range(2):
        assert shelf.purge(1, THREE - 100 * HOUR) == []


def test_rooms_to_spare_keep_everything(shelf):
    for age in (50, 40):
        put(shelf, A, THREE - age * HOUR)
    for _ in range(3):
        assert shelf.purge(1, THREE, spare={A}) == []


def test_forgetting_a_room_removes_its_backups_and_what_a_killed_process_left(shelf):
    put(shelf, A, THREE)
    put(shelf, A, THREE + HOUR, compression="zstd")
    kept = put(shelf, B, THREE)
    (shelf.directory / A / ".2026-01-08-0500.tar.gz.0123456789abcdef.part").write_bytes(b"words")
    assert shelf.forget(A) == 2
    assert not (shelf.directory / A).exists()
    assert shelf.list() == [kept]


def test_what_a_killed_process_left_goes_with_a_purge_unless_it_is_being_written(shelf):
    left = ".2026-01-08-0500.tar.gz.0123456789abcdef.part"
    put(shelf, A, THREE)
    (shelf.directory / A / left).write_bytes(b"words")

    def write(file):
        shelf.purge(1, THREE)
        assert len(list((shelf.directory / A).iterdir())) == 3
        file.write(b"x")

    shelf.put(A, THREE + HOUR, "gzip", write)
    shelf.purge(1, THREE)
    assert sorted(path.name for path in (shelf.directory / A).iterdir()) == sorted(names(shelf, A))


# Files that appear whole or not at all.


def test_a_whole_file_appears_at_the_end_private_and_complete(tmp_path):
    path = tmp_path / "export.jsonl"
    with whole_file(path) as file:
        file.write(b"all of it")
        assert not path.exists()
        assert [unfinished(found.name) for found in tmp_path.iterdir() if found.name != "home"] == [True]
    assert path.read_bytes() == b"all of it"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(found.name for found in tmp_path.iterdir()) == ["export.jsonl", "home"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, SystemExit])
def test_what_ends_the_writing_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "export.jsonl"
    path.write_bytes(b"old")
    with pytest.raises(error), whole_file(path) as file:
        file.write(b"half")
        raise error
    assert path.read_bytes() == b"old"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["export.jsonl", "home"]


def test_an_old_file_is_replaced_in_one_step(tmp_path):
    path = tmp_path / "export.jsonl"
    path.write_bytes(b"old")
    with path.open("rb") as reader, whole_file(path) as file:
        file.write(b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"


def test_a_link_is_replaced_and_never_followed(tmp_path):
    target = tmp_path / "precious"
    target.write_bytes(b"precious")
    path = tmp_path / "link"
    path.symlink_to(target)
    with whole_file(path) as file:
        file.write(b"new")
    assert target.read_bytes() == b"precious"
    assert not path.is_symlink()
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("kind", ["directory", "device", "pipe", "link to a directory"])
def test_what_is_no_file_is_not_replaced(tmp_path, kind):
    path = tmp_path / "place"
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/null" if kind == "device" else tmp_path)
    with pytest.raises(UnsafePath), whole_file(path):
        pytest.fail("nothing may be written")
    assert os.path.lexists(path)


def test_a_long_name_is_no_obstacle(tmp_path):
    path = tmp_path / ("n" * 250)
    with whole_file(path) as file:
        file.write(b"x")
    assert path.read_bytes() == b"x"


def test_a_missing_directory_is_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "missing" / "file"):
        pytest.fail("nothing may be written")
