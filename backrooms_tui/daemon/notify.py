"""What a service manager is told, and what it hands over: systemd's two protocols, without its library.

Telling is one datagram to the socket that NOTIFY_SOCKET names; taking is reading three variables. Everything here
does nothing, at no cost, where no manager started us. A manager that cannot be reached never stops an owner of rooms:
what could not be told is dropped, and the manager's own deadlines (start, watchdog) then say that something is wrong.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, MutableMapping

from backrooms_tui.model.errors import ConfigInvalid
from backrooms_tui.model.scrub import scrub
from backrooms_tui.model.value import value

FIRST_FD = 3
"""Where the sockets that a manager hands over begin."""
MOST_FDS = 64
UNNAMED = "unknown"
_PATIENCE = 1.0
"""Seconds for one datagram; a manager that is busy for longer misses it."""
_MICRO = 1_000_000


class Notifier:
    """Tells the manager named by the environment; without one every method does nothing. For any thread."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._address = _address(environ.get("NOTIFY_SOCKET", ""))
        self.watchdog_interval = _watchdog_interval(environ) if self._address else None
        """Seconds between two calls of `watchdog`: half of what the manager allows; None when it does not watch."""

    @property
    def present(self) -> bool:
        return self._address is not None

    def ready(self, status: str = "") -> None:
        """Clients may come. Also the end of a reload."""
        self._tell("READY=1", *_status(status))

    def reloading(self, status: str = "") -> None:
        """The configuration is read again; `ready` says that it has been.

        The time is how newer managers (`Type=notify-reload`) know which request this answers.
        """
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", *_status(status))

    def stopping(self, status: str = "") -> None:
        self._tell("STOPPING=1", *_status(status))

    def watchdog(self) -> None:
        """A sign of life. To be given by a thread whose silence means that the owner is of no use any more."""
        self._tell("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._tell(*_status(text))

    def extend(self, seconds: float) -> None:
        """Ask for time: starting, reloading or stopping goes on, and will be heard of again within `seconds`."""
        self._tell(f"EXTEND_TIMEOUT_USEC={int(seconds * _MICRO)}")

    def _tell(self, *assignments: str) -> None:
        if self._address is None or not assignments:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.settimeout(_PATIENCE)
                channel.connect(self._address)  # or the wait for room in a full queue would be a busy one
                channel.send("\n".join(assignments).encode())
        except OSError:
            pass


@value
class Given:
    """A descriptor that the manager opened for us."""

    fd: int
    name: str
    """`FileDescriptorName=` of its socket unit."""


def listen_fds(environ: MutableMapping[str, str] = os.environ) -> tuple[Given, ...]:
    """Take what the manager hands over, once: no program that we start inherits it, or believes it to be its own.

    Empty when the variables are missing or meant for another process. Raises ConfigInvalid when they are wrong.
    """
    pid, count, names = (environ.pop(name, "") for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"))
    if not pid and not count:
        return ()
    if not _is_number(pid):
        raise ConfigInvalid("LISTEN_PID: is not a process number.")
    if int(pid) != os.getpid():
        return ()
    if not _is_number(count) or int(count) > MOST_FDS:
        raise ConfigInvalid(f"LISTEN_FDS: is not a number of at most {MOST_FDS}.")
    called = names.split(":") if names else []
    given = tuple(
        Given(FIRST_FD + index, called[index] if index < len(called) else UNNAMED) for index in range(int(count))
    )
    for one in given:
        try:
            os.set_inheritable(one.fd, False)
        except OSError:
            raise ConfigInvalid(f"LISTEN_FDS: there is no descriptor {one.fd}.") from None
    return given


def _address(name: str) -> str | None:
    """An absolute path, or a name without one (`@...`); managers of virtual machines have others, not meant for us."""
    if name.startswith("@") and len(name) > 1:
        return "\0" + name[1:]
    return name if name.startswith("/") else None


def _watchdog_interval(environ: Mapping[str, str]) -> float | None:
    allowed, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not _is_number(allowed) or int(allowed) == 0 or (pid and pid != str(os.getpid())):
        return None
    return int(allowed) / _MICRO / 2


def _status(text: str) -> tuple[str, ...]:
    """At most one assignment: a newline in the text would begin another."""
    return (f"STATUS={scrub(text)}",) if text else ()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18
