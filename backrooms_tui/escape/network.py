"""Attempts on the network and other sockets. What connects or is sent must arrive outside to count."""

from __future__ import annotations

from .attempts import table
from .outside import Outside


def _heard(outside: Outside, said: str) -> bool:
    return bool(said) and outside.heard()


NETWORK = (
    *table(
        "net",
        {
            "TCP connect 127.0.0.1": "import socket; s = socket.create_connection(('127.0.0.1', TCP), 2)\n"
            "result = s.send(NONCE)",
            "UDP datagram to 127.0.0.1": "import socket; s = socket.socket(2, 2)\n"
            "result = s.sendto(NONCE, ('127.0.0.1', UDP))",
            "AF_UNIX connect by path": "import socket; s = socket.socket(1); s.connect(FOLDER + '/socket')\n"
            "result = s.send(NONCE)",
            "AF_UNIX connect abstract": "import socket; s = socket.socket(1); s.connect('\\0' + TOKEN)\n"
            "result = s.send(NONCE)",
        },
        proof=_heard,
    ),
    *table(
        "net",
        {
            "AF_NETLINK route dump": "import socket, struct; s = socket.socket(16, 3, 0); s.bind((0, 0))\n"
            "s.send(struct.pack('=IHHIIB11x', 28, 26, 0x301, 1, 0, 2)); s.settimeout(1); result = len(s.recv(65536))",
            "AF_PACKET raw socket": "import socket; result = socket.socket(17, 3, 0x300)",
            "AF_VSOCK socket": "import socket; result = socket.socket(40, 1)",
            "socketpair": "import socket; result = socket.socketpair()",
            "send a descriptor through a socket": "import socket; a, b = socket.socketpair()\n"
            "result = socket.send_fds(a, [b'x'], [1])",
            "io_uring_setup": "result = syscall(425, 4, bytes(120)) + 1",
            "bind+listen TCP": "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()\n"
            "result = s.getsockname()",
            "getaddrinfo DNS": "import socket; result = socket.getaddrinfo('localhost', 80)",
        },
    ),
)
