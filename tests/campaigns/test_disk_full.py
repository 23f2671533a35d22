"""A disk that fills up and is freed again: writes are refused by name, nothing acknowledged is lost, service returns.

A real file system of a few megabytes (tmpfs) is filled with ballast to the last byte while an owner writes; then the
ballast goes, the owner opens its store again and writes on, and is killed. What is there is compared with what was
acknowledged. The write that met the full disk may be there or not; nobody was told.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import eventually

from backrooms_tui.persistence.opening import StoreOptions, open_store

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(600)]

ROUNDS = 50 if os.environ.get("ROOM_CAMPAIGN") == "long" else 5
SIZES = (40, 300, 4_000, 100, 20_000)
"""Bytes of an entry, in turn: the write that fails is torn in other places."""
BLOCK = 4096


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "none", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        if os.environ.get("CI") == "true":
            pytest.fail(f"cannot mount: {mounted.stderr!r}")
        pytest.skip("mounting a small file system needs root")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


class Owner:
    def __init__(self, root: Path, backend: str, socket: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("disk_full_host.py")), str(root), backend, socket],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, *words: object) -> dict:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, "the owner died"
        return json.loads(answer)

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


def fill(path: Path) -> None:
    """Take all the space there is."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        while True:
            os.write(descriptor, bytes(BLOCK))
    except OSError:
        os.close(descriptor)


@pytest.fixture
def socket(request, disk, need_tool) -> Iterator[str]:
    """Of a server whose own files are on the disk; with `always` it would end itself at the first failed write."""
    if request.node.callspec.params["backend"] != "REDIS":
        yield "localhost"
        return
    from redis_server import RedisServer

    server = RedisServer(need_tool("redis-server"), disk / "redis")
    server.start(appendfsync="everysec")
    yield server.socket
    server.stop()


@pytest.mark.parametrize("backend", ["LEVELDB", "FILESYSTEM", "SQLITE", "REDIS"])
def test_a_full_disk_costs_nothing_that_was_acknowledged(disk, backend, socket, capsys):
    told: list[str] = []
    unknown: set[str] = set()
    refusals = 0
    for n in range(ROUNDS):
        owner = Owner(disk / "store", backend, socket)
        size = SIZES[n % len(SIZES)]
        told += owner.tell("write", 30, size)["acknowledged"]
        fill(disk / "ballast")
        answer = owner.tell("write", 100_000, size)
        assert answer["refused"] == "STORE_FAILED", "the disk was never full: the round proves nothing"
        told += answer["acknowledged"]
        unknown.add(answer["unknown"])
        refusals += 1
        assert owner.tell("write", 1, size)["refused"] == "STORE_FAILED", "a poisoned store acknowledges nothing"
        (disk / "ballast").unlink()
        eventually(lambda owner=owner: "seq" in owner.tell("reopen"), within=60)
        answer = owner.tell("write", 20, size)
        assert answer["refused"] is None
        told += answer["acknowledged"]
        owner.kill()
    store = open_store(disk / "store", backend=backend, options=StoreOptions(host=socket))
    (record,) = store.load().records
    assert str(record.state) == "ACTIVE"
    assert store.verify(record.id) is None
    remembered = [entry.content for entry in store.read(record.id, after=0, limit=1_000_000)]
    store.close()
    assert [text for text in remembered if text not in unknown] == told
    with capsys.disabled():
        print(f"\ndisk full: {backend}, {refusals} times, {len(told)} acknowledged, 0 lost")
