"""Traces for OpenTelemetry: each call as a tree of spans, sent to a collector as OTLP over HTTP."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from millrace.about import VERSION
from millrace.errors import BadInput, MissingExtra
from millrace.serve.timing import ATTEMPT, DECIDE, LAPS, Span
from millrace.serve.tracing import Call

PATH = "/v1/traces"
"""Where a collector takes traces, after its address."""
_LEAVE_S = 5
"""How long a collector may take to take what is left when the server ends, in seconds."""


def tracer(url: str, system: str) -> Traces:
    """Return what sends traces to the collector at a URL.

    The library's own settings hold besides: `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_TRACES_SAMPLER`, `OTEL_SERVICE_NAME` and their like.

    Args:
        url: The collector, such as `http://localhost:4318`; `/v1/traces` is added unless it ends so.
        system: The system's name.

    Raises:
        BadInput: It is no URL of one, or holds a password: others may read the command line.
        MissingExtra: OpenTelemetry is not installed.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput("--traces takes the URL of a collector that speaks OTLP over HTTP: http://localhost:4318", "traces")
    if "@" in parts.netloc:
        raise BadInput("--traces takes a URL without a password: give it as a header in OTEL_EXPORTER_OTLP_HEADERS", "traces")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise MissingExtra("traces need OpenTelemetry: pip install 'millrace[otel]'") from error
    named = {"service.name": os.environ.get("OTEL_SERVICE_NAME", "millrace"), "service.version": VERSION, "millrace.system": system}
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    where = parts.path.rstrip("/")
    endpoint = parts._replace(path=where if where.endswith(PATH) else where + PATH).geturl()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=_LEAVE_S)))
    return Traces(provider)


class Traces:
    """Makes spans of calls; a thread of the library sends them, and drops those for which a collector that is away leaves no room.

    Args:
        provider: The library's, with what it sends them by.
    """

    def __init__(self, provider: Any) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("millrace", VERSION)
        self._propagator = TraceContextTextMapPropagator()

    def told(self, call: Call) -> None:
        """Send a call as a span in the caller's trace, if it is in one, with a span for each stage below it."""
        from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

        context = self._propagator.extract(dict(call.headers))
        said = {f"millrace.{name}": value for name, value in call.about.items()}
        root = self._tracer.start_span("decide", context=context, kind=SpanKind.SERVER, attributes=said, start_time=call.began + call.epoch)
        if call.error:
            root.set_attribute("error.type", call.error)
            root.set_status(Status(StatusCode.ERROR))
        if root.is_recording():
            self._below(call, set_span_in_context(root, context))
        root.end(call.ended + call.epoch)

    def _below(self, call: Call, top: Any) -> None:
        """Make the spans of a call's stages; those of an attempt stand below it, and what the policy did below `decide`."""
        from opentelemetry.trace import set_span_in_context

        below = {"": top}
        for one in sorted(call.spans, key=_outer_first):
            within = top if one.stage in LAPS else below.get(one.inside, below[""])
            span = self._tracer.start_span(_name(one), context=within, start_time=one.began + call.epoch)
            if one.stage == DECIDE:
                below[""] = set_span_in_context(span, top)
            elif one.stage not in LAPS and one.name:
                below[one.name + "/"] = set_span_in_context(span, top)
            span.end(one.ended + call.epoch)

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


def _name(one: Span) -> str:
    """Return what a span is called: its stage, and of what; an attempt goes by its path."""
    return one.name if one.stage == ATTEMPT else f"{one.stage} {one.name}".strip()


def _outer_first(one: Span) -> tuple[bool, int, int]:
    """Order spans so that each comes after the one it is a part of."""
    return one.stage not in LAPS, one.inside.count("/"), one.began
