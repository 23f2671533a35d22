"""The host's side of entities: `EntityHost` makes them through the zygote, `EntityProcess` is one of them.

Nothing here blocks. A worker thread watches `filenos()` with its selector, calls `receive` when one is readable,
and gets frames. Deaths arrive twice: as `Closed` from `receive`, and as an `ExitReport` from the kernel's wait,
which the zygote reports; `on_exit` is called with it in the host's zygote thread, exactly once per process.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from backrooms_tui.model.runtimes import Runtime
from backrooms_tui.model.value import value

from .frames import Frame
from .sources import Sources

FAULTS = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE})
"""Signals that come with an address when a fault, and not a process, sends them."""


@value
class EntitySpec:
    """What an entity process is to be. Sent to the child through its own pipe, never through the zygote."""

    runtime: Runtime
    memory_limit: int
    """Bytes of address space beyond what the interpreter has at the seal; for a command, of its data."""
    state: Mapping[str, Any] | None = None
    """Last committed state, None for a new room."""
    seq: int = 0
    """Sequence number of the last committed input."""
    now: int = 0
    """Nanoseconds since the epoch: the only time the entity is given."""
    sources: Sources | None = None
    """`python`: the entity's own code, compiled in the child, after the seal."""
    calls: tuple[str, ...] = ()
    """Names of the calls that are granted."""
    replay: Callable[[], Sequence[str]] | None = None
    """For a command in `lines` mode that restores itself: gives the texts of the inputs it has answered, in order."""


@value
class ExitReport:
    """How a process ended, by the kernel's word."""

    pid: int
    signal: int | None
    """Number of the signal that ended it."""
    status: int | None
    """Exit status when it ended by itself."""
    killed_by_host: bool
    stack: str
    """What the dying process wrote of its Python stack: the entity's own, untrusted text, at most 64 KiB."""
    address: int | None = None
    """Fault address, where the kernel told it; None when there is none, or it is unknown."""
    sent: bool = False
    """The signal was sent, and no fault made it: so says the kernel. False when unknown."""
    frame0: str | None = None
    """The instruction that faulted, `library+offset`; None when there is none, or it is unknown."""


class EntityProcess(Protocol):
    """One sealed child. Methods are for one thread, except `kill` and `await_birth`, which any thread may call."""

    pid: int | None
    """None until the zygote has answered."""
    exit: ExitReport | None
    """None while it lives (or its death has not been reported)."""

    def await_birth(self, timeout: float | None = None) -> bool:
        """Wait until the zygote has answered, or the process will never be born; False when `timeout` seconds pass
        first. The one method that blocks.
        """
        ...

    def filenos(self) -> tuple[int, ...]:
        """Descriptors to watch for reading."""
        ...

    def receive(self, fileno: int) -> list[Frame]:
        """Read what is there, without blocking, and give the frames that it completes."""
        ...

    def send(self, frame: Mapping[str, Any]) -> bool:
        """Queue a frame and write what fits. True when everything is written; otherwise watch `write_fileno` for
        writing and call `flush`. A dead peer is not an error here: `receive` tells.
        """
        ...

    def flush(self) -> bool:
        """Go on writing; True when everything is written."""
        ...

    write_fileno: int
    one_shot: bool
    """It answers one input and ends; that it ends by itself after a turn is no death worth a word."""

    def interrupt(self, seq: int) -> bool:
        """Ask it to end the turn on input `seq` early; False when it knows no way, and only `kill` is left."""
        ...

    def remind(self) -> None:
        """Signal again an interrupt that may have gone unnoticed, if that can do no harm."""
        ...

    def begin_turn(self, seq: int) -> None:
        """Start counting the bounds of one input anew."""
        ...

    def kill(self) -> None:
        """SIGKILL through the pidfd, at once; legal at any time, also twice."""
        ...

    def close(self) -> None:
        """Kill if need be and release the descriptors."""
        ...


@value
class Seal:
    """What is truly applied to entities here, from probes and self-tests, never from intentions."""

    filesystem: str
    network: str
    process: str
    native_code: str
    memory: str
    time: str

    def lines(self) -> tuple[str, ...]:
        return (
            f"FILESYSTEM: {self.filesystem}",
            f"NETWORK: {self.network}",
            f"PROCESS: {self.process}",
            f"NATIVE CODE: {self.native_code}",
            f"MEMORY: {self.memory}",
            f"TIME: {self.time}",
        )


class EntityHost(Protocol):
    """The owner of the zygote."""

    @property
    def seals(self) -> Mapping[str, Seal]:
        """By profile (model.runtimes), without those that cannot be had; empty until the zygote has said hello."""
        ...

    def start(self) -> None:
        """Start the zygote, without waiting for it."""
        ...

    def spawn(self, spec: EntitySpec, *, on_exit: Callable[[ExitReport], None]) -> EntityProcess:
        """Start a sealed entity and send it `init`; returns at once, `Ready` arrives as a frame. A dead or deaf
        zygote is replaced. Raises EntityInitFailed, EntitySealFailed.
        """
        ...

    def close(self) -> None:
        """Kill all entities and the zygote, wait for them. Idempotent."""
        ...
