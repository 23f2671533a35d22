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

from . import control, preload
from .child import CRASH, Birth, live, probe
from .clock import ClockPlan
from .control import Message
from .tracing import Fault, resume, seize

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
    zygote.serve()
    os._exit(0)


class Zygote:
    """The loop: spawn messages in, deaths out."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._pid = os.getpid()
        self._rooms: dict[int, str] = {}
        self._faults: dict[int, Fault] = {}
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
        try:
            handle = os.pidfd_open(pid)
        except OSError:
            os.kill(pid, signal.SIGKILL)  # nobody could: its death is the answer
            return
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
        held, release = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(release)
            os.read(held, 1)  # ends when the parent closes its end: traced by then, or the parent is dead
            life(birth)
        seize(pid)
        os.close(held)
        os.close(release)
        return pid

    def _reap(self) -> None:
        while self._rooms:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            if os.WIFSTOPPED(status):
                self._remember(pid, resume(pid, status))
            else:
                self._report(pid, os.waitstatus_to_exitcode(status))

    def _remember(self, pid: int, fault: Fault | None) -> None:
        """Keep the last fault, but not for the signal with which faulthandler repeats it."""
        before = self._faults.get(pid)
        if fault is not None and (fault.address is not None or before is None or before.number != fault.number):
            self._faults[pid] = fault

    def _report(self, pid: int, code: int) -> None:
        number = -code if code < 0 else None
        fault = self._faults.pop(pid, None)
        known = fault is not None and fault.number == number
        control.send(
            self._channel,
            {
                "exited": self._rooms.pop(pid),
                "pid": pid,
                "signal": number,
                "status": code if code >= 0 else None,
                "address": fault.address if fault is not None and known else None,
                "sent": fault is not None and known and fault.address is None,
            },
        )

    def _end_rooms(self) -> None:
        for pid in self._rooms:
            os.kill(pid, signal.SIGKILL)
        for pid in self._rooms:
            _await_death(pid)

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
            _await_death(pid)
        found: Message = json.loads(answer) if answer else {"refused": "the sealed probe did not answer"}
        return found


def _await_death(pid: int) -> None:
    """Wait for a killed child; what it was stopped for before is no longer of interest."""
    while os.WIFSTOPPED(os.waitpid(pid, 0)[1]):
        pass
