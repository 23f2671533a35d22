"""The Python code of a room as the host reads it: found, bounded, judged, and never run."""

from __future__ import annotations

import os

import pytest

from backrooms_tui.entity.source_check import check
from backrooms_tui.entity.sources import MAX_BYTES, MAX_MODULES, load, split_target
from backrooms_tui.model.errors import EntityInitFailed, UsageError
from backrooms_tui.model.runtimes import Runtime, parse

COUNTER = "from backrooms_tui.entity.base import Entity\n\nclass Counter(Entity):\n    pass\n"
RUNS = "raise SystemExit('it was run')\n"


def python(target: object) -> Runtime:
    return Runtime("python", str(target))


def write(path, text=COUNTER):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("target", "place", "entity"),
    [
        ("a.py", "a.py", ""),
        ("/x/a.py:Counter", "/x/a.py", "Counter"),
        ("package.module:Class", "package.module", "Class"),
        ("/x:y/a.py", "/x:y/a.py", ""),
        ("/x:y/a.py:C", "/x:y/a.py", "C"),
    ],
)
def test_a_target_is_a_place_and_perhaps_a_class(target, place, entity):
    assert split_target(target) == (place, entity)


def test_only_python_rooms_bring_code():
    for line in ("reference", "command:bc", "llm:scripted/echo"):
        assert load(parse(line)) is None


def test_a_file_is_one_module_that_tracebacks_call_by_its_name(tmp_path):
    path = write(tmp_path / "json.py", RUNS)
    assert load(python(path)).wire == {
        "main": "entity",
        "class": "",
        "modules": {"entity": {"file": "json.py", "text": RUNS, "package": False}},
    }


def test_a_package_is_all_of_its_modules_wherever_the_class_is(tmp_path, monkeypatch):
    for name in ("__init__", "app", "parts/__init__", "parts/shelf", "not-a-name", "data/no_package"):
        write(tmp_path / f"todo/{name}.py", RUNS)
    (tmp_path / "todo/notes.txt").write_text("no module")
    names = ["todo", "todo.app", "todo.parts", "todo.parts.shelf"]
    found = load(python(f"{tmp_path}/todo.app:Todo"))
    assert (found.main, found.entity, [name for name, _ in found.modules]) == ("todo.app", "Todo", names)
    assert [module.package for _, module in found.modules] == [True, False, True, False]
    assert dict(found.modules)["todo.parts.shelf"].file == "todo/parts/shelf.py"
    monkeypatch.syspath_prepend(str(tmp_path))
    assert load(python("todo.app:Todo")) == found


def test_a_module_without_a_package_comes_alone(tmp_path):
    write(tmp_path / "counter.py", COUNTER)
    write(tmp_path / "other.py", RUNS)
    assert [name for name, _ in load(python(f"{tmp_path}/counter:Counter")).modules] == ["counter"]


def test_an_encoding_line_is_obeyed(tmp_path):
    (tmp_path / "a.py").write_bytes("# coding: latin-1\nname = 'é'\n".encode("latin-1"))
    assert "é" in load(python(tmp_path / "a.py")).modules[0][1].text


def sources_that_cannot_be_had(root):
    os.mkfifo(root / "fifo.py")
    (root / "folder.py").mkdir()
    (root / "bytes.py").write_bytes(b"\xff\xfe\x00")
    write(root / "huge.py", "#" * (MAX_BYTES + 1))
    for n in range(3):
        write(root / f"wide/m{n}.py", "#" * (MAX_BYTES // 2))
    write(root / "wide/__init__.py", "")
    for n in range(MAX_MODULES):
        write(root / f"many/m{n}.py", "")
    write(root / "many/__init__.py", "")
    write(root / "queue/__init__.py", "")
    write(root / "todo/__init__.py", "")
    return {
        "absent.py": "NO SUCH FILE OR DIRECTORY",
        "fifo.py": "NOT A FILE",
        "folder.py": "NOT A FILE|IS A DIRECTORY",
        "bytes.py": "NOT TEXT",
        "huge.py": "MORE THAN 1048576 BYTES",
        "wide.m1:C": "MORE THAN 1048576 BYTES",
        "many.m1:C": "MORE THAN 256 MODULES",
        "absent.module:C": "NO SUCH MODULE$",
        "todo.absent:C": "NO SUCH MODULE IN THE PACKAGE",
        "queue:C": "queue IS THE NAME OF A MODULE THAT EVERY ROOM HAS",
        "what is this": "NEITHER A FILE.py NOR A MODULE'S NAME",
    }


def test_what_cannot_be_had_is_the_hosts_trouble_and_said_in_words(tmp_path):
    for target, why in sources_that_cannot_be_had(tmp_path).items():
        with pytest.raises(EntityInitFailed, match=why):
            load(python(f"{tmp_path}/{target}"))
        with pytest.raises(UsageError, match=why):
            check(python(f"{tmp_path}/{target}"))


@pytest.mark.parametrize(
    ("text", "target", "why"),
    [
        ("x = (\n", "", r"a\.py LINE 1: '\(' was never closed"),
        ("x = 1\nreturn\n", "", r"a\.py LINE 2: 'return' outside function"),
        ("x = '\0'\n", "", r"a\.py: .*null"),
        ("(" * 10_000 + ")" * 10_000, "", r"a\.py.*too"),
        ("x = 1\n", "", r"a\.py DEFINES NO CLASS THAT DERIVES FROM Entity"),
        ("class A:\n    pass\n", "", "DEFINES NO CLASS"),
        (COUNTER + COUNTER.replace("Counter", "B"), "", "HAS 2 ENTITIES, NAME ONE: Counter, B"),
        (COUNTER, ":Conter", r"HAS NO CLASS Conter\. CLASSES: Counter"),
        ("x = 1\n", ":C", "CLASSES: NONE"),
        ("\nclass Counter:\n    pass\n", ":Counter", "LINE 2: Counter DOES NOT DERIVE FROM Entity"),
    ],
)
def test_code_that_cannot_be_an_entity_is_refused_with_the_line(tmp_path, text, target, why):
    write(tmp_path / "a.py", text)
    with pytest.raises(UsageError, match=why):
        check(python(f"{tmp_path}/a.py{target}"))


@pytest.mark.parametrize(
    ("text", "target"),
    [
        (COUNTER, ""),
        (COUNTER, ":Counter"),
        (COUNTER + "class Mine(Counter):\n    pass\n", ""),
        ("from backrooms_tui.entity import base\nclass E(base.Entity): pass\n", ""),
        ("from elsewhere import Counter\n", ":Counter"),
        ("from elsewhere import *\n", ""),
        ("Counter = make()\n", ":Counter"),
        (RUNS + COUNTER, ""),
        ("pattern = '\\d'\n" + COUNTER, ""),
    ],
)
def test_code_that_may_be_an_entity_passes_and_is_not_run(tmp_path, text, target):
    write(tmp_path / "a.py", text)
    check(python(f"{tmp_path}/a.py{target}"))
