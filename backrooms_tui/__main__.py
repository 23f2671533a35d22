"""Entry of `backrooms`, `room.exe` and `python -m backrooms_tui`: one program."""

from __future__ import annotations

import sys


def main() -> int:
    """Run one command; gives the exit status."""
    from backrooms_tui.cli.program import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
