"""`room.exe daemon` in a home of its own, to be killed and started again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

import pytest
from pty_program import ENVIRONMENT, eventually
from support import ROOT


class DaemonProgram:
    """On the control socket and a free port; it is ready when it is made."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        env = {"PATH": os.environ["PATH"], "HOME": str(self._home), **ENVIRONMENT}
        told = self._home / "daemon.out"
        with told.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "backrooms_tui", "daemon", "--bind", "127.0.0.1:0"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=env,
                cwd=ROOT,
            )
        try:
            eventually(lambda: b"READY" in told.read_bytes().splitlines())
        except pytest.fail.Exception:
            self.kill()
            pytest.fail(f"the daemon was never ready:\n{told.read_text()}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)
