"""Archiving a room and reading it back, beside tar and zstd on the same bytes.

    python benches/archives.py [--entries 300000] [--rounds 3]

Must: both at least 0.5x the rate of the tools. Memory is measured once as single entries (the worst case: each is
looked at) and once in segments, as old memory is stored.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _harness import Row, interleave, print_table
from exporting import fill
from persistence import Room

from backrooms_tui.model.reports import BackupSpec
from backrooms_tui.persistence.archive import read_archive, write_archive
from backrooms_tui.persistence.opening import open_store
from backrooms_tui.persistence.segments import compress
from backrooms_tui.persistence.store import Compaction, RoomCommit, RoomStore

TAKEN_AT = 1_700_000_000_000_000_000
FILL = 4096
"""Rows that are put into a store at once."""


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


def measure(folder: Path, title: str, store: RoomStore, record: Any, rounds: int) -> list[Row]:
    tree, packed, ours = folder / "tree", folder / "theirs.tar.zst", folder / "ours.tar.zst"
    tree.mkdir(exist_ok=True)
    places = (folder / f"{title} {n}" for n in itertools.count())
    with store.image(record.id) as image:
        rows = b"".join(row for _, row in image.rows)
    for n, at in enumerate(range(0, len(rows), 4 << 20)):
        (tree / f"{n:06d}.rec").write_bytes(rows[at : at + (4 << 20)])

    def backup() -> None:
        with ours.open("wb") as sink, store.image(record.id) as image:
            write_archive(image, BackupSpec("zstd", include_config=True), sink, taken_at=TAKEN_AT)

    def read() -> None:
        with ours.open("rb") as source, read_archive(source) as archive:
            for _ in archive.image.rows:
                pass

    def restore() -> None:
        scratch = open_store(next(places))
        with ours.open("rb") as source, read_archive(source) as archive:
            image = archive.image
            scratch.clear(record.id)
            part = []
            for row in image.rows:
                part.append(row)
                if len(part) == FILL:
                    scratch.fill(record.id, part)
                    part = []
            scratch.fill(record.id, part)
            scratch.establish(image.record, image.snapshot, image.queue)
        scratch.close()

    pack = tool("tar", "-C", str(tree), "-I", "zstd -3 -T2", "-cf", str(packed), ".")
    unpack = tool("tar", "-C", str(tree), "-I", "zstd", "-xf", str(packed))
    backup()
    pack()
    times = interleave({"backup": backup, "read": read, "restore": restore, "pack": pack, "unpack": unpack}, rounds)
    rate = {name: len(rows) / 1e6 / figures.median for name, figures in times.items()}
    for path in tree.iterdir():
        path.unlink()
    return [
        Row(f"{title}: backup, MB", rate["backup"], "tar, zstd -3 -T2", rate["pack"], must=0.5, unit="/s"),
        Row(f"{title}: read and check, MB", rate["read"], "zstd, tar -x", rate["unpack"], must=0.5, unit="/s"),
        Row(f"{title}: restore to LevelDB, MB", rate["restore"], "zstd, tar -x", rate["unpack"], must=0.5, unit="/s"),
    ]


def tool(*command: str) -> Callable[[], None]:
    return lambda: subprocess.run(command, check=True) and None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store = open_store(folder / "store")
        record = fill(store, Room("long").record, arguments.entries)
        rows = measure(folder, "entries", store, record, arguments.rounds)
        rows += measure(folder, "segments", store, compacted(store, record), arguments.rounds)
        store.close()
    size = f"{record.memory_plain / 1e6:.0f} MB"
    print_table("Archives", rows, notes=[f"{arguments.entries:,} entries, {size}; in segments fewer bytes"])


if __name__ == "__main__":
    main()
