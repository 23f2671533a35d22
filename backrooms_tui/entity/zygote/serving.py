"""The zygote: a preloaded process of one thread that forks rooms for the host.

Started by exec with an empty environment, so that nothing of the host's memory can be in a room. One thread, for
ever: the kernel's parent-death signal means the creating thread, not the process. When the host is gone, its end of
the control channel closes, and every room and the zygote end.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
from typing import NoReturn

from backrooms_tui.entity.inside import preload
from backrooms_tui.entity.profiles import Profile
from backrooms_tui.entity.seal import syscalls
from backrooms_tui.entity.seal.clock import ClockPlan

from . import child, command_child, command_probe, control, probing
from .child import CRASH, Birth
from .command_child import CommandBirth
from .control import Message
from .families import Families, kill
from .tracing import Fault, resume, seize

IDLE = 250
"""Milliseconds without anything to do until what nobody has asked for yet is found out."""


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
        self.families = Families()
        self._faults: dict[int, Fault] = {}
        self._clock_plan = ClockPlan.make()
        self._programs_known = False

    def serve(self) -> None:
        """Until the host is gone; then end every room."""
        syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)  # who loses its parent in a room is waited for here
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
        events = dict(ready.poll(None if self._programs_known else IDLE))
        if not events:
            self._find_out_about_programs()
        if wake in events:
            os.read(wake, 4096)
            self.reap()
        if self._channel.fileno() not in events:
            return True
        message, descriptors = control.receive(self._channel)
        if message is None:
            return False
        if "spawn" in message:
            self._spawn(message, descriptors)
        else:
            self._find_out_about_programs()
        return True

    def _spawn(self, message: Message, descriptors: list[int]) -> None:
        token = message["spawn"]
        profile = Profile(message["profile"])
        try:
            pid = self._fork(profile, descriptors, message["memory"])
        except OSError as error:
            control.send(self._channel, {"refused": token, "errno": error.errno})
            return
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        self.families.begin(pid, token, forked=Profile.COMMAND not in profile)
        try:
            handle = os.pidfd_open(pid)
        except OSError:
            kill(pid)  # nobody could: its death is the answer
            return
        control.send(self._channel, {"spawned": token, "pid": pid}, (handle,))
        os.close(handle)

    def _fork(self, profile: Profile, descriptors: list[int], memory: int, *, probe: bool = False) -> int:
        held, release = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(release)
            os.read(held, 1)  # ends when the parent closes its end: traced by then, or the parent is dead
            self._live(profile, descriptors, memory, probe=probe)
        traced = seize(pid, follow=bool(profile & (Profile.CHILDREN | Profile.THREADS)))
        if not traced and profile & (Profile.CHILDREN | Profile.THREADS):
            kill(pid)
        os.close(held)
        os.close(release)
        return pid

    def _live(self, profile: Profile, descriptors: list[int], memory: int, *, probe: bool) -> NoReturn:
        """In the child."""
        if Profile.COMMAND in profile:
            control_end, standard_in, standard_out, standard_error, *named = descriptors
            program = CommandBirth(
                channels=(control_end, standard_in, standard_out, standard_error),
                named=tuple(named),
                memory_limit=memory,
                parent=self._pid,
                profile=profile,
            )
            (command_probe.probe if probe else command_child.live)(program)
        frames, captured, crash = descriptors
        birth = Birth(
            frames=frames,
            captured=captured,
            crash=crash,
            memory_limit=memory,
            parent=self._pid,
            clock_plan=self._clock_plan,
        )
        (child.probe if probe else child.live)(birth)

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | probing.ALL_CHILDREN)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if os.WIFSTOPPED(status):
                self.families.stopped(pid, status)
                self._remember(pid, resume(pid, status, forked=self.families.forked(pid)))
            else:
                self._report(pid, os.waitstatus_to_exitcode(status))

    def _remember(self, pid: int, fault: Fault | None) -> None:
        """Keep the last fault, but not for the signal with which faulthandler repeats it."""
        before = self._faults.get(pid)
        if fault is not None and (fault.address is not None or before is None or before.number != fault.number):
            self._faults[pid] = fault

    def _report(self, pid: int, code: int) -> None:
        last = self.families.ended(pid, code)
        if last is None or last[1].token == probing.TOKEN:
            return
        first, family = last
        assert family.code is not None
        number = -family.code if family.code < 0 else None
        fault = self._faults.pop(first, None)
        if fault is not None and fault.number != number:
            fault = None  # one that it has survived
        control.send(
            self._channel,
            {
                "exited": family.token,
                "pid": first,
                "signal": number,
                "status": family.code if family.code >= 0 else None,
                "address": fault.address if fault is not None else None,
                "sent": fault is not None and fault.address is None,
                "place": fault.place if fault is not None else None,
                "crowded": family.crowded,
            },
        )

    def _end_rooms(self) -> None:
        self.families.end_all()
        while True:
            try:
                pid, status = os.waitpid(-1, probing.ALL_CHILDREN)
            except ChildProcessError:
                return
            if os.WIFSTOPPED(status):  # before it was killed, or born since
                kill(pid)

    def _self_test(self) -> Message:
        """Seal one child and let it try everything; without the virtual clock when it does not work here."""
        found = probing.hermetic(self)
        if not found.get("time") and self._clock_plan is not None:
            self._clock_plan = None
            found = probing.hermetic(self)
        return found

    def _find_out_about_programs(self) -> None:
        """Once, and tell the host."""
        if not self._programs_known:
            self._programs_known = True
            control.send(self._channel, {"programs": probing.command(self)})

    def fork_probe(self, profile: Profile, descriptors: list[int], memory: int) -> int:
        return self._fork(profile, descriptors, memory, probe=True)
