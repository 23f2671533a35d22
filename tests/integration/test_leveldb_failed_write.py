"""A failed append must cost nothing that was acknowledged, before or after it: the regression of the poison rule.

A real child process owns a real store; the kernel lets its log grow to a limit, so that one append fails half-way.
The limit is lifted, the child goes on, acknowledges more, and is killed. The control does the same with LevelDB as it
comes, and loses: without it a harness that cannot see the loss would pass for a store that has none.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import plyvel
import pytest
from store_contract import room_id, texts

from backrooms_tui.persistence.opening import open_store

HERE = Path(__file__).parent

PREAMBLE = f"""
import json, os, resource, sys
from pathlib import Path
sys.path[:0] = {[str(HERE), str(HERE.parents[1])]!r}
root, limit = Path(sys.argv[1]), int(sys.argv[2])
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
def limited(to): resource.setrlimit(resource.RLIMIT_FSIZE, (to, hard))
def end(**told): print(json.dumps(told), flush=True); os.kill(os.getpid(), 9)
acknowledged, refused = [], 0
"""

GUARDED = """
from store_contract import new_record, remembering
from backrooms_tui.model.errors import StoreFailed
from backrooms_tui.persistence.opening import open_store
store = open_store(root)
store.load()
record = new_record("a")
def remember(text):
    global record
    commit = remembering(record, text)
    store.commit([commit])
    record = commit.record
    acknowledged.append(text)
limited(limit)
for n in range(10_000):
    try:
        remember(f"before {n} " + "x" * 300)
    except StoreFailed:
        refused += 1
        break
stubborn = 0
for use in (lambda: remember("poisoned"), lambda: store.read(record.id), lambda: store.destroy(record.id)):
    try:
        use()
    except StoreFailed:
        stubborn += 1
limited(hard)
store.reopen()
landed = store.stored_tail(record.id).seq - record.tail.seq
record = store.load().records[0]
for n in range(20):
    remember(f"after {n}")
end(acknowledged=acknowledged, refused=refused, stubborn=stubborn, landed=landed)
"""

NAIVE = """
import plyvel
db = plyvel.DB(str(root), create_if_missing=True, compression=None)
def remember(text):
    db.put(b"%06d" % len(acknowledged), text.encode(), sync=True)
    acknowledged.append(text)
limited(limit)
for n in range(10_000):
    try:
        remember(f"before {n} " + "x" * 300)
    except plyvel.IOError:
        refused += 1
        break
limited(hard)
for n in range(20):
    remember(f"after {n}")
end(acknowledged=acknowledged, refused=refused)
"""

LIMITS = [20_000, 20_101, 32_768, 33_000, 50_007]
"""Bytes: the append tears in its header, in its middle, and around LevelDB's 32 KiB blocks."""


def told_by(script: str, place: Path, limit: int) -> dict:
    ended = subprocess.run(
        [sys.executable, "-c", PREAMBLE + script, str(place), str(limit)],
        capture_output=True,  # through pipes: the limit would bind a file too
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == -9, ended.stderr
    told = json.loads(ended.stdout)
    assert told["refused"] == 1, "no append has failed: the run proves nothing"
    assert len(told["acknowledged"]) > 40
    return told


@pytest.mark.parametrize("limit", LIMITS)
def test_after_a_failed_write_no_acknowledged_entry_is_lost(tmp_path, limit):
    told = told_by(GUARDED, tmp_path / "store", limit)
    assert told["stubborn"] == 3, "a poisoned store must refuse everything until it is reopened"
    assert told["landed"] in (0, 1)
    store = open_store(tmp_path / "store")
    assert [str(record.state) for record in store.load().records] == ["ACTIVE"]
    assert store.verify(room_id("a")) is None
    remembered = texts(store.read(room_id("a"), after=0, limit=10_000))
    store.close()
    if told["landed"]:
        remembered.pop(len(told["acknowledged"]) - 20)
    assert remembered == told["acknowledged"]


def test_control_leveldb_without_the_rule_loses_what_it_acknowledged(tmp_path):
    told = told_by(NAIVE, tmp_path / "naive", LIMITS[0])
    with plyvel.DB(str(tmp_path / "naive"), compression=None) as db:
        survivors = [value.decode() for _, value in db]
    assert len(survivors) < len(told["acknowledged"])
