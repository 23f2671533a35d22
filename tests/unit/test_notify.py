"""Telling a service manager, and taking what it hands over, against real sockets and processes."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support import ROOT

from backrooms_tui.daemon.notify import Notifier, listen_fds
from backrooms_tui.model.errors import ConfigInvalid


class Manager:
    """A manager's end of the notification socket."""

    def __init__(self, address: str, name: str) -> None:
        self.name = name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(10)

    def heard(self) -> list[str]:
        return self._socket.recv(4096).decode().split("\n")

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    name = f"@room-test-{os.urandom(8).hex()}" if request.param == "abstract" else str(tmp_path / "notify")
    there = Manager(name.replace("@", "\0", 1) if name.startswith("@") else name, name)
    yield there
    there.close()


def test_the_manager_is_told_each_step_of_a_life(manager: Manager) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": manager.name})
    notifier.ready("12 rooms")
    assert manager.heard() == ["READY=1", "STATUS=12 rooms"]
    notifier.watchdog()
    assert manager.heard() == ["WATCHDOG=1"]
    notifier.status("64 clients")
    assert manager.heard() == ["STATUS=64 clients"]
    notifier.extend(2.5)
    assert manager.heard() == ["EXTEND_TIMEOUT_USEC=2500000"]
    notifier.stopping()
    assert manager.heard() == ["STOPPING=1"]


def test_a_reload_is_told_with_the_monotonic_time_of_its_beginning(manager: Manager) -> None:
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    Notifier({"NOTIFY_SOCKET": manager.name}).reloading()
    reloading, when = manager.heard()
    assert reloading == "RELOADING=1"
    found = re.fullmatch(r"MONOTONIC_USEC=(\d+)", when)
    assert found
    assert before <= int(found[1]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_a_newline_in_a_status_begins_no_assignment_of_its_own(manager: Manager) -> None:
    Notifier({"NOTIFY_SOCKET": manager.name}).status("one\nMAINPID=1")
    (line,) = manager.heard()
    assert line.startswith("STATUS=one")


@pytest.mark.parametrize("name", ["", "@", "relative", "vsock:2:1234"])
def test_without_a_manager_that_is_meant_for_us_nothing_is_told(name: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1000000"})
    notifier.ready()
    assert not notifier.present
    assert notifier.watchdog_interval is None


def test_a_manager_that_is_gone_stops_nobody(tmp_path: Path) -> None:
    Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready("12 rooms")


def test_a_manager_that_does_not_read_costs_a_bounded_time(manager: Manager) -> None:
    """Its queue fills up; the datagram that finds no place is dropped, not waited for."""
    notifier = Notifier({"NOTIFY_SOCKET": manager.name})
    queue = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
    address = manager.name.replace("@", "\0", 1) if manager.name.startswith("@") else manager.name
    for _ in range(queue + 1):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:  # one for each: a sender's own buffer is short
            filler.setblocking(False)
            with suppress(BlockingIOError):
                filler.sendto(b"X=1", address)
    begun, worked = time.monotonic(), time.thread_time()
    notifier.watchdog()
    assert 0.5 < time.monotonic() - begun < 60
    assert time.thread_time() - worked < 0.2, "it waited by asking again and again"


@pytest.mark.parametrize(
    ("environ", "interval"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "often"}, None),
        ({}, None),
    ],
)
def test_signs_of_life_are_due_at_half_of_what_the_manager_allows_this_process(
    environ: dict[str, str], interval: float | None
) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/run/notify", **environ}).watchdog_interval == interval


HEIR = """
import json, os, socket, subprocess, sys
from backrooms_tui.daemon.notify import listen_fds
given = listen_fds()
print(json.dumps({
    "given": [[one.fd, one.name, socket.socket(fileno=os.dup(one.fd)).family.name] for one in given],
    "inheritable": [os.get_inheritable(one.fd) for one in given],
    "left": [name for name in os.environ if name.startswith("LISTEN_")],
    "again": len(listen_fds()),
}))
"""


def test_two_sockets_are_taken_over_once_with_their_names_and_are_inherited_by_nobody(tmp_path: Path) -> None:
    """As a manager does it: descriptors 3 and 4, and the process's own number."""
    unix, tcp = socket.socket(socket.AF_UNIX), socket.socket()
    with unix, tcp:
        unix.bind(str(tmp_path / "control.sock"))
        tcp.bind(("127.0.0.1", 0))
        for one in (unix, tcp):
            one.listen()
        shell = f"exec 3<&{unix.fileno()} 4<&{tcp.fileno()}; LISTEN_PID=$$ exec {sys.executable} -c '{HEIR}'"
        answer = subprocess.run(
            ["/bin/bash", "-c", shell],
            pass_fds=(unix.fileno(), tcp.fileno()),
            env={"PYTHONPATH": str(ROOT), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "control:bind"},
            capture_output=True,
            text=True,
            check=True,
        )
    assert json.loads(answer.stdout) == {
        "given": [[3, "control", "AF_UNIX"], [4, "bind", "AF_INET"]],
        "inheritable": [False, False],
        "left": [],
        "again": 0,
    }


def test_what_is_meant_for_another_process_is_left_alone_and_not_passed_on() -> None:
    environ = {"LISTEN_PID": "1", "LISTEN_FDS": "2", "OTHER": "kept"}
    assert listen_fds(environ) == ()
    assert environ == {"OTHER": "kept"}


@pytest.mark.parametrize(
    "environ",
    [
        {"LISTEN_PID": "me", "LISTEN_FDS": "1"},
        {"LISTEN_PID": "", "LISTEN_FDS": "1"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "-1"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "65"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": ""},
    ],
)
def test_variables_that_no_manager_writes_are_refused(environ: dict[str, str]) -> None:
    with pytest.raises(ConfigInvalid):
        listen_fds(environ)


def test_a_descriptor_that_is_not_there_is_refused() -> None:
    """In a process of its own: here descriptor 3 may be anything."""
    shell = (
        f"exec 3<&-; LISTEN_PID=$$ LISTEN_FDS=1 exec {sys.executable} -c 'import backrooms_tui.daemon.notify as n;"
        " n.listen_fds()'"
    )
    ended = subprocess.run(
        ["/bin/bash", "-c", shell], env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert "LISTEN_FDS: there is no descriptor 3." in ended.stderr
