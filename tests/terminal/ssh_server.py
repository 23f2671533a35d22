"""Debian's sshd on loopback: a host key, a port and an authorised key of its own, nothing of the machine's touched."""

from __future__ import annotations

import contextlib
import getpass
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Self

import pytest
from pty_program import eventually

CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {place}/host
AuthorizedKeysFile {place}/client.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
PrintLastLog no
AcceptEnv *
"""


class SshServer:
    """A running sshd; `words` begin a command line that comes in through it with a terminal."""

    def __init__(self, sshd: str, ssh: str, keygen: str, place: Path) -> None:
        self._place, self._ssh = place, ssh
        place.mkdir(mode=0o700)
        for name in ("host", "client"):
            subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(place / name)], check=True)
        # Bound as long as sshd runs, and never listened on: nobody else is given the port, and sshd may take it.
        self._port_held = socket.socket()
        self._port_held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._port_held.bind(("127.0.0.1", 0))
        self._port = self._port_held.getsockname()[1]
        config = place / "sshd_config"
        config.write_text(CONFIG.format(port=self._port, place=place))
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd, as root, parts with its privileges
        log = (place / "log").open("wb")
        self.process = subprocess.Popen([sshd, "-D", "-e", "-f", str(config)], stdout=log, stderr=log)
        log.close()

    def __enter__(self) -> Self:
        try:
            eventually(self._listens)
        except pytest.fail.Exception:
            self.__exit__()
            pytest.fail(f"sshd never listened:\n{self.log()}")
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self.process.kill()
        self.process.wait(10)
        self._port_held.close()

    def cut(self) -> None:
        """Drop every connection, of which one may just have ended by itself."""
        for child in self.children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    @property
    def words(self) -> tuple[str, ...]:
        options = ("-F", "none", "-i", str(self._place / "client"), "-p", str(self._port))
        quiet = ("StrictHostKeyChecking=no", f"UserKnownHostsFile={self._place}/known", "LogLevel=ERROR", "SendEnv=*")
        given = [word for option in quiet for word in ("-o", option)]
        return (self._ssh, "-tt", *options, *given, f"{getpass.getuser()}@127.0.0.1")

    def children(self) -> list[int]:
        """The processes that serve a connection each."""
        try:
            listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        except (FileNotFoundError, ProcessLookupError):  # sshd itself has ended
            return []
        return [int(child) for child in listed.split()]

    def log(self) -> str:
        return (self._place / "log").read_text(errors="replace")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0
