"""The units under a real systemd: installed as docs/DEPLOYMENT.md says, hardened as they stand."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from deployment_docs import commands
from support import ROOT, eventually
from systemd_manager import SYSTEMD, SystemdManager, refusal

pytestmark = [pytest.mark.terminal, pytest.mark.xdist_group("systemd")]

UNITS = ROOT / "config/systemd"
DROP_IN = "/etc/systemd/system/room.service.d/50-test.conf"
CHECKOUT = "/opt/test/checkout"
ROOM_EXE = "/usr/local/bin/room.exe"
SAID = "/var/log/said"
SCRIPT = "/usr/local/lib/script"
IN_A_ROOM = "room.exe create; room.exe enter $(room.exe list --format json | grep -oE '[0-9a-f]{64}' | head -1)"
AS_ROOM = ("--reuid=room", "--regid=room", "--clear-groups", "--")
AS_POD = (
    "--reuid=10001",
    "--regid=10001",
    "--clear-groups",
    "--no-new-privs",
    "--bounding-set=-all",
    "--inh-caps=-all",
)
STAND_IN = f"/opt/test/python3 {CHECKOUT}/tests/integration/stand_in_owner.py"
"""Where the real owner is not what a test is about."""
SOON = 60.0
"""Seconds that the manager may take for what it does by itself."""


@pytest.fixture(scope="module")
def systemd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemdManager]:
    """A machine with the service installed, and nothing started."""
    if not SYSTEMD.exists() and os.environ.get("CI") == "true":
        pytest.fail("systemd is not installed")
    if why := refusal():
        pytest.skip(why)
    manager = SystemdManager(tmp_path_factory.mktemp("systemd"))
    try:
        manager.start()
        installation = "\n".join(commands("DEPLOYMENT.md", "As a system service", 1)).replace("sudo ", "")
        manager.run("/bin/bash", "-ec", f"cd {CHECKOUT}; {installation}")
        yield manager
    finally:
        manager.stop()


@pytest.fixture(autouse=True)
def nothing_left(systemd: SystemdManager) -> Iterator[None]:
    yield
    systemd.systemctl("stop", "room.socket", "room.service", check=False)
    systemd.run("rm", "-rf", DROP_IN, SAID)
    systemd.run("bash", "-c", "rm -rf /var/lib/room.exe/rooms/* /run/room.exe/*")
    systemd.systemctl("daemon-reload")
    systemd.systemctl("reset-failed")


def run_once(systemd: SystemdManager, script: str, *, besides: str = "") -> str:
    """Run a shell script inside the unit, with its own restrictions; gives what was said."""
    systemd.write(SCRIPT, script)
    systemd.write(
        DROP_IN,
        "[Service]\nType=oneshot\nRestart=no\nRestartPreventExitStatus=\nWatchdogSec=0\nExecStart=\n"
        f"ExecStart=/bin/bash {SCRIPT}\nStandardOutput=append:{SAID}\nStandardError=append:{SAID}\n{besides}",
    )
    systemd.systemctl("daemon-reload")
    systemd.systemctl("start", "room.service", check=False)
    return systemd.read(SAID)


def stand_in(systemd: SystemdManager, besides: str = "") -> None:
    systemd.write(DROP_IN, f"[Service]\nExecStart=\nExecStart={STAND_IN}\nRestartSec=0\n{besides}")
    systemd.systemctl("daemon-reload")


def test_the_installation_leaves_private_places_and_nothing_that_the_manager_complains_of(
    systemd: SystemdManager,
) -> None:
    verified = systemd.run("systemd-analyze", "verify", "--man=no", "room.service", "room.socket")
    assert verified.stdout + verified.stderr == ""
    places = systemd.run(
        "stat", "-c", "%n %U:%G %a", "/var/lib/room.exe", "/var/lib/room.exe/rooms", "/etc/room.exe/config.json"
    )
    assert places.stdout.splitlines() == [
        "/var/lib/room.exe room:room 700",
        "/var/lib/room.exe/rooms room:room 700",
        "/etc/room.exe/config.json root:root 644",
    ]
    assert "/var/lib/room.exe/rooms" in systemd.run("setpriv", *AS_ROOM, ROOM_EXE, "config", "show").stdout


def test_the_unit_holds_what_it_says(systemd: SystemdManager) -> None:
    """A manager leaves out what it cannot do, and says so in a log that nobody reads."""
    said = run_once(
        systemd,
        """
        grep -E '^(CapPrm|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status
        for place in / /etc /usr /home /var /var/log; do test -w $place && echo writable: $place; done
        ls /home; ls /root
        touch /var/lib/room.exe/new && umask && ulimit -n && ulimit -c
        ls /dev /proc
        stat -c %a /run/room.exe /var/log/room.exe
        """,
    )
    assert re.search(r"CapPrm:\s0+\nCapBnd:\s0+\nNoNewPrivs:\s1\nSeccomp:\s2\n", said), said
    assert "writable" not in said
    assert said.count("Permission denied") == 2, "home directories"
    assert "0077\n16384\n0\n" in said
    assert not {"kmsg", "mem", "meminfo", "kcore"} & set(said.split())
    assert said.endswith("700\n700\n")


@pytest.mark.parametrize("unit", ["room.service", "user/room.service"])
def test_rooms_are_sealed_and_crashes_are_understood_under_the_units_restrictions(
    systemd: SystemdManager, unit: str
) -> None:
    """The user's unit, too, is run by this manager: what it restricts is what is looked at."""
    text = (UNITS / unit).read_text().replace("%h/.local/bin/room.exe", ROOM_EXE)
    systemd.write("/etc/systemd/system/room.service", text)
    besides = "" if unit == "room.service" else "User=room\nEnvironment=HOME=/var/lib/room.exe\n"
    try:
        said = run_once(
            systemd,
            f"room.exe doctor; {IN_A_ROOM} <<< $'remember value: kept\\ndrill crash\\nrecall value'",
            besides=besides,
        )
    finally:
        systemd.install(UNITS / "room.service", "/etc/systemd/system/room.service")
    assert " 0 FAIL" in said, said
    assert "SEAL FILESYSTEM: SEALED (seccomp" in said
    assert "SEAL TIME: SEALED (virtual clock)" in said
    assert "ROOM CREATED: " in said
    assert "ADDRESS: 0x0000000000000000" in said, said
    assert "ENTITY: kept" in said


@pytest.mark.parametrize(
    ("restriction", "costs"),
    [
        ("MemoryDenyWriteExecute=yes", "FAIL SEAL TIME: VISIBLE"),
        ("SystemCallFilter=~ptrace", "ADDRESS: UNAVAILABLE"),
        ("SystemCallFilter=~seccomp", "ENTITY_SEAL_FAILED"),
    ],
)
def test_what_the_unit_leaves_open_is_needed(systemd: SystemdManager, restriction: str, costs: str) -> None:
    said = run_once(systemd, f"room.exe doctor; {IN_A_ROOM} <<< 'drill crash'", besides=f"{restriction}\n")
    assert costs in said, said
    assert "CORRUPTED" not in said, "a machine's refusal is no damage"


def test_the_manager_knows_when_an_owner_is_ready_reloads_and_ends(systemd: SystemdManager) -> None:
    stand_in(systemd)
    systemd.systemctl("start", "room.service")
    assert systemd.shown("room.service", "ActiveState") == "active"
    assert systemd.shown("room.service", "StatusText") == "given: nothing"
    systemd.systemctl("reload", "room.service")
    eventually(lambda: systemd.shown("room.service", "StatusText") == "reloaded", within=SOON)
    assert systemd.shown("room.service", "ActiveState") == "active"
    systemd.systemctl("stop", "room.service")
    assert systemd.shown("room.service", "ActiveState") == "inactive"
    assert systemd.shown("room.service", "Result") == "success"


def test_an_owner_that_gives_no_sign_of_life_is_replaced(systemd: SystemdManager) -> None:
    allowed = 6
    stand_in(systemd, f"WatchdogSec={allowed}\n")
    systemd.systemctl("start", "room.service")
    first = systemd.shown("room.service", "MainPID")
    heard = "WatchdogTimestampMonotonic"
    begun = int(systemd.shown("room.service", heard))
    eventually(lambda: int(systemd.shown("room.service", heard)) > begun + allowed * 1_000_000, within=SOON)
    assert systemd.shown("room.service", "MainPID") == first
    systemd.run("touch", "/run/room.exe/deaf")
    eventually(lambda: systemd.shown("room.service", "NRestarts") != "0", within=SOON)
    assert systemd.shown("room.service", "MainPID") != first


def test_the_first_client_starts_the_owner_and_a_restart_refuses_none(systemd: SystemdManager) -> None:
    stand_in(systemd)
    systemd.systemctl("start", "room.socket")
    assert systemd.shown("room.service", "ActiveState") == "inactive"
    control = "/var/lib/room.exe/rooms/control.sock"
    assert systemd.run("stat", "-c", "%U:%G %a", control).stdout == "room:room 600\n"
    inode = systemd.run("stat", "-c", "%i", control).stdout
    for path in (f"'AF_UNIX', '{control}'", "'AF_INET', ('127.0.0.1', 9000)"):
        assert ask(systemd, path) == "served\n"
        assert systemd.shown("room.service", "StatusText") == "given: room.exe/AF_UNIX,room.exe/AF_INET"
        systemd.systemctl("restart", "room.service")
    assert ask(systemd, f"'AF_UNIX', '{control}'") == "served\n"
    assert systemd.run("stat", "-c", "%i", control).stdout == inode


def ask(systemd: SystemdManager, where: str) -> str:
    """What the listener at a family and an address answers to the user of the rooms."""
    program = (
        "import socket; ask = lambda family, address: (s := socket.socket(getattr(socket, family)),"
        f" s.settimeout(30), s.connect(address), print(s.recv(100).decode(), end='')); ask({where})"
    )
    return systemd.run("setpriv", *AS_ROOM, "/opt/test/python3", "-c", program).stdout


def test_a_volume_of_kubernetes_holds_a_store_again_and_again(systemd: SystemdManager) -> None:
    """The volume's top is the group's, as `fsGroup` makes it; what is in it is private all the same."""
    systemd.run("bash", "-c", "mkdir -p /var/lib/volume; chown root:10001 /var/lib/volume; chmod 2770 /var/lib/volume")
    environment = ("env", "ROOM_PERSISTENCE_PATH=/var/lib/volume/rooms", "LOGS_DIRECTORY=/var/lib/volume/state")
    for count in (1, 2):
        systemd.run("setpriv", *AS_POD, "--", *environment, ROOM_EXE, "create")
        listed = systemd.run("setpriv", *AS_POD, "--", *environment, ROOM_EXE, "list", "--format", "json").stdout
        assert len(re.findall(r'"[0-9a-f]{64}"', listed)) == count


@pytest.mark.parametrize(("owner", "mode"), [("root:10001", "440"), ("10001:10001", "400")])
def test_a_token_is_taken_as_each_way_of_deploying_mounts_it(systemd: SystemdManager, owner: str, mode: str) -> None:
    """Kubernetes: root's, for the group, behind a link. Docker and systemd: a file of the user."""
    systemd.run(
        "bash",
        "-c",
        "mkdir -p /run/secrets/..data; cd /run/secrets; rm -f ..data/token; echo 0123456789abcdef > ..data/token;"
        f" chown {owner} ..data/token; chmod {mode} ..data/token; ln -sf ..data/token token",
    )
    program = (
        "from backrooms_tui.daemon.listening import read_token; from pathlib import Path;"
        " print(read_token(Path('/run/secrets/token')))"
    )
    assert systemd.run("setpriv", *AS_POD, "--", "/opt/test/python3", "-c", program).stdout == "0123456789abcdef\n"


def as_room(systemd: SystemdManager, *words: str) -> str:
    return systemd.run("setpriv", *AS_ROOM, *words).stdout


def test_the_daemon_lives_and_dies_by_the_manager(systemd: SystemdManager) -> None:
    systemd.systemctl("start", "room.service")
    assert systemd.shown("room.service", "StatusText") == "READY 127.0.0.1:9000"
    room = as_room(systemd, ROOM_EXE, "create").splitlines()[0].removeprefix("ROOM CREATED: ")
    fetch = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:{}').read().decode())"
    assert '"status": "ok"' in as_room(systemd, "/opt/test/python3", "-c", fetch.format("9000/health"))
    assert "room_active 1" in as_room(systemd, "/opt/test/python3", "-c", fetch.format("9001/metrics"))
    before = systemd.shown("room.service", "MainPID")
    systemd.systemctl("reload", "room.service")
    eventually(lambda: systemd.shown("room.service", "StatusText") == "CONFIGURATION RELOADED", within=SOON)
    assert systemd.shown("room.service", "MainPID") == before

    systemd.systemctl("kill", "--kill-whom=main", "--signal=KILL", "room.service")
    eventually(lambda: int(systemd.shown("room.service", "NRestarts")) == 1, within=SOON)
    eventually(lambda: systemd.shown("room.service", "ActiveState") == "active", within=SOON)
    assert room in as_room(systemd, ROOM_EXE, "list")
    assert systemd.shown("room.service", "MainPID") != before

    systemd.systemctl("stop", "room.service")
    assert systemd.shown("room.service", "Result") == "success"


def call(systemd: SystemdManager, address: str) -> str:
    """What a client is told of the rooms that waits longer than commands do for an owner that is only starting."""
    program = (
        "from pathlib import Path; from backrooms_tui.daemon.client import connect;"
        " token = Path('/var/lib/room.exe/rooms/token');"
        " token = token.read_text().strip() if token.exists() else None;"
        f" print(connect('{address}', token=token, seconds={SOON}).listing())"
    )
    return as_room(systemd, "/opt/test/python3", "-c", program)


def test_the_daemon_is_started_by_its_first_client_at_either_door(systemd: SystemdManager) -> None:
    systemd.write(DROP_IN, "[Service]\nRestartSec=0\n")
    systemd.systemctl("daemon-reload")
    systemd.systemctl("start", "room.socket")
    assert call(systemd, "/var/lib/room.exe/rooms/control.sock") == "()\n"
    socket = "env", "ROOM_DAEMON=/var/lib/room.exe/rooms/control.sock", ROOM_EXE
    room = as_room(systemd, *socket, "create").splitlines()[0].removeprefix("ROOM CREATED: ")
    assert systemd.shown("room.service", "ActiveState") == "active"
    assert room in as_room(systemd, ROOM_EXE, "list"), "an owner that is there is found without being named"
    systemd.systemctl("kill", "--kill-whom=main", "--signal=KILL", "room.service")
    assert room in call(systemd, "127.0.0.1:9000"), "it waits for the next owner, whose sockets are the same"
    port = "env", "ROOM_DAEMON=127.0.0.1:9000", ROOM_EXE
    assert room in as_room(systemd, *port, "list")
    said = as_room(systemd, "bash", "-c", f"echo 'remember value: kept' | {ROOM_EXE} enter {room}")
    assert "ENTITY: Stored." in said


def test_a_port_for_other_machines_is_opened_for_a_token_that_somebody_chose_and_for_nobody_else(
    systemd: SystemdManager,
) -> None:
    """The bind is refused without one, and a client too; secrets come from a file that only root reads."""
    systemd.write(DROP_IN, "[Service]\nEnvironment=ROOM_DAEMON_BIND=0.0.0.0:9000\n")
    systemd.systemctl("daemon-reload")
    assert systemd.run("systemctl", "start", "room.service", check=False).returncode != 0
    make = "head -c 32 /dev/urandom | base64 > /run/token; install -m 640 -g room /run/token /etc/room.exe/token"
    systemd.run("bash", "-c", f"umask 077; {make}; install -m 600 -o 10001 /run/token /var/tmp/copy")
    systemd.run("bash", "-c", "echo ROOM_DAEMON_TOKEN_FILE=/etc/room.exe/token > /etc/room.exe/environment")
    systemd.run("chmod", "600", "/etc/room.exe/environment")
    try:
        systemd.systemctl("start", "room.service")
        assert systemd.shown("room.service", "StatusText") == "READY 0.0.0.0:9000"
        stranger = "setpriv", "--reuid=10001", "--regid=10001", "--clear-groups", "env", "ROOM_DAEMON=127.0.0.1:9000"
        refused = systemd.run(*stranger, ROOM_EXE, "create", check=False)
        assert refused.stderr.startswith("ERROR: ")
        assert refused.returncode != 0
        let_in = systemd.run(*stranger, "ROOM_DAEMON_TOKEN_FILE=/var/tmp/copy", ROOM_EXE, "create")
        assert let_in.stdout.startswith("ROOM CREATED: ")
    finally:
        systemd.run("rm", "-f", "/etc/room.exe/environment", "/etc/room.exe/token")


def test_a_daemon_with_a_configuration_that_is_refused_is_not_started_again(systemd: SystemdManager) -> None:
    systemd.write(DROP_IN, "[Service]\nRestartSec=0\nEnvironment=ROOM_DAEMON_WORKERS=many\n")
    systemd.systemctl("daemon-reload")
    assert systemd.run("systemctl", "start", "room.service", check=False).returncode != 0
    assert systemd.shown("room.service", "ActiveState") == "failed"
    assert systemd.shown("room.service", "ExecMainStatus") == "2"
    assert systemd.shown("room.service", "NRestarts") == "0"


def test_nothing_of_it_is_left_outside(systemd: SystemdManager) -> None:
    assert not Path("/var/lib/room.exe").exists()
    assert not shutil.which("room.exe", path="/usr/local/bin")
