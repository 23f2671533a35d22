"""The real program on a real pseudo-terminal: what it writes byte by byte, what it is sent, how it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Self

import pyte
import pytest
import support
from support import ROOT

LOOK_UP_SECONDS = 0.1
PATIENCE = 40.0
"""Seconds that a test waits for what comes in milliseconds; a busy machine may take its time."""
eventually = partial(support.eventually, within=PATIENCE)
PROGRAM = (sys.executable, "-m", "backrooms_tui")
ENVIRONMENT = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "TEXTUAL_FPS": "60"}

# Sequences that the console may write: cursor, colours, modes, questions, keyboard protocol, pointer shape, title. The title may
# hold ids and state words only.
ALLOWED = re.compile(
    rb"\x1b\[[0-9;]*[HJKm]"
    rb"|\x1b\[\?[0-9;]+[hl]"
    rb"|\x1b\[\?[0-9;]*\$p"
    rb"|\x1b\[[<>=?][0-9;]*u"
    rb"|\x1b\[2[23];2t"
    rb"|\x1b\[>[0-9]*q"
    rb"|\x1b\]22;[a-z]*\x07"
    rb"|\x1b\]2;room\.exe(?: [0-9a-f]{8} [A-Z]+)?\x07"
)
_STRAY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ufeff]")
_KITTY = re.compile(rb"\x1b\[[<>=?][0-9;]*u|\x1b\[2[23];2t")


def stray_bytes(written: bytes) -> list[str]:
    """What was written that is neither an allowed sequence nor printable text."""
    text = ALLOWED.sub(b"", written).decode("utf-8", "surrogateescape")
    return [text[max(0, found.start() - 20) : found.end() + 20] for found in _STRAY.finditer(text)]


class PtyProgram:
    """`room.exe` on a pty of its own, as session leader; the terminal it started with is remembered."""

    def __init__(
        self,
        home: Path,
        *arguments: str,
        size: tuple[int, int] = (120, 40),
        rows_and_columns: tuple[int, int] | None = None,
        program: Sequence[str] = PROGRAM,
        **environ: str,
    ) -> None:
        self.written = bytearray()
        self._hung_up = False
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self.master, self._slave = pty.openpty()
        self.resize(*size)
        if rows_and_columns is not None:  # what the terminal says of itself, if that is not its size
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", *rows_and_columns, 0, 0))
        self.modes_before = termios.tcgetattr(self._slave)
        env = {"PATH": os.environ["PATH"], "HOME": str(home), **ENVIRONMENT, **environ}
        self.process = subprocess.Popen(
            [*program, *arguments],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={key: value for key, value in env.items() if value},
            cwd=ROOT,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - nothing else runs here yet
        )
        self._reader = threading.Thread(target=self._read, name="pty-reader", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        self._stop_reading()
        for descriptor in (self.master, self._slave):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _stop_reading(self) -> None:
        """A descriptor that is closed while it is read stays open, and its number may soon be another terminal's."""
        self._hung_up = True
        self._reader.join(10)

    def _read(self) -> None:
        while not self._hung_up:
            try:
                if not select.select([self.master], [], [], LOOK_UP_SECONDS)[0]:
                    continue
                data = os.read(self.master, 65536)
            except OSError:
                return
            if not data:
                return
            with self._lock:
                self.written += data
                self._stream.feed(_KITTY.sub(b"", data))

    def send(self, text: str) -> None:
        os.write(self.master, text.encode())

    def resize(self, width: int, height: int) -> None:
        with self._lock:  # what is drawn for the new size must not be read into a screen of the old one
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
            self._screen.resize(height, width)

    def text(self) -> str:
        with self._lock:
            return "\n".join(line.rstrip() for line in self._screen.display)

    def sees(self, text: str, *, within: float = PATIENCE) -> None:
        try:
            eventually(lambda: text in self.text(), within=within)
        except pytest.fail.Exception:
            pytest.fail(f"{text!r} never came:\n{self.text()}")

    def mark(self) -> int:
        """Where the output stands now."""
        return len(self.written)

    def quiet_since(self, seconds: float) -> int:
        """Count what is written in the next `seconds`: the one place where time itself is what is tested."""
        before = self.mark()
        time.sleep(seconds)
        return self.mark() - before

    def falls_silent(self, seconds: float) -> None:
        """Wait until nothing has been written for so long; what is still under way when this begins may come."""
        eventually(lambda: self.quiet_since(seconds) == 0, within=PATIENCE + seconds)

    def modes(self) -> list[object]:
        return termios.tcgetattr(self._slave)

    def wait(self, *, within: float = PATIENCE) -> int:
        return self.process.wait(within)

    def hang_up(self) -> None:
        """Close the terminal from the other side: the kernel sends SIGHUP, writes fail with EIO."""
        self._stop_reading()
        os.close(self._slave)
        os.close(self.master)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def restored(self) -> bool:
        """Whether the last word on every mode the console changed is the one it began with."""
        written = bytes(self.written)
        pairs = [(b"\x1b[?1049h", b"\x1b[?1049l"), (b"\x1b[?25l", b"\x1b[?25h"), (b"\x1b[?2004h", b"\x1b[?2004l")]
        return self.modes() == self.modes_before and all(written.rfind(off) > written.rfind(on) for on, off in pairs)


def room_exe(home: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run one command to its end."""
    env = {"PATH": os.environ["PATH"], "HOME": str(home), **ENVIRONMENT}
    return subprocess.run(
        [sys.executable, "-m", "backrooms_tui", *arguments],
        input=stdin,
        env=env,
        cwd=ROOT,
        capture_output=True,
        check=False,
        timeout=120,
    )
