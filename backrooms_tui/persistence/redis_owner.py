"""Who owns the rooms on a Redis server, and what that server promises about them.

The owner lock of the store's directory keeps other processes of this machine away, but a server has clients on many.
So the owner also holds a lease: `{prefix}owner` says who it is and disappears by itself when it is not renewed, and
`{prefix}fence` holds a token which every batch must show. Whoever takes the lease changes the token; an owner that
stood still for too long may wake up and send, and nothing of it is written.

A lease left by a process that was killed need not be waited for by its successor: its token stands in a file beside
the owner lock, and whoever holds that lock knows that the other one is dead.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from backrooms_tui.model.errors import StoreBusy, StoreFailed
from backrooms_tui.model.scrub import scrub
from backrooms_tui.model.units import format_time
from backrooms_tui.model.value import value

from .private_files import read_private, replace_private
from .redis import Lost, Refused, Server, answered, failed
from .redis_scripts import LEAVE, TAKE

LEASE_MS = 15_000
_TOKENS = 8
"""Tokens remembered in the file: attempts to open that may have reached the server."""
_TOKEN_LENGTH = 32
FLEET = "fleet"
"""The token of owners that are many; what is whose among them is in their leases."""


@value
class Holder:
    """Who holds a lease, as its key tells."""

    host: str
    pid: int
    since: int
    """Nanoseconds since the epoch."""
    token: str

    def told(self) -> str:
        one = f"pid {self.pid} on {scrub(self.host)}"
        return f"a fleet of daemons, {one} among them" if self.token == FLEET else one


def read_holder(text: bytes) -> Holder | None:
    """None for what no owner of ours wrote."""
    try:
        told: Any = json.loads(text)
        holder = Holder(**told)
    except (ValueError, TypeError, RecursionError):
        return None
    kinds = tuple(map(type, (holder.host, holder.pid, holder.since, holder.token)))
    return holder if kinds == (str, int, int, str) and 0 < holder.since < 1 << 62 else None


class Lease:
    """The right to write. Taken again with a new token whenever the store is opened again: what an earlier handle
    sent and the server has not done yet is then refused.
    """

    def __init__(self, server: Server, prefix: str, root: Path) -> None:
        self.owner_key = f"{prefix}owner"
        self.keys = (f"{prefix}fence", self.owner_key)
        self.token = ""
        self.numbered = ""
        """What the leases of rooms say of who has them; '' where there are none."""
        self.text = b""
        """What the owner key says while it is ours."""
        self.expiry = LEASE_MS
        """Milliseconds for which it does when nothing renews it."""
        self._shared = (f"{prefix}leases", f"{prefix}daemons")
        """Of a fleet: gone when there is a single owner."""
        self._server = server
        self._file = root / "redis.owner"
        self._since = time.time_ns()

    def take(self) -> None:
        """Raises StoreBusy naming the owner, StoreFailed, UnsafePath."""
        ours = self._remembered()
        token = secrets.token_hex(_TOKEN_LENGTH // 2)
        holder = Holder(os.uname().nodename, os.getpid(), self._since, token)
        text = json.dumps({name: getattr(holder, name) for name in ("host", "pid", "since", "token")}).encode()
        self._remember([*ours, token])
        with answered(self._server):
            verdict, *held = self._server.run(TAKE, [*self.keys, *self._shared], [token, text, self.expiry, self.token])
            if verdict != b"OK":
                other = read_holder(held[0])
                if other is None or other.host != holder.host or other.token not in ours:
                    raise self._busy(other)
                verdict, *held = self._server.run(
                    TAKE, [*self.keys, *self._shared], [token, text, self.expiry, other.token]
                )
                if verdict != b"OK":
                    raise self._busy(read_holder(held[0]))
        self.token, self.text = token, text

    def leave(self) -> None:
        """Let the next owner in at once; where that fails it waits for the lease to end."""
        with suppress(Refused, Lost):
            self._server.run(LEAVE, self.keys, [self.token])

    def _busy(self, other: Holder | None) -> StoreBusy:
        where = f"REDIS: {scrub(self._server.address)} {scrub(self.owner_key)}"
        if other is None:
            return StoreBusy("HELD BY: another program", where)
        return StoreBusy(f"HELD BY: {other.told()}", f"SINCE: {format_time(other.since)}", where)

    def _remembered(self) -> list[str]:
        """Tokens of earlier handles in this directory; only the holder of its lock ever gets here."""
        try:
            content = read_private(self._file, limit=_TOKENS * (_TOKEN_LENGTH + 1)) or b""
        except OSError as error:
            raise StoreFailed(f"PATH: {self._file}", f"REASON: {error.strerror}") from None
        return content.decode("ascii", "replace").split()[-_TOKENS + 1 :]

    def _remember(self, tokens: list[str]) -> None:
        try:
            replace_private(self._file, "\n".join(tokens).encode())
        except OSError as error:
            raise StoreFailed(f"PATH: {self._file}", f"REASON: {error.strerror}") from None


def examine(server: Server) -> tuple[str, ...]:
    """What the server may do to acknowledged rooms, as lines for people; () when it keeps them. Raises StoreFailed
    when it is not one that rooms can be written to.
    """
    with answered(server):
        info, *settings = server.commands(
            [["INFO"], *(["CONFIG", "GET", name] for name in ("appendfsync", "save", "maxmemory-policy"))]
        )
    if not isinstance(info, bytes):
        return ("WARN: REDIS PERSISTENCE IS UNKNOWN: INFO is refused",)
    facts = dict(line.partition(":")[::2] for line in info.decode("utf-8", "replace").splitlines() if ":" in line)
    if facts.get("role") == "slave":
        raise failed(server, "it is a replica; rooms are written to its master")
    fsync, save, policy = map(_setting, settings)
    return tuple(_lost_by_restart(facts, fsync, save) + _evicted(policy or facts.get("maxmemory_policy")))


def _setting(answer: Any) -> str | None:
    if isinstance(answer, list) and len(answer) == 2:
        return str(answer[1].decode("utf-8", "replace"))
    return None


def _lost_by_restart(facts: dict[str, str], fsync: str | None, save: str | None) -> list[str]:
    if facts.get("aof_enabled") != "1":
        what = "what was written since its last snapshot" if save else "rooms"
        return [f"WARN: REDIS DOES NOT PERSIST: appendonly is no; a restart of the server loses {what}"]
    if fsync is None:
        return ["WARN: REDIS PERSISTENCE IS UNKNOWN: appendfsync may not be read"]
    late = {"everysec": "up to 1 s", "no": "up to 30 s"}.get(fsync)
    if late is None:
        return []
    return [f"WARN: REDIS PERSISTS LATE: appendfsync is {fsync}; a power failure of the server loses {late}"]


def _evicted(policy: str | None) -> list[str]:
    if policy == "noeviction":
        return []
    if policy is None:
        return ["WARN: REDIS EVICTION IS UNKNOWN: maxmemory-policy may not be read"]
    return [f"WARN: REDIS MAY EVICT ROOMS: maxmemory-policy is {scrub(policy)}; it must be noeviction"]
