"""What is told of each call for decisions: its stages to Prometheus, its trace to a collector, its decisions to the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from millrace.decision import Decision
from millrace.serve.clock import Clock
from millrace.serve.logs import decided
from millrace.serve.metrics import Metrics
from millrace.serve.timing import Spans
from millrace.serve.tracing import Tracer, call_of


@dataclass
class Asked:
    """A call under way.

    Attributes:
        spans: Where its time goes.
        decisions: What was decided, once it is.
    """

    spans: Spans = field(default_factory=Spans)
    decisions: Sequence[Decision] = ()


class Calls:
    """Tells of calls.

    Args:
        metrics: Where they are counted.
        clock: That of the decisions' watermarks.
        tracer: Where traces go, if anywhere.
    """

    def __init__(self, metrics: Metrics, clock: Clock, tracer: Tracer | None) -> None:
        self._metrics = metrics
        self._clock = clock
        self._tracer = tracer

    @contextmanager
    def told(self, headers: Mapping[str, str]) -> Iterator[Asked]:
        """Tell of a call as the block ends, however it does."""
        asked, failed = Asked(), None
        try:
            yield asked
        except BaseException as error:
            failed = error
            raise
        finally:
            spans = asked.spans
            spans.end()
            if asked.decisions:
                self._metrics.decided(asked.decisions)
                self._metrics.timed(spans)
                decided(asked.decisions, (spans.ended - spans.began) / 1e9)
            if self._tracer is not None:
                self._tracer.told(call_of(headers, spans, asked.decisions, failed))

    def batch(self, spans: Spans, decisions: Sequence[Decision]) -> None:
        """Count the stages of a batch, and how old what it was decided on is."""
        self._metrics.timed(spans)
        if decisions:
            self._metrics.behind_by(max(0, self._clock.now() - decisions[0].watermark) / 1e6)

    def close(self) -> None:
        """Tell what is still to be told."""
        if self._tracer is not None:
            self._tracer.close()
