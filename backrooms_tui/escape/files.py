"""Attempts on files: another room's, the system's, new ones, and those behind descriptors."""

from __future__ import annotations

from .attempts import BY_DESIGN, HELD, Attempt, gained
from .outside import Outside


def _secret(outside: Outside, said: str) -> bool:
    return outside.secret in said


def _listed(_: Outside, said: str) -> bool:
    return "victim" in said


def _made(outside: Outside, _: str) -> bool:
    return outside.litter()


def _harmed(outside: Outside, _: str) -> bool:
    return outside.harmed()


_SEEN = f"{HELD} {BY_DESIGN}"

_DESCRIPTORS = """
import fcntl
found = []
for fd in range(FIRST, 64):
    try: fcntl.fcntl(fd, fcntl.F_GETFD)
    except OSError: continue
    found.append(fd)
result = found or None
"""
_MOUNT = """
libc.unshare(0x20000)
libc.mount(None, b'/', None, 0x44000, None)
if libc.mount(b'none', FOLDER.encode(), b'tmpfs', 0, None):
    raise PermissionError(ctypes.get_errno())
result = None if os.path.exists(VICTIM) else 'hidden'
libc.umount2(FOLDER.encode(), 2)
"""
"""In a mount namespace of its own, where it may have one: nobody else's view of the folder changes."""

FILES = tuple(
    Attempt("fs", *row)
    for row in (
        ("read another room's file", "result = open(VICTIM).read()", HELD, HELD, _secret),
        ("list the rooms directory", "result = os.listdir(FOLDER)", HELD, HELD, _listed),
        ("stat another room (existence oracle)", "result = os.stat(VICTIM).st_size", HELD, _SEEN, gained),
        ("read the store's own files", "result = open(STORE, 'rb').read(9) or 'empty'", HELD, HELD, gained),
        ("read /etc/passwd", "result = 'root:' in open('/etc/passwd').read()", HELD, HELD, gained),
        ("write a new file in /tmp", "result = open('/tmp/' + TOKEN, 'w').write('x')", HELD, HELD, _made),
        ("write in /dev/shm", "result = open('/dev/shm/' + TOKEN, 'w').write('x')", HELD, HELD, _made),
        ("truncate(2) another room's file by path", "os.truncate(VICTIM, 2)", HELD, HELD, _harmed),
        ("chmod another room's file", "os.chmod(VICTIM, 0o644)", HELD, HELD, _harmed),
        ("utime another room's file", "os.utime(VICTIM)", HELD, HELD, _harmed),
        ("setxattr on another room's file", "os.setxattr(VICTIM, 'user.escaped', b'x')", HELD, HELD, _harmed),
        ("unlink another room's file", "os.unlink(VICTIM)", HELD, HELD, _harmed),
        ("symlink in the rooms directory", "os.symlink('x', FOLDER + '/' + TOKEN)", HELD, HELD, _made),
        ("rename in the rooms directory", "os.rename(VICTIM, FOLDER + '/' + TOKEN)", HELD, HELD, _made),
        ("hard link to another room's file", "os.link(VICTIM, FOLDER + '/' + TOKEN)", HELD, HELD, _made),
        ("memfd_create + write", "result = os.write(os.memfd_create('m'), b'x')", HELD, HELD, gained),
        ("change directory", "os.chdir(FOLDER); result = os.getcwd()", HELD, _SEEN, gained),
        (
            "re-open /proc/self/fd/1 for writing",
            "result = os.open('/proc/self/fd/1', os.O_WRONLY) + 1",
            HELD,
            _SEEN,
            gained,
        ),
        (
            "inherited descriptors of the host",
            _DESCRIPTORS,
            HELD,
            HELD,
            gained,
        ),
        (
            "open_by_handle_at(2)",
            "fd = syscall(304, FOLDER_FD, bytes.fromhex(HANDLE), 0)\nresult = os.read(fd, 99)",
            HELD,
            HELD,
            _secret,
        ),
        ("chroot(2)", "os.chroot(FOLDER); result = os.listdir('/')", HELD, HELD, _listed),
        (
            "mount(2) a tmpfs over the rooms",
            _MOUNT,
            HELD,
            HELD,
            gained,
        ),
    )
)
