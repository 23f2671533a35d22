"""What the daemon's main thread asks of its owner: a sign of life, and to come to rest."""

import threading

import pytest
from served import PATIENCE, Served, SlowModel
from support import eventually


@pytest.fixture
def served(tmp_path):
    served = Served(tmp_path)
    yield served
    served.close()


def test_an_owner_whose_writer_hangs_gives_no_sign_of_life(served):
    release = threading.Event()
    hanging = threading.Thread(target=lambda: served.service._engine.committer.carry_out(lambda: release.wait(60)))
    assert served.service.responds(PATIENCE)
    hanging.start()
    eventually(lambda: not served.service.responds(0.05))
    release.set()
    hanging.join()
    assert served.service.responds(PATIENCE)


def test_an_owner_that_settles_lets_turns_end_begins_none_and_keeps_what_comes(served, monkeypatch):
    model = SlowModel(monkeypatch)
    room, other = served.room(entity=model.ENTITY), served.room()
    running = served.service.submit(room, b"hello", source="test")
    eventually(lambda: served.service.room(room).running)
    assert not served.service.settle(0.05)
    queued = served.service.submit(other, b"valid input", source="test")
    model.answer.set()
    assert served.service.settle(PATIENCE)
    assert served.service.wait(running, PATIENCE).outcome == "OUTPUT"
    assert served.service.wait(queued, 0.1) is None
    assert served.service.room(other).record.queued == 1


def test_an_entity_is_told_whose_session_an_input_comes_from(served):
    room = served.room()
    client = served.connect()
    own = served.service.submit(room, b"system check", source="test")
    assert served.service.wait(own, 20).entries[0].content == "Operational. Standalone mode."
    theirs = client.submit(room, b"system check", source="test")
    assert client.wait(theirs, 20).entries[0].content == f"Operational. Daemon mode. Session: {client.session}."
