"""A program that is started with stdin, stdout or stderr closed: something must stand there before a file is opened.

The next file that is opened would get the number, and whoever writes to stdout or stderr would write into it.
"""

from __future__ import annotations

import os
import sys


def fill() -> None:
    """Nothing comes from a closed stdin and nobody hears a closed stderr; to write to a closed stdout is an error."""
    # The null device opened for reading refuses what is written to it as a closed descriptor does.
    streams = (("stdin", os.O_RDONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w"))
    for number, (name, flags, mode) in enumerate(streams):
        if getattr(sys, name) is None:
            found = os.open(os.devnull, flags)
            if found != number:
                os.dup2(found, number)
                os.close(found)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
