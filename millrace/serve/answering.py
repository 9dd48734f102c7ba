"""Having a policy decide: what an engine and a replica do alike once the facts stand."""

from __future__ import annotations

import time
from collections.abc import Collection

from millrace.decision import Decisions, Policy
from millrace.errors import Late, Unavailable
from millrace.serve.facts import LiveFacts
from millrace.serve.timed_facts import TimedFacts
from millrace.serve.timing import DECIDE, Spans
from millrace.types import Columns


def answered(
    policy: Policy, requests: Columns, facts: LiveFacts, system: str, spans: Spans | None, sources: Collection[str]
) -> tuple[Decisions, int]:
    """Return what a policy decides, and how long it took, in microseconds.

    Args:
        policy: The policy.
        requests: A row per request.
        facts: What it may depend on.
        system: The system's name, for the error.
        spans: Where the stages are noted. None where nobody asks for them: then nothing is timed, and nothing is paid for it.
        sources: The names of the sources; see `TimedFacts`.

    Raises:
        Unavailable: Neither the policy nor any fallback could answer.
    """
    began = time.perf_counter_ns()
    try:
        decided = policy.decide(requests, facts if spans is None else TimedFacts(facts, spans.found, sources))
    except Late as late:
        raise Unavailable(f"{system} cannot answer: {late}") from late
    finally:
        if spans is not None:
            spans.lap(DECIDE)
    return decided, (time.perf_counter_ns() - began) // 1000
