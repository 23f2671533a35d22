"""Attempts on processes: making some, reaching others, and changing what one is."""

from __future__ import annotations

from backrooms_tui.entity.seal.syscalls import ALLOWED, CONDITIONAL

from .attempts import BY_DESIGN, DIED, HELD, NOTHING, Attempt, table
from .outside import Outside


def _secret(outside: Outside, said: str) -> bool:
    return outside.secret in said


_CHILD = "pid or os._exit(0)\nresult = os.waitpid(pid, 0)[0]"
_LOOK = (
    "class Span(ctypes.Structure): _fields_ = [('at', ctypes.c_void_p), ('size', ctypes.c_size_t)]\n"
    "kept = ctypes.create_string_buffer(SECRET_SIZE)\n"
    "here, there = Span(ctypes.addressof(kept), SECRET_SIZE), Span(SECRET_AT, SECRET_SIZE)\n"
    "syscall(310, HOST, ctypes.addressof(here), 1, ctypes.addressof(there), 1, 0); result = kept.raw"
)

_KERNELS_OWN = {335, 336}
"""uretprobe and uprobe: for code that the kernel itself puts into a process; it lets them past every filter and kills
whoever else comes by them (SIGILL).
"""
_SWEEP = f"""
listed = {sorted({*ALLOWED.values(), *CONDITIONAL.values(), *_KERNELS_OWN})}
found = []
for number in range(500):
    if number not in listed and (libc.syscall(*[ctypes.c_long(n) for n in (number, -1, -1, -1, -1, -1, -1)]) != -1
            or ctypes.get_errno() != 1):
        found.append(number)
result = found or None
"""

PROCESSES = (
    *table(
        "proc",
        {
            "fork": f"pid = os.fork()\n{_CHILD}",
            "raw clone(SIGCHLD)": f"pid = syscall(56, 17, 0, 0, 0, 0)\n{_CHILD}",
            "raw clone3": "b = (ctypes.c_uint64 * 11)(); b[4] = 17\n"
            f"pid = syscall(435, ctypes.addressof(b), 88)\n{_CHILD}",
            "subprocess /bin/true": "import subprocess; result = subprocess.run(['/bin/true'])",
            "start a thread": "import threading; t = threading.Thread(target=int); t.start(); t.join(); result = t",
            "signal 0 to the host": "os.kill(HOST, 0); result = HOST",
            "signal 0 to the zygote": "os.kill(ZYGOTE, 0); result = ZYGOTE",
            "signal 0 to a sibling room": "os.kill(SIBLING, 0); result = SIBLING",
            "signal 0 to a process of the same user": "os.kill(OUTSIDE, 0); result = OUTSIDE",
            "kill(-1, 0)": "os.kill(-1, 0); result = 'all'",
            "SIGKILL to a process of the same user by tgkill": "syscall(234, OUTSIDE, OUTSIDE, 0); result = OUTSIDE",
            "pidfd_open(host)": "result = os.pidfd_open(HOST) + 1",
            "pidfd_getfd from a process of the same user": "result = syscall(438, syscall(434, OUTSIDE, 0), 0, 0) + 1",
            "ptrace attach the zygote": "syscall(101, 0x4206, ZYGOTE, 0, 0); result = ZYGOTE",
            "ptrace attach a process of the same user": "syscall(101, 0x4206, OUTSIDE, 0, 0); result = OUTSIDE",
            "read /proc/(host)/environ": "result = open(f'/proc/{HOST}/environ', 'rb').read()",
            "read /proc/(host)/cmdline": "result = open(f'/proc/{HOST}/cmdline', 'rb').read()",
            "write /proc/(host)/oom_score_adj": "result = open(f'/proc/{OUTSIDE}/oom_score_adj', 'w').write('1000')",
            "read own /proc/self/maps": "result = len(open('/proc/self/maps').read())",
            "unshare(CLONE_NEWUSER)": "syscall(272, 0x10000000); result = 'another namespace'",
            "setns to the host's": "result = syscall(308, os.pidfd_open(HOST), 0x4000000) or 'joined'",
            "clear PDEATHSIG": "syscall(157, 1, 0, 0, 0, 0); result = 'cleared'",
            "set DUMPABLE back on": "syscall(157, 4, 1, 0, 0, 0); result = 'set'",
            "raise RLIMIT_NOFILE": "import resource\n"
            "for most in (64, 128): resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))\nresult = most",
            "setuid(0)": "os.setuid(0); result = 'root'",
            "sched_setaffinity": "os.sched_setaffinity(0, {0}); result = 'bound'",
            "nice": "result = os.nice(1) or 'nicer'",
            "keyctl get session keyring": "result = syscall(250, 0, -3, 0)",
            "bpf(2)": "b = (ctypes.c_uint32 * 32)(2, 4, 4, 1)\nresult = syscall(321, 0, ctypes.addressof(b), 128) + 1",
            "perf_event_open": "b = (ctypes.c_uint32 * 30)(1, 120)\n"
            "result = syscall(298, ctypes.addressof(b), 0, -1, -1, 0) + 1",
            "userfaultfd": "result = syscall(323, 1) + 1",
            "shmget SysV": "i = syscall(29, 0, 4096, 0o1600); result = syscall(31, i, 0, 0) or 'made'",
            "mq_open": "result = syscall(240, TOKEN.encode(), 0o102, 0o600, 0) + 1; syscall(241, TOKEN.encode())",
        },
    ),
    *table(
        "proc",
        {
            "process_vm_readv host": _LOOK,
            "open /proc/(host)/mem": "f = open(f'/proc/{HOST}/mem', 'rb', 0); f.seek(SECRET_AT)\n"
            "result = f.read(SECRET_SIZE)",
            "env leak": "result = dict(os.environ)",
        },
        proof=_secret,
    ),
    Attempt("proc", "every system call that is not on the list", _SWEEP, HELD, NOTHING, unsealed=False),
    # What the numbers of another table could mean is not asked: it kills.
    Attempt("proc", "getpid by the x32 table", "result = syscall(0x40000000 + 39)", DIED, DIED, told="SIGSYS"),
    # A program in its own place, inside the same seal: that is what a command is.
    Attempt(
        "proc", "execve over itself", "os.execv('/bin/echo', ['echo', 'GOT', 'x'])", HELD, f"{HELD} {DIED} {BY_DESIGN}"
    ),
    Attempt("proc", "uname/hostname", "result = os.uname().nodename", HELD, f"{HELD} {BY_DESIGN}"),
)
