"""The server of `metrics.bind`: many clients, of whom none keeps another from the page."""

import socket
import threading
from contextlib import ExitStack, closing
from functools import partial

import pytest
from support import eventually

from backrooms_tui.daemon.http import Site
from backrooms_tui.daemon.http_server import MAX_CONNECTIONS, HttpServer, parse_address
from backrooms_tui.model.errors import BackroomsError, UsageError
from backrooms_tui.model.value import changed

SITE = Site(metrics=lambda: b"page\n", status=lambda: None)


@pytest.fixture
def server():
    server = HttpServer("127.0.0.1:0", lambda loopback: changed(SITE, loopback=loopback))
    yield server
    server.close()


def fetch(server, request=b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"):
    with socket.create_connection(server.address, timeout=30) as connection:
        connection.sendall(request)
        got = b""
        while data := connection.recv(65_536):
            got += data
        return got


def test_the_page_is_served(server):
    assert fetch(server).endswith(b"\r\n\r\npage\n")


@pytest.fixture
def allow(monkeypatch):
    """Says how many seconds a client gets from now on."""
    allow = partial(monkeypatch.setattr, "backrooms_tui.daemon.http_server.SECONDS")
    allow(1000.0)
    return allow


def test_clients_that_say_nothing_or_little_keep_nobody_from_the_page(server, allow):
    with ExitStack() as stack:
        for n in range(MAX_CONNECTIONS - 1):
            connection = stack.enter_context(socket.create_connection(server.address))
            connection.sendall(b"GET /metr"[: n % 10])
        assert fetch(server).endswith(b"page\n")


def test_a_connection_beyond_the_bound_is_closed(server, allow):
    with ExitStack() as stack:
        for _ in range(MAX_CONNECTIONS):
            stack.enter_context(socket.create_connection(server.address))
        eventually(lambda: len(server._clients) == MAX_CONNECTIONS)
        assert fetch(server, b"") == b""
    eventually(lambda: not server._clients)
    assert fetch(server).endswith(b"page\n")


def test_silent_connections_are_closed_at_their_deadline(server, allow):
    allow(0.1)
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_connection(server.address, timeout=30)) for _ in range(3)]
        assert [connection.recv(1) for connection in silent] == [b""] * 3
        eventually(lambda: not server._clients)
        allow(1000.0)
        assert fetch(server).endswith(b"page\n")


def test_while_a_client_takes_no_answer_others_are_served(allow):
    server = HttpServer("127.0.0.1:0", lambda _: changed(SITE, metrics=lambda: b"x" * 50_000_000))
    with closing(server), socket.create_connection(server.address) as deaf:
        deaf.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        eventually(lambda: any(client.rest for client in [*server._clients.values()]))
        assert fetch(server, b"GET /nothing HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 404")


def test_a_client_that_takes_no_answer_is_let_go_at_its_deadline(allow):
    answering = threading.Event()

    def page():
        allow(0.1)  # for the answer; the request had all the time
        answering.set()
        return b"x" * 50_000_000

    server = HttpServer("127.0.0.1:0", lambda _: changed(SITE, metrics=page))
    with closing(server), socket.create_connection(server.address) as deaf:
        deaf.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        assert answering.wait(30)
        eventually(lambda: not server._clients)


def test_closing_the_server_ends_its_connections_and_its_thread(server):
    with socket.create_connection(server.address) as connection:
        eventually(lambda: server._clients)
        server.close()
        server.close()
        connection.settimeout(30)
        assert connection.recv(1) == b""
    assert not server._thread.is_alive()


def test_an_address_that_is_taken_is_told(server):
    with pytest.raises(BackroomsError) as told:
        HttpServer(f"127.0.0.1:{server.address[1]}", lambda _: SITE)
    assert told.value.code == "BIND_FAILED"


@pytest.mark.parametrize("text", ["", "127.0.0.1", ":9001", "host:", "host:99999", "host:-1"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(UsageError):
        parse_address(text)


def test_an_address_may_be_of_the_newer_kind():
    assert parse_address("[::1]:9001") == ("::1", 9001)
