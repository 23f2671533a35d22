"""Fuzzed frames against a real owner: nothing that arrives may crash it, fill it, or be noticed by another client.

500 frames by default, 50,000 with ROOM_CAMPAIGN=long. ROOM_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
import struct
import time
from collections import Counter
from pathlib import Path

import msgpack
import pytest
from served import Raw, Served
from support import eventually

from backrooms_tui.daemon.verbs import VERBS

LONG = os.environ.get("ROOM_CAMPAIGN") == "long"
FRAMES = 50_000 if LONG else 1_500
SEED = int(os.environ.get("ROOM_SEED", str(time.time_ns() % 1_000_000)))
GROWTH = 64 * 1024 * 1024
ANSWER_SECONDS = 0.002
"""How long the fuzzer looks for an answer before it goes on."""


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


class Fuzzer:
    """Makes frames of every degree of wrongness from one seed."""

    def __init__(self, seed, rooms):
        self.random = random.Random(seed)
        self.rooms = rooms

    def value(self, depth=0):
        """Anything msgpack can say, and the values that programs trip over."""
        pick = self.random
        plain = (
            lambda: pick.choice((None, True, False, 0, 1, -1, 2**31, 2**63 - 1, 2**64 - 1, -(2**63))),
            lambda: pick.choice((0.0, -0.0, float("nan"), float("inf"), float("-inf"), 1e308)),
            lambda: pick.choice(("", "\0", "../../etc/passwd", "\x1b]0;x\x07", "\u202e", "é" * 300, "s_" + "0" * 16)),
            lambda: pick.choice(self.rooms),
            lambda: pick.randbytes(pick.choice((0, 1, 64, 5000))),
            lambda: msgpack.ExtType(pick.randrange(128), pick.randbytes(3)),
            lambda: pick.choice((*VERBS, "ok", "error", "data", "end", "part", "last", "__class__")),
        )
        if depth < 4 and pick.random() < 0.35:
            items = [self.value(depth + 1) for _ in range(pick.choice((0, 1, 2, 3, 6, 18)))]
            return items if pick.random() < 0.7 else dict(zip(map(str, range(99)), items, strict=False))
        return pick.choice(plain)()

    def request(self):
        """A verb with arguments that are nearly right."""
        pick = self.random
        name = pick.choice([name for name in VERBS if name not in ("check", "compact")])
        arguments = [self.argument(of) for of in VERBS[name].kinds]
        if arguments and pick.random() < 0.3:
            arguments[pick.randrange(len(arguments))] = self.value()
        if pick.random() < 0.1:
            arguments.append(self.value())
        return [pick.choice((0, 1, 2**63, -1)), name, arguments]

    def argument(self, of):
        pick = self.random
        right = {
            "room": pick.choice(self.rooms),
            "bytes": b"x" * pick.choice((0, 1, 70_000)),
            "seconds?": pick.choice((None, 0, 0.001)),
            "seconds": 0.001,
            "count": pick.choice((1, 200, 1_000_000)),
            "time?": pick.choice((None, 0, 1, 2**62)),
            "bool": pick.random() < 0.5,
            "RoomConfig": [1 << 29, 30, "zstd", pick.choice(("reference", "x")), self.value(4)],
            "ExportSpec": [pick.choice(("jsonl", "csv", "binary", "sqlite", "pickle")), [], None, None],
            "BackupSpec": [pick.choice(("gzip", "xz", "x")), True],
            "Receipt": [pick.choice(self.rooms), pick.choice((0, 1, 2**40)), 1, 0],
            "[room]?": pick.choice((None, [], self.rooms)),
        }
        return right.get(of, self.value(4))

    def frame(self):
        """Bytes of a frame, whole or not."""
        pick = self.random
        kind = pick.random()
        if kind < 0.45:
            payload = msgpack.packb(self.request())
        elif kind < 0.65:
            payload = msgpack.packb(self.value())
        elif kind < 0.75:
            payload = pick.randbytes(pick.choice((1, 4, 100, 10_000)))
        elif kind < 0.8:
            payload = pick.choice((b"\x91", b"\x81\xa0", b"\xdd\x00\x00\xff\xff")) * pick.choice((10, 10_000)) + b"\x01"
        else:
            payload = bytearray(msgpack.packb(self.request()))
            for _ in range(pick.randrange(1, 6)):
                payload[pick.randrange(len(payload))] = pick.randrange(256)
        length = len(payload)
        if pick.random() < 0.1:
            length = pick.choice((0, 1, length - 1, length + 1, 2**20, 2**20 + 1, 2**31, 2**32 - 1))
        data = struct.pack(">I", length) + bytes(payload)
        if pick.random() < 0.05:
            data = data[: pick.randrange(len(data))]
        if pick.random() < 0.01:
            data = pick.choice((b"GET / HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n{}", b"SSH-2.0-x\r\n"))
        return data


def take(raw):
    """Take what has been answered; False when the connection is over."""
    try:
        raw.socket.settimeout(ANSWER_SECONDS)
        return bool(raw.socket.recv(1 << 20))
    except TimeoutError:
        return True
    except OSError:
        return False


class Fuzzed:
    """A connection that is fuzzed; a new one whenever the owner, or chance, ends it."""

    def __init__(self, served, fuzzer):
        self.told = Counter()
        self._served = served
        self._fuzzer = fuzzer
        self._raw = None

    def send(self):
        chance = self._fuzzer.random
        try:
            if self._raw is None:
                self._raw = Raw(self._served.path if chance.random() < 0.7 else self._served.server.address)
                self.told["connections"] += 1
                if chance.random() < 0.9:
                    self._raw.hello(token=self._served.token, read_only=chance.random() < 0.5)
            self._raw.socket.settimeout(1.0)
            self._raw.bytes(self._fuzzer.frame())
            alive = take(self._raw)
        except OSError:  # it is closed, or was before it had said who it is: an owner does not wait for long
            alive = False
        self.told["frames"] += 1
        if not alive or chance.random() < 0.02:
            self.close()

    def close(self):
        if self._raw is not None:
            self._raw.socket.close()
        self._raw = None


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_fuzzed_frames_neither_crash_nor_fill_the_owner_nor_disturb_another_client(tmp_path):
    print(f"ROOM_SEED={SEED}")
    served = Served(tmp_path, bounds={"hello_seconds": 1.0, "stall_seconds": 1.0, "idle_seconds": 3600.0})
    other = served.connect_tcp()
    fuzzed = Fuzzed(served, Fuzzer(SEED, [served.room(), "0" * 64]))
    base = slowest = 0
    try:
        for n in range(FRAMES):
            fuzzed.send()
            if n % 100 == 0:
                began = time.monotonic()
                made = other.listing()
                slowest = max(slowest, time.monotonic() - began)
                for room, _ in made[100:]:  # lucky frames make rooms
                    other.destroy(room, confirm=room)
            if n == FRAMES // 5:
                base = resident()
        fuzzed.close()
        eventually(lambda: served.server.connections == 1, within=30)
        assert Counter(map(repr, served.faults)) == {}
        assert resident() - base < GROWTH
        assert slowest < 10
        assert other.status().connections == 1
    finally:
        fuzzed.told |= {"slowest other request, ms": round(slowest * 1000), "grown, KiB": (resident() - base) // 1024}
        print(dict(fuzzed.told))
        served.close()


def test_the_fuzzer_says_the_same_from_one_seed():
    first, second = (Fuzzer(7, ["a" * 64]) for _ in range(2))
    assert [first.frame() for _ in range(50)] == [second.frame() for _ in range(50)]
