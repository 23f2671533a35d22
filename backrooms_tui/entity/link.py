"""One zygote and the host's thread that listens to it.

Spawning is one packet written by whoever asks; answers, deaths and deafness are this thread's. A link that has
ended stays ended: the host makes another.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

import backrooms_tui
from backrooms_tui.entity.zygote import control
from backrooms_tui.entity.zygote.control import Message

from .mortal import NEVER_BORN, Death, Mortal
from .profiles import Profile

HELLO_PATIENCE = 30.0
"""Seconds until a zygote has to say hello; it takes 0.2 to 0.4 s."""
SPAWN_PATIENCE = 5.0
"""Seconds without a sign of life while an answer is due; then the zygote is replaced."""
_STOP_PATIENCE = 5.0
"""Seconds for a zygote to end its rooms and itself; 1,024 rooms take about one."""
_DEATH_PATIENCE = 0.1
"""Seconds for a zygote that has closed its channel; a deaf one never does."""
_BOOTSTRAP = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from backrooms_tui.entity.zygote.serving import main; main(int(sys.argv[2]))"
)
_ENVIRONMENT = {"LANG": "C.UTF-8", "TZ": "UTC"}
"""All of it: a process's first environment stays readable in its memory, so it may never hold a secret."""
_ERROR_TAIL = 2000

_Outgoing = tuple[Message, tuple[int, ...]]


class Link:
    """See the module. Methods are for any thread."""

    def __init__(self) -> None:
        """Exec a zygote, without waiting for it. Raises OSError."""
        self.facts: Message | None = None
        """Its self-test; None until hello."""
        self._greeted = threading.Event()
        self._programs_known = threading.Event()
        self.ended = False
        self.last_words = ""
        """What the zygote wrote on its standard error, once it has ended."""
        self._lock = threading.Lock()
        self._rooms: dict[str, Mortal] = {}
        self._due: set[str] = set()
        self._outbox: deque[_Outgoing] = deque()
        self._unsent: deque[Mortal] = deque()
        self._heard = time.monotonic()
        self._stopping = False
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._errors = os.memfd_create("zygote-errors", os.MFD_CLOEXEC)
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.setblocking(False)
        with theirs:
            try:
                self._zygote = _start(theirs.fileno(), self._errors)
            except OSError:
                self._channel.close()
                _close_all((self._wake, self._errors))
                raise
        self._thread = threading.Thread(target=self._run, name="zygote", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        return self._zygote.pid

    def spawn(
        self, process: Mortal, memory_limit: int, descriptors: tuple[int, ...], profile: Profile = Profile.HERMETIC
    ) -> bool:
        """Ask for a child; takes `descriptors` over. False when the link has ended and nothing was asked."""
        with self._lock:
            if not self.ended:
                token = os.urandom(8).hex()
                self._rooms[token] = process
                if not self._due:
                    self._heard = time.monotonic()
                    os.eventfd_write(self._wake, 1)  # from now on an answer is due
                self._due.add(token)
                self._outbox.append(({"spawn": token, "memory": memory_limit, "profile": int(profile)}, descriptors))
                self._send_outbox()
                return True
        _close_all(descriptors)
        return False

    def await_facts(self, *, programs: bool, patience: float = SPAWN_PATIENCE) -> Message | None:
        """Its self-test, waiting while it starts; with `programs`, what it finds out about those is in `command`.
        None when it does not say within `patience` seconds.
        """
        if programs:
            with self._lock:
                if not self.ended and not self._programs_known.is_set():
                    self._outbox.append(({"programs": None}, ()))
                    self._send_outbox()
        known = self._programs_known if programs else self._greeted
        return self.facts if known.wait(patience) else None

    def flush_later(self, process: Mortal) -> None:
        """Go on writing what `process` could not take at once, as long as nobody else writes to it."""
        with self._lock:
            if not self.ended:
                self._unsent.append(process)
                os.eventfd_write(self._wake, 1)

    def stop(self) -> None:
        """End the zygote and every room; waits for the thread."""
        with self._lock:
            self._stopping = True
            if not self.ended:
                os.eventfd_write(self._wake, 1)
        self._thread.join()

    def _run(self) -> None:
        while self._step():
            pass
        self._end()

    def _step(self) -> bool:
        """Wait for one thing to happen; False when the link is over."""
        events = dict(self._poller().poll(self._patience()))
        if self._wake in events:
            os.eventfd_read(self._wake)
        with self._lock:
            if self._stopping:
                return False
            self._send_outbox()
            overdue = bool(self._due or self.facts is None) and self._patience() == 0
        self._flush_unsent()
        if events.get(self._channel.fileno(), 0) & ~select.POLLOUT:
            return self._listen()
        return not overdue

    def _flush_unsent(self) -> None:
        with self._lock:
            waiting = list(self._unsent)
            self._unsent.clear()
        rest = [process for process in waiting if not process.flush()]
        with self._lock:
            self._unsent.extend(rest)

    def _poller(self) -> select.poll:
        poller = select.poll()
        with self._lock:
            poller.register(self._wake, select.POLLIN)
            poller.register(self._channel, select.POLLIN | (select.POLLOUT if self._outbox else 0))
            for process in self._unsent:
                if process.filenos():  # not closed yet
                    poller.register(process.write_fileno, select.POLLOUT)
        return poller

    def _patience(self) -> float | None:
        """Milliseconds until the zygote counts as deaf; None while nothing is due."""
        if self.facts is not None and not self._due:
            return None
        patience = HELLO_PATIENCE if self.facts is None else SPAWN_PATIENCE
        return max(0.0, self._heard + patience - time.monotonic()) * 1000

    def _send_outbox(self) -> None:
        while self._outbox:
            message, descriptors = self._outbox[0]
            try:
                control.send(self._channel, message, descriptors)
            except BlockingIOError:
                return
            except OSError:
                pass  # the zygote is gone; the thread finds out, and the room is told
            self._outbox.popleft()
            _close_all(descriptors)

    def _listen(self) -> bool:
        """Take every message that waits; False when the zygote is gone."""
        while True:
            try:
                message, descriptors = control.receive(self._channel)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if message is None:
                return False
            self._heard = time.monotonic()
            self._on_message(message, descriptors)

    def _on_message(self, message: Message, descriptors: list[int]) -> None:
        if "hello" in message:
            self.facts = message["hello"]
            self._greeted.set()
        elif "programs" in message and self.facts is not None:
            self.facts = self.facts | {"command": message["programs"]}
            self._programs_known.set()
        elif "spawned" in message:
            self._due.discard(message["spawned"])
            self._rooms[message["spawned"]].born(message["pid"], descriptors[0])
        elif "refused" in message:
            self._due.discard(message["refused"])
            self._rooms.pop(message["refused"]).died(NEVER_BORN)
        else:
            self._due.discard(message["exited"])
            room = self._rooms.pop(message["exited"])
            how = (message[name] for name in ("signal", "status", "address", "sent", "place", "crowded"))
            room.died(Death(*how))

    def _end(self) -> None:
        """End the zygote, and with it every room; then tell the rooms' owners."""
        with self._lock:
            self._channel.close()
            for room in self._rooms.values() if self._stopping else ():
                room.kill()
        self._await_zygote()
        with self._lock:
            self.last_words = _tail(self._errors)
            self.ended = True
            self._greeted.set()
            self._programs_known.set()
            while self._outbox:
                _close_all(self._outbox.popleft()[1])
            rooms = list(self._rooms.values())
            self._rooms.clear()
            os.close(self._errors)
            os.close(self._wake)
        for room in rooms:
            room.orphaned()

    def _await_zygote(self) -> None:
        try:
            self._zygote.wait(_STOP_PATIENCE if self._stopping else _DEATH_PATIENCE)
        except subprocess.TimeoutExpired:
            self._zygote.kill()
            self._zygote.wait()


def _start(channel: int, errors: int) -> subprocess.Popen[bytes]:
    """Exec the zygote: isolated, without site packages, found where this package was found."""
    root = Path(backrooms_tui.__file__).resolve().parent.parent
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _BOOTSTRAP, str(root), str(channel)],
        env=_ENVIRONMENT,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        pass_fds=(channel,),
        start_new_session=True,
    )


def _tail(descriptor: int) -> str:
    size = os.fstat(descriptor).st_size
    return os.pread(descriptor, _ERROR_TAIL, max(0, size - _ERROR_TAIL)).decode(errors="replace").strip()


def _close_all(descriptors: tuple[int, ...]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
