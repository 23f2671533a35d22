"""An entity as a Python class: it counts and remembers, and a long count can be interrupted.

room.exe create --entity python:docs/entities/counter.py
"""

from backrooms_tui.entity.base import Entity, Interrupted


class Counter(Entity):
    name = "counter"
    version = "1"

    def on_input(self, text: str) -> None:
        word, _, rest = text.partition(" ")
        match word:
            case "note":
                self.state.setdefault("notes", []).append(rest)
                self.output(f"{len(self.state['notes'])} notes")
            case "notes":
                for number, note in enumerate(self.state.get("notes", []), 1):
                    self.output(f"{number}. {note}")
            case "count":
                self.count(int(rest))
            case _:
                self.state["inputs"] = self.state.get("inputs", 0) + 1
                self.output(f"{self.state['inputs']}: {text}")

    def count(self, most: int) -> None:
        reached = 0
        try:
            self.output(f"counting to {most}")
            while reached < most:
                reached += 1
        except Interrupted:
            self.output(f"interrupted at {reached}")
        else:
            self.output("done")
