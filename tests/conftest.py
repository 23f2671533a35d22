"""What every test may use: a private place for files, the rule about missing system tools, and waiting."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from support import eventually

if TYPE_CHECKING:
    from redis_server import RedisServer


@pytest.fixture(autouse=True)
def private_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the operator's own rooms, configuration or history."""
    for name in [name for name in os.environ if name.startswith("ROOM_")]:
        if name not in ("ROOM_CAMPAIGN", "ROOM_SEED"):
            monkeypatch.delenv(name)
    for name in ("STATE_DIRECTORY", "CONFIGURATION_DIRECTORY", "LOGS_DIRECTORY", "RUNTIME_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "UTC")
    return


@pytest.fixture
def need_tool() -> Callable[[str], str]:
    """Give the path of a system tool; without it skip on a user's machine and fail in CI."""

    def need(name: str) -> str:
        path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
        if path is None:
            message = f"{name} is not installed"
            if os.environ.get("CI") == "true":
                pytest.fail(message)
            pytest.skip(message)
        return path

    return need


@pytest.fixture
def redis_server(
    need_tool: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RedisServer]:
    """A server that syncs every write, and forgets nothing when it is killed. It is waited for: no test is about how
    fast a busy disk syncs.
    """
    from redis_server import RedisServer

    monkeypatch.setattr("backrooms_tui.persistence.redis.REPLY_SECONDS", 30.0)
    server = RedisServer(need_tool("redis-server"), tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def until() -> Callable[..., object]:
    """`eventually`, for tests."""
    return eventually


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell has what it starts in the background ignore SIGINT, and so would every program that is tested.
    signal.signal(signal.SIGINT, signal.default_int_handler)
# No test is about how fast an example is: a busy machine made one of 300 take longer than hypothesis allows.
settings.register_profile("ours", deadline=None)
settings.load_profile("ours")
