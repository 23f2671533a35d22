"""A model's server on this machine: OpenAI's chat completions as they are on the wire, and all that can go wrong there.

What the next requests get is queued with `will`; a request that finds nothing queued is answered with an echo. Replies
are functions of an `Exchange`, which is one request and the way to answer it.
"""

from __future__ import annotations

import json
import select
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import backrooms_tui.broker.providers.openai  # noqa: F401 - here, where no test's deadline runs: it takes seconds

CREATED = 1_700_000_000
DONE = b"data: [DONE]\n\n"
PATIENCE = 30.0


class Exchange:
    """One request. `body` is its JSON, `headers` its headers by lower-case name; all times are `time.monotonic()`."""

    def __init__(self, handler, stopped):
        self._handler = handler
        self._socket = handler.connection
        self._stopped = stopped
        self.headers = {name.lower(): value for name, value in handler.headers.items()}
        self.body = json.loads(handler.rfile.read(int(self.headers["content-length"])))
        self.began = time.monotonic()
        self.sent = []
        """When each event went out."""
        self.closed = threading.Event()
        """The client has let go."""
        self.closed_at = None

    @property
    def last(self):
        return self.body["messages"][-1]

    def respond(self, status, body=b"", **headers):
        """A whole answer."""
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self._handler.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self._handler.send_header(name.replace("_", "-"), str(value))
        self._handler.send_header("Content-Length", str(len(body)))
        self._handler.end_headers()
        self._handler.wfile.write(body)

    def open(self, *, chunked=True, **headers):
        """Begin a stream. One that is not chunked ends with its connection, as HTTP/1.0's do."""
        self._chunked = chunked
        self._handler.send_response(200)
        self._handler.send_header("Content-Type", "text/event-stream")
        self._handler.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Connection", "close")))
        for name, value in headers.items():
            self._handler.send_header(name.replace("_", "-"), value)
        self._handler.end_headers()

    def raw(self, data):
        self._handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if self._chunked else data)

    def event(self, delta=None, *, finish=None, usage=None):
        choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]
        body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": CREATED, "model": self.body["model"]}
        data = json.dumps(body | {"choices": choices, "usage": usage})
        self.raw(f"data: {data}\n\n".encode())
        self.sent.append(time.monotonic())

    def say(self, *texts):
        self.event({"role": "assistant", "content": ""})
        for text in texts:
            self.event({"content": text})

    def finish(self, reason="stop", tokens=(7, 5)):
        self.event({}, finish=reason)
        if tokens is not None and self.body.get("stream_options", {}).get("include_usage"):
            into, out = tokens
            self.event(usage={"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out})
        self.raw(DONE)
        self.end()

    def end(self):
        if self._chunked:
            self.raw(b"")
        else:
            self.cut()

    def cut(self):
        """Close the connection wherever the answer is."""
        self._handler.close_connection = True
        self._handler.wfile.flush()

    def await_close(self):
        """Say nothing until the client lets go; gives whether it has."""
        while not self._stopped.is_set():
            if select.select([self._socket], [], [], 0.005)[0]:
                self.closed_at = time.monotonic()
                self._handler.close_connection = True
                self.closed.set()
                return True
        return False


def says(*texts, tokens=(7, 5), finish="stop"):
    def reply(exchange):
        exchange.open()
        exchange.say(*texts)
        exchange.finish(finish, tokens)

    return reply


def echoes(exchange):
    says(*(f"{word} " for word in str(exchange.last["content"]).split()))(exchange)


def uses(*calls, text="", part=7):
    """Calls tools: pairs of a name and arguments, which come in parts of so many characters, as real servers send them."""

    def reply(exchange):
        exchange.open()
        exchange.say(*([text] if text else []))
        for index, (name, arguments) in enumerate(calls):
            written = arguments if isinstance(arguments, str) else json.dumps(arguments)
            function = {"name": name, "arguments": ""}
            exchange.event(
                {"tool_calls": [{"index": index, "id": f"call-{index}", "type": "function", "function": function}]}
            )
            for start in range(0, len(written), part):
                more = {"index": index, "function": {"arguments": written[start : start + part]}}
                exchange.event({"tool_calls": [more]})
        exchange.finish("tool_calls")

    return reply


def refuses(status, message="no", **headers):
    body = {"error": {"message": message, "type": "error", "param": None, "code": None}}
    return lambda exchange: exchange.respond(status, body, **headers)


def stalls(*texts):
    """Says so much, and then nothing more for as long as the client listens."""

    def reply(exchange):
        exchange.open()
        exchange.say(*texts)
        exchange.await_close()

    return reply


def deaf(exchange):
    """Takes the request and never answers."""
    exchange.await_close()


def breaks_off(*texts):
    """The connection ends within the stream."""

    def reply(exchange):
        exchange.open()
        exchange.say(*texts)
        exchange.cut()

    return reply


def ends_early(*texts):
    """The stream ends in good order, and the answer does not."""

    def reply(exchange):
        exchange.open(chunked=False)
        exchange.say(*texts)
        exchange.cut()

    return reply


def sends(*raw, chunked=True):
    """Sends these bytes as a stream."""

    def reply(exchange):
        exchange.open(chunked=chunked)
        for data in raw:
            exchange.raw(data)
        exchange.end()

    return reply


def paced(texts, gate):
    """Says a text whenever the gate opens."""

    def reply(exchange):
        exchange.open()
        exchange.event({"role": "assistant", "content": ""})
        for text in texts:
            assert gate.acquire(timeout=PATIENCE)
            exchange.event({"content": text})
        exchange.finish()

    return reply


class ModelServer:
    """A context manager. `exchanges` are the requests so far, in the order in which they came."""

    def __init__(self, otherwise=echoes):
        """`otherwise` is the reply when none is queued."""
        self.exchanges = []
        self._replies = deque()
        self._stopped = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):
                exchange = Exchange(self, server._stopped)
                server.exchanges.append(exchange)
                reply = server._replies.popleft() if server._replies else otherwise
                try:
                    reply(exchange)
                except (BrokenPipeError, ConnectionResetError):
                    exchange.closed_at = time.monotonic()
                    exchange.closed.set()
                    self.close_connection = True

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128

            def handle_error(self, *_):
                """A client that goes while its next request is awaited."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def will(self, *replies):
        self._replies.extend(replies)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stopped.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
