"""What a program in a room cannot do, tried by perl; each attempt is shown to succeed outside first.

And what it can be given: children that all end with it, and threads.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

import pytest
from command_rooms import await_condition, await_sleep, descendants, inhabited, name_of, need, script
from sealed_rooms import MIB, Room

from backrooms_tui.entity.frames import Done, Fail, Output, Violation
from backrooms_tui.entity.host import ZygoteHost
from backrooms_tui.entity.programs.idle import look
from backrooms_tui.entity.programs.memory import Watcher
from backrooms_tui.entity.seals import lacking
from backrooms_tui.model.runtimes import COMMAND_PROFILE, HERMETIC_PROFILE, parse

PERL = "/usr/bin/perl"

FILES = {
    "read another room's file": "open F, '<', $ENV_VICTIM or die $!; print <F>",
    "list the folder of rooms": "opendir D, $ENV_FOLDER or die $!; print readdir D",
    "read /etc/passwd": "open F, '<', '/etc/passwd' or die $!; print 'read'",
    "read a process outside": "open F, '<', '/proc/1/status' or die $!; print 'read'",
    "read its own memory's map": "open F, '<', '/proc/self/maps' or die $!; print 'read'",
    "write a new file": "open F, '>', \"$ENV_FOLDER/new\" or die $!; print 'made'",
    "write shared memory": "open F, '>', '/dev/shm/backrooms-test' or die $!; print 'made'",
    "truncate by path": "truncate $ENV_VICTIM, 1 or die $!; print 'cut'",
    "change permissions": "chmod 0644, $ENV_VICTIM or die $!; print 'changed'",
    "change times": "utime 1, 1, $ENV_VICTIM or die $!; print 'changed'",
    "remove": "unlink \"$ENV_FOLDER/spare\" or die $!; print 'removed'",
    "rename": "rename $ENV_VICTIM, $ENV_VICTIM or die $!; print 'renamed'",
    "make a link": "symlink 'x', \"$ENV_FOLDER/link\" or die $!; print 'made'",
    "make a folder": "mkdir \"$ENV_FOLDER/folder\" or die $!; print 'made'",
    "anonymous file": "$m = 'm'; syscall(319, $m, 0) >= 0 or die $!; print 'made'",
}
NETWORK = {
    "TCP": "use Socket; socket(S, PF_INET, SOCK_STREAM, 0) or die $!; print 'made'",
    "UDP": "use Socket; socket(S, PF_INET, SOCK_DGRAM, 0) or die $!; print 'made'",
    "local": "use Socket; socket(S, PF_UNIX, SOCK_STREAM, 0) or die $!; print 'made'",
    "netlink": "use Socket; socket(S, 16, SOCK_RAW, 0) or die $!; print 'made'",
    "socketpair": "use Socket; socketpair(A, B, PF_UNIX, SOCK_STREAM, 0) or die $!; print 'made'",
    "io_uring": "syscall(425, 4, \"\\0\" x 120) >= 0 or die $!; print 'made'",
}
PROCESSES = {
    "fork": "defined($p = fork) or die $!; exit unless $p; wait; print 'forked'",
    "run a program": "defined(open P, '-|', '/bin/true') or die $!; print 'ran'",
    "a new session": "$p = syscall(112); die $! if $p < 0; print 'made'",
    "signal to a process outside": "kill 0, $ENV_OUTSIDE or die $!; print 'sent'",
    "signal to everybody": "syscall(62, -1, 0) >= 0 or die $!; print 'sent'",
    "handle on a process": "syscall(434, $ENV_OUTSIDE, 0) >= 0 or die $!; print 'had'",
    "outlive its parent": "syscall(157, 1, 0, 0, 0, 0) >= 0 or die $!; print 'cleared'",
    "hide from the host": "syscall(157, 4, 0, 0, 0, 0) >= 0 or die $!; print 'hidden'",
    "be nobody's child": "$p = syscall(56, 0x00800011, 0, 0, 0, 0); die $! if $p < 0; exit if $p == 0; print 'made'",
    "new user namespace": "syscall(272, 0x10000000) >= 0 or die $!; print 'made'",
    "keyring": "$k = syscall(250, 0, -3, 0); die $! if $k < 0; print 'had'",
    "shared memory of System V": "$s = syscall(29, 0, 4096, 01600); die $! if $s < 0; print 'made'",
    "userfaultfd": "syscall(323, 1) >= 0 or die $!; print 'made'",
    "raise its limits": "syscall(160, 7, pack('QQ', 1024, 4096)) >= 0 or die $!; print 'raised'",
}
ATTEMPTS = {f"{group}: {name}": code for group, all_of in (("files", FILES), ("network", NETWORK), ("processes", PROCESSES)) for name, code in all_of.items()}  # fmt: skip
UNPROVEN = {"processes: a new session", "processes: raise its limits", "network: io_uring"}
"""Attempts that need not succeed outside: a leader has its session, and limits and kernels differ."""
REFUSED_TO_USERS = {"processes: new user namespace", "processes: keyring", "processes: userfaultfd"}
"""What a machine's operator may have forbidden to everybody but root."""
MADE_OF_CHILDREN = {"processes: fork", "processes: run a program", "processes: signal to everybody"}
"""What may be had with children; everybody is then everybody in the room, and the kernel does not say that it is."""


@pytest.fixture
def outside():
    """A folder that everybody may use, and a process that everybody may see."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        for name in ("victim", "spare"):
            Path(folder, name).write_text("treasure")
            Path(folder, name).chmod(0o666)
            if os.geteuid() == 0:
                os.chown(Path(folder, name), 65534, 65534)
        process = subprocess.Popen(["sleep", "1000"], user=65534 if os.geteuid() == 0 else None)
        yield {"FOLDER": folder, "VICTIM": f"{folder}/victim", "OUTSIDE": str(process.pid)}
        process.kill()
        process.wait()
    Path("/dev/shm/backrooms-test").unlink(missing_ok=True)


def filled(code: str, names: dict[str, str]) -> str:
    for name, held in names.items():
        code = code.replace(
            f"$ENV_{name}", held if held.isdecimal() else f"'{held}'" if f'"$ENV_{name}' not in code else held
        )
    return code


@pytest.mark.parametrize("name", ATTEMPTS)
def test_a_program_does_not_get_out(host, outside, name):
    need(f"command:{PERL}")
    code = filled(ATTEMPTS[name], outside)
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    free = subprocess.run([PERL, "-e", code], check=False, capture_output=True, text=True, **user)
    refused = name in REFUSED_TO_USERS and re.search("not permitted|ermission denied|not implemented", free.stderr)
    assert name in UNPROVEN or refused or (free.returncode == 0 and free.stdout), free.stderr
    Path(outside["FOLDER"], "new").unlink(missing_ok=True)
    for made in ("link", "folder", "spare"):
        path = Path(outside["FOLDER"], made)
        path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
    Path(outside["FOLDER"], "spare").write_text("treasure")
    Path("/dev/shm/backrooms-test").unlink(missing_ok=True)
    with inhabited(host, f"command?mode=exit:{PERL} -e {shlex.quote(code)}") as room:
        frames = room.turn("go")
        assert not any(isinstance(frame, Output) for frame in frames), frames
        assert isinstance(frames[-1], Fail), frames


WITH_CHILDREN = [name for name in ATTEMPTS if name.startswith("processes") and name not in MADE_OF_CHILDREN]


@pytest.mark.parametrize("name", WITH_CHILDREN)
def test_a_program_that_may_have_children_does_not_get_out_either(host, outside, name):
    code = filled(ATTEMPTS[name], outside)
    with inhabited(host, f"command?mode=exit&children=yes&threads=yes:{PERL} -e {shlex.quote(code)}") as room:
        frames = room.turn("go")
        assert not any(isinstance(frame, Output) for frame in frames), frames


def test_a_signal_to_everybody_reaches_nobody_outside(host, outside):
    with inhabited(host, "command:cat") as neighbour:
        with inhabited(host, f"command?mode=exit&children=yes:{PERL} -e 'kill KILL => -1; print qq(done)'") as room:
            assert room.lines("go") == ["done"]
        assert neighbour.lines("well") == ["well"]
        assert Path(f"/proc/{outside['OUTSIDE']}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_program_may_read_what_the_system_is_made_of(host):
    with inhabited(
        host, "command?mode=exit&children=yes:sh -c 'cat /usr/bin/env >/dev/null && cd /usr/lib && ls'"
    ) as room:
        frames = room.turn("x")
        assert isinstance(frames[-1], Done), frames


def test_it_is_given_four_variables_and_no_more(host):
    with inhabited(host, "command?mode=exit:env") as room:
        assert sorted(room.lines("")) == ["HOME=/", "LANG=C.UTF-8", "PATH=/usr/local/bin:/usr/bin:/bin", "TZ=UTC"]


def test_no_descriptor_is_open_but_the_three(host):
    code = 'for (0..63) { print "$_\\n" if syscall(72, $_, 1, 0) >= 0 }'
    with inhabited(host, f"command?mode=exit:{PERL} -e {shlex.quote(code)}") as room:
        assert room.lines("") == ["0", "1", "2"]


def test_only_a_file_that_its_command_line_names_may_be_read_elsewhere(host, outside):
    Path(outside["VICTIM"] + "2").write_text("another")
    with inhabited(host, f"command?mode=exit&children=yes:sh -c 'cat $0; cat ${{0}}2' {outside['VICTIM']}") as room:
        frames = room.turn("x")
        assert frames[0] == Output("treasure")
        assert isinstance(frames[-1], Fail)
        assert "ermission" in frames[-1].text


def test_it_may_signal_itself(host):
    with inhabited(host, "command:sh -c 'trap \"echo caught\" USR1; while read x; do kill -USR1 $$; done'") as room:
        assert room.lines("go") == ["caught"]


# Memory


@pytest.mark.parametrize(
    "code",
    ["$x = 'x' x 400_000_000; print 'had'", "push @x, 'x' x 1000 while 1"],
    ids=["one piece", "many pieces"],
)
def test_more_data_than_the_limit_is_refused(host, code, monkeypatch):
    monkeypatch.setattr(Watcher, "excess", lambda *_: None)  # which may see it before the kernel refuses
    with inhabited(host, f"command?mode=exit:{PERL} -e {shlex.quote(code)}", memory=64 * MIB) as room:
        frames = room.turn("go")
        assert "had" not in "".join(f.text for f in frames if isinstance(f, Output))
        assert isinstance(frames[-1], Fail)
        assert "emory" in frames[-1].text


SHARED = """
import mmap
input()
m = mmap.mmap(-1, 300 * 1024 * 1024)
for n in range(0, len(m), 4096): m[n] = 1
print("had", flush=True)
input()
"""


def test_shared_memory_counts_and_is_seen_within_a_moment(host, common):
    with inhabited(host, f"command:/usr/bin/python3 {script(common, SHARED)}", memory=64 * MIB) as room:
        room.begin("go")
        frames = room.frames_until(lambda f: isinstance(f, Violation))  # its answer may have ended meanwhile
        assert frames[-1].code == "MEMORY_EXCEEDED"


ORPHANS = """
use POSIX;
$| = 1;
while (<STDIN>) {
    for (1..4) { if (!fork) { if (!fork) { $x = 'x' x 20_000_000; sleep 1000 } exit } wait }
    print "left\\n";
}
"""


def test_the_memory_of_those_who_lost_their_parents_counts_too(host, common):
    line = f"command?children=yes:{PERL} {script(common, ORPHANS)}"
    with inhabited(host, line, memory=64 * MIB) as room:
        room.begin("go")
        frames = room.frames_until(lambda f: isinstance(f, Violation))
        assert frames[-1].code == "MEMORY_EXCEEDED"


def test_a_limit_as_small_as_a_room_may_have_is_enough_for_a_program(host):
    with inhabited(host, "command:sh", memory=16 * MIB) as room:
        assert room.lines("echo well") == ["well"]


# Children and threads

DOUBLE_FORK = """
use POSIX;
$| = 1;
if (!fork) { POSIX::setsid(); if (!fork) { $SIG{TERM} = $SIG{INT} = $SIG{HUP} = 'IGNORE'; sleep 1000 } exit }
wait;
while (<STDIN>) { print "here\\nEND\\n" }
"""


def strays(pid: int) -> list[int]:
    """Living processes of a room's session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == pid and fields[0] != "Z":
            found.append(int(path.parent.name))
    return found


@pytest.mark.parametrize("end", ["killed", "by itself", "zygote killed"])
def test_a_grandchild_that_hid_itself_ends_with_its_room(common, end):
    host = ZygoteHost()
    try:
        with inhabited(host, f"command?children=yes&marker=END:{PERL} {script(common, DOUBLE_FORK)}") as room:
            assert room.lines("x") == ["here"]
            pid = room.process.pid
            assert len(strays(pid)) == 2
            if end == "killed":
                room.process.kill()
            elif end == "zygote killed":
                os.kill(host.zygote_pid, 9)
            else:
                os.kill(pid, 15)
            room.await_exit()
            await_condition(lambda: strays(pid) == [], "the end of everybody")
    finally:
        host.close()


def test_a_fork_bomb_ends_with_its_room_and_the_neighbours_go_on(host):
    with inhabited(host, "command:cat") as neighbour:
        with inhabited(host, "command?children=yes:sh", memory=1024 * MIB) as room:  # 64 shells have more than 128
            pid = room.process.pid
            frames = room.turn("bomb() { bomb | bomb & }; bomb; while :; do :; done")
            assert isinstance(frames[-1], Violation)
            assert frames[-1].code == "PROCESSES_EXCEEDED"
            await_condition(lambda: strays(pid) == [], "the end of the bomb")
        assert neighbour.lines("well") == ["well"]


def test_what_a_shell_leaves_in_the_background_ends_with_the_room(host):
    with inhabited(host, "command?children=yes&marker=END:sh") as room:
        room.lines("sleep 1000 & sleep 1000 & echo END")
        pid = room.process.pid
        assert len(descendants(pid)) == 2
        room.process.kill()
        room.await_exit()
        await_condition(lambda: strays(pid) == [], "the end of everybody")


def test_children_of_a_program_are_sealed_like_it(host):
    with inhabited(host, "command?children=yes:sh") as room:
        assert sorted(room.lines("cat /etc/passwd | wc -c")) == ["0", "cat: /etc/passwd: Permission denied"]


def test_an_interrupt_reaches_the_children(host):
    with inhabited(
        host, "command?children=yes:sh -c 'trap : INT; while read x; do echo on; sleep 1000; echo off; done'"
    ) as room:
        room.begin("x")
        room.frames_until(lambda f: isinstance(f, Output))
        await_sleep(room)
        room.process.interrupt(1)
        frames = room.frames_until(lambda f: isinstance(f, Done))
        assert frames[0] == Output("off\n")


THREADS = """
import threading
input()
try:
    t = threading.Thread(target=print, args=("thread",)); t.start(); t.join()
except RuntimeError as error: print(error)
"""


@pytest.mark.parametrize(("option", "said"), [("threads=no", "can't start new thread"), ("threads=yes", "thread")])
def test_threads_are_had_only_where_they_are_allowed(host, common, option, said):
    with inhabited(host, f"command?{option}&marker=END:/usr/bin/python3 -u {script(common, THREADS)}") as room:
        room.begin("x")
        assert room.frames_until(lambda f: isinstance(f, Output))[-1].text.startswith(said)


EXEC_IN_THREAD = """
import os, threading
input()
threading.Thread(target=lambda: os.execv("/usr/bin/sleep", ["sleep", "1000"])).start()
threading.Event().wait()
"""


@pytest.mark.parametrize("end", ["killed", "zygote killed"])
def test_a_thread_that_becomes_another_program_is_not_lost(common, end):
    host = ZygoteHost()
    try:
        with inhabited(
            host, f"command?threads=yes&marker=END:/usr/bin/python3 {script(common, EXEC_IN_THREAD)}"
        ) as room:
            pid = room.process.pid
            room.begin("x")
            await_condition(lambda: name_of(pid) == "sleep", "the exec")
            if end == "killed":
                room.process.kill()
            else:
                os.kill(host.zygote_pid, 9)
            assert room.await_exit().signal == 9
            await_condition(lambda: strays(pid) == [], "its end")
    finally:
        host.close()


def test_threads_do_not_give_children(host, common):
    code = "import os\ntry: os.fork(); print('forked')\nexcept OSError as e: print(e.strerror)"
    with inhabited(host, f"command?mode=exit&threads=yes:/usr/bin/python3 {script(common, code)}") as room:
        assert room.lines("") == ["Operation not permitted"]


# What is said of it


def test_the_rows_of_both_profiles_say_what_was_found(host):
    with inhabited(host, "command:cat"):
        assert host.seals[COMMAND_PROFILE].lines() == (
            "FILESYSTEM: READ-ONLY (contents of system directories; names elsewhere observable)",
            f"NETWORK: {host.seals[HERMETIC_PROFILE].network}",
            "PROCESS: SEALED (no children, no threads)",
            "NATIVE CODE: ALLOWED (within the seal)",
            "MEMORY: WATCHED (data segment; resident memory 4 times a second)",
            "TIME: VISIBLE",
        )


FOUND = {
    "landlock": 7,
    "files": True,
    "network": True,
    "process": True,
    "memory": True,
    "runs": True,
    "idle": True,
    "children": True,
}
SEALED = {"landlock": 7, "files": True, "network": True, "process": True, "native": True, "memory": True, "time": True}


@pytest.mark.parametrize(
    ("line", "fact", "words"),
    [
        ("command:cat", {"refused": "this kernel has no Landlock"}, "NO PROGRAMS HERE: this kernel has no Landlock"),
        ("command:cat", {"runs": False}, "NO PROGRAMS HERE"),
        ("command:cat", {"idle": False}, "GIVE THE ROOM A marker OR quiet"),
        ("command?children=yes:cat", {"children": False}, "NO CHILDREN HERE"),
        ("command?threads=yes:cat", {"children": False}, "NO THREADS HERE"),
    ],
)
def test_a_room_is_refused_what_cannot_be_had_here(line, fact, words):
    facts = SEALED | {"command": FOUND | fact}
    assert words in lacking(facts, parse(line), every_row=False)


@pytest.mark.parametrize("line", ["command?quiet=1:cat", "command?marker=x:cat", "command?mode=exit:cat"])
def test_a_kernel_that_does_not_tell_is_enough_for_rooms_that_need_not_know(line):
    assert lacking(SEALED | {"command": FOUND | {"idle": False}}, parse(line), every_row=True) is None


@pytest.mark.parametrize(
    ("line", "facts", "words"),
    [
        ("reference", {"time": False}, "REQUIRED, BUT TIME: VISIBLE"),
        ("reference", {"memory": False}, "REQUIRED, BUT MEMORY: UNBOUNDED"),
        ("command:cat", {"command": FOUND | {"network": False}}, "REQUIRED, BUT NETWORK: UNSEALED"),
    ],
)
def test_a_required_row_that_does_not_hold_is_named(line, facts, words):
    found = SEALED | {"command": FOUND} | facts
    assert lacking(found, parse(line), every_row=True) == words
    assert lacking(found, parse(line), every_row=False) is None


def test_whoever_dies_while_the_zygote_finds_out_about_programs_is_reported():
    host = ZygoteHost()
    try:
        rooms = [Room(host) for _ in range(4)]
        for room in rooms:
            room.await_ready()
            room.begin("import os, select; select.poll().poll(10); os._exit(3)")
        assert COMMAND_PROFILE in host.measure()
        assert [room.await_exit().status for room in rooms] == [3] * 4
    finally:
        host.close()


def test_a_required_seal_that_holds_lets_rooms_start():
    strict = ZygoteHost(require_seal=True)
    try:
        with inhabited(strict, "command:cat") as room:
            assert room.lines("x") == ["x"]
    finally:
        strict.close()


def test_what_a_process_waits_in_is_read_only_of_the_living():
    assert look(2**22 + 1, "pipe:[1]") is None
    assert look(os.getpid(), "pipe:[1]") is None  # it is running: it looks
