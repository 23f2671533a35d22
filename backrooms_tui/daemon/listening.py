"""Where clients knock: the unix socket beside the rooms, a TCP address with its token, sockets given by systemd."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path

from backrooms_tui.config.settings import DaemonSettings
from backrooms_tui.model.errors import ConfigInvalid, StoreFailed, UnsafePath
from backrooms_tui.model.scrub import scrub
from backrooms_tui.persistence.private_files import open_private, private_directory, read_secret

from .places import SOCKET, TOKEN, reachable

BACKLOG = 128
SHORTEST_TOKEN = 16
LONGEST_TOKEN = 256


class Listener:
    """A listening socket. `address` is for people; over TCP every client needs the token."""

    def __init__(self, sock: socket.socket, address: str, path: Path | None = None) -> None:
        """`path` is the socket's file if it is ours to remove."""
        self.socket = sock
        self.address = address
        self.tcp = sock.family != socket.AF_UNIX
        self._path = path
        self._inode = None if path is None else os.lstat(path).st_ino
        sock.setblocking(False)

    def close(self) -> None:
        """Idempotent. The file goes if it is still this socket's."""
        if self._path is not None:
            with suppress(OSError):
                if os.lstat(self._path).st_ino == self._inode:
                    self._path.unlink()
            self._path = None
        self.socket.close()


def listen_unix(directory: Path) -> Listener:
    """Listen beside the rooms. The caller owns the store: a socket that is there already is a dead owner's.

    Raises UnsafePath, StoreFailed.
    """
    directory = private_directory(directory)
    path = directory / SOCKET
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise UnsafePath(f"PATH: {path}", "REASON: not a socket")
        path.unlink()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        with reachable(str(path)) as name:
            sock.bind(name)
        path.chmod(0o600)  # until now only the directory kept others out
        sock.listen(BACKLOG)
        return Listener(sock, str(path), path)
    except OSError as error:
        sock.close()
        raise StoreFailed(f"PATH: {scrub(str(path))}", f"REASON: {error.strerror or error}") from None


def parse_bind(bind: str) -> tuple[str, int]:
    """`127.0.0.1:9000`, `[::1]:9000`, `localhost:0`. Raises ConfigInvalid."""
    host, _, port = bind.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (port.isascii() and port.isdecimal() and len(port) <= 5 and int(port) <= 65535):
        raise ConfigInvalid(f"BIND: {bind[:80]!r} is not an address and a port.")
    return host, int(port)


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen_tcp(bind: str) -> Listener:
    """Raises ConfigInvalid when the address cannot be bound."""
    host, port = parse_bind(bind)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        sock = socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol)
    except OSError as error:
        raise ConfigInvalid(f"BIND: {bind}", f"REASON: {error.strerror or error}") from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
        return Listener(sock, _shown(sock))
    except OSError as error:
        sock.close()
        raise ConfigInvalid(f"BIND: {bind}", f"REASON: {error.strerror or error}") from None


def adopt(descriptor: int) -> Listener:
    """A listening socket that somebody else made (socket activation). Raises ConfigInvalid for anything else."""
    try:
        sock = socket.socket(fileno=descriptor)
        if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) or sock.type != socket.SOCK_STREAM:
            raise OSError("not a listening stream socket")
    except OSError as error:
        raise ConfigInvalid(f"SOCKET: descriptor {descriptor}", f"REASON: {error}") from None
    unix = sock.family == socket.AF_UNIX
    return Listener(sock, os.fsdecode(sock.getsockname()) if unix else _shown(sock))


def _shown(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def require_token(settings: DaemonSettings, directory: Path, bind: str) -> str:
    """The token that TCP clients must show: from `daemon.token_file`, or else from a file beside the rooms, which is
    made when it is missing.

    An address that other machines reach needs a token that somebody has chosen: there the file must be named by
    `daemon.token_file`, and be there. Raises ConfigInvalid, UnsafePath.
    """
    if settings.token_file is not None:
        return read_token(Path(settings.token_file).expanduser())
    if not is_loopback(parse_bind(bind)[0]):
        raise ConfigInvalid(
            f"BIND: {bind} can be reached from other machines.",
            "SET daemon.token_file TO A FILE WITH A TOKEN, OR BIND TO 127.0.0.1.",
        )
    path = private_directory(directory) / TOKEN
    if not path.exists():
        _make_token(path)
    return read_token(path)


def _make_token(path: Path) -> None:
    """Another owner may be starting, too, and reads what it finds: the file comes with its token in it, and stays."""
    draft = path.with_name(f"{TOKEN}.{os.urandom(8).hex()}")
    try:
        with os.fdopen(open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            file.write(os.urandom(32).hex().encode() + b"\n")
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def read_token(path: Path) -> str:
    """The token in a file that nobody else may read. Raises ConfigInvalid, UnsafePath."""
    shown = scrub(str(path))
    try:
        token = read_secret(path, limit=LONGEST_TOKEN + 1).decode("ascii", "replace").strip()
    except FileNotFoundError:
        raise ConfigInvalid(f"TOKEN: {shown}: there is no such file.") from None
    except (OSError, ValueError) as error:
        raise ConfigInvalid(f"TOKEN: {shown}: {getattr(error, 'strerror', error)}") from None
    if not SHORTEST_TOKEN <= len(token) <= LONGEST_TOKEN or not token.isascii() or not token.isprintable():
        raise ConfigInvalid(
            f"TOKEN: {shown}: must hold {SHORTEST_TOKEN} to {LONGEST_TOKEN} printable ASCII characters."
        )
    return token
