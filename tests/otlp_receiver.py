"""A collector of spans on this machine: takes OTLP over HTTP, decodes the protobuf, remembers."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

# The exporter's thread would import it later, and with it what warns of itself while a test's own warnings come and go.
import backrooms_tui.observability.otlp  # noqa: F401


@dataclass(frozen=True)
class SpanSeen:
    name: str
    trace: bytes
    id: bytes
    parent: bytes
    began: int
    ended: int
    attributes: dict
    error: str | None
    service: str

    @property
    def seconds(self):
        return (self.ended - self.began) / 1e9


class OtlpReceiver:
    """A context manager. `status` is what requests are answered with."""

    def __init__(self, status=200):
        self.status = status
        self.paths = []
        self.spans = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.paths.append(self.path)
                if receiver.status == 200:
                    receiver.spans += list(spans(body))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def port(self):
        return self._server.server_address[1]

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def named(self, name):
        return [span for span in self.spans if span.name == name]


def spans(body):
    request = ExportTraceServiceRequest.FromString(body)
    for resource in request.resource_spans:
        about = {pair.key: pair.value.string_value for pair in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield SpanSeen(
                    span.name,
                    span.trace_id,
                    span.span_id,
                    span.parent_span_id,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes},
                    span.status.message if span.status.code == 2 else None,
                    about.get("service.name"),
                )
