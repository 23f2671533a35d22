"""Exports of a long memory beside msgspec writing the same lines, and beside iterating the same rows.

    python benches/exporting.py [--entries 1000000] [--rounds 3]

Must: JSON lines at most 2.0x msgspec decoding the stored records and writing the same lines; JSON lines, binary, CSV
and SQLite at most 12x, 5x, 30x and 30x iterating the rows.
"""

from __future__ import annotations

import argparse
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from _harness import Row, interleave, print_table
from persistence import Room

from backrooms_tui.model.entries import Draft, EntryType
from backrooms_tui.model.formats import EXPORT_FORMATS
from backrooms_tui.model.reports import ExportSpec
from backrooms_tui.persistence import keys
from backrooms_tui.persistence.exporting import export
from backrooms_tui.persistence.opening import open_store
from backrooms_tui.persistence.records import HEADER, seal
from backrooms_tui.persistence.store import RoomCommit, RoomStore

CHANCE = random.Random("corridor")
WORDS = ["".join(CHANCE.choices("etaoinshrdlucmfwyp", k=CHANCE.randrange(2, 10))) for _ in range(4000)]


def turns(words: int) -> list[Draft]:
    """Inputs and answers of so many words. Text that compresses as text does, to about 0.4: more of it than zstd looks
    back for repetitions.
    """
    return [
        draft
        for n in range(20_000)
        for draft in (
            Draft(EntryType.INPUT, said(words), {"request_id": f"{n:08x}", "source": "me@here"}),
            Draft(EntryType.OUTPUT, said(words), {"input": n, "latency_ns": n * 12_345}),
        )
    ]


def said(words: int) -> str:
    return " ".join(CHANCE.choices(WORDS, k=words))


TYPICAL = 25
"""Words of an entry: it takes about 220 bytes."""
MUST = {"jsonl": 12, "binary": 5, "csv": 30, "sqlite": 30}


class _Body(msgspec.Struct, array_like=True, gc=False):
    seq: int
    timestamp: int
    type: int
    content: str
    metadata: msgspec.Raw
    chain: int


class _Line(msgspec.Struct, gc=False):
    timestamp: int
    type: str
    content: str


def fill(store: RoomStore, record: Any, entries: int, words: int = TYPICAL) -> Any:
    """Give the room's record after so many entries."""
    drafts = turns(words)
    for n in range(entries // 1000):
        start = n * 1000 % len(drafts)
        sealed, tail = seal(record.id, record.tail, drafts[start : start + 1000], time.time_ns())
        size = sum(len(entry.blob) for entry in sealed)
        after = record.with_(
            tail=tail, memory_usage=record.memory_usage + size, memory_plain=record.memory_plain + size
        )
        store.commit([RoomCommit(after, record.tail, sealed)], sync=False)
        record = after
    return record


def rows_of(database: Any, record: Any) -> Iterator[bytes]:
    start, stop = keys.memory_range(record.id)
    with database.iterator(start=start, stop=stop, include_key=False, verify_checksums=True) as values:
        yield from values


def write_lines(rows: Iterator[bytes], sink: Any) -> None:
    """What msgspec takes for the same lines: decode, make a line, encode; nothing is checked."""
    decode = msgspec.msgpack.Decoder(_Body).decode
    encode = msgspec.json.Encoder().encode_lines
    types = [type_.name for type_ in EntryType]
    lines = []
    for row in rows:
        entry = decode(row[HEADER:])
        said = "ENTITY: " + entry.content if entry.type == 1 else entry.content
        lines.append(_Line(entry.timestamp // 1_000_000_000, types[entry.type], said))
        if len(lines) == 1000:
            sink.write(encode(lines))
            lines = []
    sink.write(encode(lines))


def peak() -> float:
    """The most memory this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(folder: Path, entries: int, rounds: int) -> tuple[list[Row], list[str]]:
    store = open_store(folder / "store")
    record = fill(store, Room("long").record, entries)
    store.close()
    store = open_store(folder / "store")
    store.load()
    sink = folder / "out"

    def exporting(format_: str) -> Callable[[], None]:
        def subject() -> None:
            with sink.open("wb") as file, store.image(record.id) as image:
                export(image, ExportSpec(format_), file)

        return subject

    database = store._rows._db

    def lines() -> None:
        with sink.open("wb") as file:
            write_lines(rows_of(database, record), file)

    def iterate() -> None:
        for _ in rows_of(database, record):
            pass

    iterate()
    before = peak()
    for format_ in EXPORT_FORMATS:
        exporting(format_)()
    grown = peak() - before
    figures = interleave(
        {format_: exporting(format_) for format_ in EXPORT_FORMATS} | {"msgspec": lines, "iterate": iterate}, rounds
    )
    exporting("jsonl")()
    ours = sink.read_bytes()
    lines()
    assert ours == sink.read_bytes()
    store.close()
    count = f"{entries:,} entries as"
    table = [Row(f"{count} jsonl", figures["jsonl"].median, "msgspec, unchecked", figures["msgspec"].median, must=2.0)]
    table += [
        Row(f"{count} {format_}", figures[format_].median, "iterate the rows", figures["iterate"].median, must=must)
        for format_, must in MUST.items()
    ]
    return table, [
        f"{record.memory_usage / 1e6:.0f} MB of records, read from LevelDB, written to a file",
        f"all four exports take {grown:.0f} MiB of memory above iterating the rows",
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows, notes = measure(Path(folder), arguments.entries, arguments.rounds)
    print_table("Exports", rows, notes=notes)


if __name__ == "__main__":
    main()
