"""An owner served in this process, and clients of it, for tests of the control protocol."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path

import msgpack

from backrooms_tui.broker.providers import Piece, Usage
from backrooms_tui.broker.providers.scripted import Scripted
from backrooms_tui.config.settings import DaemonSettings, PersistenceSettings, Settings
from backrooms_tui.daemon.client import connect
from backrooms_tui.daemon.listening import read_token
from backrooms_tui.daemon.owning import own
from backrooms_tui.daemon.server import Bounds
from backrooms_tui.model.room import RoomConfig

PATIENCE = 20.0


class Served:
    """Rooms under `place`, served on the control socket and on a free port of loopback."""

    def __init__(self, place, *, bounds=None, **daemon):
        self.directory = place / "rooms"
        self.settings = Settings(
            persistence=PersistenceSettings(path=str(self.directory)), daemon=DaemonSettings(**daemon)
        )
        self.faults = []
        self.owned = own(self.settings, bind="127.0.0.1:0", on_fault=self.faults.append)
        self.service, self.server = self.owned.service, self.owned.server
        if bounds is not None:
            self.server.bounds = Bounds(**{"max_connections": 64, "idle_seconds": 300, **bounds})
        self.path = str(self.directory / "control.sock")
        self.clients = []

    @property
    def token(self):
        return read_token(self.directory / "token")

    def connect(self, **options):
        self.clients.append(connect(self.path, **({"who": "ann@here"} | options)))
        return self.clients[-1]

    def connect_tcp(self, **options):
        self.clients.append(connect(self.server.address, **({"token": self.token} | options)))
        return self.clients[-1]

    def raw(self, *, tcp=False):
        """A connection without a client, as others write them."""
        return Raw(self.server.address if tcp else self.path)

    def room(self, **config):
        return self.service.create(RoomConfig(**config)).record.id

    def close(self):
        for client in self.clients:
            client.close()
        self.owned.close()


class Raw:
    """A socket to an owner: bytes and frames, right or wrong."""

    def __init__(self, address):
        if "/" in address:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(address)
        else:
            host, _, port = address.rpartition(":")
            self.socket = socket.create_connection((host, int(port)))
        self.socket.settimeout(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def bytes(self, data):
        self.socket.sendall(data)

    def frame(self, message):
        payload = msgpack.packb(message)
        self.socket.sendall(struct.pack(">I", len(payload)) + payload)

    def hello(self, **said):
        """Come in; gives the answer."""
        usual = {"magic": "backrooms-control", "version": 1, "who": "raw@here", "token": None, "session": None}
        self.frame(usual | {"read_only": False} | said)
        return self.message()

    def message(self):
        """The next frame; None when the owner has closed the connection."""
        head = self._exactly(4)
        if head is None:
            return None
        payload = self._exactly(struct.unpack(">I", head)[0])
        return None if payload is None else msgpack.unpackb(payload)

    def ended(self):
        """Whether nothing more comes: waits for the end of the connection."""
        with suppress(ConnectionError):
            while self.socket.recv(65_536):
                pass
        return True

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            try:
                more = self.socket.recv(size - len(data))
            except ConnectionError:
                return None
            if not more:
                return None
            data += more
        return data


class SlowModel:
    """Has scripted models of this process answer nothing until `answer` is set: turns that last as long as wanted."""

    ENTITY = "llm:scripted/echo"

    def __init__(self, monkeypatch):
        self.answer = threading.Event()
        monkeypatch.setattr(Scripted, "_stream", self._stream)

    async def _stream(self, _asked):
        while not self.answer.is_set():  # noqa: ASYNC110 - it is set in another thread
            await asyncio.sleep(0.005)
        yield Piece(text="At last.")
        yield Piece(finish="stop", usage=Usage(1, 1))


def descriptors():
    return len([*Path("/proc/self/fd").iterdir()])
