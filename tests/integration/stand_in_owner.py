"""A program with the manners of an owner and nothing else: what systemd itself thinks of `daemon/notify.py`.

It answers each client with one word, says that it reloads, and gives signs of life until it is told to be deaf.
"""

import os
import select
import signal
import socket
import sys
from pathlib import Path

from backrooms_tui.daemon.notify import Notifier, listen_fds

DEAF = Path("/run/room.exe/deaf")


def main() -> None:
    notifier = Notifier()
    given = listen_fds()
    sockets = [socket.socket(fileno=one.fd) for one in given]
    wake, wakened = os.pipe2(os.O_NONBLOCK)
    signal.set_wakeup_fd(wakened)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    names = ",".join(f"{one.name}/{listener.family.name}" for one, listener in zip(given, sockets, strict=True))
    notifier.ready(f"given: {names or 'nothing'}")
    while True:
        ready, _, _ = select.select([wake, *sockets], [], [], notifier.watchdog_interval)
        for listener in set(ready) & set(sockets):
            with listener.accept()[0] as client:
                client.sendall(b"served\n")
        signals = os.read(wake, 100) if wake in ready else b""
        if signal.SIGHUP in signals:
            notifier.reloading()
            notifier.ready("reloaded")
        if signal.SIGTERM in signals:
            notifier.stopping("ending")
            sys.exit(0)
        if not DEAF.exists():
            notifier.watchdog()


main()
