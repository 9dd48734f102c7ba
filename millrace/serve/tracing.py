"""What is told of a call that asked for decisions, once it is answered: which one, where its time went, and where the caller's trace is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from millrace.decision import Decision
from millrace.serve.timing import Span, Spans

MOST_IDS = 20
"""How many decisions of one call a trace names."""


@dataclass(frozen=True)
class Call:
    """A call that was answered, or refused. It holds ids and names, and nothing that a request or an event says of somebody.

    Attributes:
        headers: The caller's `traceparent` and `tracestate`, as far as it sent them.
        spans: Where the time went, in nanoseconds of the clock of `began`.
        began: When the call came.
        ended: When it was answered.
        epoch: What makes nanoseconds since 1970 UTC of that clock's instants, added to them.
        about: What was decided: `decision.id` or `decision.ids`, `decisions`, `release`, `policy`, `action`, `missed`.
        error: The name of the error it was refused with; "" for none.
    """

    headers: Mapping[str, str]
    spans: Sequence[Span]
    began: int
    ended: int
    epoch: int
    about: Mapping[str, Any]
    error: str = ""


class Tracer(Protocol):
    """Takes calls to where traces are looked at. It must not raise, and not wait."""

    def told(self, call: Call) -> None:
        """Take a call; what cannot be delivered is dropped."""
        ...

    def close(self) -> None:
        """Deliver what was taken, as far as that is possible soon."""
        ...


def call_of(headers: Mapping[str, str], spans: Spans, decisions: Sequence[Decision], error: BaseException | None) -> Call:
    """Return what is to be told of a call that has ended."""
    sent = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
    found = [*spans.found, *(spans.batch.found if spans.batch is not None else ())]
    failed = type(error).__name__ if error is not None else ""
    epoch = time.time_ns() - time.perf_counter_ns()
    return Call(sent, tuple(Span(*one) for one in found), spans.began, spans.ended, epoch, about(decisions), failed)


def about(decisions: Sequence[Decision]) -> dict[str, Any]:
    """Return what may be told of decisions: ids and names only."""
    if not decisions:
        return {}
    first = decisions[0]
    ids = [one.id for one in decisions[:MOST_IDS]]
    named: dict[str, Any] = {"decision.id": first.id} if len(decisions) == 1 else {"decision.ids": ids, "decisions": len(decisions)}
    missed = sorted({name for one in decisions for name in one.missed})
    return {**named, "release": first.release, "policy": first.policy, "action": first.action, "arm": first.arm, "missed": missed}
