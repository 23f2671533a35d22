"""Landlock: the second wall around files, TCP, abstract sockets and signals; the first one for a program's files.

The kernel is asked for its version and given just the rights that version knows. A kernel without Landlock is not
refused: seccomp alone keeps a hermetic entity from files; the seal then does not name this layer. A program has to
read files, and is not run without it.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable

from .syscalls import LANDLOCK_ADD_RULE, LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF, call

_ASK_VERSION = 1
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many file rights there are at a version; 16 from 5 on."""
_NET_SINCE = 4
SCOPE_SINCE = 6
"""Signals and abstract sockets stay inside from here on."""
_NET_RIGHTS = 0b11
_SCOPES = 0b11
_PATH_BENEATH = 1

EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3

Grant = tuple[int, int]
"""A descriptor of a file or folder, and the rights on it and on what is in it."""


def version() -> int:
    """The kernel's Landlock version, 0 when it has none or it is off."""
    try:
        return call(LANDLOCK_CREATE_RULESET, 0, 0, _ASK_VERSION)
    except OSError:
        return 0


def ruleset(abi: int) -> bytes:
    """The bytes of struct landlock_ruleset_attr that handles every right of `abi`, so that none remains."""
    rights = (1 << _FILE_RIGHTS.get(abi, 16)) - 1
    attributes = struct.pack("=Q", rights)
    if abi >= _NET_SINCE:
        attributes += struct.pack("=Q", _NET_RIGHTS)
    if abi >= SCOPE_SINCE:
        attributes += struct.pack("=Q", _SCOPES)
    return attributes


def restrict() -> int:
    """Apply it to this process, for good, with nothing granted; needs no_new_privs. Gives the version used, 0 when
    there is none. Raises OSError when a kernel that has Landlock refuses.
    """
    return enforce(rules()) if version() else 0


def rules(grants: Iterable[Grant] = ()) -> int:
    """A descriptor of rules that grant nothing but `grants`. Raises OSError, also without Landlock."""
    abi = version()
    if not abi:
        raise OSError(errno.EOPNOTSUPP, "this kernel has no Landlock")
    attributes = ruleset(abi)
    made = call(LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for descriptor, rights in grants:
            call(LANDLOCK_ADD_RULE, made, _PATH_BENEATH, struct.pack("=Qi", rights, descriptor), 0)
    except OSError:
        os.close(made)
        raise
    return made


def enforce(made: int) -> int:
    """Apply rules to this process, for good, and close them; gives the version. Raises OSError."""
    try:
        call(LANDLOCK_RESTRICT_SELF, made, 0)
    finally:
        os.close(made)
    return version()
