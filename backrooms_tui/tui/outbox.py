"""Inputs on their way to their rooms, and what became of those that nobody answered.

Every input has an id of its own from the moment of its `enter`: however often it is sent, a room has it once. What a
lost connection left without an answer is sent again over the next one; what an earlier console left is only looked
for in the room's memory, because nobody remembers any more why it was typed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from backrooms_tui.model.errors import BackroomsError, ConnectionLost
from backrooms_tui.model.ids import RoomId
from backrooms_tui.model.views import Receipt
from backrooms_tui.service import RoomService

from .calls import Lane, ServiceCalls
from .desk import Desk
from .reading import sent_before
from .safe import SafeText
from .screen import ConsoleScreen

if TYPE_CHECKING:
    from .input.box import InputBox
    from .input.drafts import Doubt

EXIT_WORD = b"exit"
"""The one word that the terminal keeps for itself; everything else is the entity's."""
_SHOWN = 60
"""Bytes of an input that the ledger names."""


class Outbox:
    """Used on the console's loop only."""

    def __init__(
        self,
        screen: ConsoleScreen,
        desk: Desk,
        service: RoomService,
        calls: ServiceCalls,
        *,
        operator: str,
        leave: Callable[[RoomId], None],
    ) -> None:
        self._screen = screen
        self._desk = desk
        self._service = service
        self._calls = calls
        self._source = f"console {operator}"
        self._leave = leave
        self._unanswered: dict[str, tuple[InputBox, InputBox.Submitted]] = {}

    @property
    def in_doubt(self) -> int:
        """Inputs that were sent before the connection was lost and that nobody answered."""
        return len(self._unanswered)

    def submit(self, message: InputBox.Submitted) -> None:
        """Hand an input over, in the order of typing. `exit` leaves the room instead."""
        box = self._screen.input_box
        assert box is not None
        if message.data.strip() == EXIT_WORD:
            box.accepted(message.number)
            self._leave(message.room_id)
            return
        accepted, refused = partial(self._accepted, box, message), partial(self._refused, box, message)
        self._calls.run(partial(self._send, message), accepted, refused, lane=Lane.SUBMIT)

    def list_in_doubt(self) -> None:
        """Name what was sent and not answered in the ledger."""
        for _box, message in self._unanswered.values():
            self._doubtful(message)

    def send_again(self) -> None:
        """Send what nobody answered, in order, before anything that is typed from now on."""
        waiting, self._unanswered = self._unanswered, {}
        for box, message in waiting.values():
            settled, refused = partial(self._settled, box, message), partial(self._refused, box, message)
            self._calls.run(partial(self._send_again, message), settled, refused, lane=Lane.SUBMIT)

    def look_up(self, room_id: RoomId) -> None:
        """Find what became of inputs that an earlier console sent to the room and did not see answered."""
        box = self._screen.input_box
        doubts = {} if box is None else box.left_behind(room_id)
        if box is None or not doubts:
            return
        since = min(doubt.at for doubt in doubts.values())
        work = partial(sent_before, self._service, room_id, frozenset(doubts), since)
        self._calls.run(work, partial(self._looked_up, box, room_id, doubts), self._desk.refused, lane=Lane.READ)

    def _send(self, message: InputBox.Submitted) -> Receipt:
        """In a thread of the SUBMIT lane."""
        return self._service.submit(message.room_id, message.data, source=self._source, request_id=message.request_id)

    def _send_again(self, message: InputBox.Submitted) -> tuple[Receipt, bool]:
        """In a thread of the SUBMIT lane: the receipt, and whether the first attempt had arrived."""
        before = self._service.room(message.room_id).record.tail.seq
        receipt = self._send(message)
        return receipt, receipt.seq <= before

    def _accepted(self, box: InputBox, message: InputBox.Submitted, _receipt: Receipt) -> None:
        box.accepted(message.number)

    def _settled(self, box: InputBox, message: InputBox.Submitted, answer: tuple[Receipt, bool]) -> None:
        receipt, arrived = answer
        box.accepted(message.number)
        how = "HAD ARRIVED" if arrived else "HAD NOT ARRIVED AND WAS SENT AGAIN"
        self._desk.say(f"INPUT {how}: ACCEPTED seq={receipt.seq}", room_id=message.room_id)

    def _refused(self, box: InputBox, message: InputBox.Submitted, error: BackroomsError) -> None:
        if isinstance(error, ConnectionLost):
            self._unanswered[message.request_id] = box, message
            if self._desk.offline:
                self._doubtful(message)
            else:  # there is another connection already
                self.send_again()
            return
        box.refused(error, message.number)
        self._desk.refused(error)

    def _doubtful(self, message: InputBox.Submitted) -> None:
        words = message.data[:_SHOWN].decode("utf-8", "replace").split("\n", 1)[0]
        self._desk.note(SafeText.of(f"OUTCOME UNKNOWN: {words}"), severity="WARN", room_id=message.room_id)

    def _looked_up(self, box: InputBox, room_id: RoomId, doubts: Mapping[str, Doubt], found: Mapping[str, int]) -> None:
        for request_id, doubt in reversed([*doubts.items()]):
            box.drafts.settle(room_id, request_id)
            if request_id in found:
                box.drafts.sent(room_id, doubt.text)
                words = f"INPUT OF THE LAST CONSOLE HAD ARRIVED: seq={found[request_id]}"
            else:
                box.give_back(room_id, doubt.text)
                words = "INPUT OF THE LAST CONSOLE HAD NOT ARRIVED. IT IS A DRAFT AGAIN"
            self._desk.say(words, severity="WARN", room_id=room_id)
