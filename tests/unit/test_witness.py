"""The witness file: whole or refused, and truthful about what is durable."""

from __future__ import annotations

import errno
import os
import threading

import pytest

from backrooms_tui.model.errors import StoreCorrupted, StoreFailed, UnsafePath
from backrooms_tui.model.ids import RoomId
from backrooms_tui.persistence.witness import DUE_AFTER, Mark, Witness, WitnessKeeper, read_witness, write_witness

A, B = RoomId("0a" * 32), RoomId("0b" * 32)
MARKS = {A: Mark(3, 2**63, 0xFFFFFFFF, 1), B: Mark(0, 0, 0, 9)}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "witness"


def test_a_missing_witness_is_none(path):
    assert read_witness(path) is None


@pytest.mark.parametrize(
    "witness", [Witness(), Witness(clean=True), Witness(clean=True, marks=MARKS), Witness(marks=MARKS)]
)
def test_it_reads_back_what_was_written(path, witness):
    write_witness(path, witness)
    assert read_witness(path) == witness


def test_every_flipped_bit_and_every_cut_is_refused_with_the_way_out(path):
    write_witness(path, Witness(clean=True, marks=MARKS))
    content = path.read_bytes()
    flipped = [
        bytes([*content[:at], content[at] ^ 1 << bit, *content[at + 1 :]])
        for at in range(len(content))
        for bit in range(8)
    ]
    for damaged in [*flipped, *(content[:size] for size in range(len(content))), content + b"\0", bytes(len(content))]:
        path.write_bytes(damaged)
        with pytest.raises(StoreCorrupted) as caught:
            read_witness(path)
        assert sum(line.startswith("RECOVERY: ") for line in caught.value.details) == 2


def test_a_link_in_its_place_is_not_followed(path, tmp_path):
    write_witness(tmp_path / "elsewhere", Witness())
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnsafePath):
        read_witness(path)


def test_a_failed_write_leaves_the_old_witness(path, monkeypatch):
    write_witness(path, Witness(marks=MARKS))

    def full(fd):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFailed):
        write_witness(path, Witness())
    assert read_witness(path) == Witness(marks=MARKS)


def test_marks_of_unsynced_commits_wait_for_a_synced_one(path):
    keeper = WitnessKeeper(path)
    keeper.before_writing()
    keeper.acknowledge({A: Mark(1, 1, 1, 1)}, commits=1, synced=False)
    keeper.write()
    assert read_witness(path) == Witness()
    assert keeper.unsynced
    keeper.acknowledge({B: Mark(2, 2, 2, 2)}, commits=1, synced=True)
    keeper.write()
    assert read_witness(path).marks == {A: Mark(1, 1, 1, 1), B: Mark(2, 2, 2, 2)}
    assert not keeper.unsynced


def test_a_clean_stop_is_taken_back_before_the_next_write_and_no_earlier(path):
    write_witness(path, Witness(clean=True, marks=MARKS))
    keeper = WitnessKeeper(path)
    keeper.write(clean=True)
    assert read_witness(path).clean
    keeper.before_writing()
    assert read_witness(path) == Witness(clean=False, marks=MARKS)
    keeper.write(clean=True)
    assert read_witness(path) == Witness(clean=True, marks=MARKS)


def test_nothing_is_written_when_nothing_changed(path):
    keeper = WitnessKeeper(path)
    keeper.write()
    keeper.write(clean=True)
    assert not path.exists()


def test_forgotten_rooms_are_not_missed(path):
    write_witness(path, Witness(marks=MARKS))
    keeper = WitnessKeeper(path)
    keeper.forget(A)
    keeper.write()
    assert set(read_witness(path).marks) == {B}


def test_it_is_due_by_commits_not_by_rooms(path):
    keeper = WitnessKeeper(path)
    keeper.acknowledge({A: MARKS[A]}, commits=DUE_AFTER - 1, synced=True)
    assert not keeper.due
    keeper.acknowledge({A: MARKS[A]}, commits=1, synced=True)
    assert keeper.due
    keeper.write()
    assert not keeper.due


def test_writers_in_two_threads_never_put_an_older_copy_over_a_newer_one(path):
    keeper = WitnessKeeper(path)
    go_on = threading.Event()

    def keep_writing():
        while not go_on.is_set():
            keeper.write()

    other = threading.Thread(target=keep_writing)
    other.start()
    try:
        for n in range(1, 60):
            keeper.acknowledge({A: Mark(n, n, n, n)}, commits=1, synced=True)
            keeper.write()
            assert read_witness(path).marks[A].seq == n
    finally:
        go_on.set()
        other.join()
