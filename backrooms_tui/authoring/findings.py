"""What the conformance kit says: one line for each thing it looked at, and what the protocol has to say of it."""

from __future__ import annotations

import re

from backrooms_tui.entity.frames import MAX_LINE, Violation
from backrooms_tui.entity.parse import MAX_DEPTH
from backrooms_tui.model.scrub import scrub
from backrooms_tui.model.value import value

PASS, WARN, FAIL = "PASS", "WARN", "FAIL"
SHOWN = 100
"""Characters of what an entity said that a finding repeats."""


@value
class Finding:
    level: str
    """PASS; WARN: allowed, but seldom meant; FAIL: not `room-entity/1`."""
    name: str
    """Of the trial."""
    detail: str
    """One line, safe to print."""


_ADVICE = (
    (r"^not JSON", "A line that begins with `{` is a frame: one whole JSON object in UTF-8, ended by LF."),
    (r"^not a JSON object", "A frame is one JSON object."),
    (r"without a type", "Each frame has a field `type` that is text."),
    (r"^unknown frame type", "Types: ready output silent observation state log call terminate fail done."),
    (r"^ready: no common", "`ready` carries `v`: 1, a number."),
    (r"^ready: interrupt", "`interrupt` of `ready` is frame or signal, or is left out."),
    (r"^ready ", "`ready` is said once, at the start."),
    (r"^\w+ before ready", "`ready` is the first frame, after any `log`; an input is answered only after it."),
    (r"^done for", "`done` carries the `seq` of the input that it answers, a number."),
    (r"^done: seq", "`done` carries the `seq` of the input that it answers, a number."),
    (r"outside a turn$", "Between `done` and the next input only `log` and `terminate` may be said."),
    (r"is not text$", "This field is there, and text."),
    (r"^call: ", "A call has an `id` and a `name` of 1 to 128 characters, and `args`, an object."),
    (r"^state: ", "`state` carries `set`, an object, and `del`, a list of keys; or `value`, an object."),
    (r"left unfinished", "`more` says that the next frame is an output, too."),
    (r"more than \d+ bytes$", f"A frame is a line of at most {MAX_LINE} bytes."),
    (r"nested deeper", f"JSON goes at most {MAX_DEPTH} levels deep."),
    (r"for one input$", "What one input may cause is bounded; see Bounds in the protocol."),
    (r"is not JSON$|beyond a float", "NaN, Infinity and numbers beyond a float are not JSON."),
)


def broke(violation: Violation) -> str:
    """What was wrong, where, and what is right."""
    advice = next((text for pattern, text in _ADVICE if re.search(pattern, violation.reason)), "")
    line = f": {quoted(violation.line)}" if violation.line else ""
    return " ".join(filter(None, (f"{violation.reason}{line}.", advice)))


def quoted(text: str) -> str:
    """Foreign text within a finding."""
    line = " / ".join(text.strip().splitlines())
    return scrub(line if len(line) <= SHOWN else f"{line[: SHOWN - 3]}...")
