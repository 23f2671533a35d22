"""`init`."""

from __future__ import annotations

from .shell import Shell


def init(shell: Shell) -> int:
    """Make the store if there is none, open it, and count its rooms."""
    if shell.persist:
        shell.say("INITIALIZING ROOM SYSTEM", "LOADING PERSISTENCE LAYER")
    with shell.service() as service:  # without persistence that is said before anything else
        if not shell.persist:
            shell.say("INITIALIZING ROOM SYSTEM (development mode)")
        found, facts = len(service.rooms()), service.store_facts()
        if shell.persist:
            shell.say(f"SCANNING EXISTING ROOMS: {found} FOUND")
        shell.say("READY")
        shell.emit({"rooms": found, "backend": facts.backend, "path": facts.path, "ready": True})
    return 0
