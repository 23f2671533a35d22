"""`state.bin`, `memory.log` and the journal, byte by byte."""

from __future__ import annotations

import os

import pytest

from backrooms_tui.model.errors import StoreCorrupted, UnsafePath
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.room import Creation, RoomConfig, RoomRecord
from backrooms_tui.model.states import RoomState
from backrooms_tui.persistence.damage import DamageFound
from backrooms_tui.persistence.files_log import Log
from backrooms_tui.persistence.files_log_writing import LogWriter, found_extent
from backrooms_tui.persistence.files_state import Extent, StateFile, decode_state, encode_state, place_in
from backrooms_tui.persistence.journal import HEADER, Journal
from backrooms_tui.persistence.records import Damaged
from backrooms_tui.persistence.room_records import encode_room

ROOM = RoomId("0123456789abcdef" * 4)
RECORD = encode_room(
    RoomRecord(ROOM, RoomState.SUSPENDED, RoomConfig(), Creation(1, "u", "h"), created_at=5, last_active=77)
)
STATE = StateFile(RECORD, b"snapshot", {3: b"third", 9: b"ninth"}, marked=True, extent=Extent(2, 1000, 99, 40, 24, 7))


class TestStateFile:
    @pytest.mark.parametrize("state", [STATE, StateFile(), StateFile(RECORD), StateFile(marked=True)])
    def test_it_comes_back_as_it_was_written(self, state):
        assert decode_state(ROOM, encode_state(ROOM, state)) == state

    def test_state_and_time_stand_in_it_for_people(self):
        content = encode_state(ROOM, STATE)
        assert content[64] == 2
        assert int.from_bytes(content[69 + len(b"snapshot") :][:8], "big") == 77

    @pytest.mark.parametrize(
        ("kind", "number", "value"),
        [("S", 0, b"snapshot"), ("I", 0, RECORD), ("Q", 3, b"third"), ("Q", 9, b"ninth")],
        ids=["snapshot", "record", "first queued", "last queued"],
    )
    def test_a_value_is_where_it_is_said_to_be(self, kind, number, value):
        content = encode_state(ROOM, STATE)
        assert content[place_in(STATE, kind, number) :].startswith(value)

    def test_every_flipped_bit_and_every_cut_is_damage(self):
        content = encode_state(ROOM, STATE)
        for at in range(len(content)):
            for bad in (content[:at], bytes([*content[:at], content[at] ^ 1 << at % 8, *content[at + 1 :]])):
                with pytest.raises(Damaged):
                    decode_state(ROOM, bad)
        for bad in (content + b"\0", b"", bytes(len(content))):
            with pytest.raises(Damaged):
                decode_state(ROOM, bad)

    def test_it_is_no_other_room_s(self):
        with pytest.raises(Damaged):
            decode_state(RoomId("f" * 64), encode_state(ROOM, STATE))


class TestLog:
    SIZES = (1, 20, 500, 40_000, 3, 100_000, 7, 0, 33_000, 64)

    @pytest.fixture
    def room(self, tmp_path):
        path = tmp_path / ROOM
        path.mkdir(0o700)
        return path

    @staticmethod
    def written(room, rows, extent=None):
        writer = LogWriter(room, extent or Extent())
        try:
            for row in rows:
                writer.put(*row)
            return writer.finish()
        finally:
            writer.close()

    def rows(self, repeat=3):
        return [(10 * n + 5, bytes([n % 251]) * size) for n, size in enumerate(self.SIZES * repeat)]

    def test_every_range_is_read_in_both_directions(self, room):
        rows = self.rows()
        log = Log(room, self.written(room, rows))
        for start in range(0, 310, 7):
            for stop in (0, start, start + 1, start + 35, 10**20):
                expected = [row for row in rows if start <= row[0] < stop]
                assert list(log.forward(start, stop)) == expected
                assert list(log.backward(start, stop)) == expected[::-1]

    def test_a_log_that_is_appended_to_in_parts_is_that_written_at_once(self, room, tmp_path):
        rows, extent = self.rows(), Extent()
        for n in range(0, len(rows), 4):
            extent = self.written(room, rows[n : n + 4], extent)
        whole = tmp_path / "whole"
        whole.mkdir(0o700)
        assert self.written(whole, rows) == extent
        for name in ("memory.log", "memory.idx"):
            assert (room / name).read_bytes() == (whole / name).read_bytes()
        assert found_extent(room) == extent

    def test_what_stands_behind_the_extent_is_not_read_and_written_over(self, room):
        rows = self.rows(1)
        extent = self.written(room, rows[:4])
        self.written(room, rows[4:], extent)
        assert list(Log(room, extent).forward(0, 10**20)) == rows[:4]
        again = self.written(room, [(1000, b"other")], extent)
        assert list(Log(room, again).forward(0, 10**20)) == [*rows[:4], (1000, b"other")]
        assert (room / "memory.log").stat().st_size == again.size

    def test_a_damaged_length_is_damage_and_costs_no_memory_and_no_time(self, room):
        extent = self.written(room, self.rows(1))
        content = (room / "memory.log").read_bytes()
        for at, value in ((9, 0xFF), (9, 0x7F), (12, 0), (extent.size - 4, 0xFF), (extent.size - 1, 0)):
            (room / "memory.log").write_bytes(bytes([*content[:at], value, *content[at + 1 :]]))
            log = Log(room, extent)
            with pytest.raises(DamageFound):
                list(log.forward(0, 10**20))
            with pytest.raises(DamageFound):
                list(log.backward(0, 10**20))

    def test_a_damaged_index_names_its_byte(self, room):
        extent = self.written(room, self.rows())
        content = bytearray((room / "memory.idx").read_bytes())
        assert len(content) > 72
        content[50] ^= 1
        (room / "memory.idx").write_bytes(content)
        with pytest.raises(DamageFound) as caught:
            Log(room, extent)
        assert (caught.value.damage.where, caught.value.damage.offset) == (f"{ROOM}/memory.idx", 48)

    def test_a_pipe_in_a_log_s_place_is_refused_and_hangs_nobody(self, room):
        extent = self.written(room, self.rows(1))
        (room / "memory.log").unlink()
        os.mkfifo(room / "memory.log", 0o600)
        with pytest.raises(UnsafePath):
            Log(room, extent)


class TestJournal:
    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "journal"

    @staticmethod
    def written(path, *frames):
        """A journal with frames: text, and whether it was synced."""
        journal = Journal(path, new=True)
        for text, sync in frames:
            journal.append(text, sync=sync)
        journal.close()
        return path.read_bytes()

    @staticmethod
    def found(path):
        journal = Journal(path, new=False)
        try:
            return journal.take_found()
        finally:
            journal.close()

    def test_frames_come_back_in_order_and_appending_goes_on_behind_them(self, path):
        self.written(path, (b"one", True), (b"", True))
        journal = Journal(path, new=False)
        assert journal.take_found() == [b"one", b""]
        journal.append(b"three", sync=True)
        assert journal.check() is None
        journal.close()
        assert self.found(path) == [b"one", b"", b"three"]

    def test_after_a_reset_it_is_its_header(self, path):
        self.written(path, (b"one", True))
        journal = Journal(path, new=False)
        journal.reset()
        assert journal.empty
        journal.append(b"two", sync=True)
        journal.close()
        assert self.found(path) == [b"two"]
        journal = Journal(path, new=False)
        journal.reset()
        journal.close()
        assert path.read_bytes() == HEADER

    def test_a_renewed_journal_is_another_file_with_the_same_frames(self, path):
        self.written(path, (b"one", True))
        before = path.stat().st_ino
        journal = Journal(path, new=False)
        journal.renew()
        journal.append(b"two", sync=True)
        journal.close()
        assert path.stat().st_ino != before
        assert self.found(path) == [b"one", b"two"]

    def test_every_cut_leaves_a_prefix_and_every_flip_is_told_or_takes_the_last_frame_alone(self, path):
        frames = [b"first", b"second" * 10, b"RMJF" * 9, b"last"]
        content = self.written(path, *((frame, True) for frame in frames))
        for at in range(len(HEADER), len(content)):
            path.write_bytes(content[:at])
            found = self.found(path)
            assert found == frames[: len(found)]
            path.write_bytes(bytes([*content[:at], content[at] ^ 1 << at % 8, *content[at + 1 :]]))
            if at >= len(content) - len(b"last") - 28:
                assert self.found(path) == frames[:3]
            else:
                with pytest.raises(StoreCorrupted):
                    self.found(path)

    def test_of_frames_that_were_never_synced_a_hole_is_the_end(self, path):
        """A power cut may take any of them: what follows a missing one goes too, and is no damage."""
        content = bytearray(self.written(path, (b"kept", True), (b"lost", False), (b"after", False)))
        content[content.index(b"lost")] ^= 1
        path.write_bytes(content)
        assert self.found(path) == [b"kept"]

    @pytest.mark.parametrize("content", [b"", HEADER[:-1], b"X" + HEADER[1:], bytes(16)])
    def test_a_damaged_header_is_told(self, path, content):
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(StoreCorrupted):
            Journal(path, new=False)
