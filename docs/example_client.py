"""A client of a room.exe daemon: python example_client.py SOCKET INPUT...

Makes a room, gives it each input, prints what is said as it is said, removes the room. Needs nothing but msgpack.
"""

import os
import socket
import struct
import sys

import msgpack


class Owner:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        hello = {"magic": "backrooms-control", "version": 1, "token": None, "who": "example@here"}
        self.send(hello | {"session": None, "read_only": False})
        self.answer()

    def send(self, message):
        payload = msgpack.packb(message)
        self.socket.sendall(struct.pack(">I", len(payload)) + payload)

    def exactly(self, size):
        data = b""
        while len(data) < size:
            data += self.socket.recv(size - len(data)) or sys.exit("ERROR: CONNECTION_LOST")
        return data

    def receive(self):
        """Kind and body of one message: of a frame, or of the bytes of several."""
        whole, kind = b"", "part"
        while kind == "part":
            _, kind, body = msgpack.unpackb(self.exactly(struct.unpack(">I", self.exactly(4))[0]))
            whole += body if kind in ("part", "last") else b""
        return msgpack.unpackb(whole)[1:] if whole else (kind, body)

    def answer(self):
        kind, body = self.receive()
        return body if kind == "ok" else sys.exit("\n".join([f"ERROR: {body[0]}", *body[1]]))

    def ask(self, verb, *arguments):
        self.send([1, verb, arguments])
        return self.answer()


rooms, events = Owner(sys.argv[1]), Owner(sys.argv[1])
room = rooms.ask("create", [64 * 1024 * 1024, 30, "zstd", "reference", None])[0][0]  # of the view the record, its id
events.ask("subscribe", [room], None, None)
for text in sys.argv[2:]:
    receipt = rooms.ask("submit", room, text.encode(), "example@here", os.urandom(8).hex(), None)
    ended = False
    while not ended:
        for name, fields in events.receive()[1][1]:
            if name == "Said":
                print(fields[5])  # onto a terminal only through a filter: an entity may say anything
            ended = ended or (name == "TurnEnded" and fields[1] == receipt[1])
rooms.ask("destroy", room, room)
