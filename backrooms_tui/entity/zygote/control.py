"""Messages between the host and its zygote: one small JSON object per packet.

A spawn message carries an opaque token and numbers, nothing else, and descriptors beside it. What the zygote has
parsed stays readable in freed memory that every later room inherits; a room's id, configuration or state must never
pass through here. They go through the room's own channel.
"""

from __future__ import annotations

import json
import socket
from typing import Any

MAX_MESSAGE = 4096
MAX_DESCRIPTORS = 16
"""Of a spawn message: of a hermetic room frames (a stream socket), captured output, crash text (pipes to write); of a
program its control socket, the pipes for descriptors 0, 1 and 2, and the files that it may read."""

Message = dict[str, Any]
"""Host to zygote: {spawn: token, memory, profile}, or {programs} to be told of them soon. Back: {hello: facts} once,
{programs: facts} once, {spawned: token, pid} with a pidfd, {refused: token, errno}, {exited: token, pid, signal,
status, address, sent, place, crowded}."""


def send(channel: socket.socket, message: Message, descriptors: tuple[int, ...] = ()) -> None:
    """Send one message whole. Raises OSError, BlockingIOError when the channel is set so and full."""
    socket.send_fds(channel, [json.dumps(message).encode()], list(descriptors))


def receive(channel: socket.socket) -> tuple[Message | None, list[int]]:
    """The next message and its descriptors; None when the other end is gone. Raises OSError, BlockingIOError."""
    data, descriptors, _, _ = socket.recv_fds(channel, MAX_MESSAGE, MAX_DESCRIPTORS)
    return (json.loads(data) if data else None), descriptors
