"""OTLP over HTTP, by OpenTelemetry's own exporter: the only module that imports it.

Its spans are made here of finished work, in the tracing thread; its batch processor is not used, because it cannot
say what was lost.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Status, StatusCode, set_span_in_context

from backrooms_tui import __version__

from .tracing import Span

TIMEOUT = 5
"""Seconds for one batch, repetitions included."""


class _Collected(SpanProcessor):
    """Ended spans, until they are sent."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


class _LastWords(logging.Handler):
    """What the library has to say goes into our notice, not onto stderr."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.words = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.words = record.getMessage()


class OtlpExporter:
    """Belongs to one thread, but for `close`."""

    def __init__(self, endpoint: str, service_name: str, sample_rate: float) -> None:
        self._said = _LastWords()
        logger = logging.getLogger("opentelemetry")
        logger.handlers = [self._said]
        logger.propagate = False
        self._ended = _Collected()
        provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(sample_rate)),
            resource=Resource.create({"service.name": service_name, "service.version": __version__}),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(self._ended)
        self._tracer = provider.get_tracer("backrooms_tui", __version__)
        self._exporter = OTLPSpanExporter(endpoint=endpoint, timeout=TIMEOUT)
        self._closed = False

    def export(self, traces: Sequence[Span]) -> str | None:
        since_epoch = time.time_ns() - time.monotonic_ns()
        for trace in traces:
            self._make(trace, Context(), since_epoch)
        spans, self._ended.spans = self._ended.spans, []
        if not spans or self._exporter.export(spans) is SpanExportResult.SUCCESS:
            return None
        return self._said.words or "FAILURE"

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def _make(self, span: Span, parent: Context, since_epoch: int) -> None:
        made = self._tracer.start_span(
            span.name, context=parent, attributes=dict(span.attributes), start_time=span.began + since_epoch
        )
        inside = set_span_in_context(made, parent)
        for part in span.parts:
            self._make(part, inside, since_epoch)
        if span.error is not None:
            made.set_status(Status(StatusCode.ERROR, span.error))
        made.end(span.ended + since_epoch)
