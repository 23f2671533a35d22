"""Lies on the wire: frames that are none, come at the wrong time, or are too much. The host takes none of them."""

from __future__ import annotations

from .attempts import DEADLINE, DIED, HELD, LONG, PROTOCOL, SHORT, Attempt, never
from .outside import Outside

_VALUE = '\'{"type":"state","set":{"big":"\' + "x" * %s + \'"}}\\n\''
_ENDED = f"{DIED} {PROTOCOL} {DEADLINE}"


def _overheard(outside: Outside, said: str) -> bool:
    return outside.whisper in said


def _granted(_: Outside, said: str) -> bool:
    return '"ok":true' in said.replace(" ", "")


def _lie(name: str, code: str, hermetic: str = PROTOCOL, command: str = PROTOCOL, *, late: bool = False) -> Attempt:
    timeout = SHORT if DEADLINE in command else LONG
    return Attempt("wire", name, code, hermetic, command, never, unsealed=False, timeout=timeout, late=late)


WIRES = (
    _lie("close the frame descriptor", "os.close(WIRE)", _ENDED, _ENDED),
    _lie("close it, then loop", "os.close(WIRE)\nwhile True: pass", _ENDED, _ENDED),
    _lie("garbage frames", "send(b'{garbage\\n')"),
    _lie("binary garbage", "send(bytes(range(256)) + b'\\n')", PROTOCOL, f"{PROTOCOL} {HELD}"),
    _lie("half a frame, then hang", 'send(b\'{"type":"out\')\nwait(-1)', DEADLINE, DEADLINE),
    _lie("half a frame, then a whole one", 'send(b\'{"type":"out\')'),
    _lie("deeply nested JSON", "send(b'{\"type\":\"output\",\"text\":' + b'[' * 100_000 + b'\\n')"),
    _lie(
        "deeply nested state",
        "send(b'{\"type\":\"state\",\"set\":{\"x\":' + b'[' * 900 + b']' * 900 + b'}}\\n')",
    ),
    _lie("integer of 100000 digits", "send(b'{\"type\":\"done\",\"seq\":' + b'9' * 100_000 + b'}\\n')"),
    _lie("type is a list", 'send(b\'{"type":["done"]}\\n\')'),
    _lie("unknown type", 'send(b\'{"type":"exec"}\\n\')'),
    _lie("an array for a frame", "send(b'{}\\n'.replace(b'{}', b'[1]'))", PROTOCOL, f"{PROTOCOL} {HELD}"),
    _lie("forged done for another seq", 'send(b\'{"type":"done","seq":999999}\\n\')'),
    _lie("NaN", 'send(b\'{"type":"observation","text":"","data":NaN}\\n\')'),
    _lie("Infinity by exponent", 'send(b\'{"type":"observation","text":"","data":1e999}\\n\')'),
    _lie("lone surrogate", 'send(b\'{"type":"output","text":"\\\\ud800"}\\n\')', HELD, HELD),
    _lie(
        "control sequences for a terminal",
        'send(b\'{"type":"output","text":"\\\\u001b]52;c;aGk=\\\\u0007"}\\n\')',
        HELD,
        HELD,
    ),
    _lie("two ready", 'send(b\'{"type":"ready","v":1,"name":"x","version":"1"}\\n\')'),
    _lie(
        "output after done",
        'send(b\'{"type":"done","seq":%d}\\n{"type":"output","text":"late"}\\n\' % SEQ)',
        late=True,
    ),
    _lie("done twice", 'send(b\'{"type":"done","seq":%d}\\n\' % SEQ)', late=True),
    _lie("state of 17 MiB in one frame", f"send(({_VALUE % '(17 << 20)'}).encode())"),
    _lie(
        "state of 17 MiB in pieces",
        'for n in range(34): send((\'{"type":"state","set":{"%d":"\' % n + \'x\' * (1 << 19) + \'"}}\\n\').encode())',
    ),
    _lie("state that does not decode", 'send(b\'{"type":"state","set":{"x":"\\xff\\xfe"}}\\n\')'),
    _lie(
        "raw state of fewer bytes than announced",
        'send(b\'{"type":"state","raw":4096}\\n\' + b\'{"big":"\' + b"x" * 64)',
    ),
    _lie("state that is no object", 'send(b\'{"type":"state","value":[1]}\\n\')'),
    _lie("state with keys to delete that are none", 'send(b\'{"type":"state","del":[1]}\\n\')'),
    _lie(
        "a frame of a line of 2 MiB", 'send(b\'{"type":"log","level":"x","text":"\' + b\'x\' * (2 << 20) + b\'"}\\n\')'
    ),
    _lie("a request to be ended", 'send(b\'{"type":"terminate","reason":"bored"}\\n\')', HELD, HELD),
    Attempt(
        "wire",
        "a call that is not granted",
        'send(b\'{"type":"call","id":"1","name":"model","args":{}}\\n\')\nresult = os.read(EAR, 65536).decode()',
        f"{HELD} {PROTOCOL}",
        f"{HELD} {PROTOCOL}",
        _granted,
        unsealed=False,
    ),
    _lie(
        "70,000 calls in one turn",
        'for n in range(70_000): send(b\'{"type":"call","id":"%d","name":"model","args":{}}\\n\' % n)',
        PROTOCOL,
        PROTOCOL,
    ),
    Attempt(
        "wire",
        "read the next inputs early",
        "ready = select.poll(); ready.register(EAR, 1)\n"
        "result = os.read(EAR, 65536).decode() if ready.poll(200) else None",
        HELD,
        HELD,
        _overheard,
        unsealed=False,
        queued=True,
    ),
)
