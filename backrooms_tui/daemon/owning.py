"""An owner that serves: the store opened, the sockets bound, the server running, and all of it ended in order.

    owned = own(settings, bind="127.0.0.1:9000", on_fault=...)
    owned.service, owned.server
    owned.close(seconds)

The console calls it without `bind`: whoever is on the machine as the same user can join it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from backrooms_tui.config.settings import Settings
from backrooms_tui.model.errors import BackroomsError
from backrooms_tui.model.telemetry import UNWATCHED, Telemetry
from backrooms_tui.model.value import value
from backrooms_tui.service import OwnerService, open_service

from .discovery import directory
from .listening import Listener, adopt, listen_tcp, listen_unix, require_token
from .places import SOCKET
from .server import Server, not_found, serve


@value
class Owned:
    service: OwnerService
    server: Server

    def close(self, seconds: float = 0.0) -> None:
        """Let requests at work end within `seconds`, then close connections, rooms and store."""
        self.server.stop(seconds)
        self.service.close()


def own(
    settings: Settings,
    *,
    persist: bool = True,
    bind: str | None = None,
    descriptors: Sequence[int] = (),
    http: Callable[[bytes], bytes] = not_found,
    on_fault: Callable[[BaseException], None],
    telemetry: Telemetry = UNWATCHED,
) -> Owned:
    """Own the configured store and serve it: on the control socket beside it, on the TCP address `bind`, and on
    listening sockets that are there already (`descriptors`, of either kind; they take the place of ours).

    Without `persist` there is no directory and no control socket. Raises what `open_service` does, ConfigInvalid when
    an address cannot be bound or wants a token that somebody has chosen; then nothing is left open.
    """
    listeners: list[Listener] = []
    try:
        listeners += [adopt(descriptor) for descriptor in descriptors]
        if bind is not None and not any(listener.tcp for listener in listeners):
            listeners.append(listen_tcp(bind))
        place = directory(settings)
        tcp = next((listener.address for listener in listeners if listener.tcp), None)
        token = None if tcp is None else require_token(settings.daemon, place, tcp)
        given = next((listener.address for listener in listeners if not listener.tcp), None)
        socket = given or (str(place / SOCKET) if persist else None)
        address = tcp or given
        service = open_service(
            settings, persist=persist, socket=socket, address=address, on_fault=on_fault, telemetry=telemetry
        )
        try:
            if given is None and persist:
                listeners.append(listen_unix(place))
            server = serve(service, listeners, settings.daemon, token=token, http=http, on_fault=on_fault)
        except BaseException:
            service.close()
            raise
    except BaseException:
        for listener in listeners:
            with suppress(OSError, BackroomsError):
                listener.close()
        raise
    return Owned(service, server)
