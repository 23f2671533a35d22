"""COMPARE: two rooms beside each other, from their records alone; and the list that the second one is picked from."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual import events

from backrooms_tui.model.comparison import Comparison, compare, comparison_lines
from backrooms_tui.model.ids import short
from backrooms_tui.model.units import NS, format_duration, format_size, format_time
from backrooms_tui.model.value import value
from backrooms_tui.model.views import RoomView
from backrooms_tui.tui.figures import state_run
from backrooms_tui.tui.line_edit import LineEdit
from backrooms_tui.tui.rows import EMPTY, Row, ends, foreign, ink, row
from backrooms_tui.tui.safe import SafeText

from .sheet import Dialog

_FIELD, _FIGURE = 14, 23


@value
class _Line:
    """One figure of both rooms; our own words all three."""

    field: str
    a: str
    b: str
    delta: str


class Compare(Dialog[None]):
    """Figures of two rooms; `tab` swaps them."""

    width = 96
    note_row = row(ink("dim", "esc close"))

    def __init__(self, a: RoomView, b: RoomView, now: int, copy: Callable[[str], None]) -> None:
        """`copy` takes the seed's lines."""
        super().__init__()
        self._rooms = (a, b)
        self._now = now
        self._copy = copy
        self._differences = False
        self.title_row = row(ink("title", "COMPARE"))

    @property
    def comparison(self) -> Comparison:
        return compare(*self._rooms, now=self._now)

    def rows(self, width: int) -> tuple[Row, ...]:
        shown = self.comparison
        lines = [line for line in _lines(shown) if not self._differences or line.delta]
        heads = [
            row(f"{name} {short(view.record.id)} ", state_run(view))
            for name, view in zip("AB", self._rooms, strict=True)
        ]
        return (
            EMPTY,
            row(ink("dim", "FIELD".ljust(_FIELD)))
            + heads[0].fit(_FIGURE)
            + heads[1].fit(_FIGURE)
            + row(ink("dim", "DELTA")),
            EMPTY,
            *(_figure_row(line) for line in lines),
            EMPTY,
            _verdict(shown),
            EMPTY,
            ends(
                row(
                    ink("key", "d"),
                    ink("dim", f" {'all' if self._differences else 'only differences'}   "),
                    ink("key", "tab"),
                    ink("dim", " swap   "),
                    ink("key", "y"),
                    ink("dim", " copy as text"),
                ),
                EMPTY,
                width,
            ),
        )

    def press(self, key: str, event: events.Key) -> bool:
        if key == "d":
            self._differences = not self._differences
        elif key == "tab":
            self._rooms = self._rooms[::-1]
        elif key == "y":
            self._copy("\n".join(comparison_lines(self.comparison)))
            self.note_row = row(ink("dim", "COPIED (UNVERIFIED)   esc close"))
        elif key == "q":
            self.dismiss(None)
            return True
        else:
            return super().press(key, event)
        self.redraw()
        return True


def _lines(shown: Comparison) -> list[_Line]:
    a, b = shown.a.record, shown.b.record
    age = [format_duration((shown.now - record.created_at) / NS) for record in (a, b)]
    newer = _delta(shown.created, "newer", format_duration)
    slower = _delta(shown.latency, "slower", _seconds) if abs(shown.latency) >= 0.0005 else ""
    return [
        _Line("CREATED", format_time(a.created_at), format_time(b.created_at), newer),
        _Line("AGE", age[0], age[1], ""),
        _Line("STATE", a.state, b.state, "" if a.state == b.state else "DIFFERS"),
        _Line(
            "MEMORY", format_size(a.memory_usage), format_size(b.memory_usage), _delta(shown.memory, "larger", _size)
        ),
        _count("ENTRIES", a.entries, b.entries),
        _count("INPUTS", a.counters.inputs, b.counters.inputs),
        _count("OUTPUTS", a.counters.outputs, b.counters.outputs),
        _count("SILENT", a.counters.silent, b.counters.silent),
        _count("ERRORS", a.counters.errors, b.counters.errors),
        _Line("LATENCY AVG", _seconds(a.latencies.average), _seconds(b.latencies.average), slower),
        _p95(shown),
        _config("TIMEOUT", f"{a.config.timeout:g} s", f"{b.config.timeout:g} s"),
        _config("LIMIT", format_size(a.config.memory_limit), format_size(b.config.memory_limit)),
        _config("COMPRESSION", a.config.compression, b.config.compression),
        _config("ENTITY", a.config.entity, b.config.entity),
    ]


def _p95(shown: Comparison) -> _Line:
    a, b = (view.record.latencies.percentile(0.95) for view in (shown.a, shown.b))
    return _Line(
        "LATENCY P95", _seconds(a), _seconds(b), _delta(b - a, "slower", _seconds) if abs(b - a) >= 0.0005 else ""
    )


def _count(field: str, a: int, b: int) -> _Line:
    return _Line(field, str(a), str(b), f"{'B' if b > a else 'A'} +{abs(b - a)}" if a != b else "")


def _config(field: str, a: str, b: str) -> _Line:
    return _Line(field, a, b, "" if a == b else "DIFFERS")


def _delta(difference: float, how: str, write: Callable[[float], str]) -> str:
    """`A larger 5.8 MB`; empty where there is none."""
    return f"{'B' if difference > 0 else 'A'} {how} {write(abs(difference))}" if difference else ""


def _size(size: float) -> str:
    return format_size(int(size))


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}s"


def _figure_row(line: _Line) -> Row:
    runs = [ink("dim", line.field.ljust(_FIELD))]
    runs += [("", SafeText.of(figure).fit(_FIGURE)) for figure in (line.a, line.b)]
    return Row((*runs, ink("accent" if line.delta else "", line.delta)))


def _verdict(shown: Comparison) -> Row:
    if shown.isolated:
        return row(ink("good", "NO SHARED MEMORY DETECTED."), ink("", " ROOMS ARE ISOLATED."))
    return row(ink("error", f"SHARED: {', '.join(shown.shared)}. ROOMS ARE NOT ISOLATED."))


class PickRoom(Dialog[RoomView]):
    """Dismissed with the room picked, or None. What is typed narrows the list: id, state or name."""

    width = 64
    note_row = row(ink("dim", "type to narrow   enter PICK   esc"))

    def __init__(self, title: str, views: Iterable[RoomView]) -> None:
        super().__init__()
        self.title_row = row(ink("title", title))
        self._views = tuple(views)
        self._edit = LineEdit(limit=40)
        self._at = 0

    def rows(self, width: int) -> tuple[Row, ...]:
        del width
        found = self._found()
        first = max(0, self._at - _LISTED + 1)
        listed = [
            _room_row(view, here=first + at == self._at) for at, view in enumerate(found[first : first + _LISTED])
        ]
        return (
            row(ink("key", "/"), foreign("", self._edit.text)),
            EMPTY,
            *(listed or [row(ink("dim", "NONE."))]),
            EMPTY,
        )

    def press(self, key: str, event: events.Key) -> bool:
        found = self._found()
        if key in ("up", "down"):
            self._at = min(max(0, self._at + (1 if key == "down" else -1)), max(0, len(found) - 1))
        elif key == "enter":
            if found:
                self.dismiss(found[self._at])
            return True
        elif self._edit.press(event.key, event.character):
            self._at = 0
        else:
            return super().press(key, event)
        self.redraw()
        return True

    def _found(self) -> list[RoomView]:
        wanted = self._edit.text.lower()
        return [
            view
            for view in self._views
            if view.record.id.startswith(wanted)
            or wanted in view.record.state.lower()
            or wanted in (view.record.config.name or "").lower()
        ]


_LISTED = 12


def _room_row(view: RoomView, *, here: bool) -> Row:
    mark = ink("accent", " > ") if here else ink("", "   ")
    name = foreign("dim", view.record.config.name or "")
    return row(mark, f"{short(view.record.id)}  ", state_run(view, padded=11), name, under="cursor" if here else "")
