"""kill -9 of an owner under load, again and again, on each backend: nothing acknowledged is lost, doubled, reordered.

The killed program is `kill9_host.py`; what it was told is on its standard output, line by line. After each death an
independent reader of the files compares. Unknown outcomes (submitted, no acknowledgement read) may be there or not;
they are sent again with the same request id at the next start and must then be there exactly once.
"""

from __future__ import annotations

import os
import random
import select
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from kill9_host import one_line
from offline_reader import ERROR, INPUT, OUTPUT, Entry, read_store

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(1200), pytest.mark.xdist_group("kill9")]

KILLS = 1000 if os.environ.get("ROOM_CAMPAIGN") == "long" else int(os.environ.get("ROOM_KILLS", "50"))
ROOMS = 4
TAKEN = 40
"""Inputs at least that an owner takes before it is killed under load: how many come in a time, the disk decides."""
EARLY = 0.2
"""Part of the kills that come while the owner is still recovering from the one before."""


@dataclass
class Told:
    """Everything any incarnation of the owner has told its clients."""

    acknowledged: dict[tuple[str, str], int] = field(default_factory=dict)
    """(room, request id) to sequence number."""
    submitted: set[tuple[str, str]] = field(default_factory=set)
    done: dict[tuple[str, int], tuple[str, str]] = field(default_factory=dict)
    """(room, sequence number) to outcome and text."""

    def hear(self, line: str) -> None:
        word, room, *rest = line.split(" ", 4)
        if word == "SUB":
            self.submitted.add((room, rest[0]))
        elif word == "ACK":
            seq = int(rest[1])
            before = self.acknowledged.setdefault((room, rest[0]), seq)
            assert before == seq, f"{room}: one request, two receipts: {before} and {seq}"
        elif word == "DONE":
            self.done[room, int(rest[0])] = (rest[1], rest[2])
        else:
            assert word == "ROOM", line

    def in_flight(self) -> int:
        ended = {(room, seq) for room, seq in self.done}
        running = {key for key, seq in self.acknowledged.items() if (key[0], seq) not in ended}
        return len(self.submitted - set(self.acknowledged)) + len(running)

    def unknown(self) -> list[tuple[str, str]]:
        return sorted(self.submitted - set(self.acknowledged))


@dataclass
class Place:
    """Where the rooms are."""

    backend: str
    store: Path
    socket: str

    def host(self, resend: Path) -> subprocess.Popen[bytes]:
        program = str(Path(__file__).with_name("kill9_host.py"))
        words = [program, str(self.store), str(ROOMS), str(resend), self.backend, self.socket]
        return subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, bufsize=0)


def run_and_kill(place: Place, told: Told, resend: Path, chance: random.Random, *, early: bool, after: int = 0) -> bool:
    """One incarnation, killed `after` it has taken so many inputs, unless `early`; gives whether one was in flight."""
    resend.write_text("".join(f"{room} {request}\n" for room, request in told.unknown()))
    host = place.host(resend)
    assert host.stdout is not None
    pipe = host.stdout.fileno()
    heard = b""
    deadline = time.monotonic() + (chance.uniform(0.05, 0.4) if early else 60.0)
    loaded = False
    while time.monotonic() < deadline and host.poll() is None:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        if ready:
            heard += os.read(pipe, 1 << 16)
        if not loaded and not early and heard.count(b"DONE") >= ROOMS and heard.count(b"ACK") >= after:
            loaded = True
            deadline = time.monotonic() + chance.uniform(0.02, 0.5)
    assert host.poll() is None, f"the owner ended by itself: {heard[-300:]!r}"
    host.kill()
    heard += host.stdout.read()
    host.stdout.close()
    host.wait()
    assert early or loaded, "no load before the deadline"
    for line in heard.decode().split("\n")[:-1]:  # an unfinished last line was never told
        told.hear(line)
    return told.in_flight() > 0


def check(told: Told, rooms: dict[str, list[Entry]]) -> None:
    for (room, request), seq in told.acknowledged.items():
        entry = rooms[room][seq - 1]
        assert (entry.type, entry.metadata.get("request_id")) == (INPUT, request), f"{room} {seq}: not what was told"
    answers: dict[tuple[str, int], list[Entry]] = defaultdict(list)
    for room, entries in rooms.items():
        for entry in entries:
            if "input" in entry.metadata:
                answers[room, entry.metadata["input"]].append(entry)
    for key, (outcome, text) in told.done.items():
        assert key in answers, f"{key}: done, and gone"
        assert (answers[key][-1].metadata["outcome"], one_line(answers[key][0].content)) == (outcome, text)
    for room, entries in rooms.items():
        requests = [e.metadata["request_id"] for e in entries if "request_id" in e.metadata]
        assert len(requests) == len(set(requests)), f"{room}: an input is there twice"
        check_turns(room, entries)


def check_turns(room: str, entries: list[Entry]) -> None:
    """Each turn answers an existing input, once, in order; the counter shows that none took effect twice."""
    inputs = {e.seq for e in entries if e.type == INPUT}
    answered = [e.metadata["input"] for e in entries if "outcome" in e.metadata]
    assert answered == sorted(set(answered)), f"{room}: answers out of order"
    assert set(answered) <= inputs
    counts = [int(e.content.split(": ")[1]) for e in entries if e.type == OUTPUT and e.content.startswith("Counter: ")]
    assert counts == list(range(1, len(counts) + 1)), f"{room}: effects doubled or lost"
    discarded = [e for e in entries if e.type == ERROR]
    assert all("INPUT:" in e.content for e in discarded)


@pytest.fixture(params=["LEVELDB", "FILESYSTEM", "SQLITE", "REDIS"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    socket = request.getfixturevalue("redis_server").socket if request.param == "REDIS" else "localhost"
    return Place(request.param, tmp_path / "rooms", socket)


def test_kill9_loses_doubles_and_reorders_nothing(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("ROOM_SEED", str(random.randrange(1 << 32))))
    chance = random.Random(seed)
    told, loaded, early_kills = Told(), 0, 0
    for n in range(KILLS):
        early = n > 0 and chance.random() < EARLY
        early_kills += early
        loaded += run_and_kill(place, told, tmp_path / "resend", chance, early=early, after=TAKEN)
        check(told, read_store(place.store, tmp_path / "copy", place.backend, place.socket))
    with capsys.disabled():
        print(
            f"\nkill -9 {place.backend}: seed {seed}, {KILLS} kills ({early_kills} during recovery), {loaded} with input "
            f"in flight, {len(told.acknowledged)} acknowledged, {len(told.done)} done, 0 lost, 0 doubled, 0 reordered"
        )
    assert loaded >= 0.8 * KILLS
    assert len(told.acknowledged) >= 20 * KILLS
