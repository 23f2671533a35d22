"""What seed 000 says about files, keys, settings and limits: read from its blocks, held against what is really there."""

from __future__ import annotations

import json
import re
import sqlite3
import struct
from pathlib import Path
from typing import Any

import plyvel
import pytest
from room_exe import RoomExe
from seed_blocks import blocks

from backrooms_tui.config.settings import BACKENDS, Settings
from backrooms_tui.model import limits
from backrooms_tui.model.entries import EntryType
from backrooms_tui.model.formats import EXPORT_FORMATS
from backrooms_tui.model.states import RoomState
from backrooms_tui.model.units import parse_size

ENTRIES = ["INPUT remember value: kept", "OUTPUT Stored."]
CONFIGURATIONS = (32, 39, 40, 44, 62, 65, 104)
COMPRESSIONS = {True: "zstd"}
"""Seed 000 writes `"compression": "zstd"`, and for LevelDB `"compression": true`."""


@pytest.fixture
def room_exe(tmp_path: Path) -> RoomExe:
    return RoomExe(tmp_path)


def remembering(room_exe: RoomExe, backend: str, **environ: str) -> str:
    """Make a room on a backend that remembers `ENTRIES`; gives its id. Everything is stopped when this returns."""
    room_exe.environ |= {"ROOM_PERSISTENCE_BACKEND": backend, **environ}
    room_id = str(room_exe.create())
    assert room_exe.say(room_id, "remember value: kept") == ["ENTITY: Stored."]
    return room_id


def test_the_words_are_the_seeds() -> None:
    enumerations = {number: re.findall(r"^  ([A-Z_]+),?$", blocks()[number].text, re.MULTILINE) for number in (2, 9)}
    assert enumerations[2] == [str(state) for state in RoomState]
    assert enumerations[9] == [kind.name for kind in EntryType]
    assert [line.split()[1] for line in blocks()[14].lines] == list(EXPORT_FORMATS)
    assert {line.split()[1] for line in blocks()[31].lines} == set(BACKENDS)
    assert Settings().persistence.backend == "LEVELDB"


def leaves(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in section.items():
        found |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


@pytest.mark.parametrize("number", CONFIGURATIONS, ids=lambda number: f"S000-{number:03d}")
def test_each_configuration_of_the_seed_is_taken_as_it_stands(room_exe: RoomExe, number: int) -> None:
    path = room_exe.home / "config.json"
    path.write_text(blocks()[number].text)
    path.chmod(0o600)
    settings = room_exe.run("--config", str(path), "config", "show", "--format", "json").json["settings"]
    shown = {setting["name"]: (setting["value"], setting["source"]) for setting in settings}
    for name, written in leaves(json.loads(path.read_text())).items():
        value = COMPRESSIONS.get(written, written) if name == "persistence.compression" else written
        assert shown[name] == (value, str(path)), name


def test_the_seeds_variables_override_the_files(room_exe: RoomExe) -> None:
    variables = dict(line.split("=") for line in blocks()[105].lines)
    room_exe.environ |= variables
    settings = room_exe.run("config", "show", "--format", "json").json["settings"]
    shown = {f"ROOM_{s['name'].replace('.', '_').upper()}": (str(s["value"]), s["source"]) for s in settings}
    for variable, text in variables.items():
        value, source = shown[variable]
        assert (value.lower(), source) == (text.lower(), variable)


def test_the_limits_are_the_seeds() -> None:
    told = dict(line.split(": ", 1) for number in (11, 55, 57) for line in blocks()[number].lines)
    assert int(told["MAX_ROOMS"]) == int(told["TOTAL_ROOMS"]) == limits.MAX_ROOMS == Settings().limits.max_rooms
    assert parse_size(told["MAX_ROOM_MEMORY"]) == limits.MAX_ROOM_MEMORY == Settings().limits.max_room_memory
    assert parse_size(told["MAX_INPUT_SIZE"]) == limits.MAX_INPUT_SIZE == Settings().limits.max_input_size
    assert parse_size(told["MAX_OUTPUT_SIZE"]) == limits.MAX_OUTPUT_SIZE == Settings().limits.max_output_size
    assert told["MEMORY_THRESHOLD"] == f"{Settings().entity.memory_compression_threshold} (default)"
    assert told["ENTITY_TIMEOUT"] == f"{Settings().limits.entity_timeout}s per input"
    assert int(told["INPUT_QUEUE_DEPTH"]) == Settings().limits.input_queue_depth
    assert int(told["MEMORY_ENTRIES_MAX"]) == Settings().limits.memory_entries_max
    assert int(told["CONCURRENT_INPUTS"].split()[0]) == Settings().limits.concurrent_inputs


# FILESYSTEM.


def test_a_room_is_a_directory_with_the_seeds_files(room_exe: RoomExe) -> None:
    room_id = remembering(room_exe, "FILESYSTEM")
    wanted = {line.split()[-1] for line in blocks()[33].lines if re.search(r"\.(bin|log|json)$", line)}
    assert wanted == {"state.bin", "memory.log", "config.json", "metadata.json"}
    directory = room_exe.rooms / room_id
    assert wanted <= {path.name for path in directory.iterdir()}
    assert json.loads((directory / "config.json").read_text())["memory_limit"] == limits.MAX_ROOM_MEMORY
    assert json.loads((directory / "metadata.json").read_text())["creator_pid"] > 0


def test_a_state_file_begins_with_the_seeds_header(room_exe: RoomExe) -> None:
    room_id = remembering(room_exe, "FILESYSTEM")
    magic = int(re.search(r"magic: (0x\w+)", blocks()[34].text)[1], 16)
    content = (room_exe.rooms / room_id / "state.bin").read_bytes()
    sizes = [int(size) for size in re.findall(r"\((\d+) bytes\)", blocks()[34].text)]
    assert sizes == [64, 4, 4, 8, 4, 44]
    found, version, checksum, flags, reserved = struct.unpack_from(">IIQI44s", content)
    assert (found, version, flags, reserved) == (magic, 1, 0, bytes(44))
    assert checksum
    assert content[64] == list(RoomState).index(RoomState.IDLE)


def test_a_memory_log_is_a_sequence_of_the_seeds_records(room_exe: RoomExe) -> None:
    room_id = remembering(room_exe, "FILESYSTEM")
    assert blocks()[35].text == "[timestamp][type][length][content][checksum]"
    content = (room_exe.rooms / room_id / "memory.log").read_bytes()
    found, at = [], 0
    while at < len(content):
        timestamp, kind, length = struct.unpack_from(">QBI", content, at)
        found.append((timestamp, EntryType(kind), content[at + 13 : at + 13 + length]))
        at += 13 + length + 8
    assert at == len(content)
    assert [kind for _, kind, _ in found][:2] == [EntryType.INPUT, EntryType.OUTPUT]
    assert b"remember value: kept" in found[0][2]
    assert sorted(timestamp for timestamp, _, _ in found) == [timestamp for timestamp, _, _ in found]


# SQLITE.


def columns(database: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    """Name, type, NOT NULL, default and place in the primary key of each column."""
    return [row[1:] for row in database.execute(f"PRAGMA table_info({table})")]


def test_a_database_has_the_seeds_tables(room_exe: RoomExe) -> None:
    room_id = remembering(room_exe, "SQLITE")
    seeds = sqlite3.connect(":memory:")
    seeds.executescript(blocks()[37].text)
    ours = sqlite3.connect(f"file:{room_exe.rooms}/rooms.db?mode=ro", uri=True)
    for table in ("rooms", "memory", "checkpoints"):
        wanted = columns(seeds, table)
        assert columns(ours, table)[: len(wanted)] == wanted
        references = f"PRAGMA foreign_key_list({table})"
        assert ours.execute(references).fetchall() == seeds.execute(references).fetchall()
    index = "PRAGMA index_info(idx_memory_room_time)"
    assert ours.execute(index).fetchall() == seeds.execute(index).fetchall() != []
    state, config = ours.execute("SELECT state, config FROM rooms WHERE id = ?", [room_id]).fetchone()
    assert (state, json.loads(config)["memory_limit"]) == (
        list(RoomState).index(RoomState.IDLE),
        limits.MAX_ROOM_MEMORY,
    )
    rows = ours.execute("SELECT type, content FROM memory WHERE room_id = ? ORDER BY timestamp", [room_id]).fetchall()
    assert [f"{EntryType(kind).name} {content}" for kind, content in rows][:2] == ENTRIES
    assert ours.execute("SELECT count(*) FROM checkpoints").fetchone() == (1,)
    for database in (seeds, ours):
        database.close()


# LEVELDB.


def test_leveldb_has_the_seeds_keys(room_exe: RoomExe) -> None:
    room_id = remembering(room_exe, "LEVELDB")
    forms = [line.format(room_id=room_id, timestamp=r"\d{20}") for line in blocks()[38].lines]
    database = plyvel.DB(str(room_exe.rooms / "leveldb"))
    with database.iterator(prefix=b"/room/", include_value=False) as iterator:
        keys = [key.decode() for key in iterator]
    database.close()
    used = {form for form in forms for key in keys if re.fullmatch(form, key)}
    assert set(forms) - used == {rf"/room/{room_id}/checkpoint/\d{{20}}"}


# REDIS.


def test_redis_has_the_seeds_keys(room_exe: RoomExe, redis_server: Any) -> None:
    room_id = remembering(room_exe, "REDIS", ROOM_PERSISTENCE_HOST=str(redis_server.socket))
    with redis_server.client() as client:
        for line in blocks()[41].lines:
            key, _, kind = line.format(room_id=room_id).partition(" ")
            assert client.type(key) == (b"list" if kind == "(LIST)" else b"string")
        assert client.llen(f"room:{room_id}:memory") >= len(ENTRIES)
