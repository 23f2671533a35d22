"""Whole sessions typed in tmux, as an operator over SSH would see them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pty_program import eventually
from support import ROOT

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(180)]


class Tmux:
    """One tmux server with one window, in which a shell runs the program."""

    def __init__(self, tmux: str, home: Path, size: tuple[int, int]) -> None:
        self._tmux = tmux
        self._socket = str(home / "tmux.sock")
        env = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "TERM": "xterm-256color"}
        width, height = map(str, size)
        self._run("-f", "/dev/null", "new-session", "-d", "-x", width, "-y", height, "sh", env=env)
        self._program = f"{sys.executable} -m backrooms_tui"

    def _run(self, *arguments: str, env: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            [self._tmux, "-S", self._socket, *arguments], env=env, cwd=ROOT, capture_output=True, text=True, check=True
        )
        return done.stdout

    def start(self, *arguments: str) -> None:
        self.type(" ".join((self._program, *arguments)), "Enter")

    def type(self, text: str, *keys: str) -> None:
        self._run("send-keys", "-l", text)
        for key in keys:
            self._run("send-keys", key)

    def keys(self, *keys: str) -> None:
        for key in keys:
            self._run("send-keys", key)

    def text(self) -> str:
        return self._run("capture-pane", "-p")

    def sees(self, *texts: str) -> str:
        try:
            return str(eventually(lambda: (now := self.text()) and all(text in now for text in texts) and now))
        except pytest.fail.Exception:
            pytest.fail(f"{texts} never came together:\n{self.text()}")

    def pid(self) -> int:
        shell = self._run("display-message", "-p", "#{pane_pid}").strip()
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        return int(children[0])

    def close(self) -> None:
        self._run("kill-server")


@pytest.fixture
def shell(tmp_path: Path, need_tool: Callable[[str], str]) -> Iterator[Callable[..., Tmux]]:
    opened: list[Tmux] = []
    home = tmp_path / "op"
    home.mkdir(mode=0o700)

    def open_shell(size: tuple[int, int] = (120, 40)) -> Tmux:
        opened.append(Tmux(need_tool("tmux"), home, size))
        return opened[-1]

    yield open_shell
    for one in opened:
        one.close()


def test_a_stranger_creates_a_room_talks_kills_the_console_and_finds_every_word_again(
    shell: Callable[..., Tmux],
) -> None:
    terminal = shell()
    terminal.start()
    terminal.sees("NO ROOMS EXIST.")
    terminal.keys("a", "c")
    terminal.sees("CREATE ROOM", "MEMORY LIMIT")
    terminal.keys("Enter")
    terminal.sees("ROOMS 1", "ROOM CREATED")
    terminal.keys("Enter")
    terminal.sees("B / 65536")
    terminal.type("remember value: 42", "Enter")
    terminal.sees("ENTITY: Stored.")
    terminal.type("recall value", "Enter")
    terminal.sees("ENTITY: 42")
    terminal.type("the walls hum", "Enter")
    shown = terminal.sees("NO OUTPUT (silence is valid)")
    room = re.search(r"INPUT ([0-9a-f]{8})", shown)
    assert room is not None
    os.kill(terminal.pid(), 9)
    # The shell got its terminal back in the state that a killed program leaves: enter is not a newline there.
    terminal.type("reset; echo READY", "C-j")
    eventually(lambda: re.search(r"^READY$", terminal.text(), re.MULTILINE))
    terminal.start()
    terminal.sees(f"{room.group(1)}", "ENTITY: 42", "the walls hum", "NO OUTPUT (silence is valid)")
    terminal.keys("Enter")
    terminal.sees("B / 65536")
    terminal.type("recall value", "Enter")
    eventually(lambda: terminal.text().count("ENTITY: 42") == 2)


def test_suspend_resume_and_destroy_at_eighty_by_twenty_four(shell: Callable[..., Tmux]) -> None:
    terminal = shell((80, 24))
    terminal.start()
    terminal.sees("NO ROOMS EXIST.")
    terminal.type(":create --name drill --timeout 5", "Enter")
    terminal.sees("ROOMS 1", "ACTIVE", "ROOM CREATED")
    terminal.keys("a", "s")
    terminal.sees("SUSPENDED")
    terminal.keys("Enter")
    terminal.sees("ERROR: ROOM_SUSPENDED")
    terminal.keys("a", "r")
    terminal.sees("RESUME: ACTIVE")
    terminal.keys("i")
    shown = terminal.sees("INSPECT", "NAME    drill")
    found = re.search(r"ID +([0-9a-f]{32}).*\n.*?([0-9a-f]{32})", shown)
    assert found is not None
    terminal.keys("Escape")
    eventually(lambda: "INSPECT" not in terminal.text().replace("i INSPECT", ""))
    terminal.keys("a", "D")
    terminal.sees("NOT ARMED")
    terminal.type(found.group(2)[-8:])
    terminal.sees("ARMED. F DESTROYS.")
    terminal.keys("F")
    terminal.sees("NO ROOMS EXIST.", "ROOM TERMINATED")
    terminal.keys("q", "y")
    terminal.sees("CONSOLE CLOSED. 0 ENTITIES STOPPED. 0 ROOMS KEPT.")


def test_an_entity_that_never_ends_is_stopped_and_the_log_says_so(shell: Callable[..., Tmux]) -> None:
    terminal = shell()
    terminal.start("--no-persist")
    terminal.sees("NO ROOMS EXIST.", "NOT DURABLE")
    terminal.type(":create --timeout 12", "Enter")
    terminal.sees("ROOMS 1", "ROOM CREATED")
    terminal.keys("Enter")
    terminal.sees("B / 65536")
    terminal.type("long running operation", "Enter")
    terminal.sees("Starting operation...")
    terminal.sees("ENTITY PROCESSING ", "s / 12s")
    terminal.sees("ENTITY_TIMEOUT")
    terminal.type("system status", "Enter")
    terminal.sees("ENTITY: Operational.")
