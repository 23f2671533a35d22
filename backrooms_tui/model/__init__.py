"""Rooms, memory entries, errors and limits as pure values: no I/O, no threads, nothing of ours imported.

Every other layer speaks in these words. Import from the submodules; this package re-exports nothing,
so a command that needs one value loads one module.
"""
