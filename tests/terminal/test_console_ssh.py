"""The console through a real ssh connection: what an operator far away sees, and what is left when the line drops."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from daemon_program import DaemonProgram
from pty_program import ENVIRONMENT, PROGRAM, PtyProgram, eventually, room_exe
from ssh_server import SshServer
from support import ROOT

pytestmark = [pytest.mark.terminal, pytest.mark.timeout(180)]


@pytest.fixture
def ssh(need_tool: Callable[[str], str], tmp_path: Path) -> Iterator[SshServer]:
    with SshServer(need_tool("sshd"), need_tool("ssh"), need_tool("ssh-keygen"), tmp_path / "ssh") as server:
        yield server


def dial(ssh: SshServer, home: Path, program: Sequence[str] = PROGRAM) -> PtyProgram:
    """A console, or what it shall run in, in a terminal of its own over ssh."""
    env = {"HOME": str(home), "PATH": os.environ["PATH"], **ENVIRONMENT}
    settings = [f"{name}={shlex.quote(value)}" for name, value in env.items()]
    command = " ".join(["cd", str(ROOT), "&&", "exec", "env", *settings, *map(shlex.quote, program)])
    return PtyProgram(home, command, program=ssh.words)


def test_a_line_that_drops_detaches_the_console_and_a_new_one_shows_everything(
    daemon: DaemonProgram, ssh: SshServer, home: Path
) -> None:
    room_exe(home, "create")
    with dial(ssh, home) as far, PtyProgram(home) as near:
        far.sees("CONNECTED s_")
        far.send("\r")
        far.sees("B / 65536")
        far.send("remember value: 42\r")
        far.sees("ENTITY: Stored.")
        near.sees("ENTITY: Stored.")
        near.send("\r")
        near.sees("HERE ")
        far.send("half a thought")
        far.sees("14 B / 65536")
        ssh.cut()
        far.wait()
        near.send("remember other: 43\r")
        eventually(lambda: near.text().count("ENTITY: Stored.") == 2)
        eventually(lambda: "HERE " not in near.text().replace("HERE    ", ""))
        near.send("\x11")
        assert near.wait() == 0
        eventually(lambda: b"DETACHED. " in near.written.rpartition(b"\x1b[?1049l")[2])
    eventually(lambda: "half a thought" in drafts(home))
    with dial(ssh, home) as again:
        again.sees("remember other: 43")
        again.send("\r")
        again.sees("half a thought")
        again.send("\x15recall value\r")
        again.sees("ENTITY: 42")
        again.send("\x1b")
        again.sees("q DETACH")
        again.send("q")
        assert again.wait() == 0
        eventually(lambda: b"DETACHED. 0 ROOMS ACTIVE." in again.written)
    assert daemon.process.poll() is None


def test_in_tmux_beyond_the_line_the_console_itself_outlives_it(
    daemon: DaemonProgram, ssh: SshServer, home: Path, need_tool: Callable[[str], str]
) -> None:
    tmux = (need_tool("tmux"), "-S", str(home / "tmux.sock"))
    assert room_exe(home, "create").returncode == 0
    attach = (*tmux, "-f", "/dev/null", "new-session", "-A", "-s", "room", shlex.join(PROGRAM))
    try:
        with dial(ssh, home, program=attach) as line:
            line.sees("CONNECTED s_")
            line.send("\r")
            line.sees("B / 65536")
            line.send("remember value: 42\r")
            line.sees("ENTITY: Stored.")
            line.send("half a thought")
            line.sees("14 B / 65536")
            ssh.cut()
            line.wait()
        daemon.kill()
        daemon.start()
        with dial(ssh, home, program=attach) as line:
            line.sees("half a thought")
            line.sees("ENTITY: Stored.")
            eventually(lambda: "CONNECTED s_" in line.text().split("\n")[0], within=60)
            line.send("\x15recall value\r")
            line.sees("ENTITY: 42")
            line.send("\x11")
            line.wait()
            eventually(lambda: b"[exited]" in line.written)
    finally:
        subprocess.run([*tmux, "kill-server"], check=False, capture_output=True)


def drafts(home: Path) -> str:
    path = home / ".local/state/room.exe/drafts.json"
    return path.read_text() if path.exists() else ""
