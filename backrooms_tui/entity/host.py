"""`ZygoteHost`: the owner of the zygote, and where the supervisor gets its entities from."""

from __future__ import annotations

import os
import resource
import socket
import threading
from collections.abc import Callable

from backrooms_tui.model.errors import EntityInitFailed, EntitySealFailed
from backrooms_tui.model.runtimes import LLM, OPTIONS, PYTHON, REFERENCE, Runtime
from backrooms_tui.model.scrub import scrub

from .link import Link
from .mortal import Bounds
from .parse import VERSION
from .process import EntitySpec, ExitReport, Seal
from .sealed import SealedProcess

KINDS = (REFERENCE, PYTHON, LLM)


class ZygoteHost:
    """Implements EntityHost. Methods are for any thread."""

    def __init__(self, bounds: Bounds = Bounds()) -> None:  # noqa: B008 - a value
        self._bounds = bounds
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._closed = False

    @property
    def seal(self) -> Seal | None:
        link = self._link
        return Seal.of(link.facts) if link is not None and link.facts and "refused" not in link.facts else None

    @property
    def zygote_pid(self) -> int | None:
        link = self._link
        return link.pid if link is not None and not link.ended else None

    def start(self) -> None:
        self._living_link()

    def spawn(self, spec: EntitySpec, *, on_exit: Callable[[ExitReport], None]) -> SealedProcess:
        kind = spec.runtime.kind
        if kind not in KINDS or (kind == PYTHON) is not (spec.sources is not None):
            raise EntityInitFailed(f"ENTITY: {scrub(kind)}")
        link = self._living_link()
        try:
            process, theirs = _channels(on_exit, self._bounds)
        except OSError as error:
            raise EntityInitFailed(f"CHANNELS: {error.strerror}") from None
        if not link.spawn(process, spec.memory_limit, theirs):
            process.close()
            raise EntityInitFailed("ZYGOTE: DIED")
        if not process.send(_init(spec)):
            link.flush_later(process)
        return process

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
