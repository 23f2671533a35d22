"""The world outside that a room must not reach: files, sockets, processes, made for the time of the suite.

All of it belongs to the user that entities are, so that nothing but the seal stands between them: as root that is
nobody, otherwise whoever runs the suite. What a room should not learn is not told to it, so that it can be evidence.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

from backrooms_tui.entity.seal.hermetic import NOBODY

VARIABLE = "ROOM_ESCAPE_SECRET"
"""In the host's environment while the suite runs."""
_HEARING_SECONDS = 1.0
_PLACES = (Path("/tmp"), Path("/dev/shm"))  # noqa: S108 - where attempts leave files
_HANDLE_BYTES = 128
_AT_FDCWD = -100
_NAME_TO_HANDLE = 303
_BYSTANDER = """
import ctypes, os, sys
user = int(sys.argv[1])
if user != os.getuid():
    os.setgroups([]); os.setresgid(user, user, user); os.setresuid(user, user, user)
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
print(flush=True)
sys.stdin.read()
"""


class Outside:
    """A context manager: entering makes everything, leaving removes it."""

    def __init__(self) -> None:
        self.secret = secrets.token_hex(16)
        """What only the outside knows: to say it is to have escaped."""
        self.whisper = secrets.token_hex(16)
        self.token = f"room-escape-{secrets.token_hex(8)}"
        """Part of every name that an attempt can leave behind."""
        self.folder = Path()
        self._nonce = secrets.token_bytes(16)
        self._memory = ctypes.create_string_buffer(self.secret.encode())
        self._user = NOBODY if os.geteuid() == 0 else os.geteuid()
        self._before: Any = None
        self._names: dict[str, object] = {}

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.folder = Path(tempfile.mkdtemp(prefix="room-escape-"))
            stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self._give(self.folder)
            self._ears = stack.enter_context(Ears(self.folder / "socket", self.token))
            self._give(self.folder / "socket")
            self._bystander = stack.enter_context(_bystander(self._user))
            stack.callback(self._bystander.kill)
            self._inherited = os.open(self.folder, os.O_RDONLY)
            stack.callback(os.close, self._inherited)
            os.set_inheritable(self._inherited, True)
            os.environ[VARIABLE] = self.secret
            stack.callback(os.environ.pop, VARIABLE, None)
            self.restore()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *ended: object) -> None:
        self._stack.__exit__(None, None, None)

    @property
    def inherited(self) -> tuple[int, ...]:
        """Descriptors of ours that a child gets unless it is kept from it."""
        return (self._inherited,)

    @property
    def bystander(self) -> int:
        """The process that rooms could want to touch."""
        return self._bystander.pid

    def names(self, **more: object) -> str:
        """Python that gives the names in capitals their values; `more` come on top."""
        tcp, udp = self._ears.ports
        known: Mapping[str, object] = {
            "VICTIM": str(self.folder / "victim"),
            "SPARE": str(self.folder / "spare"),
            "FOLDER": str(self.folder),
            "TOKEN": self.token,
            "NONCE": self._nonce,
            "TCP": tcp,
            "UDP": udp,
            "HOST": os.getpid(),
            "OUTSIDE": self._bystander.pid,
            "SECRET_AT": ctypes.addressof(self._memory),
            "SECRET_SIZE": len(self.secret),
            "HANDLE": _handle(self.folder / "victim"),
            "FOLDER_FD": self._inherited,
        }
        return "".join(f"{name} = {value!r}\n" for name, value in {**known, **more}.items())

    def restore(self) -> None:
        """Put everything back as it was before any attempt."""
        for name, text in (("victim", self.secret), ("spare", "x")):
            path = self.folder / name
            path.unlink(missing_ok=True)
            path.write_text(text, encoding="ascii")
            path.chmod(0o666)
            os.utime(path, ns=(10**18, 10**18))
            self._give(path)
        for path in self._litter():
            path.unlink(missing_ok=True)
        self._ears.forget()
        self._before = self._look()

    def harmed(self) -> bool:
        """Whether another room's file is not what it was."""
        return bool(self._look() != self._before)

    def litter(self) -> bool:
        """Whether something new lies where an attempt may have put it."""
        return bool(self._litter())

    def heard(self) -> bool:
        """Whether what an attempt sends has arrived, or does within a second."""
        return self._ears.heard(self._nonce)

    def _give(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self._user, self._user, follow_symlinks=False)

    def _look(self) -> object:
        path = self.folder / "victim"
        try:
            found = path.stat()
            marks: list[str] = []
            with suppress(OSError):
                marks = os.listxattr(path)
            return (path.read_text(encoding="ascii"), found.st_mode, found.st_mtime_ns, marks)
        except OSError:
            return None

    def _litter(self) -> list[Path]:
        return [path for place in (*_PLACES, self.folder) for path in (place / self.token,) if os.path.lexists(path)]


class Ears:
    """Sockets of every kind that a process could send to, and a thread that takes what comes."""

    def __init__(self, path: Path, token: str) -> None:
        self._sockets: list[socket.socket] = []
        self._path, self._token = path, token
        self._came = threading.Condition()
        self._taken: list[bytes] = []

    def __enter__(self) -> Self:
        tcp = socket.create_server(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", 0))
        named, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        named.bind(str(self._path))
        abstract.bind(f"\0{self._token}")
        for one in (named, abstract):
            one.listen()
        self._sockets = [tcp, udp, named, abstract]
        self.ports = tcp.getsockname()[1], udp.getsockname()[1]
        self._wake, self._wakened = socket.socketpair()
        self._thread = threading.Thread(target=self._listen, name="ears", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wakened.close()
        self._thread.join()
        for one in (*self._sockets, self._wake):
            one.close()

    def heard(self, nonce: bytes) -> bool:
        deadline = time.monotonic() + _HEARING_SECONDS
        with self._came:
            return self._came.wait_for(lambda: nonce in self._taken, max(0.0, deadline - time.monotonic()))

    def forget(self) -> None:
        with self._came:
            self._taken.clear()

    def _listen(self) -> None:
        with selectors.DefaultSelector() as selector:
            for one in self._sockets:
                one.setblocking(False)
                selector.register(one, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._wake:
                        return
                    assert isinstance(key.fileobj, socket.socket)
                    with suppress(OSError):
                        self._take(key.fileobj)

    def _take(self, one: socket.socket) -> None:
        if one.type == socket.SOCK_DGRAM:
            data = one.recv(100)
        else:
            connection, _ = one.accept()
            with connection:
                connection.settimeout(_HEARING_SECONDS / 2)
                data = connection.recv(100)
        with self._came:
            self._taken.append(data)
            self._came.notify_all()


def _bystander(user: int) -> subprocess.Popen[bytes]:
    """A process of the entities' user that does nothing, and ends with us."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _BYSTANDER, str(user)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is not meant for it
    )
    assert process.stdout is not None
    process.stdout.readline()  # it is that user by now
    return process


def _handle(path: Path) -> str:
    """The file's handle as open_by_handle_at(2) takes it, in hexadecimal; empty when the file system gives none."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = (ctypes.c_uint32 * (2 + _HANDLE_BYTES // 4))(_HANDLE_BYTES)
    mount = ctypes.c_int()
    got = libc.syscall(
        ctypes.c_long(_NAME_TO_HANDLE),
        ctypes.c_long(_AT_FDCWD),
        os.fsencode(path),
        handle,
        ctypes.byref(mount),
        ctypes.c_long(0),
    )
    return bytes(handle)[: 8 + handle[0]].hex() if got == 0 else ""
