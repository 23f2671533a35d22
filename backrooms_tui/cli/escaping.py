"""`doctor --escape`: attempts to get out of a room, made for real in rooms of the suite's own. About a minute.

Nothing of the operator's is touched: the rooms are in a store that is made for it and goes with it.
"""

from __future__ import annotations

from .progress import progress
from .shell import Shell


def escape(shell: Shell) -> int:
    """Print the table row by row, and what it came to; status 1 when anything did not come out as it has to."""
    from backrooms_tui.escape.report import HEAD, LEGEND, as_value, row_lines, summary_lines
    from backrooms_tui.escape.suite import Result, run

    from .shell import heed_endings

    heed_endings()
    shell.say("ATTEMPTING ESCAPE", *LEGEND, HEAD)
    with progress("ATTEMPTING", "attempts", quiet=shell.is_terminal and shell.as_text) as told:

        def show(result: Result) -> None:
            shell.say(*row_lines(result))

        report = run(told, show)
    shell.say(*summary_lines(report))
    shell.emit(as_value(report))
    return 0 if report.held else 1
