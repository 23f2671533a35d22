"""Talking to a Redis server, honestly: a command is sent once. The only module that imports redis.

The client library would send again what got no answer, and the server may have done it the first time (three dropped
replies made four copies of one entry). Here its retries are off, every wait has an end, and a connection that failed
in any way is closed and never used again: a late answer must not be taken for that to another question. A connection
is replaced only before anything has been sent on it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from redis.backoff import NoBackoff
from redis.connection import Connection, UnixDomainSocketConnection
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from backrooms_tui.model.errors import StoreFailed
from backrooms_tui.model.scrub import scrub

from .redis_scripts import Script

CONNECT_SECONDS = 2.0
REPLY_SECONDS = 4.0
"""An fsync of a busy disk fits into it; whoever waits for longer is told that nothing is known."""

Word = str | bytes | int


class Refused(Exception):
    """The server answered with an error: what was asked for has not happened."""

    def __init__(self, answer: ResponseError) -> None:
        # The library takes the first word, `OOM` or `WRONGTYPE`, away from some answers.
        words = f"{answer.status_code} {answer}" if answer.status_code else str(answer)
        super().__init__(scrub(words.partition(" script: ")[0]))  # which script, and its line
        self.code = words.partition(" ")[0]


class Lost(Exception):
    """No answer. What was asked for may have happened, or may yet happen."""


class Server:
    """Connections to one database of one server, made as they are needed. For any threads."""

    def __init__(self, host: str, port: int, db: int, password: str | None) -> None:
        """A `host` that begins with a slash is the path of a unix socket. Connects to nothing yet."""
        self.address = host if host.startswith("/") else f"{host}:{port}"
        self.db = db
        self._shared = {
            "db": db,
            "password": password,
            "socket_timeout": REPLY_SECONDS,
            "socket_connect_timeout": CONNECT_SECONDS,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
            "driver_info": None,
        }
        self._host, self._port = host, port
        self._lock = threading.Lock()
        self._idle: list[Any] = []

    def command(self, *words: Word) -> Any:
        """Raises Refused, Lost."""
        (answer,) = self.commands([words])
        if isinstance(answer, ResponseError):
            raise Refused(answer)
        return answer

    def commands(self, commands: Sequence[Sequence[Word]], *, together: bool = False) -> list[Any]:
        """Send some commands at once and give their answers; those refused are ResponseErrors. With `together` they
        happen at one moment. Raises Lost, and Refused when not even that could begin.
        """
        if together:
            commands = [["MULTI"], *commands, ["EXEC"]]
        with self._connection() as connection:
            connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            answers = [_answer(connection) for _ in commands]
        if not together:
            return answers
        if isinstance(answers[-1], ResponseError):
            raise Refused(answers[-1])
        return list(answers[-1])

    def run(self, script: Script, keys: Sequence[Word], arguments: Sequence[Word]) -> Any:
        """Have a script happen, once. One round trip, but for the first time. Raises Refused, Lost."""
        try:
            return self.command("EVALSHA", script.digest, len(keys), *keys, *arguments)
        except Refused as error:
            if error.code != "NOSCRIPT":
                raise
        return self.command("EVAL", script.text, len(keys), *keys, *arguments)

    def disconnect(self) -> None:
        """Close what is not in use."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.disconnect()

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        """Any exception inside is Lost, and the end of the connection."""
        connection = None
        try:
            connection = self._ready() or self._connected()
            yield connection
        except BaseException as error:
            if connection is not None:
                connection.disconnect()
            if isinstance(error, RedisError | OSError):
                raise Lost(_told(error)) from None
            raise
        with self._lock:
            self._idle.append(connection)

    def _ready(self) -> Any:
        """An idle connection on which the server has said nothing since, not even that it has closed it."""
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return None
            with suppress(RedisError, OSError):
                if not connection.can_read():
                    return connection
            connection.disconnect()

    def _connected(self) -> Any:
        unix = self._host.startswith("/")
        kind: Any = UnixDomainSocketConnection if unix else Connection
        place = {"path": self._host} if unix else {"host": self._host, "port": self._port}
        connection = kind(**place, **self._shared)
        connection.connect()
        return connection


@contextmanager
def answered(server: Server) -> Iterator[None]:
    """Turn what goes wrong inside into StoreFailed with the server's address and the reason."""
    try:
        yield
    except (Refused, Lost) as error:
        raise failed(server, str(error)) from None


def failed(server: Server, reason: str) -> StoreFailed:
    return StoreFailed(f"REDIS: {scrub(server.address)}", f"REASON: {reason}")


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        return error


def _told(error: BaseException) -> str:
    """What the library says of it, for a terminal; it names no password."""
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    return scrub(str(error) or type(error).__name__)
