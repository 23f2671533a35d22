"""Damage of every kind and place in `rooms.db`: told, confined to where it is, and never written upon."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from damage_sweep import build, damaged, everything, outcome, sweep
from sqlite_places import A, B, C, asked, opened
from store_contract import T0, new_record, remembering

from backrooms_tui.model.errors import BackroomsError, RoomCorrupted, StoreCorrupted
from backrooms_tui.persistence.store import RoomCommit

LONG = os.environ.get("ROOM_CAMPAIGN") == "long"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def database(root: Path) -> Path:
    return root / "rooms.db"


STRUCTURE = [18, 19, 28, 32, 100, 103, 105, 107]
"""Bytes of the header and of the first page's own: size, free pages, cells."""


class TestDamage:
    @pytest.fixture
    def expected(self, root):
        return build(root, "SQLITE")

    def test_a_sound_store_is_harmless(self, root, expected):
        assert outcome(root, "SQLITE", expected) == "harmless"

    @pytest.mark.campaign
    @pytest.mark.timeout(0 if LONG else 120)
    @pytest.mark.parametrize(("how", "stride"), [("flip", 307), ("cut", 401)])
    def test_no_flip_and_no_cut_is_silent(self, root, expected, how, stride):
        counts = sweep(root, "SQLITE", ["rooms.db"], how, 1 if LONG else stride, expected=expected)
        print(f"SQLITE {how}: {dict(counts)}")
        assert counts["shared"] > 3
        assert counts["room"] > 3 or how == "cut"

    @pytest.mark.campaign
    @pytest.mark.timeout(0 if LONG else 120)
    def test_no_write_to_a_damaged_file_harms_what_was_sound(self, root, expected, database):
        """Rooms that read back well take a commit, damaged ones are destroyed; all that was acknowledged is there."""
        content, witness = database.read_bytes(), (root / "witness").read_bytes()
        used = [at for at, byte in enumerate(content) if byte]
        ends: Counter[str] = Counter()
        for at in used if LONG else [*STRUCTURE, *used[50::331]]:
            database.write_bytes(damaged(content, at, "flip"))
            (root / "witness").write_bytes(witness)
            ends[self.lived_through(root, expected, at)] += 1
        assert ends["written"] > 10
        assert ends["refused"] > 5

    @staticmethod
    def lived_through(root, expected, at) -> str:
        promised, ended = {}, "written"
        try:
            store = opened(root)
        except StoreCorrupted:
            return "refused"
        try:
            store.load()
            for id_ in expected:
                try:
                    promised[id_] = everything(store, id_)["forward"]
                except RoomCorrupted:
                    continue
            for id_ in expected:
                if id_ in promised:
                    commit = remembering(expected[id_]["record"], "new")
                    store.commit([commit])
                    promised[id_] += [commit.entries[0].entry]
                else:
                    store.destroy(id_)
        except BackroomsError:
            ended = "refused"
        finally:
            store.close()
        try:
            store = opened(root)
        except StoreCorrupted:
            return ended
        try:
            store.load()
            for id_, entries in promised.items():
                try:
                    assert store.read(id_, after=0, limit=100) == entries, f"flip at {at}"
                except RoomCorrupted as error:  # what the file's own pages hide was not lost by us
                    assert "WHERE: rooms.db" in error.details, f"flip at {at}"
        except StoreCorrupted:
            pass
        finally:
            store.close()
        return ended

    @pytest.mark.parametrize("column", ["state", "created_at", "last_active", "config", "metadata"])
    def test_a_column_of_rooms_that_differs_from_the_record_is_damage(self, root, expected, database, column):
        odd = {"config": "replace(config, '\"a\"', '\"x\"')", "metadata": "NULL"}.get(column, f"{column} + 1")
        asked(database, f"UPDATE rooms SET {column} = {odd} WHERE id = ?", A)
        assert outcome(root, "SQLITE", expected) == "room"
        store = opened(root)
        record = next(record for record in store.load().records if record.id == A)
        damage = record.damage or store.verify(A)
        store.close()
        assert (damage.where, damage.offset) == (
            f"rooms.db/{column if column in ('config', 'metadata') else 'index'}/{A}",
            0,
        )

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE memory SET content = CAST(X'FFFE' AS TEXT) WHERE timestamp = {last}",
            "UPDATE memory SET content = CAST(content AS BLOB) WHERE timestamp = {last}",
            "UPDATE memory SET type = 1.5 WHERE timestamp = {last}",
            "UPDATE memory SET metadata = NULL WHERE timestamp = {last}",
            "UPDATE memory SET timestamp = -1 WHERE timestamp = {last}",
            "UPDATE memory SET timestamp = 'then' WHERE timestamp = {last}",
            "INSERT INTO memory SELECT * FROM memory WHERE timestamp = {last}",
            "DELETE FROM memory WHERE timestamp = {last}",
            "UPDATE segments SET record = 'text'",
            "UPDATE segments SET timestamp = timestamp - 1",
            "DELETE FROM segments",
            "UPDATE checkpoints SET timestamp = timestamp + 1",
            "UPDATE checkpoints SET state_snapshot = X''",
            "DELETE FROM checkpoints",
            "UPDATE queue SET seq = seq + 1",
            "UPDATE queue SET record = 7",
            "DELETE FROM queue",
            "UPDATE records SET record = 'text'",
            "DELETE FROM records",
        ],
    )
    def test_a_row_changed_in_a_shell_is_damage_of_its_room_alone(self, root, expected, database, change):
        where = " AND room_id = ?" if "WHERE" in change else " WHERE room_id = ?"
        asked(database, change.format(last=T0 + 7) + where, A)
        assert outcome(root, "SQLITE", expected) == "room"
        store = opened(root)
        assert {record.id for record in store.load().records} == {A, B, C}
        store.close()

    def test_checking_names_what_belongs_to_no_room_and_what_sqlite_finds(self, root, expected, database):
        store = opened(root)
        store.load()
        assert list(store.inspect()) == []
        store.close()
        asked(database, "INSERT INTO rooms VALUES ('stranger', 4, 0, 0, '', NULL)")
        asked(database, "INSERT INTO queue VALUES ('nobody', 1, X'00')")
        store = opened(root)
        store.load()
        told = [damage.where for damage in store.inspect()]
        store.close()
        assert told == ["rooms.db: queue row 4 belongs to no room", "rooms.db: rooms row stranger is left of no room"]

    def test_nothing_is_written_into_a_file_whose_pages_do_not_fit(self, root, expected, database):
        """A free page that is in use would be given to the next room: SQLite does not look."""
        asked(database, "PRAGMA secure_delete = ON")
        store = opened(root)
        store.load()
        big = RoomCommit(
            expected[A]["record"].with_(state_version=2), expected[A]["record"].tail, snapshot=b"s" * 30_000
        )
        store.commit([big])
        store.commit([RoomCommit(big.record.with_(state_version=3), big.record.tail, snapshot=b"s")])
        store.close()
        content = bytearray(database.read_bytes())
        trunk = int.from_bytes(content[32:36], "big")
        assert trunk, "no page is free: the test proves nothing"
        at = (trunk - 1) * 4096 + 8
        content[at : at + 4] = (4).to_bytes(4, "big")  # the page where memory begins
        database.write_bytes(content)
        store = opened(root)
        store.load()
        assert store.read(B, after=0) == expected[B]["forward"], "reading needs no free pages"
        with pytest.raises(StoreCorrupted) as caught:
            store.commit([remembering(new_record("d"), "x")])
        assert caught.value.details[0] == f"PATH: {database}"
        store.close()
        assert database.read_bytes() == content
