"""Archives bring a room back exactly, and nothing that is not a whole archive of ours is believed in any part."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import lzma
import os
import random
import subprocess
import tarfile
import tracemalloc
import zipfile

import pytest
import zstandard
from archived_rooms import SECOND, TAKEN_AT, archived, drafts_of, exported, full_room, put_in, room_with, truncated
from store_contract import T0

from backrooms_tui.model.entries import Draft, EntryType, Tail
from backrooms_tui.model.errors import ArchiveInvalid, RoomCorrupted, RoomExists, StoreFailed
from backrooms_tui.model.formats import ARCHIVE_COMPRESSIONS
from backrooms_tui.model.limits import MAX_ROOM_MEMORY
from backrooms_tui.model.reports import BackupSpec
from backrooms_tui.model.room import Damage, QueuedInput, RoomConfig
from backrooms_tui.model.states import RoomState
from backrooms_tui.persistence import archive_checks
from backrooms_tui.persistence.archive import read_archive, write_archive
from backrooms_tui.persistence.archive_members import memory_name
from backrooms_tui.persistence.archive_tar import BLOCK
from backrooms_tui.persistence.opening import open_store
from backrooms_tui.persistence.records import seal
from backrooms_tui.persistence.store import RoomImage

MUTATIONS = 10_000 if os.environ.get("ROOM_CAMPAIGN") == "long" else 500


@pytest.fixture
def store():
    opened = open_store(None)
    yield opened
    opened.close()


@pytest.fixture
def other():
    opened = open_store(None)
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where temporary files would be, and the only place a refused archive could leave something."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    monkeypatch.chdir(place)
    return place


def packed(data: bytes, compression: str) -> bytes:
    return {
        "gzip": lambda: gzip.compress(data, 1),
        "xz": lambda: lzma.compress(data, preset=0),
        "zstd": lambda: zstandard.ZstdCompressor().compress(data),
        "none": lambda: data,
    }[compression]()


def refused(data: bytes) -> str:
    """What a refusal says; nothing but a refusal is right."""
    with pytest.raises(ArchiveInvalid) as caught, read_archive(io.BytesIO(data)):
        pass
    told = str(caught.value)
    assert told.isprintable() or told.replace("\n", "").isprintable()
    return told


# What comes back.


@pytest.mark.parametrize("compression", ARCHIVE_COMPRESSIONS)
def test_a_room_comes_back_as_it_was(store, other, compression):
    record = truncated(store, full_room(store))
    assert put_in(other, archived(store, record, compression)) == record
    assert other.load().records == (record,)
    assert other.verify(record.id) is None
    assert other.read(record.id, limit=1000) == store.read(record.id, limit=1000)
    assert other.queue(record.id) == store.queue(record.id)
    assert other.snapshot(record.id) == store.snapshot(record.id) == b'{"n": 1}'


def test_a_restored_room_goes_on(store, other):
    record = full_room(store)
    put_in(other, archived(store, record))
    more = room_with(other, drafts_of(3), name="b")
    assert other.stored_tail(more.id).seq == 3


def test_an_empty_room_comes_back(store, other):
    record = room_with(store, [])
    assert put_in(other, archived(store, record)) == record


def test_without_configuration_a_restored_room_has_the_defaults_and_room_for_its_memory(store):
    drafts = [Draft(EntryType.OUTPUT, "x" * 1_000_000, {})] * 18
    record = room_with(store, drafts)
    data = archived(store, record, include_config=False)
    assert b"config.json" not in data
    assert record.config.name is not None
    defaults = RoomConfig(memory_limit=16 << 20, timeout=7, compression="lz4")
    with read_archive(io.BytesIO(data), defaults=defaults) as archive:
        config = archive.image.record.config
    assert (config.timeout, config.compression, config.name) == (7, "lz4", None)
    assert record.memory_usage < config.memory_limit < MAX_ROOM_MEMORY


def test_the_archive_says_when_it_was_taken(store):
    with read_archive(io.BytesIO(archived(store, full_room(store)))) as archive:
        assert archive.taken_at == TAKEN_AT


@pytest.mark.parametrize("compression", ARCHIVE_COMPRESSIONS)
def test_equal_rooms_at_equal_times_make_equal_archives(store, compression):
    record = full_room(store)
    assert archived(store, record, compression) == archived(store, record, compression)


def test_tar_shows_private_plain_files_that_people_can_read(store, tmp_path, need_tool):
    record = full_room(store)
    path = tmp_path / "room.tar.gz"
    path.write_bytes(archived(store, record, "gzip"))
    shown = subprocess.run(
        [need_tool("tar"), "-tvf", path], capture_output=True, text=True, check=True, env={"TZ": "UTC"}
    )
    lines = shown.stdout.splitlines()
    assert [line.split()[-1] for line in lines] == [
        "manifest.json",
        "metadata.json",
        "config.json",
        "record.rec",
        "state.rec",
        "queue.rec",
        "memory/000001.rec",
        "checksums.json",
    ]
    assert all(line.startswith("-rw------- 0/0 ") and "2023-11-14 23:13" in line for line in lines)
    with tarfile.open(path) as tar:
        manifest = json.load(tar.extractfile("manifest.json"))
        sums = json.load(tar.extractfile("checksums.json"))
        assert manifest["room"] == record.id
        assert manifest["entries"] == record.entries
        for name, said in sums.items():
            data = tar.extractfile(name).read()
            assert said == {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def test_a_long_memory_is_many_members_and_comes_back(store, other):
    record = room_with(store, [Draft(EntryType.OUTPUT, "y" * 900_000, {})] * 12)
    data = archived(store, record)
    assert memory_name(2).encode() in data
    assert put_in(other, data) == record


def test_a_source_need_not_be_seekable(store, other):
    record = full_room(store)
    read, write = os.pipe()
    with os.fdopen(read, "rb") as source:
        data = archived(store, record, "zstd")
        assert os.write(write, data) == len(data)
        os.close(write)
        with read_archive(source) as archive:
            assert archive.image.record == record


def test_what_was_checked_is_what_is_given_whatever_happens_to_the_file_meanwhile(store, tmp_path):
    record = room_with(store, [Draft(EntryType.OUTPUT, "z" * 1_000_000, {})] * 12)
    path = tmp_path / "room.tar"
    path.write_bytes(archived(store, record))
    with path.open("rb") as source, read_archive(source) as archive:
        path.write_bytes(b"\xff" * path.stat().st_size)
        with store.image(record.id) as image:
            assert list(archive.image.rows) == list(image.rows)


def test_a_room_that_is_there_and_well_is_not_replaced(store):
    record = full_room(store)
    data = archived(store, record)
    with pytest.raises(RoomExists):
        put_in(store, data)
    assert store.load().records == (record,)


def test_damage_in_the_room_is_named_instead_of_archived(store):
    record = room_with(store, drafts_of(3))
    with store.image(record.id) as image:
        rows = list(image.rows)
    rows[1] = (rows[1][0], rows[1][1][:-1] + b"\0")
    with pytest.raises(RoomCorrupted, match="CHECKSUM_MISMATCH"):
        write_archive(RoomImage(record, None, (), iter(rows)), BackupSpec(), io.BytesIO(), taken_at=T0)


def test_progress_ends_both_ways(store):
    record = full_room(store)
    told = []
    with store.image(record.id) as image:
        write_archive(image, BackupSpec("none"), sink := io.BytesIO(), lambda *f: told.append(f), taken_at=T0)
    assert told[-1] == (record.entries, record.entries)
    with read_archive(io.BytesIO(sink.getvalue()), lambda *f: told.append(f)):
        assert told[-1] == (record.entries, record.entries)
    with pytest.raises(KeyboardInterrupt), read_archive(io.BytesIO(sink.getvalue()), interrupt):
        pass


def interrupt(done: int, of: int) -> None:
    raise KeyboardInterrupt


def test_no_place_for_the_file_of_a_large_room_is_a_refusal_with_a_reason(store, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/nonexistent")
    record = room_with(store, [Draft(EntryType.OUTPUT, "z" * 1_000_000, {})] * 12)
    with pytest.raises(StoreFailed, match="/nonexistent"), read_archive(io.BytesIO(archived(store, record))):
        pass


# Tars that are not ours. Each starts from a whole archive, taken apart by the standard library.


def taken_apart(data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [(member, tar.extractfile(member).read()) for member in tar]


def put_together(members, format_=tarfile.USTAR_FORMAT, **options) -> bytes:
    """As another program would write it."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=format_, **options) as tar:
        for info, data in members:
            info.size = len(data) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(data))
    return sink.getvalue()


def put_together_by_us(members) -> bytes:
    """With headers and checksums that are right by letter, whatever is in the members."""
    from backrooms_tui.persistence.archive_members import CHECKSUMS, Checksums
    from backrooms_tui.persistence.archive_tar import TarWriter

    sink, sums = io.BytesIO(), Checksums()
    tar = TarWriter(sink, TAKEN_AT // SECOND)
    for info, data in members:
        if info.name == CHECKSUMS:
            tar.add(CHECKSUMS, sums.text())
            continue
        tar.add(info.name, data)
        sums.add(info.name, data)
    tar.finish()
    return sink.getvalue()


def new_member(name: str, type_: bytes = tarfile.REGTYPE, data: bytes = b"", **fields) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type = type_
    info.mtime = TAKEN_AT // SECOND
    info.mode = 0o600
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def renamed(members, name: str):
    members[3][0].name = name
    return members


EXTRA = {
    "parent path": ("../../evil", {}),
    "inner parent path": ("memory/../../evil", {}),
    "absolute path": ("/tmp/evil", {}),
    "drive letter": ("C:evil", {}),
    "backslashes": ("..\\..\\evil", {}),
    "current folder": ("./record.rec", {}),
    "case clash": ("Record.rec", {}),
    "control bytes": ("re\x1b[2Jcord", {}),
    "over-long path": ("memory/" + "d/" * 40 + "e" * 90, {}),
    "symbolic link": ("link", {"type_": tarfile.SYMTYPE, "linkname": "/etc/passwd"}),
    "symbolic link in our name": ("memory/000001.rec", {"type_": tarfile.SYMTYPE, "linkname": "../../x"}),
    "link with an over-long target": ("link", {"type_": tarfile.SYMTYPE, "linkname": "a/" * 49 + "b"}),
    "hard link": ("link", {"type_": tarfile.LNKTYPE, "linkname": "manifest.json"}),
    "hard link out": ("link", {"type_": tarfile.LNKTYPE, "linkname": "/etc/shadow"}),
    "character device": ("null", {"type_": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3}),
    "block device": ("disk", {"type_": tarfile.BLKTYPE, "devmajor": 8}),
    "pipe": ("pipe", {"type_": tarfile.FIFOTYPE}),
    "directory": ("memory", {"type_": tarfile.DIRTYPE}),
    "contiguous file": ("memory/000001.rec", {"type_": tarfile.CONTTYPE}),
    "sparse file": ("memory/000001.rec", {"type_": tarfile.GNUTYPE_SPARSE}),
    "unknown kind": ("memory/000001.rec", {"type_": b"!"}),
    "setuid": ("memory/000001.rec", {"mode": 0o4755}),
    "other owner": ("memory/000001.rec", {"uid": 1000, "uname": "root"}),
    "other time": ("memory/000001.rec", {"mtime": 1}),
    "zip in tar": ("inner.zip", {"data": b"PK\x03\x04"}),
    "our name twice": ("record.rec", {}),
    "one more": ("memory/000002.rec", {"data": b"x"}),
}


@pytest.mark.parametrize("place", [0, 3, -1], ids=["first", "amid", "last"])
@pytest.mark.parametrize("name", EXTRA)
def test_a_member_that_is_not_ours_is_refused_and_nothing_is_written(store, folder, name, place):
    path, fields = EXTRA[name]
    members = taken_apart(archived(store, full_room(store)))
    members.insert(len(members) if place == -1 else place, new_member(path, **fields))
    refused(put_together(members, tarfile.GNU_FORMAT))
    assert list(folder.iterdir()) == []


WRITERS = {
    "extended headers": lambda members: put_together(members, tarfile.PAX_FORMAT, pax_headers={"comment": "x"}),
    "a size in an extended header": lambda members: put_together(
        [(setattr(i, "pax_headers", {"size": "9" * 20}) or i, d) for i, d in members], tarfile.PAX_FORMAT
    ),
    "a path in an extended header": lambda members: put_together(
        [(setattr(i, "pax_headers", {"path": "../x"}) or i, d) for i, d in members], tarfile.PAX_FORMAT
    ),
    "GNU's format": lambda members: put_together(members, tarfile.GNU_FORMAT),
    "another order": lambda members: put_together(members[::-1]),
    "a missing member": lambda members: put_together_by_us(members[:3] + members[4:]),
    "no checksums": lambda members: put_together_by_us(members[:-1]),
    "a missing memory": lambda members: put_together_by_us(members[:6] + members[7:]),
    "an empty tar": lambda members: put_together([]),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_tar_that_another_program_wrote_is_refused(store, folder, name):
    refused(WRITERS[name](taken_apart(archived(store, full_room(store)))))
    assert list(folder.iterdir()) == []


def header_with(data: bytes, at: int, field: bytes) -> bytes:
    """An archive whose first header has other bytes in a place, and a right checksum."""
    header = bytearray(data[:BLOCK])
    header[at : at + len(field)] = field
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data[BLOCK:]


HEADERS = {
    "a negative size": (124, b"\xff" * 12),
    "a huge size": (124, b"7" * 11 + b"\0"),
    "a size in base 256": (124, b"\x80" + b"\0" * 10 + b"\x10"),
    "a size with a sign": (124, b"-0000000010\0"),
    "a size with spaces": (124, b"       1000\0"),
    "a time of its own": (136, b"00000000001\0"),
    "a name prefix": (345, b"../../.."),
    "an owner's name": (265, b"root"),
    "old magic": (257, b"ustar  \0"),
    "bytes behind the fields": (500, b"x"),
    "a device number": (329, b"0000001\0"),
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_header_that_is_not_by_letter_is_refused(store, folder, name):
    refused(header_with(archived(store, full_room(store)), *HEADERS[name]))
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("compression", ARCHIVE_COMPRESSIONS)
def test_bytes_behind_the_end_are_refused(store, compression):
    data = archived(store, full_room(store), compression)
    for more in (b"\0", b"x", bytes(10_240), data):
        refused(data + more)


def test_bytes_behind_the_end_inside_the_compression_are_refused(store):
    data = archived(store, full_room(store))
    for compression in ARCHIVE_COMPRESSIONS:
        refused(packed(data + b"\0" * BLOCK, compression))


@pytest.mark.parametrize("compression", ARCHIVE_COMPRESSIONS)
def test_an_archive_cut_anywhere_is_refused(store, compression):
    data = archived(store, room_with(store, drafts_of(12)), compression)
    step = max(1, len(data) // 300)
    for size in range(0, len(data), step):
        refused(data[:size])
    refused(data[:-1])


FOREIGN = {
    "nothing": b"",
    "text": b"a letter\n" * 1000,
    "zeros": bytes(100_000),
    "zip": None,
    "our magic alone": b"RMX\x01",
    "a newer export": b"RMX\x02" + bytes(100),
    "a gzip header alone": b"\x1f\x8b\x08\0\0\0\0\0\0\3",
    "an xz header alone": b"\xfd7zXZ\x00",
    "a zstd header alone": b"\x28\xb5\x2f\xfd",
}


@pytest.mark.parametrize("compression", ARCHIVE_COMPRESSIONS)
@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_that_is_something_else_is_refused(name, compression):
    data = FOREIGN[name]
    if data is None:
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w") as zipped:
            zipped.writestr("manifest.json", "{}")
        data = sink.getvalue()
    refused(packed(data, compression))


def test_compression_within_compression_is_refused(store):
    refused(gzip.compress(archived(store, full_room(store), "gzip")))


class Counting(io.RawIOBase):
    """A source that knows how much was read of it."""

    def __init__(self, data: bytes) -> None:
        self._inner = io.BytesIO(data)
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        data = self._inner.read(size)
        self.taken += len(data)
        return data


@pytest.mark.parametrize("compression", ["gzip", "xz", "zstd"])
@pytest.mark.parametrize("kind", ["zeros", "a huge member", "endless memory"])
def test_a_bomb_costs_no_more_than_what_an_archive_may_declare(store, kind, compression):
    good = archived(store, full_room(store))
    bomb = {
        "zeros": bytes(64 << 20),
        "a huge member": header_with(good, 124, b"77777777777\0")[:BLOCK] + bytes(64 << 20),
        "endless memory": put_together_by_us(taken_apart(good)[:6])[: -2 * BLOCK]
        + put_together_by_us([new_member(memory_name(1), data=bytes(8 << 20))])[: -2 * BLOCK] * 8,
    }[kind]
    source = Counting(packed(bomb, compression))
    tracemalloc.start()
    with pytest.raises(ArchiveInvalid), read_archive(source):
        pass
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert used < 48 << 20


def test_a_million_members_are_refused_at_the_first_that_should_not_be_there(store):
    good = archived(store, full_room(store))
    head = put_together_by_us(taken_apart(good)[:7])[: -2 * BLOCK]
    empty = put_together_by_us([new_member(memory_name(2))])[:BLOCK]
    source = Counting(head + empty * 100_000)
    with pytest.raises(ArchiveInvalid), read_archive(source):
        pass
    assert source.taken < len(head) + (1 << 18)


# Members that are ours by letter, with checksums that are right, and lies in them.


def with_member(data: bytes, name: str, content: bytes) -> bytes:
    return put_together_by_us([(i, content if i.name == name else d) for i, d in taken_apart(data)])


def with_manifest(data: bytes, **changes) -> bytes:
    told = json.loads(next(d for i, d in taken_apart(data) if i.name == "manifest.json"))
    return with_member(data, "manifest.json", (json.dumps(told | changes, indent=1) + "\n").encode())


MANIFESTS = {
    "a newer version": ({"format_version": 2}, "newer version"),
    "a far newer version": ({"format_version": 10**400}, "newer version"),
    "an older version": ({"format_version": 0}, ""),
    "another format": ({"format": "photographs"}, "not an archive"),
    "another room": ({"room": "ab" * 32}, "CHECKSUM_MISMATCH"),
    "no room": ({"room": None}, "manifest"),
    "a room that is a path": ({"room": "../" * 21 + "x"}, "manifest"),
    "another time": ({"taken_at": TAKEN_AT + SECOND}, "time"),
    "a negative time": ({"taken_at": -1}, "manifest"),
    "a time beyond all": ({"taken_at": 10**30}, "manifest"),
    "another count": ({"entries": 7}, "manifest"),
    "another tail": ({"tail": {"seq": 1, "timestamp": 1, "chain": 1}}, "manifest"),
    "state that is not there": ({"state": False}, "manifest"),
    "configuration that is not there": ({"config": False}, ""),
    "a product that is an escape": ({"product": "\x1b[2J"}, "manifest"),
    "one thing more": ({"more": 1}, "manifest"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_that_does_not_tell_the_truth_is_refused(store, name):
    changes, said = MANIFESTS[name]
    assert said in refused(with_manifest(archived(store, full_room(store)), **changes))


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{", b"[" * 60_000, b"\xff\xfe", b'{"a":NaN}', b"1" * 5000], ids=lambda text: repr(text[:8])
)
def test_a_manifest_that_is_no_manifest_is_refused(store, text):
    refused(with_member(archived(store, full_room(store)), "manifest.json", text))


@pytest.mark.parametrize(
    "name", ["metadata.json", "config.json", "record.rec", "state.rec", "queue.rec", "memory/000001.rec"]
)
@pytest.mark.parametrize("content", [b"", b"{}", bytes(12), b"\xff" * 500, bytes(8) + b"\x7f\xff\xff\xff"])
def test_a_member_with_other_content_is_refused(store, name, content):
    refused(with_member(archived(store, full_room(store)), name, content))


LIES = {
    "usage": {"memory_usage": 1},
    "more entries": {"tail": Tail(70, T0 + 10**12, 5)},
    "another chain": {"tail": Tail(60, T0 + 59 * SECOND, 5)},
    "a chain beyond 32 bits": {"head": Tail(0, 0, 2**40)},
    "a head beyond the tail": {"head": Tail(100, 0, 0)},
    "no queue": {"queued": 0},
    "a longer queue": {"queued": 2},
    "no state": {"state_version": 0},
    "corrupted": {"state": RoomState.CORRUPTED},
    "terminated": {"state": RoomState.TERMINATED},
    "damaged": {"damage": Damage("CHECKSUM_MISMATCH", "x", 0, 0)},
    "a negative memory limit": {"config": RoomConfig(memory_limit=-5)},
    "a timeout that is no number": {"config": RoomConfig(timeout=float("nan"))},
    "an unknown compression": {"config": RoomConfig(compression="\x1b[2J")},
    "a name that retitles terminals": {"config": RoomConfig(name="\x1b]0;x\x07")},
    "a time beyond all": {"last_active": 10**18 * 100},
    "a time before all": {"created_at": -1},
    "usage beyond all": {"memory_usage": 10**15},
    "a negative version": {"state_version": -1},
}


@pytest.mark.parametrize("form", ["archive", "export"])
@pytest.mark.parametrize("name", LIES)
def test_a_record_that_could_not_be_is_refused_though_its_checksums_are_right(store, name, form):
    record = full_room(store)
    from backrooms_tui.model.reports import ExportSpec
    from backrooms_tui.persistence.exporting import export

    with store.image(record.id) as image:
        sink = io.BytesIO()
        lie = RoomImage(record.with_(**LIES[name]), image.snapshot, image.queue, image.rows)
        try:
            if form == "archive":
                write_archive(lie, BackupSpec("none", include_config=True), sink, taken_at=TAKEN_AT)
            else:
                export(lie, ExportSpec("binary"), sink)
        except RoomCorrupted:
            return  # the walk that writes it has seen it already
    refused(sink.getvalue())


def test_a_latency_that_would_overflow_is_refused(store):
    record = full_room(store)
    record.latencies.buckets[10**9] = 1
    with store.image(record.id) as image:
        sink = io.BytesIO()
        lie = RoomImage(record, image.snapshot, image.queue, image.rows)
        write_archive(lie, BackupSpec("none"), sink, taken_at=TAKEN_AT)
    assert "latencies" in refused(sink.getvalue())


@pytest.mark.parametrize(
    "queue",
    [
        (QueuedInput(58, T0),),
        (QueuedInput(59, T0 + 58 * SECOND),),
        (QueuedInput(99, T0 + 57 * SECOND),),
        (QueuedInput(58, T0 + 57 * SECOND, timeout=-1.0),),
        (QueuedInput(58, T0 + 57 * SECOND, timeout=float("nan")),),
    ],
    ids=["another time", "no input", "not in memory", "negative timeout", "no number"],
)
def test_a_queued_input_that_memory_does_not_know_is_refused(store, queue):
    record = full_room(store)
    with store.image(record.id) as image:
        sink = io.BytesIO()
        write_archive(RoomImage(record, image.snapshot, queue, image.rows), BackupSpec("none"), sink, taken_at=TAKEN_AT)
    refused(sink.getvalue())


def test_metadata_that_could_not_be_shown_is_refused_though_its_checksums_are_right(store, monkeypatch):
    record = room_with(store, [])
    monkeypatch.setattr("backrooms_tui.persistence.records.require_json_like", lambda metadata: None)
    entries, tail = seal(record.id, Tail(), [Draft(EntryType.INPUT, "x", {"bytes": b"\xff"})], T0)
    monkeypatch.undo()
    lie = record.with_(tail=tail, memory_usage=len(entries[0].blob))
    sink = io.BytesIO()
    rows = iter([(tail.timestamp, entries[0].blob)])
    write_archive(RoomImage(lie, None, (), rows), BackupSpec("none"), sink, taken_at=TAKEN_AT)
    assert "CHECKSUM_MISMATCH" in refused(sink.getvalue())


def test_memory_beyond_all_limits_is_refused_while_it_is_read(store, monkeypatch):
    data = archived(store, full_room(store))
    monkeypatch.setattr(archive_checks, "_MAX_PLAIN", 1000)
    assert "larger than any" in refused(data)


# Whatever is changed.


@pytest.mark.parametrize("form", [*ARCHIVE_COMPRESSIONS, "binary"])
def test_a_mutated_archive_is_refused_or_means_the_same(store, form, folder):
    """Bits of a compressed stream's header (its time, its system) mean nothing; all others are seen."""
    record = full_room(store)
    whole = exported(store, record, "binary") if form == "binary" else archived(store, record, form)
    chance = random.Random(os.environ.get("ROOM_SEED", "archives") + form)
    harmless = 0
    for _ in range(MUTATIONS // 5):
        data = mutated(whole, chance)
        try:
            with read_archive(io.BytesIO(data)) as archive:
                assert (archive.image.record, archive.image.snapshot) == (record, b'{"n": 1}')
            harmless += data != whole
        except ArchiveInvalid:
            pass
    assert harmless == 0 or form in ("gzip", "xz", "zstd")
    assert list(folder.iterdir()) == []


def mutated(data: bytes, chance: random.Random) -> bytes:
    """A few bits flipped, or a stretch gone, doubled, zeroed or made of noise."""
    at, size = chance.randrange(len(data)), chance.choice((1, 2, 7, 64, 512, 4096))
    kind = chance.randrange(6)
    if kind < 2:
        bad = bytearray(data)
        for _ in range(chance.choice((1, 1, 3))):
            bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        return bytes(bad)
    stretch = data[at : at + size]
    new = (b"", stretch * 2, bytes(len(stretch)), chance.randbytes(len(stretch)))[kind - 2]
    return data[:at] + new + data[at + size :]
