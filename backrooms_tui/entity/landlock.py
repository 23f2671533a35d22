"""Landlock: the second wall around files, TCP, abstract sockets and signals, with nothing granted.

The kernel is asked for its version and given just the rights that version knows. A kernel without Landlock is not
refused: seccomp alone keeps a hermetic entity from files; the seal then does not name this layer.
"""

from __future__ import annotations

import os
import struct

from .syscalls import LANDLOCK_CREATE_RULESET, LANDLOCK_RESTRICT_SELF, call

_ASK_VERSION = 1
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15}
"""How many file rights there are at a version; 16 from 5 on."""
_NET_SINCE = 4
_SCOPE_SINCE = 6
_NET_RIGHTS = 0b11
_SCOPES = 0b11


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
    if abi >= _SCOPE_SINCE:
        attributes += struct.pack("=Q", _SCOPES)
    return attributes


def restrict() -> int:
    """Apply it to this process, for good; needs no_new_privs. Gives the version used, 0 when there is none.

    Raises OSError when a kernel that has Landlock refuses.
    """
    abi = version()
    if not abi:
        return 0
    attributes = ruleset(abi)
    rules = call(LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        call(LANDLOCK_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)
    return abi
