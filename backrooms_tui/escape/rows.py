"""All rows of the table, in its order."""

from __future__ import annotations

from .attempts import Attempt
from .clocks import TIMES
from .crashes import CRASHES
from .files import FILES
from .loops import LOOPS
from .natives import NATIVE
from .network import NETWORK
from .processes import PROCESSES
from .resources import RESOURCES
from .scenarios import SCENARIOS, Scenario
from .wires import WIRES

Row = Attempt | Scenario

_TABLES: tuple[tuple[Row, ...], ...] = (FILES, NETWORK, PROCESSES, NATIVE, TIMES, RESOURCES, CRASHES, LOOPS, WIRES)
GROUPS = tuple(table[0].group for table in _TABLES)
ROWS: tuple[Row, ...] = tuple(
    row for table in _TABLES for row in (*table, *(one for one in SCENARIOS if one.group == table[0].group))
)
NEED_BASELINE = frozenset({"fs", "net", "proc", "native", "time"})
"""Groups whose attempts gain something: one that gains nothing unsealed proves nothing."""
