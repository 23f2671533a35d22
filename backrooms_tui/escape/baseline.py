"""What an attempt comes to where nothing seals it: in a plain process of ours. What fails there proves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from backrooms_tui.model.value import value

from .attempts import DEADLINE, DIED, ESCAPED, HELD, NOTHING, Attempt
from .outside import Outside
from .probes import ENDED, PLAIN, filled, said

MAX_DETAIL = 200
"""Characters of how something failed: one attempt fails with 40 million."""
PYTHON_FAILED = 1
"""Exit status of an uncaught exception: the attempt was refused."""


@value
class Baseline:
    outcome: str
    detail: str
    """How it failed, or how the process ended."""


def unsealed(attempt: Attempt, outside: Outside, names: str) -> Baseline:
    """Try it in a process that is started for it and gone afterwards."""
    if not attempt.unsealed:
        return Baseline(NOTHING, "")
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", PLAIN, filled(names, attempt.code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        pass_fds=outside.inherited,
        start_new_session=True,
    )
    with process:
        try:
            out, errors = process.communicate(timeout=attempt.timeout)
        except subprocess.TimeoutExpired:
            return Baseline(DEADLINE, "killed at its deadline")
        finally:
            _end_all(process.pid)
        return _judged(
            attempt, outside, process.returncode, out.decode(errors="replace"), errors.decode(errors="replace")
        )


def _judged(attempt: Attempt, outside: Outside, status: int, out: str, errors: str) -> Baseline:
    if attempt.proof(outside, said(out)):
        return Baseline(ESCAPED, "")
    if status < 0:
        return Baseline(DIED, f"signal {-status}")
    if status == PYTHON_FAILED:
        return Baseline(HELD, (errors.strip().splitlines() or [""])[-1][:MAX_DETAIL])
    return Baseline(HELD if out.rstrip().endswith(ENDED) else DIED, f"exit status {status}")


def _end_all(group: int) -> None:
    """The process and whatever it has left behind in its session."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass
