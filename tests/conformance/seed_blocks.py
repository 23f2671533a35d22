"""The fenced blocks of seed 000, as its own text gives them: `seed_000.md` is that text, to the letter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
FENCE = "```"


@dataclass(frozen=True)
class Block:
    number: int
    """From 1, in the order of the seed."""
    section: str
    """The heading it stands under."""
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


@cache
def blocks() -> dict[int, Block]:
    """Every fenced block by its number."""
    found: dict[int, Block] = {}
    section = "Backrooms Terminal"
    inside: list[str] | None = None
    for line in (HERE / "seed_000.md").read_text(encoding="utf-8").splitlines():
        if line.startswith(FENCE):
            if inside is not None:
                found[len(found) + 1] = Block(len(found) + 1, section, tuple(inside))
            inside = [] if inside is None else None
        elif inside is not None:
            inside.append(line)
        elif line.startswith("#"):
            section = line.strip("# ")
    return found
