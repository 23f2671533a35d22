"""The banner of a lost connection as rows: why, how old the screen is, when the next try is, what is kept. Pure."""

from __future__ import annotations

from backrooms_tui.model.units import NS, format_age
from backrooms_tui.model.value import value

from .attachment import Outage
from .chrome import clock
from .keymap import Keymap
from .rows import Row, Run, ends, foreign, ink, row
from .signs import bar
from .widgets.frame import HEAVY, bottom_rule, top_rule

LINES = 7
_BAR = 12
_KEYS = (
    ("connection.retry", "RETRY NOW"),
    ("connection.offline", "OFFLINE VIEW"),
    ("connection.drafts", "WRITE DRAFTS TO FILE"),
    ("console.leave", "QUIT"),
)


@value
class Kept:
    """What the operator typed and no room is known to have."""

    drafts: int
    in_doubt: int
    """Sent, and nobody answered."""


def lost_rows(outage: Outage, kept: Kept, keymap: Keymap, *, now: int, width: int) -> tuple[Row, ...]:
    """The whole banner; `now` is nanoseconds since the epoch."""
    session = f"   SESSION {outage.session} WILL BE REPLACED" if outage.session else ""
    return (
        top_rule(row(ink("error", "CONNECTION LOST")), row(ink("", clock(outage.since))), width, heavy=True),
        _inside(row(foreign("", _reason(outage))), width),
        _inside(
            row("ROOMS KEEP WHAT THEY ACCEPTED. ", ink("warn", f"DISPLAYED STATE IS {_age(outage, now)} OLD.")), width
        ),
        _inside(row(*_retry(outage, (outage.due - now) / NS), foreign("dim", session)), width),
        _inside(row(ink("warn" if kept.in_doubt else "", _unsent(kept))), width),
        _inside(_keys(keymap), width),
        bottom_rule(row(), row(), width, heavy=True),
    )


def folded_row(outage: Outage, keymap: Keymap) -> Row:
    """The banner out of the way: nothing in it moves, so that a console left alone writes nothing."""
    return row(
        ink("error", f" OFFLINE SINCE {clock(outage.since)}. "),
        ink("dim", "WHAT IS SHOWN IS AS OLD. IT IS TRIED AGAIN.   "),
        ink("key", _key(keymap, "connection.offline")),
        ink("dim", " BANNER"),
    )


def _reason(outage: Outage) -> str:
    why = "  ".join(outage.error.details) or outage.error.code
    last = "" if outage.failure is None else "  ".join(outage.failure.details) or outage.failure.code
    return why if last in ("", why) else f"{why}  LAST TRY: {last.removeprefix('REASON: ')}"


def _retry(outage: Outage, left: float) -> tuple[Run, ...]:
    if left <= 0:
        return (ink("accent", f"TRY {outage.attempt} NOW"),)
    drawn = bar(1 - left / outage.delay, _BAR)
    return (ink("accent", f"RETRY {outage.attempt} in {left:.0f}s  "), ink("meter", drawn))


def _unsent(kept: Kept) -> str:
    if not kept.drafts and not kept.in_doubt:
        return "NO INPUT IS UNSENT."
    doubt = f", {kept.in_doubt} sent (outcome unknown)" if kept.in_doubt else ""
    return f"UNSENT INPUT KEPT: {kept.drafts} {'draft' if kept.drafts == 1 else 'drafts'}{doubt}"


def _keys(keymap: Keymap) -> Row:
    return row(*(run for action, words in _KEYS for run in (ink("key", _key(keymap, action)), ink("", f" {words}   "))))


def _key(keymap: Keymap, action_id: str) -> str:
    return (keymap.keys(action_id) or ("-",))[0]


def _age(outage: Outage, now: int) -> str:
    return format_age(max(0.0, (now - outage.since) / NS))


def _inside(body: Row, width: int) -> Row:
    side = ink("rule-focus", HEAVY.side)
    return Row((side, *ends(row("  ") + body, row(" "), max(0, width - 2)).runs, side))
