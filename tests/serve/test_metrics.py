import re

import pytest

from millrace.serve.metrics import Metrics
from millrace.serve.timing import Spans
from millrace.stores.halts import Halt
from millrace.stores.standing import Rollout, Standing


def counted(metrics):
    """Return how often each feature's default is said to have stood in."""
    lines = [line for line in metrics.text(None).decode().splitlines() if line.startswith("millrace_defaults_total{")]
    return {line.split('"')[1]: float(line.split()[-1]) for line in lines}


def test_defaults_that_stood_in_are_counted_by_feature_across_a_view_that_was_rebuilt():
    metrics = Metrics("shelf")
    assert counted(metrics) == {}
    for counts in ({"rate": 2}, {"rate": 2}, {"rate": 5, "taste": 1}, {"rate": 3}, {}, {"rate": 1}):
        metrics.stood_in(counts)
    assert counted(metrics) == {"rate": 9.0, "taste": 1.0}


def told(metrics, name):
    """Return the values of a metric, by its labels but for the system."""
    lines = [line for line in metrics.text(None).decode().splitlines() if line.startswith(name + "{")]
    return {tuple(re.findall(r'(?<!system)="([^"]*)"', line.partition("}")[0])): float(line.split()[-1]) for line in lines}


def test_breaker_that_is_well_again_is_told_as_closed():
    metrics = Metrics("shelf")
    metrics.breaking({"a": "open", "b": "half-open"})
    assert told(metrics, "millrace_breaker_open") == {("a",): 1.0, ("b",): 0.5}
    metrics.breaking({"b": "closed"})
    assert told(metrics, "millrace_breaker_open") == {("a",): 0.0, ("b",): 0.0}


def test_release_that_no_longer_answers_has_no_share():
    metrics = Metrics("shelf")
    metrics.rolled(Standing(system="shelf"))
    assert told(metrics, "millrace_release_share") == {}
    rollout = Rollout(release="r2", step=0, share=0.25, started=0)
    metrics.rolled(Standing(system="shelf", champion="r1", rollout=rollout))
    assert told(metrics, "millrace_release_share") == {("r1", "champion"): 0.75, ("r2", "candidate"): 0.25}
    metrics.rolled(Standing(system="shelf", champion="r2"))
    shares = {("r1", "champion"): 0.0, ("r2", "candidate"): 0.0, ("r2", "champion"): 1.0}
    assert told(metrics, "millrace_release_share") == shares


def test_halt_is_told_until_somebody_resumes():
    metrics = Metrics("shelf")
    metrics.halting(None)
    assert told(metrics, "millrace_halted") == {("champion",): 0.0, ("fallback",): 0.0}
    metrics.halting(Halt(system="shelf", at=1, who="ann", why="prices", to="fallback"))
    assert told(metrics, "millrace_halted") == {("champion",): 0.0, ("fallback",): 1.0}
    metrics.halting(None)
    assert told(metrics, "millrace_halted") == {("champion",): 0.0, ("fallback",): 0.0}


def test_stages_are_counted_once_a_batch_or_call_however_many_wait_to_be_counted():
    metrics = Metrics("shelf")
    for n in range(150):
        batch, call = Spans(), Spans()
        batch.found = [
            ("view", "", 0, 1_000_000, ""),
            ("model", "ranker", 1_000_000, 3_000_000, ""),
            ("decide", "", 1_000_000, 5_000_000, ""),
        ]
        call.found = [("wait", "", 0, 2_000_000, "")]
        metrics.timed(batch)
        if n < 100:
            call.end()
            metrics.timed(call)
    assert told(metrics, "millrace_stage_seconds_count") == {("view",): 150.0, ("choose",): 150.0, ("wait",): 100.0}
    sums = told(metrics, "millrace_stage_seconds_sum")
    assert sums == {("view",): pytest.approx(0.15), ("choose",): pytest.approx(0.3), ("wait",): pytest.approx(0.2)}
    assert told(metrics, "millrace_model_seconds_sum") == {("ranker",): pytest.approx(0.3)}
    assert told(metrics, "millrace_decision_seconds_count") == {(): 100.0}
