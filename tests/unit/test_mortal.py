"""A process that the zygote makes, as it is waited for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from backrooms_tui.entity.mortal import NEVER_BORN
from backrooms_tui.entity.process import ExitReport
from backrooms_tui.entity.sealed import SealedProcess


@pytest.fixture
def reports() -> list[ExitReport]:
    return []


@pytest.fixture
def unborn(reports: list[ExitReport]):
    """One that the zygote has not answered for yet."""
    process = SealedProcess(
        frames=os.open(os.devnull, os.O_RDWR),
        captured=os.open(os.devnull, os.O_RDONLY),
        crash=os.open(os.devnull, os.O_RDONLY),
        on_exit=reports.append,
    )
    yield process
    process.close()


def test_who_awaits_the_birth_of_a_process_has_its_number_then(unborn: SealedProcess) -> None:
    assert not unborn.await_birth(0)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        host = threading.Thread(target=unborn.born, args=(child.pid, os.pidfd_open(child.pid)))
        host.start()
        assert unborn.await_birth(10)
        assert unborn.pid == child.pid
        host.join()
        unborn.kill()
        assert child.wait(10) == -signal.SIGKILL


def test_nobody_awaits_the_birth_of_what_is_never_born(unborn: SealedProcess, reports: list[ExitReport]) -> None:
    unborn.died(NEVER_BORN)
    assert unborn.await_birth(0)
    assert unborn.pid is None
    assert [report.pid for report in reports] == [0]


HEARS = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
print("ready", flush=True)
print(signal.sigwait({signal.SIGINT}).name, flush=True)
"""


def test_an_interrupt_before_the_number_is_known_reaches_the_process_when_it_is(unborn: SealedProcess) -> None:
    with subprocess.Popen([sys.executable, "-c", HEARS], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        unborn.interrupt(1)
        unborn.born(child.pid, os.pidfd_open(child.pid))
        assert child.stdout.readline() == b"SIGINT\n"
        assert child.wait(60) == 0
