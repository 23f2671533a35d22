"""A way to an owner that a test can cut: a real socket in between, which forwards bytes until it is told not to."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress
from pathlib import Path


class Severed:
    """Listens on `path` and forwards to the owner's socket at `to`. `deaf` swallows requests, `mute` answers but for the
    welcome: a client whose connections all wait for an answer makes another one for what it asks next.
    """

    def __init__(self, path, to):
        self.path, self._to = str(path), str(to)
        self._lock = threading.Lock()
        self.mend()

    def mend(self):
        """Let connections through, from now on."""
        self.deaf = self.mute = self._severed = False
        self._open, self._carriers = set(), []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(64)
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def cut(self):
        """End every connection, and let none through. Idempotent."""
        Path(self.path).unlink(missing_ok=True)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        with self._lock:
            self._severed = True  # a carrier that has not begun yet begins no more
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
        for carrier in self._carriers:
            carrier.join()

    def _accept(self):
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                carrier = threading.Thread(target=self._carry, args=(near,), daemon=True)
                self._carriers.append(carrier)
                carrier.start()

    def _carry(self, near):
        with near, socket.socket(socket.AF_UNIX) as far, suppress(OSError):
            far.connect(self._to)
            with self._lock:
                self._open |= {near, far}
                ended = self._severed
            greeted = False
            while not ended:
                for source in select.select([near, far], [], [])[0]:
                    data = source.recv(65_536)
                    ended = ended or not data
                    if not (self.deaf if source is near else self.mute and greeted):
                        (far if source is near else near).sendall(data)
                    greeted = greeted or source is far
            with self._lock:
                self._open -= {near, far}
