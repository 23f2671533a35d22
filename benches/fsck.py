"""Looking at every byte of a store beside reading it and taking a checksum of each value, which is the least that a
check can do.

    python benches/fsck.py [--entries 1000000] [--rounds 3]

Must: 100 MB/s, or at least 0.5x of the floor. One room of single entries of about 220 bytes, which is the worst case,
and one of 1 KiB.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import zlib
from pathlib import Path
from typing import Any, cast

from _harness import Metered, Row, interleave, print_table
from exporting import TYPICAL, fill, peak, rows_of
from persistence import Room

from backrooms_tui.persistence.fsck import check_store
from backrooms_tui.persistence.opening import open_store
from backrooms_tui.supervisor.snapshots import decode_state


def measure(folder: Path, title: str, entries: int, words: int, rounds: int) -> tuple[Row, str]:
    store = open_store(folder / title)
    fill(store, Room("long").record, entries, words)
    store.close()
    store = open_store(folder / title)
    records = store.load().records
    database, crc32 = cast("Any", store._rows)._db, zlib.crc32

    def floor() -> None:
        for row in rows_of(database, records[0]):
            crc32(row)

    def check() -> None:
        assert not check_store(store, records, decode_state).findings

    floor()
    before = peak()
    check()
    grown = peak() - before
    metered = Metered()
    figures = interleave({"check": metered("check", check), "floor": metered("floor", floor)}, rounds)
    store.close()
    size = records[0].memory_usage / 1e6
    rate = {name: size / taken.median for name, taken in figures.items()}
    row = Row(
        f"{entries:,} of {title}, MB",
        rate["check"],
        "read, zlib.crc32",
        rate["floor"],
        must=min(0.5, 100 / rate["floor"]),
        unit="/s",
    )
    return row, (
        f"{title}: by the processor's time {metered.ratio('check', 'floor'):.2f}x, "
        f"{size / metered.median('check'):.0f} MB/s; {grown:.0f} MiB of memory above the floor's"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        sizes = (("220 B", TYPICAL, arguments.entries), ("1 KiB", 150, arguments.entries // 4))
        measured = [measure(Path(folder), title, n, words, arguments.rounds) for title, words, n in sizes]
    load = f"load average {os.getloadavg()[0]:.1f}"
    print_table("fsck", [row for row, _ in measured], notes=[*(note for _, note in measured), load])


if __name__ == "__main__":
    main()
