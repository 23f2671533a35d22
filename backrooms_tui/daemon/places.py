"""What stands where beside the rooms, and how a socket is named whose path is too long for the kernel's address."""

from __future__ import annotations

import os

SOCKET = "control.sock"
TOKEN = "token"  # noqa: S105 - the file's name

_LONGEST = 100
"""Bytes of a path that fit a socket's address (108 with what the kernel adds)."""


class reachable:  # noqa: N801 - reads as what it gives
    """A context manager: a name for a socket's path that fits the kernel's address, whatever the path's length."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._directory: int | None = None

    def __enter__(self) -> str:
        if len(os.fsencode(self._path)) <= _LONGEST:
            return self._path
        directory, name = os.path.split(self._path)
        self._directory = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._directory}/{name}"

    def __exit__(self, *_: object) -> None:
        if self._directory is not None:
            os.close(self._directory)
