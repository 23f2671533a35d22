"""Rooms made of somebody's Python code: a file, a package, and what happens when it is not what it was."""

from __future__ import annotations

from contextlib import closing

import pytest
from sealed_rooms import MIB, Room
from support import eventually

from backrooms_tui.config.settings import PersistenceSettings, Settings
from backrooms_tui.entity.frames import Closed, Fail, Output
from backrooms_tui.entity.process import EntitySpec
from backrooms_tui.entity.sources import load
from backrooms_tui.model.entries import EntryType, Outcome
from backrooms_tui.model.errors import EntityInitFailed, UsageError
from backrooms_tui.model.events import Notice
from backrooms_tui.model.room import RoomConfig
from backrooms_tui.model.runtimes import Runtime

COUNTER = """
from backrooms_tui.entity.base import Entity

class Counter(Entity):
    def on_input(self, text):
        self.state["count"] = self.state.get("count", 0) + 1
        self.output(f"{self.state['count']}: {text}")
"""
PACKAGE = {
    "__init__": "from .app import Todo\nborn = []\n",
    "app": (
        "from backrooms_tui.entity.base import Entity\nfrom . import parts\nfrom .parts.shelf import Shelf\n\n"
        "class Todo(Entity):\n    def on_input(self, text):\n        self.output(Shelf(text).shown())\n"
    ),
    "parts/__init__": "",
    "parts/shelf": (
        "class Shelf:\n    def __init__(self, text):\n        self.text = text\n"
        "    def shown(self):\n        import todo.late\n        return todo.late.upper(self.text)\n"
    ),
    "late": "def upper(text):\n    assert text != 'fail', 'told to'\n    return text.upper()\n",
}


class PythonRoom(Room):
    def __init__(self, host, target, **options) -> None:
        super().__init__(host, sources=load(Runtime("python", str(target))), **options)


@pytest.fixture
def package(tmp_path):
    for name, text in PACKAGE.items():
        path = tmp_path / f"todo/{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
def service(tmp_path, open_service_on):
    return open_service_on(Settings(persistence=PersistenceSettings(path=str(tmp_path / "rooms"))))


def said(service, room, text):
    result = service.wait(service.submit(room, text.encode(), source="test"), timeout=30)
    return [entry.content for entry in result.entries if entry.type is not EntryType.INPUT]


def test_a_package_is_imported_from_memory_also_late(host, package):
    room = PythonRoom(host, f"{package}/todo.app:Todo")
    room.await_ready()
    assert room.said("milk") == "MILK"
    room.end()


@pytest.mark.parametrize("target", ["todo:Todo", "todo", "todo.app"])
def test_the_entity_may_stand_in_the_package_itself_and_be_the_only_one(host, package, target):
    room = PythonRoom(host, f"{package}/{target}")
    room.await_ready()
    assert room.said("milk") == "MILK"
    room.end()


def test_a_traceback_shows_the_lines_of_the_entitys_own_files(host, package):
    room = PythonRoom(host, f"{package}/todo.app:Todo")
    room.await_ready()
    fail = room.turn("fail")[-1]
    assert (fail.error, fail.text) == ("AssertionError", "told to")
    assert '  File "todo/app.py", line 7, in on_input\n    self.output(Shelf(text).shown())\n' in fail.trace
    assert fail.trace.endswith("""File "todo/late.py", line 2, in upper\n    assert text != 'fail', 'told to'\n""")
    room.end()


def test_a_module_that_is_not_there_is_told_with_what_is(host):
    room = Room(host)
    room.await_ready()
    for missing in ("wave", "sqlite3", "numpy"):
        fail = room.turn(f"import {missing}")[-1]
        assert fail.error == "ModuleNotFoundError"
        assert fail.text.startswith(f"No module named '{missing}': the room is sealed, nothing is loaded from files.")
        assert "array, ast, base64" in fail.text
    room.end()


@pytest.mark.parametrize(
    ("text", "target", "error"),
    [
        ("class Counter: pass", ":Counter", "InitFailed: counter.py has no subclass of Entity called Counter"),
        (COUNTER, ":Other", "InitFailed: counter.py has no subclass of Entity called Other"),
        (COUNTER + COUNTER.replace("Counter", "B"), "", "InitFailed: counter.py defines 2 subclasses of Entity, not 1"),
        ("import os\nos.listdir('/')", "", "PermissionError: "),
    ],
)
def test_code_that_is_no_entity_says_so_before_ready(host, tmp_path, text, target, error):
    (tmp_path / "counter.py").write_text(text)
    room = PythonRoom(host, f"{tmp_path}/counter.py{target}")
    frames = room.frames_until(lambda f: isinstance(f, Closed))
    (fail,) = (frame for frame in frames if isinstance(frame, Fail))
    assert f"{fail.error}: {fail.text}".startswith(error)
    room.end()


def test_of_a_base_and_what_derives_from_it_the_latter_is_the_entity(host, tmp_path):
    derived = "\nclass Loud(Counter):\n    def output(self, text):\n        super().output(text.upper())\n"
    (tmp_path / "counter.py").write_text(COUNTER + derived)
    room = PythonRoom(host, tmp_path / "counter.py")
    room.await_ready()
    assert room.said("once") == "1: ONCE"
    room.end()


def test_a_megabyte_of_source_starts(host, tmp_path):
    (tmp_path / "counter.py").write_text(COUNTER + "x = 'long line'  # padding\n" * 38_000)
    room = PythonRoom(host, tmp_path / "counter.py", memory=512 * MIB)
    room.await_ready()
    assert room.turn("once")[0] == Output("1: once")
    room.end()


def test_the_runtime_and_the_code_have_to_belong_together(host, tmp_path):
    (tmp_path / "counter.py").write_text(COUNTER)
    sources = load(Runtime("python", str(tmp_path / "counter.py")))
    for spec in (
        EntitySpec(Runtime("reference"), memory_limit=MIB, sources=sources),
        EntitySpec(Runtime("python", "x.py"), memory_limit=MIB),
    ):
        with pytest.raises(EntityInitFailed):
            host.spawn(spec, on_exit=lambda _: None)


# In a service


def test_all_that_a_flood_left_in_the_pipe_before_the_death_is_kept(service, tmp_path):
    path = tmp_path / "flood.py"
    path.write_text(
        "from backrooms_tui.entity.base import Entity\nimport os\n\n"
        "class Flood(Entity):\n    def on_input(self, text):\n"
        "        for part in range(4):\n"
        "            os.write(1, b''.join(b'%d\\n' % (part * 5000 + n) for n in range(5000)))\n"
        "        os._exit(3)\n"
    )
    room = service.create(RoomConfig(entity=f"python:{path}")).record.id
    result = service.wait(service.submit(room, b"go", source="test"), timeout=90)
    assert result.outcome == Outcome.CRASH
    kept = [entry.content for entry in result.entries if entry.type is EntryType.OUTPUT]
    assert kept == [str(n) for n in range(20_000)]


def test_a_room_keeps_its_state_while_its_code_is_changed(service, tmp_path):
    path = tmp_path / "counter.py"
    path.write_text(COUNTER)
    room = service.create(RoomConfig(entity=f"python:{path}")).record.id
    assert said(service, room, "a") == ["1: a"]
    path.write_text(COUNTER.replace("{text}", "{text}!"))
    service.suspend(room, by="test")
    service.resume(room, by="test")
    assert said(service, room, "b")[-1] == "2: b!"


def test_a_room_is_not_made_of_code_that_cannot_be_an_entity(service, tmp_path):
    (tmp_path / "counter.py").write_text("class Counter(\n")
    with pytest.raises(UsageError, match=r"counter\.py LINE 1"):
        service.create(RoomConfig(entity=f"python:{tmp_path}/counter.py"))
    assert service.rooms() == []


def test_code_that_has_gone_is_the_hosts_trouble_and_the_input_waits_for_it(service, tmp_path):
    path = tmp_path / "counter.py"
    path.write_text(COUNTER)
    room = service.create(RoomConfig(entity=f"python:{path}")).record.id
    assert said(service, room, "a") == ["1: a"]
    service.suspend(room, by="test")
    path.rename(tmp_path / "elsewhere.py")
    service.resume(room, by="test")
    with pytest.raises(EntityInitFailed, match=r"counter\.py: NO SUCH FILE"):
        service.await_entity(room, timeout=30)
    with closing(service.subscribe([room])) as watch:
        receipt = service.submit(room, b"b", source="test")
        eventually(lambda: any(isinstance(e, Notice) and "NO SUCH FILE" in e.text for e in watch.get(1)), within=30)
    assert service.wait(receipt, timeout=0) is None
    (tmp_path / "elsewhere.py").rename(path)
    service.await_entity(room, timeout=30)
    assert "2: b" in [entry.content for entry in service.wait(receipt, timeout=30).entries]
