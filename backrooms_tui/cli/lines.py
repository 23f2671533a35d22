"""Where a session's input comes from: typed at a terminal, or the bytes of a pipe or file, line by line.

Bytes stay bytes: whether they are text is for the input rules to say. At a terminal, GNU readline reads: the
kernel's own line editing cuts lines at 4,095 bytes, and an input may have 65,536.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import BinaryIO, Protocol

from .files import opened

PROMPT = "> "
RESEND_SECONDS = 0.02
"""How long readline is given to listen again."""


class Lines(Protocol):
    interactive: bool
    """Whether a person types; then inputs may be queued, otherwise each waits for the one before it."""

    @property
    def prompting(self) -> bool:
        """Whether a prompt stands on the terminal; what `aside` is given may rely on it."""
        ...

    def read(self) -> bytes | None:
        """Give the next line without its newline; None at the end."""
        ...

    def aside(self, write: Callable[[], None]) -> None:
        """Let another thread write to the terminal without spoiling what is being typed."""
        ...


class StreamLines:
    interactive = False
    prompting = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self) -> bytes | None:
        line = self._stream.readline()
        return line.rstrip(b"\r\n") if line else None

    def aside(self, write: Callable[[], None]) -> None:
        write()


class TypedLines:
    """Lines typed at the terminal that is both stdin and stdout."""

    interactive = True

    def __init__(self) -> None:
        import readline

        self._readline = readline
        self._typing = False
        self._terminal = threading.Lock()
        """Held while a prompt is being drawn, and while another thread writes."""
        readline.set_pre_input_hook(self._prompted)
        signal.signal(signal.SIGINT, self._interrupted)
        # Tab is text; no escape sequences that switch the terminal's modes; nothing is kept on disk.
        for setting in ("tab: self-insert", "set enable-bracketed-paste off", "set enable-meta-key off"):
            readline.parse_and_bind(setting)
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]

    @property
    def prompting(self) -> bool:
        return self._typing

    def read(self) -> bytes | None:
        self._terminal.acquire()
        try:
            return input(PROMPT).encode("utf-8", "surrogateescape")
        except EOFError:
            sys.stdout.write("\n")
            return None
        except KeyboardInterrupt:
            sys.stdout.write("\n")
            raise
        finally:
            if not self._typing:  # it ended before the prompt was there
                self._terminal.release()
            self._typing = False

    def _prompted(self) -> None:
        """The prompt is drawn; from here on a writer can redraw it."""
        self._typing = True
        self._terminal.release()

    def _interrupted(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-C raises KeyboardInterrupt, but readline drops what its hook raises: there it is sent once more."""
        if frame is not None and frame.f_code is TypedLines._prompted.__code__:
            main = threading.get_ident()
            threading.Timer(RESEND_SECONDS, signal.pthread_kill, (main, number)).start()
        else:
            signal.default_int_handler(number, frame)

    def aside(self, write: Callable[[], None]) -> None:
        with self._terminal:
            if not self._typing:
                write()
                return
            sys.stdout.write("\r\x1b[K")
            write()
            sys.stdout.write(PROMPT + self._readline.get_line_buffer())
            sys.stdout.flush()


@contextmanager
def open_lines(path: str | None) -> Iterator[Lines]:
    """Lines of a file, or of stdin when there is no path. Raises UsageError when the file cannot be read."""
    if path is None:
        typed = sys.stdin.isatty() and sys.stdout.isatty()
        yield TypedLines() if typed else StreamLines(sys.stdin.buffer)
        return
    with opened(path) as file:
        yield StreamLines(file)
