"""Debian's real redis-server for tests: on a private unix socket, writing its files where the test says."""

from __future__ import annotations

import select
import socket
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from support import eventually

from backrooms_tui.persistence.opening import StoreOptions


class RedisServer:
    """Started by `start`; whoever starts it stops it."""

    def __init__(self, program: str, place: Path) -> None:
        self.place = place
        self.socket = str(place / "redis.sock")
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        place.mkdir(mode=0o700, exist_ok=True)

    def start(self, **settings: str) -> None:
        """Settings are those of redis.conf, with `_` for `-`. Everything on disk is kept from the start before."""
        defaults = {"appendonly": "yes", "appendfsync": "always", "save": "", "dir": str(self.place)}
        words = []
        for name, value in {**defaults, **settings}.items():
            words += ["--" + name.replace("_", "-"), value]
        with (self.place / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "--port", "0", "--unixsocket", self.socket, "--unixsocketperm", "700", *words],
                stdout=log,
                stderr=log,
            )
        eventually(self._answers)

    def kill(self) -> None:
        """As a power failure of the process would end it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.kill()

    def client(self, **settings: object) -> redis.Redis:
        """A client of one's own: to look, and to do harm."""
        return redis.Redis(unix_socket_path=self.socket, retry=Retry(NoBackoff(), 0), protocol=2, **settings)

    def options(self, **changes: object) -> StoreOptions:
        return StoreOptions(**{"host": self.socket, **changes})

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.place / "server.log").read_text()
        with self.client() as client:
            try:
                return bool(client.ping())
            except redis.AuthenticationError:
                return True
            except redis.RedisError:
                return False


class Wire:
    """A unix socket in front of a server's that loses answers: `drop` the next one to a script, after the server has
    done what it was asked.
    """

    def __init__(self, server: RedisServer, place: Path) -> None:
        self.socket = str(place)
        self.drop = 0
        self.dropped = 0
        self._target = server.socket
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.socket)
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        far = socket.socket(socket.AF_UNIX)
        far.connect(self._target)
        with near, far, suppress(OSError):
            scripted = False
            while True:
                for ready in select.select([near, far], [], [])[0]:
                    data = ready.recv(1 << 20)
                    if not data:
                        return
                    if ready is near:
                        scripted = b"EVAL" in data[:64]
                    elif scripted and self.drop:
                        self.drop -= 1
                        self.dropped += 1
                        return
                    (far if ready is near else near).sendall(data)
