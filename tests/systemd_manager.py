"""A real systemd of our own, in namespaces: nothing of it is visible outside, and it ends with the test.

Its /etc, /usr/local and /opt are overlays, its /var, /run, /home and /tmp are empty memory, its network is a loopback of
its own, so that a service can be installed there exactly as on a machine, users and all. The Python that runs
the tests, its packages and this checkout are bound under /opt, where a unit's ProtectHome and PrivateTmp leave them.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from support import ROOT, eventually

SYSTEMD = Path("/lib/systemd/systemd")
NAMESPACES = ("--pid", "--mount", "--cgroup", "--uts", "--ipc", "--net")
_SCRATCH = "/run/scratch"
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
_PREPARE = """
set -e
mount --make-rprivate /
{binds}
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/system /run/lock {scratch}
for place in etc usr/local opt; do
  mkdir -p {scratch}/$place/upper {scratch}/$place/work
  mount -t overlay -o lowerdir=/$place,upperdir={scratch}/$place/upper,workdir={scratch}/$place/work overlay /$place
done
mkdir -p /opt/test
mount --rbind {stage} /opt/test
for place in /home /root /var/lib /var/log; do mount -t tmpfs -o mode=755 tmpfs $place; done
for place in /tmp /var/tmp; do mount -t tmpfs -o mode=1777 tmpfs $place; done
mkdir -p {scratch}/cgroup
mount -t cgroup2 none /sys/fs/cgroup
rm -f /etc/machine-id
printf '{machine}\\n' > /etc/machine-id
printf '%s\\n' '[Unit]' 'Description=Nothing' 'DefaultDependencies=no' > /run/systemd/system/nothing.target
install -m 755 /opt/test/room.exe /usr/local/bin/room.exe
echo /opt/test/python/lib > /etc/ld.so.conf.d/00-test.conf
ldconfig
exec env -i PATH={path} container=test \\
  {systemd} --system --unit=nothing.target --log-target=console --log-level=warning
"""


def refusal() -> str | None:
    """Why there can be none here; None when there can."""
    if os.geteuid() != 0:
        return "a service manager of our own needs root"
    if not SYSTEMD.exists():
        return "systemd is not installed"
    tried = subprocess.run(["unshare", *NAMESPACES, "true"], capture_output=True, text=True, check=False)
    return f"this machine allows no namespaces: {tried.stderr.strip()}" if tried.returncode else None


class SystemdManager:
    """Started by `start`; whoever starts it stops it."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._stage = place / "stage"
        self._outer: subprocess.Popen[bytes] | None = None
        self._pid = 0

    def start(self) -> None:
        self._stage.mkdir()
        script = self._prepare()
        with (self._place / "manager.log").open("wb") as log:
            self._outer = subprocess.Popen(
                ["unshare", *NAMESPACES, "--fork", "--mount-proc", "--kill-child", "/bin/bash", "-c", script],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        eventually(self._answers, within=120, every=0.05)

    def stop(self) -> None:
        """Kill it, and with it everything in its process namespace."""
        if self._outer is None:
            return
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
        self._outer.kill()
        self._outer.wait()

    def run(self, *words: str, check: bool = True, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program there, as root."""
        inside = ["nsenter", "--target", str(self._pid), "--pid", "--mount", "--net", "--cgroup", "--uts", "--ipc"]
        ended = subprocess.run(
            [*inside, "--", *words], input=typed, capture_output=True, text=True, check=False, env=_ENVIRONMENT
        )
        assert not check or ended.returncode == 0, f"{words}: {ended.stdout}{ended.stderr}{self.log()}"
        return ended

    def read(self, path: str) -> str:
        """A file there; empty when there is none."""
        return self.run("cat", path, check=False).stdout

    def write(self, path: str, text: str) -> None:
        self.run("install", "-D", "-m", "644", "/dev/stdin", path, typed=text)

    def install(self, source: Path, path: str) -> None:
        self.write(path, source.read_text(encoding="utf-8"))

    def systemctl(self, *words: str, check: bool = True) -> str:
        return self.run("systemctl", *words, check=check).stdout

    def shown(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.systemctl("show", "--value", f"--property={name}", unit).strip()

    def log(self) -> str:
        return (self._place / "manager.log").read_text(errors="replace")[-4000:]

    def _answers(self) -> bool:
        assert self._outer is not None
        assert self._outer.poll() is None, self.log()
        children = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text().split()
        self._pid = int(children[0]) if children else 0
        return bool(self._pid) and "running" in self.run("systemctl", "is-system-running", check=False).stdout

    def _prepare(self) -> str:
        """The script of process 1, and what it finds in /opt/test: Python, packages, checkout, room.exe."""
        bound = {"checkout": ROOT}
        python = sys.executable
        base = Path(sys.base_prefix)
        if base != Path("/usr"):
            bound["python"] = base
            python = f"/opt/test/python/bin/{Path(sys.executable).resolve().name}"
        elif sys.prefix != sys.base_prefix:
            python = str(Path(sys.executable).resolve())
        for index, path in enumerate(path for path in sys.path if path.endswith("-packages") and sys.prefix in path):
            bound[f"packages{index}"] = Path(path)
        paths = [f"/opt/test/{name}" for name in bound if name != "python"]
        (self._stage / "room.exe").write_text(
            f'#!/bin/sh\nPYTHONPATH={":".join(paths)} exec {python} -m backrooms_tui "$@"\n'
        )
        (self._stage / "python3").write_text(f'#!/bin/sh\nPYTHONPATH={":".join(paths)} exec {python} "$@"\n')
        (self._stage / "python3").chmod(0o755)
        for name in bound:
            (self._stage / name).mkdir()
        binds = "\n".join(
            f"mount --rbind {shlex.quote(str(path))} {shlex.quote(str(self._stage / name))}"
            for name, path in bound.items()
        )
        return _PREPARE.format(
            binds=binds,
            stage=shlex.quote(str(self._stage)),
            scratch=_SCRATCH,
            machine=os.urandom(16).hex(),
            systemd=SYSTEMD,
            path=_ENVIRONMENT["PATH"],
        )
