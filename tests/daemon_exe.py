"""`room.exe daemon` in a test: started, told things by signals, read from its log, ended."""

from __future__ import annotations

import json
import signal
import time

from support import eventually

STARTED = ["STARTING DAEMON MODE", "BIND_ADDRESS", "WORKER_THREADS", "PERSISTENCE", "READY"]
TOLD_SECONDS = 20.0


class DaemonExe:
    """The owner of the rooms of a `RoomExe`. A context manager: it is gone afterwards."""

    def __init__(self, room_exe, *words):
        self.room_exe = room_exe
        self.stderr = room_exe.home / f"daemon-{time.monotonic_ns()}.stderr"
        words = words if "--bind" in words else ("--bind", "127.0.0.1:0", *words)
        with self.stderr.open("wb") as stderr:
            self.process = room_exe.start("daemon", *words, stderr=stderr, start_new_session=True)
        self.lines = []
        while self.lines[-1:] != ["READY"]:
            line = self.process.stdout.readline().decode()
            assert line, (self.lines, self.told())
            self.lines.append(line.rstrip("\n"))
        self.facts = dict(line.split(": ", 1) for line in self.lines if ": " in line)
        self.address = self.facts["BIND_ADDRESS"]
        self.pid = self.process.pid
        self.socket = str(room_exe.rooms / "control.sock")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def told(self):
        """All that it has said on stderr."""
        return self.stderr.read_text()

    def log(self):
        """Its log, line by line; what is no log is left out, and so is a line that is being written."""
        lines = self.told().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]

    def logged(self, message, within=TOLD_SECONDS):
        """Wait for a line of the log; gives the last one of this message."""
        return eventually(lambda: [line for line in self.log() if line["message"] == message], within=within)[-1]

    def send(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM, within=60.0):
        """Tell it to end; gives the exit status and the seconds it took."""
        began = time.monotonic()
        self.send(number)
        return self.process.wait(within), time.monotonic() - began

    def kill(self):
        self.process.kill()
        self.process.wait()
