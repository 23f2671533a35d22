"""The zygote: a preloaded process of one thread that forks rooms for the host.

Started by exec with an empty environment, so that nothing of the host's memory can be in a room. One thread, for
ever: the kernel's parent-death signal means the creating thread, not the process. When the host is gone, its end of
the control channel closes, and every room and the zygote end.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
from typing import Any, NoReturn

from . import control, preload, syscalls
from .child import CRASH, Birth, live, probe
from .clock import ClockPlan
from .control import Message

PROBE_MEMORY = 64 * 1024 * 1024
PROBE_PATIENCE = 5.0
"""Seconds for the probe child; it takes about 10 ms."""


def main(descriptor: int) -> NoReturn:
    """Serve the control channel at `descriptor` until the host closes it.

    Descriptors 0 to CRASH are kept busy with nothing: they are a child's places, and none of ours may be there.
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    while (nothing := os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)) <= CRASH:
        pass
    zygote = Zygote(socket.socket(fileno=os.dup(descriptor)))
    os.dup2(nothing, descriptor, inheritable=False)
    preload.load()
    preload.seal_imports()
    preload.deepen_stack()
    os.environ.clear()
    gc.collect()
    gc.freeze()
    gc.disable()
    if syscalls.X86_64:
        syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    zygote.serve()
    os._exit(0)


class Zygote:
    """The loop: spawn messages in, deaths out."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._pid = os.getpid()
        self._rooms: dict[int, str] = {}
        self._clock_plan = ClockPlan.make()

    def serve(self) -> None:
        """Until the host is gone; then end every room."""
        wake, wakened = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wakened, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        ready = select.poll()
        ready.register(self._channel, select.POLLIN)
        ready.register(wake, select.POLLIN)
        try:
            control.send(self._channel, {"hello": self._self_test()})
            while self._step(ready, wake):
                pass
        except OSError:
            pass  # border: the host is gone, or nothing can be told to it any more
        self._end_rooms()

    def _step(self, ready: select.poll, wake: int) -> bool:
        events = dict(ready.poll())
        if wake in events:
            os.read(wake, 4096)
            self._reap()
        if self._channel.fileno() not in events:
            return True
        message, descriptors = control.receive(self._channel)
        if message is None:
            return False
        self._spawn(message, descriptors)
        return True

    def _spawn(self, message: Message, descriptors: list[int]) -> None:
        token = message["spawn"]
        try:
            pid = self._fork(live, descriptors, message["memory"])
        except OSError as error:
            control.send(self._channel, {"refused": token, "errno": error.errno})
            return
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        self._rooms[pid] = token
        handle = os.pidfd_open(pid)
        control.send(self._channel, {"spawned": token, "pid": pid}, (handle,))
        os.close(handle)

    def _fork(self, life: Any, descriptors: list[int], memory: int) -> int:
        frames, captured, crash = descriptors
        birth = Birth(
            frames=frames,
            captured=captured,
            crash=crash,
            memory_limit=memory,
            parent=self._pid,
            clock_plan=self._clock_plan,
        )
        pid = os.fork()
        if pid == 0:
            life(birth)
        return pid

    def _reap(self) -> None:
        while self._rooms:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            control.send(
                self._channel,
                {
                    "exited": self._rooms.pop(pid),
                    "pid": pid,
                    "signal": -code if code < 0 else None,
                    "status": code if code >= 0 else None,
                },
            )

    def _end_rooms(self) -> None:
        for pid in self._rooms:
            os.kill(pid, signal.SIGKILL)
        for pid in self._rooms:
            os.waitpid(pid, 0)

    def _self_test(self) -> Message:
        """Seal one child and let it try everything; without the virtual clock when it does not work here."""
        found = self._probe()
        if not found.get("time") and self._clock_plan is not None:
            self._clock_plan = None
            found = self._probe()
        return found

    def _probe(self) -> Message:
        ours, theirs = socket.socketpair()
        with ours, theirs, open(os.devnull, "wb") as nothing:  # noqa: PTH123 - a descriptor is what is wanted
            pid = self._fork(probe, [theirs.fileno(), nothing.fileno(), nothing.fileno()], PROBE_MEMORY)
            theirs.close()
            ours.settimeout(PROBE_PATIENCE)
            try:
                answer = ours.recv(control.MAX_MESSAGE)
            except TimeoutError:
                answer = b""
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        found: Message = json.loads(answer) if answer else {"refused": "the sealed probe did not answer"}
        return found
