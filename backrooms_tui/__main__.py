"""Entry of `backrooms`, `room.exe` and `python -m backrooms_tui`: one program."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run one command; gives the exit status."""
    from backrooms_tui.cli.program import run

    status = run(sys.argv[1:])
    gc.freeze()  # the interpreter's last collections find nothing: a tenth of a list
    return status


if __name__ == "__main__":
    sys.exit(main())
