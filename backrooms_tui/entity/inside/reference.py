"""The reference entity: every behaviour that seed 000 shows, and drills that break an entity for real.

One table, `BEHAVIOURS`, maps the form of an input to what is done; `help` prints it and docs/REFERENCE_ENTITY.md
repeats it. An input is trimmed and matched without regard to case, whole; what fits no form is met with silence.
Only modules that the sealed child has loaded may be imported here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NamedTuple

from backrooms_tui import __version__
from backrooms_tui.entity.base import Entity

from . import drills

HIGH_MEMORY = 0.85
"""Part of the capacity from which memory usage is called high."""
NANOSECONDS = 1_000_000_000
NO_COUNTER = "Counter is not initialized."
_MEMORY_MODEL = (
    "Memory is append-only.",
    "Entries are typed.",
    "Capacity is fixed per room.",
    "Overflow triggers compression.",
)
_FIELDS = {"n": r"-?[0-9]{1,18}", "key": r"[^:\n]{1,128}?", "text": r".*", "id": r"\S+", "rate": r"[0-9]{1,9}"}


class Behaviour(NamedTuple):
    form: str
    """What is typed; `{n}` stands for a whole number, `{key}`, `{id}` and `{text}` for words."""
    meaning: str
    """What comes of it, for people."""
    pattern: re.Pattern[str]
    act: Callable[..., None]
    """Called with the entity and the fields of the form."""


BEHAVIOURS: list[Behaviour] = []


def _words(text: str) -> str:
    return re.escape(text).replace(r":\ ", r":\s*")


def _on(form: str, meaning: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Enter a method into the table under an input form."""
    pieces = re.split(r"\{(\w+)\}", form)
    pattern = "".join(f"(?P<{p}>{_FIELDS[p]})" if i % 2 else _words(p) for i, p in enumerate(pieces))

    def enter(act: Callable[..., None]) -> Callable[..., None]:
        BEHAVIOURS.append(Behaviour(form, meaning, re.compile(pattern, re.IGNORECASE | re.DOTALL), act))
        return act

    return enter


class ReferenceEntity(Entity):
    """Keeps what it is told in `state`: `counter`, and `memory:KEY` for each remembered text.

    One top-level key for each memory, so that remembering costs its own size and not that of all the others.
    """

    name = "reference"
    version = __version__

    def on_input(self, text: str) -> None:
        said = text.strip()
        for behaviour in BEHAVIOURS:
            match = behaviour.pattern.fullmatch(said)
            if match is not None:
                behaviour.act(self, **match.groupdict())
                return
        self.silent()

    # Figures of the room.

    def _usage(self) -> float:
        return float(self.room["memory_usage"]) / float(self.room["memory_capacity"])

    def _seconds_since(self, timestamp: int) -> str:
        seconds = max(0, self.now - timestamp) // NANOSECONDS
        return f"{seconds} second{'' if seconds == 1 else 's'}"

    @_on("system status", "Memory usage and age of the room.")
    def system_status(self) -> None:
        age = self._seconds_since(self.room["created_at"])
        self.output(f"Operational. Memory usage {self._usage():.1%}. Room age {age}.")

    @_on("status check", "Whether the entity works.")
    def status_check(self) -> None:
        self.output("operational")

    @_on("system check", "Whether the entity works, and how it is run.")
    def system_check(self) -> None:
        if self.room["mode"] != "daemon":
            self.output("Operational. Standalone mode.")
            return
        self.output(f"Operational. Daemon mode. Session: {self.room['session'] or 'none'}.")

    @_on("describe current state", "State, memory usage and time since the last input.")
    def describe_current_state(self) -> None:
        last = self.room["last_input_at"]
        since = "No previous input." if last is None else f"Last input {self._seconds_since(last)} ago."
        self.output(f"Room operational. Memory usage at {self._usage():.0%}. {since} State: {self.room['state']}.")

    @_on("request status", "State and memory usage.")
    def request_status(self) -> None:
        self.output(f"No relevant context detected. State: {self.room['state']}. Memory usage {self._usage():.1%}.")

    @_on("system diagnostic", "Findings as [INFO], [WARN], [ERROR] and [DEBUG] lines, from true figures.")
    def system_diagnostic(self) -> None:
        room = self.room
        self.output("[INFO] System operational")
        high = self._usage() >= HIGH_MEMORY
        self.output(
            f"[WARN] Memory usage high: {self._usage():.1%}" if high else f"[INFO] Memory usage {self._usage():.1%}"
        )
        if room["queue"]:
            self.output(f"[WARN] Inputs waiting: {room['queue']}")
        if room["timeouts"] or room["crashes"]:
            self.output(f"[ERROR] Timeouts: {room['timeouts']}, crashes: {room['crashes']}")
        internal = json.dumps({"counter": self.state.get("counter"), "memories": self._memories(), "input": self.seq})
        self.output(f"[DEBUG] Internal state: {internal}")

    @_on("generate report", "A report of ten lines, said line by line, from true figures.")
    def generate_report(self) -> None:
        room = self.room
        self.output("Beginning report generation.")
        self.output("Section 1: System Overview")
        self.output(f"Current state is {room['state']}. Memory usage {self._usage():.1%}.")
        self.output("Section 2: Historical Analysis")
        self.output(f"Total inputs processed: {room['inputs']}")
        self.output(f"Average response time: {room['latency_avg']:.3f}s")
        self.output("Section 3: Recommendations")
        for line in self._recommendations() or ["No immediate actions required."]:
            self.output(line)
        self.output("Report complete.")

    def _recommendations(self) -> list[str]:
        room = self.room
        found = [
            (self._usage() >= HIGH_MEMORY, "Memory usage is high. Export what is needed and create a new room."),
            (room["timeouts"], f"Inputs that timed out: {room['timeouts']}. Consider a longer timeout."),
            (room["crashes"], f"Inputs that crashed the entity: {room['crashes']}. Inspect the room's errors."),
        ]
        return [line for condition, line in found if condition]

    @_on("explain memory model", "Four lines about memory.")
    def explain_memory_model(self) -> None:
        for line in _MEMORY_MODEL:
            self.output(line)

    # What it remembers.

    def _memories(self) -> int:
        return sum(key.startswith("memory:") for key in self.state)

    @_on("remember {key}: {text}", "Keeps the text under the key.")
    def remember(self, key: str, text: str) -> None:
        self.state[f"memory:{key.strip()}"] = text
        self.output("Stored.")

    @_on("recall {key}", "Says the text that is kept under the key.")
    def recall(self, key: str) -> None:
        self.output(str(self.state.get(f"memory:{key.strip()}", "No such entry.")))

    @_on("store observation: {text}", "Puts an OBSERVATION into the room's memory.")
    def store_observation(self, text: str) -> None:
        self.observe(text)
        self.output("Stored.")

    @_on("initialize counter at {n}", "Sets the counter.")
    def initialize_counter(self, n: str) -> None:
        self.state["counter"] = int(n)
        self.output("Counter initialized.")

    def _counter(self, change: Callable[[int], int], text: str) -> None:
        """Change the counter and say `text` with its new value, or say that there is none."""
        value = self.state.get("counter")
        if value is None:
            self.output(NO_COUNTER)
            return
        changed = change(value)
        if changed != value:
            self.state["counter"] = changed
        self.output(text.format(changed))

    @_on("increment counter", "Adds one.")
    def increment_counter(self) -> None:
        self._counter(lambda value: value + 1, "Counter: {}")

    @_on("what is counter value", "Says it.")
    def counter_value(self) -> None:
        self._counter(lambda value: value, "Counter: {}")

    @_on("reset counter", "Sets the counter to 0.")
    def reset_counter(self) -> None:
        self._counter(lambda _: 0, "Counter reset to {}.")

    # What it does not know, and small talk of the seed's examples.

    @_on("what is the status of room {id}", "There is no other room, as far as an entity can know.")
    def status_of_room(self, id: str) -> None:  # noqa: A002 - the word of the form
        del id
        self.output("No such context exists.")

    @_on("reference previous room", "Nor was there one.")
    def previous_room(self) -> None:
        self.output("No previous room.")

    @_on("system parameters", "Acknowledges.")
    def system_parameters(self) -> None:
        self.output("acknowledged")

    @_on("valid input", "Acknowledges.")
    def valid_input(self) -> None:
        self.output("Acknowledged.")

    @_on("noop", "Acknowledges: the cheapest answer there is, for benches.")
    def noop(self) -> None:
        self.output("Acknowledged.")

    @_on("request termination", "Asks the host to end the entity.")
    def request_termination(self) -> None:
        self.terminate("requested by an input")

    # Time and volume.

    @_on("first input", "Says `Processing.` and works for three seconds: what is typed meanwhile is queued.")
    def first_input(self) -> None:
        self.output("Processing.")
        drills.wait(3.0)

    @_on("work for {n} seconds", "Is busy for that long, then says so.")
    def work(self, n: str) -> None:
        drills.wait(float(n))
        self.output(f"Worked for {n} seconds.")

    @_on("long running operation", "Says that it starts, and never ends: the timeout ends it.")
    def long_running_operation(self) -> None:
        self.output("Starting operation...")
        drills.wait_for_ever()

    @_on("stream {n} lines", "Says so many lines as fast as it can, at most 200,000.")
    def stream(self, n: str) -> None:
        drills.stream(self.output, int(n), None)

    @_on("stream {n} lines at {rate} per second", "The same, at that rate.")
    def stream_at(self, n: str, rate: str) -> None:
        drills.stream(self.output, int(n), int(rate))

    # Drills.

    @_on("drill {id}", "Breaks the entity in the named way; `drill` lists the ways.")
    def drill(self, id: str) -> None:  # noqa: A002 - the word of the form
        way = drills.DRILLS.get(id.lower())
        if way is None:
            self.list_drills()
            return
        self.output(f"Drill: {id.lower()}.")
        way.act(self.output)

    @_on("drill", "Lists the drills.")
    def list_drills(self) -> None:
        for name, way in drills.DRILLS.items():
            self.output(f"drill {name} - {way.meaning}")

    @_on("help", "Lists what it understands.")
    def help(self) -> None:
        for behaviour in BEHAVIOURS:
            self.output(f"{behaviour.form} - {behaviour.meaning}")
