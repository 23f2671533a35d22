"""Archiving a room and reading it back, beside tar and zstd on the same bytes.

    python benches/archives.py [--entries 300000] [--rounds 3]

Must: both at least 0.5x the rate of the tools, as `tar --zstd` runs them: level 3, one thread. The same bytes are the
room's memory in files of 4 MiB. Restoring ends durably, so the files that tar unpacks are synced, too; nothing else is
on either side. Memory is measured as single entries of about 220 bytes (the worst case: each is looked at) and of
about 1 KiB, and in segments, as old memory is stored.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _harness import Metered, Row, interleave, print_table
from exporting import TYPICAL, fill
from persistence import Room

from backrooms_tui.model.reports import BackupSpec
from backrooms_tui.persistence.archive import read_archive, write_archive
from backrooms_tui.persistence.opening import open_store
from backrooms_tui.persistence.segments import compress
from backrooms_tui.persistence.store import Compaction, RoomCommit, RoomStore

TAKEN_AT = 1_700_000_000_000_000_000
FILL = 4096
"""Rows that are put into a store at once."""
DURABLY = ("unpack_synced", "zstd, tar -x, fsync")


def compacted(store: RoomStore, record: Any) -> Any:
    """Have all of a room's memory be segments."""
    with store.image(record.id) as image:
        rows = list(image.rows)
    usage, changes = 0, []
    for at in range(0, len(rows), 256):
        part = rows[at : at + 256]
        blob = compress(record.id, [row for _, row in part], "zstd")
        usage += len(blob)
        changes.append(Compaction(tuple(timestamp for timestamp, _ in part), blob))
    after = record.with_(memory_usage=usage)
    store.commit([RoomCommit(after, record.tail, compactions=tuple(changes))])
    return after


class Subjects:
    """One room, the tools' copy of its memory, and what is done with both."""

    def __init__(self, folder: Path, store: RoomStore, record: Any) -> None:
        self._store, self._record = store, record
        self._tree, self._unpacked = folder / "tree", folder / "unpacked"
        self._theirs, self._ours, self._scratch = folder / "theirs", folder / "ours", folder / "scratch"
        self._tree.mkdir()
        self.size = 0
        with store.image(record.id) as image:
            rows = (row for _, row in image.rows)
            for n in itertools.count():
                data = b"".join(itertools.islice(rows, FILL))
                if not data:
                    break
                (self._tree / f"{n:06d}.rec").write_bytes(data)
                self.size += len(data)

    def all(self) -> dict[str, Callable[[], None]]:
        names = ("backup", "read", "restore", "pack", "unpack", "unpack_synced")
        return {name: getattr(self, name) for name in names}

    def packed(self) -> str:
        ours, theirs = self._ours.stat().st_size, self._theirs.stat().st_size
        return f"packed {ours / 1e6:.1f} MB, theirs {theirs / 1e6:.1f} MB"

    def backup(self) -> None:
        with self._ours.open("wb") as sink, self._store.image(self._record.id) as image:
            write_archive(image, BackupSpec("zstd", include_config=True), sink, taken_at=TAKEN_AT)

    def read(self) -> None:
        with self._ours.open("rb") as source, read_archive(source) as archive:
            for _ in archive.image.rows:
                pass

    def restore(self) -> None:
        scratch = open_store(self._scratch)
        with self._ours.open("rb") as source, read_archive(source, directory=self._scratch) as archive:
            image = archive.image
            scratch.clear(image.record.id)
            while part := list(itertools.islice(image.rows, FILL)):
                scratch.fill(image.record.id, part)
            scratch.establish(image.record, image.snapshot, image.queue)
        scratch.close()
        shutil.rmtree(self._scratch)

    def pack(self) -> None:
        tar("-C", str(self._tree), "-I", "zstd -3", "-cf", str(self._theirs), ".")

    def unpack(self) -> None:
        self._unpacked.mkdir()
        tar("-C", str(self._unpacked), "-I", "zstd", "-xf", str(self._theirs))
        shutil.rmtree(self._unpacked)

    def unpack_synced(self) -> None:
        self._unpacked.mkdir()
        tar("-C", str(self._unpacked), "-I", "zstd", "-xf", str(self._theirs))
        for path in (*self._unpacked.iterdir(), self._unpacked):
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
        shutil.rmtree(self._unpacked)


def tar(*options: str) -> None:
    subprocess.run(("tar", *options), check=True)


def measure(folder: Path, title: str, store: RoomStore, record: Any, rounds: int) -> tuple[list[Row], str]:
    folder.mkdir()
    subjects, metered = Subjects(folder, store, record), Metered()
    subjects.backup()
    subjects.pack()
    times = interleave({name: metered(name, subject) for name, subject in subjects.all().items()}, rounds)
    rate = {name: subjects.size / 1e6 / figures.median for name, figures in times.items()}
    beside = {"backup": ("pack", "tar, zstd -3"), "read": ("unpack", "zstd, tar -x"), "restore": DURABLY}
    rows = [
        Row(f"{title}: {name}, MB", rate[name], told, rate[floor], must=0.5, unit="/s")
        for name, (floor, told) in beside.items()
    ]
    ratios = ", ".join(f"{name} {metered.ratio(name, floor):.2f}x" for name, (floor, _) in beside.items())
    packed = subjects.packed()
    shutil.rmtree(folder)
    return rows, f"{title}: {subjects.size / 1e6:.0f} MB, {packed}; by the processor's time {ratios}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    rows: list[Row] = []
    notes = [f"load average {os.getloadavg()[0]:.1f} at the beginning"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, words, entries in (("220 B", TYPICAL, arguments.entries), ("1 KiB", 150, arguments.entries // 4)):
            store = open_store(folder / f"store {words}")
            record = fill(store, Room(f"of {words}").record, entries, words)
            found, note = measure(folder / "work", f"{entries:,} entries of {title}", store, record, arguments.rounds)
            rows += found
            notes.append(note)
            if words == TYPICAL:
                record = compacted(store, record)
                found, note = measure(folder / "work", f"{entries:,} in segments", store, record, arguments.rounds)
                rows += found
                notes.append(note)
            store.close()
    print_table("Archives", rows, notes=notes)


if __name__ == "__main__":
    main()
