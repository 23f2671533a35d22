"""The SEAL block of one room: the lines its runtime's profile was measured to hold, less what its options give away.

One place decides that for every face. The lines come from probes (see entity.process.Seal) of a process that may
start no other and has one thread; a room that was given more than that is not shown what was probed without it.
"""

from __future__ import annotations

from .runtimes import COMMAND, COMMAND_PROFILE, Runtime
from .views import ServiceStatus

_PROCESS = "PROCESS: "
_HELD = "SEALED"


def seal_lines(runtime: Runtime, status: ServiceStatus) -> tuple[str, ...]:
    """Lines such as `NETWORK: SEALED (seccomp)`; none before anything was probed."""
    if runtime.profile != COMMAND_PROFILE:
        return status.seal
    return tuple(_process_line(line, runtime) if line.startswith(_PROCESS) else line for line in status.command_seal)


def _process_line(line: str, runtime: Runtime) -> str:
    """What did not hold without children and threads does not hold with them either."""
    held = line.removeprefix(_PROCESS).startswith(_HELD)
    allowed = [name for name in ("children", "threads") if runtime.option(name) == "yes"]
    if runtime.kind != COMMAND or not held or not allowed:
        return line
    words = {"children": "children die with it", "threads": "threads"}
    said = [words[name] if name in allowed else f"no {name}" for name in words]
    return f"{_PROCESS}{' AND '.join(allowed).upper()} ALLOWED ({', '.join(said)})"
