"""What a spawn message says about a room besides its memory: bits, because nothing but numbers may pass the zygote."""

from __future__ import annotations

from enum import IntFlag

from backrooms_tui.model.runtimes import COMMAND, Runtime


class Profile(IntFlag):
    HERMETIC = 0
    COMMAND = 1
    """Becomes a program, by exec, after the seal."""
    CHILDREN = 2
    THREADS = 4

    @classmethod
    def of(cls, runtime: Runtime) -> Profile:
        if runtime.kind != COMMAND:
            return cls.HERMETIC
        bits = cls.COMMAND
        bits |= cls.CHILDREN if runtime.option("children") == "yes" else cls.HERMETIC
        bits |= cls.THREADS if runtime.option("threads") == "yes" else cls.HERMETIC
        return bits
