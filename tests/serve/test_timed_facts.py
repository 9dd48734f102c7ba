"""Facts that look at the clock answer as those do that they stand before, and say what was asked of them."""

from collections import Counter

import pytest

from millrace.log.streams import codec_of
from millrace.serve.timed_facts import TimedFacts, sources_of
from millrace.serve.timing import ATTEMPT, CHOOSE, DECIDE, FEATURES, MODEL, RECORD, SOURCES, VIEW, Spans, seconds
from millrace.types import size
from tests.serve.running import ask, install, running, stock, use_named


def same(one, other):
    assert one.keys() == other.keys()
    for name, column in one.items():
        assert column.tolist() == pytest.approx(other[name].tolist(), abs=0, nan_ok=True) if column.dtype.kind == "f" else True
        assert column.dtype.kind == "f" or column.tolist() == other[name].tolist()


@pytest.mark.parametrize("patient", [False, True])
def test_policy_decides_the_same_on_them(tmp_path, patient):
    with running(tmp_path, patient=patient) as engine:
        engine.ingest([*stock(engine), *(use_named(engine, f"u{n}") for n in range(6))])
        install(engine)
        requests = codec_of(engine.loaded.system.request).columns([ask(engine, f"a{n}", limit=n) for n in range(5)])
        policy, spans = engine.loaded.system.policy, Spans()
        watermark = engine.clock.watermark()
        engine.view.advance(watermark)
        bare, timed = engine.facts(watermark), engine.facts(watermark)
        expected = policy.decide(requests, bare)
        decided = policy.decide(requests, TimedFacts(timed, spans.found, sources_of(engine.loaded)))
        same(decided.requests, expected.requests)
        same(decided.rows, expected.rows)
        assert size(decided.rows) > 0
        assert timed.missed == bare.missed
        stages = Counter(stage for stage, *_ in spans.found)
        assert stages.keys() == {ATTEMPT, SOURCES, FEATURES, MODEL}


def test_misses_are_those_of_the_facts_they_stand_before(tmp_path):
    with running(tmp_path) as engine:
        engine.ingest(stock(engine))
        spans = Spans()
        (decision,) = engine.answer(codec_of(engine.loaded.system.request).columns([ask(engine, "a")]), spans)
        assert decision.missed, "no model is installed yet"
        took = seconds(spans.found)
        assert {stage for stage, _ in took} >= {VIEW, CHOOSE, RECORD}
        assert all(one >= 0 for one in took.values())
        decide = next((began, ended) for stage, _, began, ended, _ in spans.found if stage == DECIDE)
        assert all(decide[0] <= began <= ended <= decide[1] for stage, _, began, ended, _ in spans.found if stage == ATTEMPT)
        tried = {name for stage, name, *_ in spans.found if stage == ATTEMPT}
        assert set(decision.missed) <= tried
