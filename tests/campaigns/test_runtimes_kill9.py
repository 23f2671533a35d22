"""kill -9 of an owner in mid-turn, over every kind of entity: nothing acknowledged is lost, no effect happens twice.

A counter tells each time whether a turn took effect once. For a model the effects are its server's: it counts what it
is asked, and a call whose answer is in the room's memory is never asked again; and what operators were told, they were
told once. The killed program is `runtimes_host.py`.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from model_server import Exchange, ModelServer, says, uses
from offline_reader import ERROR, INPUT, Entry, read_store
from test_kill9 import Told, check, run_and_kill

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(1200), pytest.mark.xdist_group("kill9")]

KILLS = 50 if os.environ.get("ROOM_CAMPAIGN") == "long" else int(os.environ.get("ROOM_KILLS", "5"))
ROOMS = 4
Asked = tuple[str, str]
"""A request id, and who spoke last: the user, or the tool."""


class Asking:
    """What the model's server was asked, and how it answers: with a tool, then with words."""

    def __init__(self) -> None:
        self.counts: Counter[Asked] = Counter()

    def __call__(self, exchange: Exchange) -> None:
        request = next(m["content"] for m in reversed(exchange.body["messages"]) if m["role"] == "user")
        self.counts[request, exchange.last["role"]] += 1  # of one request one thread at a time
        if exchange.last["role"] == "user":
            uses(("notify", {"text": request}))(exchange)
        else:
            says("It ", "is ", f"done: {request}")(exchange)


@dataclass
class Effects(Told):
    """And what must happen once."""

    notes: Counter[str] = field(default_factory=Counter)
    paid: dict[Asked, int] = field(default_factory=dict)
    """How often a call had been asked when its answer was first found in memory."""

    def hear(self, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word == "NOTE":
            self.notes[rest] += 1
        else:
            super().hear(line)

    def look(self, rooms: dict[str, list[Entry]], asking: Asking) -> None:
        for entries in rooms.values():
            typed = {entry.seq: entry.content for entry in entries if entry.type == INPUT}
            for entry in entries:
                call = entry.metadata.get("call", {})
                if call.get("name") == "model" and call["ok"]:
                    by = "user" if call["id"].endswith(".1") else "tool"
                    asked = (typed[call["input"]], by)
                    self.paid.setdefault(asked, asking.counts[asked])


@dataclass
class Place:
    kind: str
    store: Path
    folder: Path
    base_url: str

    def host(self, resend: Path) -> subprocess.Popen[bytes]:
        program = str(Path(__file__).with_name("runtimes_host.py"))
        words = [program, str(self.store), str(ROOMS), str(resend), self.kind, str(self.folder), self.base_url]
        return subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, bufsize=0)


@pytest.mark.parametrize("kind", ["reference", "python", "command", "llm"])
def test_kill9_in_mid_turn_loses_nothing_and_does_nothing_twice(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = int(os.environ.get("ROOM_SEED", str(random.randrange(1 << 32))))
    chance = random.Random(seed)
    effects, asking, loaded = Effects(), Asking(), 0
    with ModelServer(asking) as server:
        place = Place(kind, tmp_path / "rooms", tmp_path, server.base_url)
        for _ in range(KILLS):
            loaded += run_and_kill(place, effects, tmp_path / "resend", chance, early=False)
            rooms = read_store(place.store, tmp_path / "copy", "LEVELDB", "")
            check(effects, rooms)
            effects.look(rooms, asking)
        again = [asked for asked, count in effects.paid.items() if asking.counts[asked] != count]
    discarded = sum(entry.type == ERROR for entries in rooms.values() for entry in entries)
    with capsys.disabled():
        print(
            f"\nkill -9 in mid-turn, {kind}: seed {seed}, {KILLS} kills, {loaded} with input in flight, "
            f"{len(effects.acknowledged)} acknowledged, {len(effects.done)} done, 0 lost, {discarded} discarded at a "
            f"second death, {len(effects.paid)} calls in memory, {len(again)} asked again, {len(effects.notes)} effects, "
            f"{sum(count > 1 for count in effects.notes.values())} twice"
        )
    assert again == []
    assert all(count == 1 for count in effects.notes.values())
    assert loaded >= 0.8 * KILLS
    assert len(effects.acknowledged) >= KILLS
    assert (len(effects.paid) > 0) is (len(effects.notes) > 0) is (kind == "llm")
