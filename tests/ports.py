"""A TCP port for a program that is told where to listen before it runs."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_port() -> Iterator[int]:
    """A port of loopback that nobody else is given meanwhile, and on which nobody listens.

    It is bound here and not listened to: the kernel hands it out no more, neither to who binds any port nor to who
    connects; but who asks for it by its number, with SO_REUSEADDR as our listeners do, gets it.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield keeper.getsockname()[1]
