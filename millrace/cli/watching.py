"""How a server is watched: what it writes of itself, and where its traces go."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

import msgspec

from millrace.errors import BadInput
from millrace.serve.logs import FORMATS, Format, Lines, begin
from millrace.serve.tracing import Tracer

_COLLECTORS = {"http": "otel", "https": "otel"}


class Watching(msgspec.Struct, frozen=True):
    """How a server is watched.

    Attributes:
        traces: The URL of the collector that takes a trace of each call for decisions; "" for none.
        log_format: How a line of its log looks: `text` or `json`.
        log_decisions: Whether each decision is a line of it.
    """

    traces: str = ""
    log_format: str = "text"
    log_decisions: bool = False

    def lines(self, system: str, secrets: Iterable[str] = (), who: str = "") -> Lines:
        """Begin to write the log; see `logs.begin`.

        Raises:
            BadInput: There is no such format.
        """
        if self.log_format not in FORMATS:
            raise BadInput(f"there is no log format {self.log_format!r}: choose {' or '.join(FORMATS)}", "log_format")
        form: Format = "json" if self.log_format == "json" else "text"
        return begin(form, system, secrets=secrets, who=who, decisions=self.log_decisions)

    def tracer(self, system: str) -> Tracer | None:
        """Return what takes traces to the collector, by the adapter of its URL; None where none is named.

        Raises:
            BadInput: It is no URL of one, or holds a password.
            MissingExtra: The library that sends them is not installed.
        """
        if not self.traces:
            return None
        scheme = self.traces.partition("://")[0]
        if scheme not in _COLLECTORS:
            raise BadInput("--traces takes the URL of a collector that speaks OTLP over HTTP: http://localhost:4318", "traces")
        return import_module(f"millrace.adapters.{_COLLECTORS[scheme]}").tracer(self.traces, system)


UNWATCHED = Watching()
"""Lines of text, and no traces."""
