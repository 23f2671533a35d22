"""What the tests of real consoles begin with: a home, and a daemon that owns its rooms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from daemon_program import DaemonProgram


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / "op"
    place.mkdir(mode=0o700)
    return place


@pytest.fixture
def daemon(home: Path) -> Iterator[DaemonProgram]:
    with DaemonProgram(home) as running:
        yield running
