"""What runs an attempt: an entity in Python, a program that speaks the protocol itself, and a plain process."""

from __future__ import annotations

import shlex
from pathlib import Path

from .attempts import PREAMBLE

GOT = "GOT "
"""Before what an attempt gained, in the line that says so."""
ENDED = "ENDED"
"""The last line of a plain process that has come to its end."""
KEEP = "="
"""An input that begins so is put into the state, behind it."""
KEPT = "?"
"""An input that is answered with what is in the state."""

ENTITY = f"""
from backrooms_tui.entity.base import Entity

class Probe(Entity):
    def on_input(self, text):
        if text[:1] == {KEEP!r}:
            self.state["kept"] = text[1:]
        elif text == {KEPT!r}:
            self.output(str(self.state.get("kept")))
        else:
            names = {{"WIRE": 3, "EAR": 3, "FIRST": 5, "SEQ": self.seq}}
            exec(compile(text, "attempt", "exec"), names)
            if names.get("result") is not None:
                self.output({GOT!r} + repr(names["result"]))
"""
PROGRAM = f"""
import json, os, sys
def say(**frame):
    data = json.dumps(frame).encode() + b"\\n"
    while data: data = data[os.write(1, data):]
kept = None
for line in os.fdopen(0, "rb", closefd=False):
    frame = json.loads(line)
    if frame["type"] == "init":
        kept = (frame["state"] or {{}}).get("kept")
        say(type="ready", v=1, name="probe", version="1")
    if frame["type"] != "input": continue
    text, before = frame["text"], kept
    try:
        if text[:1] == {KEEP!r}:
            kept = text[1:]
            say(type="state", set={{"kept": kept}})
        elif text == {KEPT!r}: say(type="output", text=str(kept))
        else:
            names = {{"WIRE": 1, "EAR": 0, "FIRST": 3, "SEQ": frame["seq"]}}
            exec(compile(text, "attempt", "exec"), names)
            if names.get("result") is not None: say(type="output", text={GOT!r} + repr(names["result"]))
        say(type="done", seq=frame["seq"])
    except Exception as error:
        kept = before
        say(type="fail", error=type(error).__name__, text=repr(error)[:9999], trace="")
"""
PLAIN = f"""
import sys
names = {{"WIRE": 1, "EAR": 0, "FIRST": 3, "SEQ": 1}}
exec(compile(sys.argv[1], "attempt", "exec"), names)
if names.get("result") is not None: print({GOT!r} + repr(names["result"]))
print({ENDED!r})
"""

_PYTHONS = ("/usr/bin/python3", "/usr/local/bin/python3")
_FOR_EVERYBODY = 0o005


def system_python() -> str | None:
    """A Python where commands may read; None when the system has none there."""
    for path in _PYTHONS:
        place = Path(path).resolve()
        if place.is_file() and place.is_relative_to("/usr") and place.stat().st_mode & _FOR_EVERYBODY == _FOR_EVERYBODY:
            return path
    return None


def command_line(python: str) -> str:
    """A room's entity: the program above, in one line."""
    program = shlex.quote(f"exec({PROGRAM!r})")
    return f"command?mode=frames:{python} -I -S -c {program}"


def filled(names: str, code: str) -> str:
    """The whole text of an attempt."""
    return f"{names}{PREAMBLE}{code}\n"


def said(text: str) -> str:
    """What an attempt gained, of all that it said; empty for nothing."""
    return "\n".join(line.removeprefix(GOT) for line in text.splitlines() if line.startswith(GOT))
