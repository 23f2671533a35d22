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
