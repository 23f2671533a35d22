"""Who may connect, how many, for how long; what others notice of a client that misbehaves or dies."""

import http.client
import os
import socket
import stat
import struct
import subprocess
import sys
import textwrap
import threading
import time
from contextlib import suppress
from pathlib import Path

import msgpack
import pytest
from served import PATIENCE, Raw, Served, SlowModel, descriptors
from support import ROOT, eventually

from backrooms_tui.config.settings import DaemonSettings
from backrooms_tui.daemon import listening
from backrooms_tui.daemon.client import connect
from backrooms_tui.daemon.listening import listen_unix, require_token
from backrooms_tui.daemon.owning import own
from backrooms_tui.model import errors
from backrooms_tui.model.entries import EntryType
from backrooms_tui.model.events import InputAccepted, Lagged, TurnEnded
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.value import changed


@pytest.fixture
def serve(tmp_path):
    every = []

    def again(**options):
        every.append(Served(tmp_path, **options))
        return every[-1]

    yield again
    for one in every:
        one.close()
        assert one.faults == []


@pytest.fixture
def served(serve):
    return serve()


# Coming in.


def test_the_socket_and_the_token_are_their_owners_alone_and_the_socket_goes_with_its_server(served):
    for path in (served.path, served.directory / "token"):
        assert stat.S_IMODE(os.lstat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.lstat(served.directory).st_mode) == 0o700
    served.server.stop()
    assert not Path(served.path).exists()


def test_the_owner_lock_names_the_socket(served):
    from backrooms_tui.persistence.owner_lock import read_owner

    assert read_owner(served.directory / "owner.lock").socket == served.path


@pytest.mark.parametrize("token", [None, "", "x", "0" * 64, "é" * 32])
def test_over_tcp_a_missing_or_wrong_token_is_refused(served, token):
    with pytest.raises(errors.ConnectionDenied, match="token"):
        connect(served.server.address, token=token)
    with served.raw(tcp=True) as raw:
        assert raw.hello(token=token)[1] == "error"
        assert raw.message() is None
    eventually(lambda: served.server.connections == 0)


def test_without_a_token_nobody_comes_in_over_tcp(served):
    served.server.token = None
    with pytest.raises(errors.ConnectionDenied):
        connect(served.server.address, token=None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_foreign_user_is_refused_even_where_the_files_let_it_in(served, tmp_path):
    for place in (tmp_path, *tmp_path.parents):
        if place != place.parent and os.lstat(place).st_uid == os.geteuid() and "pytest" in str(place):
            place.chmod(0o755)
    served.directory.chmod(0o755)
    Path(served.path).chmod(0o666)
    said = subprocess.run(
        [sys.executable, "-c", FOREIGNER, served.path], capture_output=True, timeout=60, check=True, text=True
    )
    assert "CONNECTION_DENIED" in said.stdout
    assert "uid 65534 is not the owner's" in said.stdout
    served.directory.chmod(0o700)


FOREIGNER = """
import os, socket, struct, sys
import msgpack
os.setgid(65534); os.setuid(65534)
sock = socket.socket(socket.AF_UNIX)
sock.connect(sys.argv[1])
hello = msgpack.packb({"magic": "backrooms-control", "version": 1, "who": "me", "token": None, "session": None,
                       "read_only": False})
sock.sendall(struct.pack(">I", len(hello)) + hello)
print(sock.recv(4096))
"""


@pytest.mark.parametrize(
    "said",
    [
        {"magic": "ssh"},
        {"version": 2},
        {"version": "1"},
        {"who": "a\x1b[2J"},
        {"who": "x" * 300},
        {"who": None},
        {"read_only": 1},
        {"session": "s_0123456789abcdef"},
        {"session": 5},
    ],
    ids=str,
)
def test_a_hello_that_is_not_right_is_answered_with_why_and_the_end(served, said):
    with served.raw() as raw:
        number, kind, (code, details) = raw.hello(**said)
        assert (number, kind) == (0, "error")
        assert code in ("CONNECTION_DENIED", "SESSION_OVER")
        assert details
        assert raw.message() is None


def test_fields_of_a_later_hello_are_ignored(served):
    with served.raw() as raw:
        assert raw.hello(colour="green")[1] == "ok"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_a_browsers_request_does_nothing_and_is_answered_as_http(serve, method):
    served = serve()
    asked = []
    served.server.http = lambda head: asked.append(head) or b"HTTP/1.1 405 Method Not Allowed\r\n\r\n"
    host, _, port = served.server.address.rpartition(":")
    web = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
    web.request(method, "/", body=b"\0\0\0\x10" * 100, headers={"Origin": "http://evil.example"})
    assert web.getresponse().status == 405
    web.close()
    assert asked[0].startswith(method.encode())
    eventually(lambda: served.server.connections == 0)


def test_a_get_is_answered_by_who_makes_the_pages_and_the_connection_closed(serve):
    served = serve()
    served.server.http = lambda head: b"HTTP/1.1 200 OK\r\n\r\n" + head.split(b"\r\n")[0]
    for tcp in (True, False):
        with served.raw(tcp=tcp) as raw:
            raw.bytes(b"GET /metrics HTTP/1.1\r\nHo")
            raw.bytes(b"st: x\r\n\r\n")
            assert raw.socket.recv(100).startswith(b"HTTP/1.1 200 OK\r\n\r\n")
            assert raw.ended()


# How many, and for how long.


def test_the_sixty_fifth_connection_is_refused_and_the_next_comes_in_when_one_has_gone(serve):
    served = serve(bounds={"hello_seconds": 60})
    raws = [served.raw(tcp=n % 2 == 0) for n in range(64)]
    for n, raw in enumerate(raws):
        assert raw.hello(token=served.token if n % 2 == 0 else None)[1] == "ok"
    for address, token in ((served.path, None), (served.server.address, served.token)):
        with pytest.raises(errors.ConnectionDenied, match="MAX: 64 connections"):
            connect(address, token=token)
    with served.raw() as silent:
        assert silent.message() == [0, "error", ["CONNECTION_DENIED", ["MAX: 64 connections"]]]
    assert served.server.connections == 64
    raws.pop().socket.close()
    eventually(lambda: served.server.connections == 63)
    assert served.connect().status().connections == 64
    for raw in raws:
        raw.socket.close()


def test_a_flood_of_refused_connections_leaves_no_descriptor_behind(serve):
    served = serve(bounds={"max_connections": 1})
    with served.raw() as first:
        first.hello()
        before = descriptors()
        for _ in range(200):
            with served.raw() as raw:
                raw.message()
        assert descriptors() <= before + 50  # of 200: those that were refused last may still read why
    eventually(lambda: served.server.connections == 0)


@pytest.mark.parametrize("begun", [b"", b"\0", b"\0\0\0\x10\x80", b"GET / HT"])
def test_a_half_open_connection_is_closed_when_its_time_is_up(serve, begun):
    served = serve(bounds={"hello_seconds": 0.3})
    for tcp in (True, False):
        with served.raw(tcp=tcp) as raw:
            with suppress(ConnectionError):  # its time may be up already
                raw.bytes(begun)
            assert raw.ended()
    eventually(lambda: served.server.connections == 0)


def test_dripping_a_hello_byte_by_byte_gains_no_time(serve):
    served = serve(bounds={"hello_seconds": 0.5})
    until = time.monotonic() + PATIENCE
    with served.raw() as raw, pytest.raises(ConnectionError):
        for byte in struct.pack(">I", 1 << 20) + bytes(1 << 20):
            raw.bytes(bytes([byte]))
            time.sleep(0.02)
            assert time.monotonic() < until, "it is still listened to"


def test_the_usual_bounds_close_half_open_connections_within_ten_seconds(served):
    assert served.server.bounds.hello_seconds < 10
    assert served.server.bounds.idle_seconds == 300


def wait_aside(served, client, receipt):
    """Have a client wait for a turn, in a thread, and its owner know that it does; gives the thread and what it gets."""
    got = []
    thread = threading.Thread(target=lambda: got.append(client.wait(receipt)))
    thread.start()
    eventually(lambda: any(connection.busy for connection in served.server._all()))
    return thread, got


def test_a_silent_client_is_let_go_and_a_waiting_or_watching_one_is_not(served, monkeypatch):
    model = SlowModel(monkeypatch)
    room = served.room(entity=model.ENTITY)
    watching, waiting = served.connect(), served.connect()
    subscription = watching.subscribe()
    waiter, got = wait_aside(served, waiting, served.service.submit(room, b"hello", source="t"))
    served.server.bounds = changed(served.server.bounds, idle_seconds=0.3)
    watching.rooms()
    with served.raw() as silent:
        silent.hello()
        assert silent.ended()
    assert got == []
    model.answer.set()
    waiter.join(PATIENCE)
    assert got[0].outcome == "OUTPUT"
    assert eventually(lambda: [event for event in subscription.get(0.1) if isinstance(event, TurnEnded)])
    eventually(lambda: served.server.connections == 1)  # the subscription's
    with pytest.raises(errors.ConnectionLost):
        waiting.rooms()
    assert watching.rooms()[0].record.id == room


# Sessions.


def test_each_client_has_a_session_and_leaves_its_rooms_when_its_last_connection_goes(served):
    room = served.room()
    ann, bob = served.connect(who="ann@a"), served.connect_tcp(who="bob@b", read_only=True)
    assert ann.session != bob.session
    subscription = ann.subscribe()
    ann.enter(room)
    ann.enter(room)
    bob.enter(room)
    assert [(one.session, one.who, one.read_only) for one in served.service.presence(room)] == [
        (ann.session, "ann@a", False),
        (ann.session, "ann@a", False),
        (bob.session, "bob@b", True),
    ]
    assert bob.presence(room) == served.service.presence(room)
    bob.leave(room)
    bob.leave(room)
    assert len(ann.presence(room)) == 2
    with served.raw() as second:
        assert second.hello(session=ann.session)[2]["session"] == ann.session
        subscription.close()
        ann.close()
        time.sleep(0)
        assert len(served.service.presence(room)) == 2
    eventually(lambda: served.service.presence(room) == ())


def test_a_session_that_only_looks_is_refused_whatever_changes_something(served):
    from backrooms_tui.daemon.verbs import VERBS

    room = served.room()
    client = served.connect(read_only=True)
    changing = {name for name, verb in VERBS.items() if verb.changes}
    assert changing == {
        *("create", "await_entity", "submit", "interrupt", "suspend", "resume", "destroy"),
        *("backup", "restore", "recover", "compact"),
    }
    with served.raw() as raw:
        raw.hello(read_only=True)
        for name in changing:
            arguments = {
                "create": [[1 << 29, 30, "zstd", "reference", None]],
                "await_entity": [room, None],
                "submit": [room, b"x", "t", None, None],
                "destroy": [room, room],
                "backup": [room, ["gzip", False], True],
                "restore": [],
                "recover": [room, "ann", False],
                "compact": [room],
            }.get(name, [room, "ann"])
            raw.frame([7, name, arguments])
            assert raw.message()[:2] == [7, "error"]
        raw.frame([8, "rooms", []])
        assert raw.message()[:2] == [8, "ok"]
    with pytest.raises(errors.ReadOnly):
        client.create(RoomConfig())
    client.enter(room)
    assert served.service.room(room).entity == "COLD"
    assert client.read(room, after=0) == []


# Losing the owner.


def test_when_the_owner_ends_every_call_fails_at_once_with_connection_lost(served, monkeypatch):
    room = served.room()
    client = served.connect()
    receipt = client.submit(room, b"stream 100000 lines at 1000 per second", source="t", timeout=60)
    subscription = client.subscribe()
    raised = []

    def attempt(work):
        try:
            work()
        except errors.BackroomsError as error:
            raised.append(error)

    def drain():
        while subscription.get():
            pass

    threads = [threading.Thread(target=attempt, args=(work,)) for work in (lambda: client.wait(receipt), drain)]
    for thread in threads:
        thread.start()
    eventually(lambda: any(connection.busy for connection in served.server._all()))
    served.server.stop()
    for thread in threads:
        thread.join(PATIENCE)
    assert [type(error) for error in raised] == [errors.ConnectionLost] * 2
    assert client.lost
    monkeypatch.setattr("backrooms_tui.daemon.calling.Dial.greet", lambda *_: pytest.fail("it is tried again"))
    with pytest.raises(errors.ConnectionLost):
        client.rooms()
    with pytest.raises(errors.ConnectionLost):
        client.subscribe()


def test_a_client_costs_its_process_no_descriptor_once_it_is_closed_or_lost(served):
    served.room()
    before = descriptors()
    for n in range(20):
        client = connect(served.path)
        subscription = client.subscribe()
        client.rooms()
        if n % 2:
            subscription.close()
        client.close()
    eventually(lambda: served.server.connections == 0)
    # Fewer, when what came before had not let go of all of its own yet; more, while the store's keeper has a file open.
    eventually(lambda: descriptors() <= before)


def test_nobody_answers_at_a_dead_owners_socket(tmp_path):
    listener = listen_unix(tmp_path / "rooms")
    path = listener.address
    listener.socket.close()
    with pytest.raises(errors.ConnectionLost):
        connect(path)
    listen_unix(tmp_path / "rooms").close()


def test_an_owner_that_stops_lets_requests_at_work_end_within_its_seconds(served, monkeypatch):
    model = SlowModel(monkeypatch)
    room = served.room(entity=model.ENTITY)
    client = served.connect()
    waiter, got = wait_aside(served, client, served.service.submit(room, b"hello", source="t"))
    stopping = threading.Thread(target=served.server.stop, args=(PATIENCE,))
    stopping.start()
    eventually(lambda: not Path(served.path).exists())
    model.answer.set()
    waiter.join(PATIENCE)
    stopping.join(PATIENCE)
    assert [entry.content for entry in got[0].entries if entry.type is EntryType.OUTPUT] == ["At last."]


# Slow ones.


def little_room(served):
    """Have what is sent to clients be held up soon: how much a socket takes that nobody reads is the machine's choice."""
    for connection in served.server._all():
        connection._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)


def test_subscribers_that_do_not_read_cost_the_others_no_event(serve):
    served = serve()
    room = served.room()
    silent = []
    for _ in range(8):
        raw = served.raw()
        raw.hello()
        raw.frame([1, "subscribe", [None, None, None]])
        assert raw.message()[1] == "ok"
        silent.append(raw)
    little_room(served)
    clients = [served.connect() for _ in range(24)]
    subscriptions = [client.subscribe([room]) for client in clients]
    counts = [[] for _ in subscriptions]

    def read(subscription, seen):
        while seen.count(TurnEnded) < 3:
            seen.extend(type(event) for event in subscription.get(PATIENCE))

    threads = [
        threading.Thread(target=read, args=pair, daemon=True) for pair in zip(subscriptions, counts, strict=True)
    ]
    for thread in threads:
        thread.start()
    for _ in range(3):
        receipt = served.service.submit(room, b"stream 1000 lines", source="t", timeout=60)
        assert served.service.wait(receipt, 60) is not None
    for thread in threads:
        thread.join(60)
    assert {seen.count(TurnEnded) for seen in counts} == {3}
    assert {seen.count(Lagged) for seen in counts} == {0}
    assert {seen.count(InputAccepted) for seen in counts} == {3}
    for raw in silent:
        raw.socket.close()


def test_a_subscriber_that_takes_nothing_is_let_go(serve):
    served = serve(bounds={"stall_seconds": 0.5})
    room = served.room()
    with served.raw() as raw:
        raw.hello()
        raw.frame([1, "subscribe", [None, None, None]])
        assert raw.message()[1] == "ok"
        little_room(served)
        for _ in range(3):
            served.service.wait(served.service.submit(room, b"stream 1000 lines", source="t", timeout=60), 60)
        eventually(lambda: served.server.connections == 0, within=30)


def test_a_slow_subscriber_that_reads_again_is_told_what_it_missed(serve, monkeypatch):
    monkeypatch.setattr("backrooms_tui.daemon.relay.MAX_EVENTS", 200)
    served = serve(bounds={"stall_seconds": 300})
    room = served.room()
    subscription = served.connect().subscribe([room])
    little_room(served)
    for _ in range(3):
        served.service.wait(served.service.submit(room, b"stream 1000 lines", source="t", timeout=60), 60)
    events = []
    while not any(isinstance(event, Lagged) for event in events):
        events += subscription.get(PATIENCE)
    assert sum(event.missed for event in events if isinstance(event, Lagged)) > 0
    assert served.server.connections == 1 + 1


# Listening.


def test_a_socket_in_a_directory_with_a_very_long_name_is_served_and_reached(tmp_path):
    place = tmp_path
    while len(str(place)) < 300:
        place /= "d" * 60
    place.mkdir(parents=True, mode=0o700)
    served = Served(place)
    try:
        assert len(served.path) > 108
        assert served.connect().rooms() == []
    finally:
        served.close()


def test_something_else_in_the_sockets_place_is_not_removed(tmp_path):
    place = tmp_path / "rooms"
    place.mkdir(mode=0o700)
    (place / "control.sock").write_text("mine")
    with pytest.raises(errors.UnsafePath):
        listen_unix(place)
    assert (place / "control.sock").read_text() == "mine"


def test_an_address_that_others_reach_needs_a_token_that_somebody_chose(tmp_path):
    settings = Served.__new__(Served)  # only for its settings' shape
    from backrooms_tui.config.settings import DaemonSettings, PersistenceSettings, Settings

    settings = Settings(persistence=PersistenceSettings(path=str(tmp_path / "rooms")))
    for bind in ("0.0.0.0:0", "[::]:0"):
        with pytest.raises(errors.ConfigInvalid, match=r"daemon\.token_file"):
            own(settings, bind=bind, on_fault=lambda _: None)
    assert require_token(settings.daemon, tmp_path / "rooms", "127.0.0.1:0")
    with pytest.raises(errors.ConfigInvalid):  # one that was made by itself is nobody's choice
        own(settings, bind="0.0.0.0:0", on_fault=lambda _: None)
    token = tmp_path / "secret"
    given = DaemonSettings(token_file=str(token))
    with pytest.raises(errors.ConfigInvalid, match="no such file"):
        require_token(given, tmp_path, "0.0.0.0:0")
    token.write_text("short")
    token.chmod(0o600)
    with pytest.raises(errors.ConfigInvalid):
        require_token(given, tmp_path, "0.0.0.0:0")
    token.write_text("a secret of some length\n")
    assert require_token(given, tmp_path, "0.0.0.0:0") == "a secret of some length"
    token.chmod(0o644)
    with pytest.raises(errors.UnsafePath):
        require_token(given, tmp_path, "0.0.0.0:0")


def test_a_token_that_is_being_made_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    others = []

    def opened(path, flags):
        monkeypatch.setattr(listening, "open_private", open_private)
        file = open_private(path, flags)
        others.append(require_token(DaemonSettings(), tmp_path / "rooms", "127.0.0.1:0"))  # of one that starts just now
        return file

    open_private = listening.open_private
    monkeypatch.setattr(listening, "open_private", opened)
    assert require_token(DaemonSettings(), tmp_path / "rooms", "127.0.0.1:0") == others[0]
    assert [path.name for path in (tmp_path / "rooms").iterdir()] == ["token"]


def test_sockets_that_somebody_else_made_are_served(tmp_path):
    unix, tcp = socket.socket(socket.AF_UNIX), socket.create_server(("127.0.0.1", 0))
    path = str(tmp_path / "given.sock")
    unix.bind(path)
    unix.listen()
    from backrooms_tui.config.settings import PersistenceSettings, Settings

    settings = Settings(persistence=PersistenceSettings(path=str(tmp_path / "rooms")))
    owned = own(settings, descriptors=[unix.detach(), tcp.detach()], on_fault=print)
    try:
        client = connect(path)
        assert client.status().address == owned.server.address
        client.close()
        from backrooms_tui.daemon.discovery import find

        assert find(settings, {}).address == path
    finally:
        owned.close()
    assert Path(path).exists()


def test_an_owner_is_found_by_its_lock_or_by_the_environment(serve, tmp_path):
    from backrooms_tui.daemon.discovery import find, reach

    served = serve()
    found = reach(served.settings, who="ann@here", environ={})
    assert found.address == served.path
    found.close()
    named = reach(served.settings, environ={"ROOM_DAEMON": served.server.address})
    assert named.status().address == served.server.address
    named.close()
    served.server.stop()
    assert find(served.settings, {}) is not None
    assert reach(served.settings, environ={}) is None
    with pytest.raises(errors.ConnectionLost):
        reach(served.settings, environ={"ROOM_DAEMON": served.server.address})


def test_an_owner_that_is_killed_and_replaced_answers_the_retry_with_the_first_receipt(tmp_path):
    script = textwrap.dedent("""
        import sys, threading
        sys.path.insert(0, sys.argv[1])
        from backrooms_tui.config.settings import PersistenceSettings, Settings
        from backrooms_tui.daemon.owning import own
        own(Settings(persistence=PersistenceSettings(path=sys.argv[2])), on_fault=print)
        print("READY", flush=True)
        threading.Event().wait()
    """)

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(ROOT), str(tmp_path / "rooms")], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline() == "READY\n"
        return process, connect(str(tmp_path / "rooms/control.sock"))

    process, client = start()
    room = client.create(RoomConfig()).record.id
    first = client.submit(room, b"increment counter", source="t", request_id="r")
    process.kill()
    process.wait()
    process.stdout.close()
    with pytest.raises(errors.ConnectionLost):
        client.rooms()
    process, client = start()
    assert client.submit(room, b"increment counter", source="t", request_id="r").seq == first.seq
    entries = client.read(room, after=0)
    assert [entry.type for entry in entries].count(EntryType.INPUT) == 1
    client.close()
    process.kill()
    process.wait()
    process.stdout.close()


def test_frames_that_are_wrong_end_their_connection_and_no_other(served):
    good = served.connect()
    huge = struct.pack(">I", (1 << 20) + 1)
    for data in (b"\0\0\0\0", huge + b"x", b"\xff\xff\xff\xff", struct.pack(">I", 1) + b"\xc1"):
        with Raw(served.path) as raw:
            raw.hello()
            raw.bytes(data)
            assert raw.message()[1] == "error"
            assert raw.message() is None
        assert good.rooms() == []
    for wrong in (None, 5, [], [1, 2, 3], {"a": 1}, [1, "rooms"], [1, "rooms", {}], [1, None, []]):
        with Raw(served.path) as raw:
            raw.hello()
            raw.frame(wrong)
            assert raw.message()[1] == "error"
    with Raw(served.path) as raw:
        raw.hello()
        for verb, arguments in (
            ("nothing", []),
            ("__class__", []),
            ("close", []),
            ("room", []),
            ("room", ["x"]),
            ("room", [5]),
            ("submit", ["a" * 64, "text", "t", None, None]),
            ("wait", [["a" * 64, 1, 2, 0], float("nan")]),
            ("read", ["a" * 64, -1, None, 5]),
            ("subscribe", ["all", None, None]),
            ("create", [[1, 2, 3, 4, msgpack.ExtType(1, b"")]]),
        ):
            raw.frame([9, verb, arguments])
            number, kind, (code, _) = raw.message()
            assert (number, kind, code) == (9, "error", "PROTOCOL_ERROR"), verb
        raw.frame([10, "rooms", []])
        assert raw.message() == [10, "ok", []]
