"""Debian's real redis-server for tests: on a private unix socket, writing its files where the test says."""

from __future__ import annotations

import os
import select
import signal
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
        eventually(self._answers, within=60)

    def kill(self) -> None:
        """As a power failure of the process would end it."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stand_still(self) -> None:
        """As a machine that hangs does: who connects is let in by the system, and nobody is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

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
    """A unix socket in front of a server's that loses answers: it will `drop` so many to scripts, once it has let pass
    those to `spare`, after the server has done what it was asked. With `final` nobody is connected from then on.
    """

    def __init__(self, server: RedisServer, place: Path) -> None:
        self.socket = str(place)
        self.spare = 0
        self.drop = 0
        self.dropped = 0
        self.final = False
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
                    if ready is far and scripted and self._lost():
                        return
                    scripted = ready is near and (scripted or b"EVAL" in data[:64])  # until its answer begins
                    (far if ready is near else near).sendall(data)

    def _lost(self) -> bool:
        if self.spare:
            self.spare -= 1
            return False
        if not self.drop:
            return False
        self.drop -= 1
        if self.final:
            self.close()
        self.dropped += 1
        return True
