"""From what the probes found to what is said, and to what is refused. Nothing is said that was not tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backrooms_tui.model.runtimes import COMMAND_PROFILE, HERMETIC_PROFILE, Runtime

from .process import Seal

Facts = Mapping[str, Any]

UNSEALED = "UNSEALED"


def seals(facts: Facts) -> dict[str, Seal]:
    """By profile, from the zygote's self-test; without the command profile where it cannot be had, or is not known
    yet.
    """
    found = {HERMETIC_PROFILE: hermetic(facts)}
    if "refused" not in facts.get("command", {"refused": "not known yet"}):
        found[COMMAND_PROFILE] = command(facts["command"])
    return found


def hermetic(found: Facts) -> Seal:
    """See selftest.facts."""
    return Seal(
        filesystem=_row(found["files"], _walls(found)),
        network=_row(found["network"], _walls(found)),
        process=_row(found["process"], "no children, no threads"),
        native_code=_row(found["native"], "seccomp"),
        memory="BOUNDED (address space)" if found["memory"] else "UNBOUNDED",
        time=_row(found["time"], "virtual clock", otherwise="VISIBLE"),
    )


def command(found: Facts) -> Seal:
    """See command_probe.facts."""
    readable = "contents of system directories; names elsewhere observable"
    return Seal(
        filesystem=f"READ-ONLY ({readable})" if found["files"] else UNSEALED,
        network=_row(found["network"], _walls(found)),
        process=_row(found["process"], "no children, no threads"),
        native_code="ALLOWED (within the seal)",
        memory="WATCHED (data segment; resident memory 4 times a second)" if found["memory"] else "UNBOUNDED",
        time="VISIBLE",
    )


def lacking(facts: Facts, runtime: Runtime, *, every_row: bool) -> str | None:
    """Why a room of this runtime must not be started here; None when it may be.

    `every_row`: also for want of a row of the seal that its profile has elsewhere.
    """
    if runtime.profile == COMMAND_PROFILE:
        why = _command_lacks(facts["command"], runtime)
        if why is not None:
            return why
    if not every_row:
        return None
    missing = not_held(runtime.profile, seals(facts)[runtime.profile])
    return f"REQUIRED, BUT {', '.join(missing)}" if missing else None


def not_held(profile: str, seal: Seal) -> tuple[str, ...]:
    """Lines of the seal that say less than the profile has where everything works."""
    failing = (UNSEALED, "UNBOUNDED") + (("VISIBLE",) if profile == HERMETIC_PROFILE else ())
    return tuple(line for line in seal.lines() if line.partition(": ")[2] in failing)


def _command_lacks(found: Facts, runtime: Runtime) -> str | None:
    if "refused" in found:
        return f"NO PROGRAMS HERE: {found['refused']}"
    if not found["runs"]:
        return "NO PROGRAMS HERE: A SEALED ONE DOES NOT START"
    if not found["children"]:
        for option in ("children", "threads"):
            if runtime.option(option) == "yes":
                return f"NO {option.upper()} HERE: THE KERNEL DOES NOT LET US TRACE THEM, THEY COULD NOT ALL BE ENDED"
    waits = runtime.option("mode") == "lines" and not (runtime.option("marker") or runtime.option("quiet"))
    if waits and not found["idle"]:
        return "THE KERNEL DOES NOT SAY WHAT A PROGRAM WAITS FOR: GIVE THE ROOM A marker OR quiet"
    return None


def _walls(found: Facts) -> str:
    return f"seccomp, landlock {found['landlock']}" if found["landlock"] else "seccomp"


def _row(held: bool, how: str, *, otherwise: str = UNSEALED) -> str:
    return f"SEALED ({how})" if held else otherwise
