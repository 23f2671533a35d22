"""Ways into a LevelDB store that only tests take: as a fresh start, under the store, and killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import plyvel
from store_contract import room_id

from backrooms_tui.persistence.opening import open_store

A = room_id("a")


def loaded(root):
    """Open, load and close: the records as a fresh start finds them."""
    store = open_store(root)
    try:
        return {record.config.name: record for record in store.load().records}
    finally:
        store.close()


def raw(root):
    return plyvel.DB(str(root / "leveldb"), compression=None)


def kill_after(root, script):
    """Run `script` with an open store in a child that then dies as by kill -9."""
    code = f"""
import os, sys
sys.path[:0] = {[str(Path(__file__).parent), str(Path(__file__).parents[2])]!r}
from pathlib import Path
from store_contract import *
from backrooms_tui.persistence.opening import open_store
store = open_store(Path({str(root)!r}))
store.load()
{script}
os.kill(os.getpid(), 9)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == -9, ended.stderr


def first_block_size(table):
    """Bytes of a table's first block, as its footer and the first entry of its index say."""
    numbers = varints(table[-48:])
    _, _, index, _ = (next(numbers) for _ in range(4))
    entry = varints(table[index:])
    _, key_size, _ = (next(entry) for _ in range(3))
    handle = varints(table[index + 3 + key_size :])
    assert next(handle) == 0
    return next(handle)


def varints(content):
    number = shift = 0
    for byte in content:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
