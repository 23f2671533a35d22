"""Whose rooms the console shows: an owner's that serves them, or its own, which it serves to others from then on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Self

from backrooms_tui.config.settings import Settings
from backrooms_tui.daemon.joining import joined_or_owned
from backrooms_tui.model.errors import ConnectionLost
from backrooms_tui.model.telemetry import UNWATCHED

from .attachment import Attachment

if TYPE_CHECKING:
    from backrooms_tui.daemon.client import RemoteService
    from backrooms_tui.daemon.owning import Owned
    from backrooms_tui.observability.watch import Watch

Join = Callable[[], "RemoteService | None"]


class Host:
    """What a console runs on. A context manager: leaving it lets go of the rooms."""

    def __init__(self, attachment: Attachment, owned: Owned | None = None) -> None:
        self.attachment = attachment
        self._owned = owned

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def guests(self) -> int:
        """Sessions of others that use our rooms."""
        return 0 if self._owned is None else len(self._owned.server.sessions.all())

    def close(self) -> None:
        """Idempotent. As the owner: clients are let go first, then entities stop and the store closes."""
        if self._owned is not None:
            self._owned.server.stop()
        self.attachment.close()


def open_host(
    settings: Settings,
    join: Join,
    *,
    persist: bool = True,
    read_only: bool = False,
    on_fault: Callable[[BaseException], None],
    watch: Watch | None = None,
) -> Host:
    """Become a client of whoever owns the configured store, or own it. `join` connects, or gives None. `watch` is told
    of what an owner does.

    Raises what `join` and opening a store do; StoreBusy when a process holds it that serves nobody.
    """

    def joined() -> Host | None:
        service = join()
        return None if service is None else Host(Attachment(service, partial(_again, join), read_only=read_only))

    def owned() -> Host:
        from backrooms_tui.daemon.owning import own  # the whole owner, which a client does without

        telemetry = UNWATCHED if watch is None else watch.telemetry
        served = own(settings, persist=persist, on_fault=on_fault, telemetry=telemetry)
        if watch is not None:
            watch.attach(served.service, connections=lambda: served.server.connections)
        return Host(Attachment(served.service, read_only=read_only), served)

    return joined_or_owned(joined, owned) if persist else owned()


def _again(join: Join) -> RemoteService:
    service = join()
    if service is None:
        raise ConnectionLost("REASON: NOBODY OWNS THE ROOMS NOW")
    return service
