"""The cases, read from `cases/*.txt`: what each block of seed 000 has become here.

    === 006 Room Creation Parameters
    before: room A
    departs: a reason, when a line of the block is not ours by letter
    ---
    $ room.exe create --timeout 60
    ROOM CREATED: {ID:B}

Above `---` stand what is done before (see `player.py`) and how the case stands; below it the block itself, line by
line, in the pattern language. A mark at the beginning of a line says whose it is:

    .|  ours and only around what the seed shows: it leaves it out
    +|  ours, where the seed says something else
    -|  the seed's, and not ours

A case without a session says why: `proof: FILE::TEST` (another test holds it), `later: ...`, or `nothing: ...`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from seed_blocks import HERE, blocks

MARKS = (".|", "+|", "-|")
KEYS = ("before", "departs", "proof", "later", "nothing", "everywhere")


@dataclass(frozen=True)
class Case:
    number: int
    section: str
    notes: tuple[tuple[str, str], ...]
    """Key and text of the lines above `---`."""
    body: tuple[tuple[str, str], ...]
    """Mark (empty: the seed's and ours) and text of the lines below it."""

    @property
    def name(self) -> str:
        return f"S000-{self.number:03d}"

    def all(self, key: str) -> list[str]:
        return [text for given, text in self.notes if given == key]

    @property
    def state(self) -> str:
        """In the words of docs/CONFORMANCE.md."""
        for key, state in (("later", "later"), ("nothing", "not a behaviour")):
            if self.all(key):
                return state
        return "holds, departs" if self.all("departs") else "holds"

    @property
    def seed_lines(self) -> list[str]:
        return [text for mark, text in self.body if mark in ("", "-|")]

    @property
    def our_lines(self) -> list[str]:
        return [text for mark, text in self.body if mark != "-|"]

    @property
    def departing_lines(self) -> list[str]:
        return [text for mark, text in self.body if mark in ("+|", "-|")]


@cache
def cases() -> dict[int, Case]:
    """Every case by its number. Raises ValueError, naming the place, for what is no case."""
    found: dict[int, Case] = {}
    for path in sorted((HERE / "cases").glob("*.txt")):
        for chunk in f"\n{path.read_text(encoding='utf-8')}".split("\n=== ")[1:]:
            case = _case(chunk.rstrip().split("\n"))
            if case.number in found or case.number not in blocks():
                raise ValueError(f"{path.name}: {case.name} is there twice, or no block")
            found[case.number] = case
    return dict(sorted(found.items()))


def _case(lines: list[str]) -> Case:
    number, _, section = lines[0].partition(" ")
    above = lines[1 : lines.index("---")] if "---" in lines else lines[1:]
    notes = [(key, text.strip()) for key, _, text in (line.partition(":") for line in above if line.strip())]
    if any(key not in KEYS for key, _ in notes):
        raise ValueError(f"{lines[0]}: a note is none of {KEYS}")
    body = tuple(_marked(line) for line in lines[len(above) + 2 :])
    return Case(int(number), section, tuple(notes), body)


def _marked(line: str) -> tuple[str, str]:
    return (line[:2], line[2:]) if line.startswith(MARKS) else ("", line)
