import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.serve.timing import ATTEMPT, CHOOSE, COMMIT, DECIDE, DECODE, FEATURES, MODEL, SOURCES, VIEW, WAIT, Spans, seconds

instants = st.tuples(st.integers(0, 30), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))
leaves = st.lists(st.tuples(st.sampled_from([SOURCES, FEATURES, MODEL, ATTEMPT]), st.sampled_from(["a", "b"]), instants), max_size=8)


def counted(found, end, begin):
    """Return the same by looking at each nanosecond: whether anything of a stage runs in it."""
    ticks = {}
    for stage, name, (began, ended) in found:
        if stage != ATTEMPT:
            ticks.setdefault((stage, name if stage == MODEL else ""), set()).update(range(began, min(ended, end)))
    busy = set().union(*ticks.values()) if ticks else set()
    return {key: len(at) for key, at in ticks.items()} | {(CHOOSE, ""): end - begin - len(busy)}


@given(leaves, st.integers(20, 45))
def test_side_by_side_counts_once_and_what_nobody_waited_for_not_at_all(found, end):
    spans = [(stage, name, began, ended, "") for stage, name, (began, ended) in found]
    spans.append((DECIDE, "", 0, end, ""))
    told = {key: round(took * 1e9) for key, took in seconds(spans).items()}
    assert told == counted(found, end, 0)


def test_laps_follow_each_other_without_a_gap():
    call, batch = Spans(), Spans()
    call.lap(DECODE)
    call.lap(WAIT)
    batch.lap(VIEW)
    batch.lap(DECIDE)
    call.follow(batch)
    call.lap(COMMIT)
    call.end()
    (_, _, decoded_from, decoded, _), (_, _, waited_from, waited, _), (_, _, committed_from, committed, _) = call.found
    assert (decoded_from, waited_from, committed_from) == (call.began, decoded, batch.found[-1][3])
    assert waited <= committed_from <= committed <= call.ended
    assert call.batch is batch


def test_caller_that_was_not_decided_has_no_stage_of_deciding():
    call = Spans()
    call.lap(DECODE)
    assert seconds(call.found).keys() == {(DECODE, "")}


def test_times_are_seconds():
    assert seconds([(WAIT, "", 1_000_000_000, 3_500_000_000, "")]) == {(WAIT, ""): pytest.approx(2.5)}
