"""`ZygoteHost`: the owner of the zygote, and where the supervisor gets its entities from."""

from __future__ import annotations

import os
import resource
import socket
import threading
from collections.abc import Callable, Mapping

from backrooms_tui.entity.programs.command import CommandProcess
from backrooms_tui.entity.programs.commands import prepare
from backrooms_tui.entity.programs.framed import FramedProcess
from backrooms_tui.model.errors import EntityInitFailed, EntitySealFailed
from backrooms_tui.model.runtimes import COMMAND, LLM, OPTIONS, PYTHON, REFERENCE, Runtime
from backrooms_tui.model.scrub import scrub

from .link import HELLO_PATIENCE, Link
from .mortal import Bounds, Mortal
from .parse import VERSION
from .process import EntityProcess, EntitySpec, ExitReport, Seal
from .profiles import Profile
from .sealed import SealedProcess
from .seals import lacking, seals

KINDS = (REFERENCE, PYTHON, LLM, COMMAND)


class ZygoteHost:
    """Implements EntityHost. Methods are for any thread."""

    def __init__(self, bounds: Bounds = Bounds(), *, require_seal: bool = False) -> None:  # noqa: B008 - a value
        """With `require_seal` no entity is started where a row of its seal does not hold."""
        self._bounds = bounds
        self._require_seal = require_seal
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._closed = False

    @property
    def seals(self) -> Mapping[str, Seal]:
        link = self._link
        facts = link.facts if link is not None else None
        return seals(facts) if facts is not None and "refused" not in facts else {}

    def measure(self) -> Mapping[str, Seal]:
        """The same, having waited until all of it is known. Raises EntityInitFailed, EntitySealFailed."""
        link = self._living_link()
        link.await_facts(programs=True, patience=HELLO_PATIENCE)
        self._living_link()  # raises when it has been refused, or has died of it
        return self.seals

    @property
    def zygote_pid(self) -> int | None:
        link = self._link
        return link.pid if link is not None and not link.ended else None

    def start(self) -> None:
        self._living_link()

    def spawn(self, spec: EntitySpec, *, on_exit: Callable[[ExitReport], None]) -> EntityProcess:
        kind = spec.runtime.kind
        if kind not in KINDS or (kind == PYTHON) is not (spec.sources is not None):
            raise EntityInitFailed(f"ENTITY: {scrub(kind)}")
        link = self._living_link()
        self._demand(link, spec.runtime)
        if kind == COMMAND:
            return self._spawn_command(link, spec, on_exit)
        try:
            process, theirs = _channels(on_exit, self._bounds)
        except OSError as error:
            raise EntityInitFailed(f"CHANNELS: {error.strerror}") from None
        _ask(link, process, spec, theirs)
        if not process.send(_init(spec)):
            link.flush_later(process)
        return process

    def _spawn_command(self, link: Link, spec: EntitySpec, on_exit: Callable[[ExitReport], None]) -> CommandProcess:
        process, theirs = prepare(spec, on_exit=on_exit, bounds=self._bounds)
        _ask(link, process, spec, theirs)
        if not process.one_shot:
            process.start()
        if isinstance(process, FramedProcess) and not process.send(_init(spec)):
            link.flush_later(process)
        return process

    def _demand(self, link: Link, runtime: Runtime) -> None:
        """Raise EntitySealFailed when this machine cannot seal a room of this runtime as it has to be."""
        if runtime.kind != COMMAND and not self._require_seal:
            return
        facts = link.await_facts(programs=runtime.kind == COMMAND)
        if facts is None or (runtime.kind == COMMAND and "command" not in facts):
            raise EntityInitFailed("ZYGOTE: NO ANSWER")
        why = lacking(facts, runtime, every_row=self._require_seal)
        if why is not None:
            raise EntitySealFailed(why)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            link, self._link = self._link, None
        if link is not None:
            link.stop()

    def _living_link(self) -> Link:
        """The zygote's link, a new one when the last has ended. Raises EntityInitFailed, EntitySealFailed."""
        with self._lock:
            if self._closed:
                raise EntityInitFailed("ZYGOTE: CLOSED")
            link = self._link
            if link is not None and link.facts is not None and "refused" in link.facts:
                raise EntitySealFailed(f"SEAL: {scrub(link.facts['refused'])}")
            if link is None or link.ended:
                self._link = None
                if link is not None and link.facts is None:
                    raise EntityInitFailed(f"ZYGOTE: {scrub(link.last_words.rpartition(chr(10))[2])}")
                self._link = link = _new_link()
            return link


def _new_link() -> Link:
    """Each live room costs the host four descriptors: take all that may be had."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    try:
        return Link()
    except OSError as error:
        raise EntityInitFailed(f"ZYGOTE: {error.strerror}") from None


def _ask(link: Link, process: Mortal, spec: EntitySpec, theirs: tuple[int, ...]) -> None:
    if not link.spawn(process, spec.memory_limit, theirs, Profile.of(spec.runtime)):
        process.close()
        raise EntityInitFailed("ZYGOTE: DIED")


def _channels(on_exit: Callable[[ExitReport], None], bounds: Bounds) -> tuple[SealedProcess, tuple[int, ...]]:
    """The host's end of a room's descriptors, and the room's own: frames, captured output, crash text."""
    ours: list[int] = []
    theirs: list[int] = []
    try:
        near, far = socket.socketpair()
        ours.append(near.detach())
        theirs.append(far.detach())
        for _ in range(2):
            read, write = os.pipe()
            ours.append(read)
            theirs.append(write)
    except OSError:
        for descriptor in (*ours, *theirs):
            os.close(descriptor)
        raise
    for descriptor in ours:
        os.set_blocking(descriptor, False)
    frames, captured, crash = ours
    process = SealedProcess(frames=frames, captured=captured, crash=crash, on_exit=on_exit, bounds=bounds)
    return process, tuple(theirs)


def _init(spec: EntitySpec) -> dict[str, object]:
    frame: dict[str, object] = {
        "type": "init",
        "v": [VERSION],
        "kind": spec.runtime.kind,
        "config": _config(spec.runtime),
        "now": spec.now,
        "seq": spec.seq,
        "state": spec.state,
        "limits": {"memory": spec.memory_limit},
        "calls": [*spec.calls],
    }
    if spec.sources is not None:
        frame["sources"] = spec.sources.wire
    return frame


def _config(runtime: Runtime) -> dict[str, str]:
    """What holds for the runtime's options, given or not, and its target."""
    return {name: runtime.option(name) for name in OPTIONS[runtime.kind]} | {"target": runtime.target}
