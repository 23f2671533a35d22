"""The owner lock: one owner, named to everybody else, gone with its process."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from backrooms_tui.model.errors import StoreBusy, StoreFailed, UnsafePath
from backrooms_tui.persistence.owner_lock import Owner, OwnerLock, read_owner

HOLDER = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from pathlib import Path
from backrooms_tui.persistence.owner_lock import OwnerLock
lock = OwnerLock.acquire(Path(sys.argv[1]), socket="/run/room.sock")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "owner.lock"


@pytest.fixture
def holder(path):
    """Another process that holds the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_the_file_names_its_owner_and_is_private(path):
    lock = OwnerLock.acquire(path)
    told = json.loads(path.read_text())
    assert told == {"pid": os.getpid(), "since": lock.owner.since, "host": os.uname().nodename, "socket": None}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_owner(path) == lock.owner
    lock.release()
    assert read_owner(path) is None
    lock.release()


def test_whatever_the_socket_is_called_the_file_is_json_and_is_read_back(path):
    for socket in ('/run/"quoted"', "/run/back\\slash", "/run/ünï\ncode", "/run/plain.sock"):
        lock = OwnerLock.acquire(path, socket=socket)
        assert json.loads(path.read_text())["socket"] == socket
        assert read_owner(path) == lock.owner
        lock.release()


def test_a_second_owner_is_told_who_holds_it_and_since_when(path, holder):
    with pytest.raises(StoreBusy) as caught:
        OwnerLock.acquire(path)
    held, since = caught.value.details
    assert held == f"HELD BY: pid {holder.pid}"
    assert since.startswith("SINCE: 20")
    assert caught.value.exit_status == 3
    assert read_owner(path).socket == "/run/room.sock"


def test_the_lock_of_a_killed_owner_is_free_at_once_though_the_file_still_names_it(path, holder):
    holder.kill()
    holder.wait()
    assert read_owner(path).pid == holder.pid
    lock = OwnerLock.acquire(path)
    assert read_owner(path).pid == os.getpid()
    lock.release()


def test_a_program_started_by_the_owner_does_not_keep_the_lock_of_a_dead_one(path):
    """Even when it inherits every descriptor that may be inherited."""
    lock = OwnerLock.acquire(path)
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        close_fds=False,
    ) as child:
        assert child.stdout.readline() == b"\n"
        os.close(lock._fd)  # what death does
        OwnerLock.acquire(path).release()
        child.communicate(b"\n", timeout=30)


def test_a_released_lock_is_free_although_a_forked_process_shares_its_descriptor(path):
    lock = OwnerLock.acquire(path)
    shared = os.dup(lock._fd)
    lock.release()
    OwnerLock.acquire(path).release()
    os.close(shared)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"pid": 1}', b"[" * 4000, b"{" * 9999]
    + [
        json.dumps({"pid": 1, "since": 1, "host": "h", "socket": None, **odd}).encode()
        for odd in (
            {"pid": "1"},
            {"pid": True},
            {"since": -1},
            {"since": 1 << 70},
            {"host": None},
            {"socket": 7},
            {"more": 1},
        )
    ],
    ids=lambda content: content[:60].decode("latin-1"),
)
def test_nonsense_in_the_file_is_no_owner_and_no_obstacle(path, content):
    path.touch(0o600)
    path.write_bytes(content)
    assert read_owner(path) is None
    OwnerLock.acquire(path).release()


def test_a_busy_lock_with_nonsense_in_it_is_still_busy(path, holder):
    path.write_bytes(b"nonsense")
    with pytest.raises(StoreBusy) as caught:
        OwnerLock.acquire(path)
    assert caught.value.details == ("HELD BY: another process",)


def test_a_missing_file_is_no_owner(path):
    assert read_owner(path) is None


def test_a_link_a_directory_and_a_pipe_in_its_place_are_refused(path, tmp_path):
    target = tmp_path / "target"
    target.write_text("precious")
    for place in (lambda: path.symlink_to(target), path.mkdir, lambda: os.mkfifo(path, 0o600)):
        place()
        with pytest.raises(UnsafePath):
            OwnerLock.acquire(path)
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    assert target.read_text() == "precious"


def test_a_place_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(StoreFailed):
        OwnerLock.acquire(tmp_path / "missing" / "owner.lock")


def test_the_owner_is_a_plain_value():
    assert Owner(1, 2, "h") == Owner(pid=1, since=2, host="h", socket=None)
