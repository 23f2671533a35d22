"""Compress 1,000 entries as rooms do it, beside bare zstd of the same bytes in blocks of 256 entries.

    python benches/compression.py [--rounds 300]

Must: at most 3.0x of bare zstd-3. Seed 000 states 1,247 ms. The entries are words by chance, so that they become
about as much smaller as the seed's memory does (2.44 times): what nearly vanishes costs bare zstd nearly nothing.
"""

from __future__ import annotations

import argparse
import random

import zstandard
from _harness import Row, interleave, print_table

from backrooms_tui.model.entries import Draft, EntryType, Tail
from backrooms_tui.model.ids import new_room_id
from backrooms_tui.persistence.packing import groups, packed
from backrooms_tui.persistence.records import HEADER, seal
from backrooms_tui.persistence.segments import LEVEL, MAX_ENTRIES

ENTRIES = 1000
T0 = 1_700_000_000_000_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300)
    rounds = parser.parse_args().rounds
    room = new_room_id(created_at=T0, origin="bench")
    chance = random.Random(1)
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randrange(2, 10))) for _ in range(1500)]
    drafts = []
    for n in range(ENTRIES // 2):
        asked, said = " ".join(chance.choices(words, k=6)), " ".join(chance.choices(words, k=30))
        drafts.append(Draft(EntryType.INPUT, asked, {"source": "bench"}))
        drafts.append(Draft(EntryType.OUTPUT, said, {"input": 2 * n + 1, "latency_ns": chance.randrange(10**7)}))
    sealed, _ = seal(room, Tail(), drafts, T0)
    rows = [(one.entry.timestamp, one.blob) for one in sealed]
    blocks = [
        b"".join(one.blob[HEADER:] for one in sealed[start : start + MAX_ENTRIES])
        for start in range(0, ENTRIES, MAX_ENTRIES)
    ]

    def bare() -> int:
        return sum(len(zstandard.ZstdCompressor(level=LEVEL).compress(block)) for block in blocks)

    def ours(algorithm: str = "zstd") -> int:
        made = [packed(room, group, algorithm) for group in groups(rows)]
        return sum(len(done[0].blob or b"") for done in made if done is not None)

    figures = interleave({"zstd": ours, "lz4": lambda: ours("lz4"), "bare": bare}, rounds)
    stored = sum(len(record) for _, record in rows)
    print_table(
        "Memory compression, 1,000 entries",
        [Row("segments, zstd 3", figures["zstd"].median, "bare zstd 3", figures["bare"].median, must=3.0)],
        notes=[
            f"{stored:,} bytes become {ours():,}, bare {bare():,}; lz4: {ours('lz4'):,}",
            f"lz4 takes {figures['lz4'].median * 1e3:.2f} ms",
            f"{1 / figures['zstd'].median * ENTRIES:,.0f} entries/s; the seed's 1,247 ms for these is its own figure",
        ],
    )


if __name__ == "__main__":
    main()
