"""The one error tree of the product.

Every refusal a person can meet is a `BackroomsError` with a stable code in the words of seed 000. Faces print
`ERROR: CODE` and the detail lines; nothing else is ever shown of an error. Exit statuses: 2 for usage, 3 for a
store or room that somebody else owns, 1 for everything refused or failed.
"""

from __future__ import annotations


class BackroomsError(Exception):
    """A refusal or failure with a code.

    `details` are complete lines shown below the code (`KEY: value` in the seed's style), already safe to print.
    """

    code = "INTERNAL_ERROR"
    exit_status = 1

    def __init__(self, *details: str, code: str | None = None) -> None:
        self.details = details
        if code is not None:
            self.code = code
        super().__init__(self.code, *details)

    def __str__(self) -> str:
        return "\n".join((f"ERROR: {self.code}", *self.details))


class UsageError(BackroomsError):
    """The words of a command are wrong; nothing was done."""

    code = "INVALID_USAGE"
    exit_status = 2


class ConfigInvalid(BackroomsError):
    """A configuration file, environment variable or flag holds what it must not."""

    code = "CONFIG_INVALID"
    exit_status = 2


# Input (seed 000, Input Rejection). The entity never sees a refused input.


class InputRefused(BackroomsError):
    """Base of everything that can be wrong with one input; the draft is kept by whoever typed it."""


class InvalidInputEncoding(InputRefused):
    code = "INVALID_INPUT_ENCODING"


class InputSizeExceeded(InputRefused):
    code = "INPUT_SIZE_EXCEEDED"


class InputEmpty(InputRefused):
    code = "INPUT_EMPTY"


class QueueFull(InputRefused):
    code = "QUEUE_FULL"


class RoomReadOnly(InputRefused):
    code = "ROOM_READ_ONLY"


class MemoryExhausted(InputRefused):
    """The room's memory is at its capacity; nothing more can be remembered there."""

    code = "MEMORY_EXHAUSTED"


# Rooms.


class RoomNotFound(BackroomsError):
    code = "ROOM_NOT_FOUND"


class RoomExists(BackroomsError):
    """A room is to be put where one with its id is already, and is well."""

    code = "ROOM_EXISTS"


class RoomAmbiguous(BackroomsError):
    """An id prefix fits more than one room."""

    code = "ROOM_AMBIGUOUS"


class InvalidRoomId(BackroomsError):
    code = "INVALID_ROOM_ID"
    exit_status = 2


class RoomSuspended(BackroomsError):
    code = "ROOM_SUSPENDED"


class RoomCorrupted(BackroomsError):
    code = "ROOM_CORRUPTED"


class RoomLeasedElsewhere(BackroomsError):
    """Another daemon of the fleet works in the room; the details name it and its address. Nothing was done."""

    code = "ROOM_LEASED_ELSEWHERE"
    exit_status = 3


class IllegalTransition(BackroomsError):
    """The verb is not one the room's present state allows."""

    code = "ILLEGAL_TRANSITION"


class MaxRoomsExceeded(BackroomsError):
    code = "MAX_ROOMS_EXCEEDED"


class ConfirmationMismatch(BackroomsError):
    """The id typed to confirm a destruction is not the room's id."""

    code = "CONFIRMATION_MISMATCH"


# What is written for people and programs.


class OutputFailed(BackroomsError):
    """What a command has to say or write cannot be written where it should go."""

    code = "OUTPUT_FAILED"


# Archives.


class ArchiveInvalid(BackroomsError):
    """A file that is to be restored is not a whole, undamaged archive of ours; nothing was touched."""

    code = "ARCHIVE_INVALID"


class NoBackup(BackroomsError):
    """There is no valid backup of the room."""

    code = "NO_BACKUP_AVAILABLE"


# Entities.


class EntityInitFailed(BackroomsError):
    code = "ENTITY_INIT_FAILED"


class NothingRuns(BackroomsError):
    """There is no turn to interrupt."""

    code = "NOTHING_RUNS"


class EntitySealFailed(BackroomsError):
    """The kernel refuses a layer that the seal cannot do without."""

    code = "ENTITY_SEAL_FAILED"


# The store.


class StoreBusy(BackroomsError):
    """Another process owns the store; the details name it (pid, since when)."""

    code = "STORE_BUSY"
    exit_status = 3


class StoreCorrupted(BackroomsError):
    """Damage in what all rooms share; the store refuses to open."""

    code = "STORE_CORRUPTED"


class StoreFailed(BackroomsError):
    """A write did not reach the disk; what was not acknowledged before did not happen."""

    code = "STORE_FAILED"


class StoreClosed(BackroomsError):
    code = "STORE_CLOSED"


class SequenceConflict(BackroomsError):
    """A commit expected another last sequence than the store holds: two writers, or a stale one."""

    code = "SEQUENCE_CONFLICT"


class UnsafePath(BackroomsError):
    """A file or directory of ours belongs to somebody else, or is a link where it must not be."""

    code = "UNSAFE_PATH"


# Clients of an owner (docs/DAEMON_PROTOCOL.md).


class ConnectionLost(BackroomsError):
    """The owner is gone, or the way to it: what was asked for may have happened or not."""

    code = "CONNECTION_LOST"


class ConnectionDenied(BackroomsError):
    """The owner does not talk to this client: too many others, a wrong token, a foreign user, another version."""

    code = "CONNECTION_DENIED"


class SessionOver(ConnectionDenied):
    """The session that a connection is to belong to has ended: its last connection did."""

    code = "SESSION_OVER"


class ReadOnly(BackroomsError):
    """The session was opened to look only, and the verb changes something."""

    code = "READ_ONLY"


class ProtocolBroken(BackroomsError):
    """A frame is not what the protocol allows."""

    code = "PROTOCOL_ERROR"


class AnswerTooLarge(BackroomsError):
    """What was asked for is more than one answer may hold; ask for less at once."""

    code = "ANSWER_TOO_LARGE"
