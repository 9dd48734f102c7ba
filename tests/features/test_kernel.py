import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.features.kernel import Ask, Events, Rows, aggregate
from millrace.features.window import Window
from millrace.types import EVER
from tests.features import oracle

HOUR = Window(60, 10)
EVERY_OP = ("count", "total", "mean", "min", "max", "last", "first", "last_k", "streak", "variance")
PICKING = ("count", "last", "first", "last_k")
ROUNDED = ("mean", "variance")
WINDOWS = st.lists(
    st.sampled_from([Window(1, 1), Window(6, 2), Window(7, 2), Window(10, 2), Window(12, 5), Window(9, 9), Window(EVER, 0)]),
    min_size=1,
    max_size=4,
)
KEYS = st.sampled_from([-1, 0, 1, 5, 2**62, -(2**63)])
NUMBERS = st.sampled_from([0.0, -0.0, 1.0, 0.1, -2.5, 1e16, -1e16, 1e-300, 5e-324, float("nan")])


def array(values, dtype=np.int64):
    return np.array(list(values), dtype=dtype)


@st.composite
def logs(draw):
    """Draw a small log: late events, equal instants, acknowledgements out of order and in ties, before and after 1970."""
    n = draw(st.integers(0, 14))
    at = array(draw(st.lists(st.integers(-25, 25), min_size=n, max_size=n)))
    delay = array(draw(st.lists(st.integers(0, 25), min_size=n, max_size=n)))
    key = array(draw(st.lists(KEYS, min_size=n, max_size=n)))
    known = at + delay
    if draw(st.booleans()):
        order = np.argsort(known, kind="stable")
        key, at, known = key[order], at[order], known[order]
    return Events(key, at, known)


@st.composite
def rows_of(draw, events):
    """Draw rows near the log's instants, many exactly at one."""
    n = draw(st.integers(0, 10))
    key = array(draw(st.lists(KEYS, min_size=n, max_size=n)))
    at_known = st.sampled_from(events.known.tolist() or [0])
    return Rows(key, array(draw(st.lists(st.one_of(at_known, st.integers(-30, 60)), min_size=n, max_size=n))))


@st.composite
def columns(draw, n):
    """Draw a column of some type, or none."""
    kind = draw(st.sampled_from(["float", "whole", "bool", "text", "none"]))
    if kind == "none":
        return None
    one = {"float": NUMBERS, "whole": st.integers(-(2**40), 2**40), "bool": st.booleans(), "text": st.sampled_from(["a", "b", None])}[kind]
    dtype = {"float": np.float64, "whole": np.int64, "bool": np.bool_, "text": object}[kind]
    return array(draw(st.lists(one, min_size=n, max_size=n)), dtype)


def ask_for(op, window, values):
    return Ask(op, window, values, (3,) if op == "last_k" else ())


def expect_same(found, expected, is_rounded=False):
    """Counts, whole numbers, positions, extremes and totals exactly; what is rounded more than once to the last digits."""
    np.testing.assert_allclose(found, np.array(expected, dtype=found.dtype), rtol=1e-12 if is_rounded else 0, atol=0, equal_nan=True)


@given(st.data())
def test_kernel_equals_the_loops_of_the_oracle(data):
    events = data.draw(logs())
    rows = data.draw(rows_of(events))
    windows = data.draw(WINDOWS)
    asks = []
    for values in (data.draw(columns(len(events.key))), data.draw(columns(len(events.key)))):
        numbers = values is not None and values.dtype.kind in "bif"
        asks += [ask_for(op, window, values) for op in (EVERY_OP if numbers else PICKING) for window in windows]
    for ask, found, expected in zip(asks, aggregate(events, rows, asks), oracle.aggregate(events, rows, asks), strict=True):
        expected = np.array(expected, dtype=found.dtype).reshape(found.shape)
        if ask.op in ROUNDED:
            expect_same(found, expected, is_rounded=True)
        else:
            np.testing.assert_array_equal(found, expected, err_msg=str(ask))


@given(st.data())
def test_order_of_the_log_changes_nothing_but_ties(data):
    events = data.draw(logs())
    rows = data.draw(rows_of(events))
    values = array(data.draw(st.lists(NUMBERS, min_size=len(events.key), max_size=len(events.key))), np.float64)
    shuffled = array(data.draw(st.permutations(range(len(events.key)))))
    moved = Events(events.key[shuffled], events.at[shuffled], events.known[shuffled])
    for op in ("count", "total", "mean", "min", "max", "variance"):
        [before] = aggregate(events, rows, [Ask(op, Window(7, 2), values)])
        [after] = aggregate(moved, rows, [Ask(op, Window(7, 2), values[shuffled])])
        assert before.tobytes() == after.tobytes()


def large_log(n, keys):
    """Return a log of `n` events of which one in five is late, and half as many rows."""
    chance = np.random.default_rng(5)
    at = np.sort(chance.integers(-(10**4), 10**5, n))
    known = np.sort(at + np.where(chance.random(n) < 0.2, chance.integers(0, 5000, n), 0))
    events = Events((keys * chance.random(n) ** 2).astype(np.int64), at, known)
    values = np.where(chance.random(n) < 0.1, np.nan, chance.gamma(2, 20, n))
    return events, Rows(chance.integers(-1, keys, n // 2), chance.integers(0, 10**5, n // 2)), values


def test_large_log_in_many_parts_equals_the_oracle_and_threads_change_no_bit():
    events, rows, values = large_log(300_000, keys=20_000)
    asks = [ask_for(op, window, values) for op in EVERY_OP for window in (Window(1000, 50), Window(20_000, 700), Window(EVER, 0))]
    alone, together = aggregate(events, rows, asks), aggregate(events, rows, asks, threads=2)
    assert [one.tobytes() for one in alone] == [one.tobytes() for one in together]
    for row in range(0, len(rows.key), len(rows.key) // 40):
        of_key = np.flatnonzero(events.key == rows.key[row])
        its_events = Events(events.key[of_key], events.at[of_key], events.known[of_key])
        its_asks = [Ask(ask.op, ask.window, values[of_key], ask.settings) for ask in asks]
        expected = oracle.aggregate(its_events, Rows(rows.key[row : row + 1], rows.watermark[row : row + 1]), its_asks)
        for ask, found, [one] in zip(asks, alone, expected, strict=True):
            if ask.op in ("last", "first", "last_k"):
                one = np.append(of_key, -1)[one]
            expect_same(found[row], one, ask.op in ROUNDED)


def test_one_key_with_every_event_equals_the_oracle():
    events, rows, values = large_log(1500, keys=1)
    asks = [ask_for(op, Window(5000, 70), values) for op in EVERY_OP]
    some = Rows(rows.key[::40], rows.watermark[::40])
    for ask, found, expected in zip(asks, aggregate(events, some, asks), oracle.aggregate(events, some, asks), strict=True):
        expect_same(found, expected, ask.op in ROUNDED)


def test_row_exactly_when_an_event_is_known_does_not_see_it():
    events = Events(array([7]), array([100]), array([110]))
    [count] = aggregate(events, Rows(array([7, 7]), array([110, 111])), [Ask("count", HOUR)])
    assert count.tolist() == [0, 1]


def test_event_exactly_at_the_tail_counts_and_leaves_a_whole_hop_later():
    events = Events(array([7, 7]), array([100, 99]), array([100, 99]))
    [count] = aggregate(events, Rows(array([7] * 4), array([159, 160, 169, 170])), [Ask("count", HOUR)])
    assert count.tolist() == [2, 1, 1, 0]


def test_late_event_does_not_change_past_decision():
    first = Events(array([7]), array([100]), array([100]))
    later = Events(array([7, 7]), array([100, 90]), array([100, 130]))
    past = Rows(array([7] * 3), array([101, 120, 130]))
    ask = [Ask("count", HOUR), Ask("last", HOUR)]
    assert [one.tolist() for one in aggregate(first, past, ask)] == [one.tolist() for one in aggregate(later, past, ask)]


def test_event_that_arrives_expired_never_counts_nor_is_missed_before_it_arrives():
    events = Events(array([7, 7]), array([0, 500]), array([600, 500]))
    [count] = aggregate(events, Rows(array([7] * 5), array([1, 100, 550, 601, 700])), [Ask("count", HOUR)])
    assert count.tolist() == [0, 0, 1, 0, 0]


def test_last_is_the_most_recently_known_and_of_ties_the_later_in_the_log():
    events = Events(array([7, 7, 7, 7]), array([50, 40, 45, 55]), array([60, 70, 70, 55]))
    [last] = aggregate(events, Rows(array([7, 7, 8]), array([65, 71, 71])), [Ask("last", HOUR)])
    assert last.tolist() == [0, 2, -1]


def test_nothing_is_zero_for_counts_and_totals_and_missing_for_the_others():
    values = np.array([np.nan])
    asks = [ask_for(op, HOUR, values) for op in EVERY_OP]
    for rows in (Rows(array([7]), array([10])), Rows(array([8]), array([10])), Rows(array([-1]), array([10]))):
        found = aggregate(Events(array([7]), array([1]), array([1])), rows, asks)
        expected = [0, 0, np.nan, np.nan, np.nan, -1, -1, -1, -1, -1, 0, np.nan]
        np.testing.assert_array_equal(np.concatenate([np.atleast_1d(one[0]) for one in found]), expected)


def test_count_without_values_counts_events_whose_value_is_missing():
    events = Events(array([7, 7]), array([1, 2]), array([1, 2]))
    asks = [Ask("count", HOUR), Ask("count", HOUR, np.array([np.nan, 3.0])), Ask("count", HOUR, array(["a", None], object))]
    assert [one.tolist() for one in aggregate(events, Rows(array([7]), array([10])), asks)] == [[2], [1], [1]]


def test_rows_and_events_without_a_key_match_nothing():
    events = Events(array([-1, -1]), array([1, 2]), array([1, 2]))
    [count] = aggregate(events, Rows(array([-1, 0]), array([10, 10])), [Ask("count", HOUR)])
    assert count.tolist() == [0, 0]


def test_totals_of_one_key_are_blind_to_the_magnitudes_of_others_and_of_the_past():
    values = np.array([1e16, 0.1, 1e16, 0.2, -1e16])
    events = Events(array([1, 2, 2, 2, 1]), array([0, 0, 1, 100, 100]), array([0, 0, 1, 100, 100]))
    [total] = aggregate(events, Rows(array([2, 2, 1]), array([1, 150, 150])), [Ask("total", HOUR, values)])
    assert total.tolist() == [0.1, 0.2, -1e16]


def test_totals_keep_their_type_and_cross_zero_exactly():
    events = Events(array([7] * 3), array([1, 2, 3]), array([1, 2, 3]))
    floats, whole, true = np.array([1e16, 1.0, -1e16]), array([2**62, 2**62, -(2**62)]), np.array([True, False, True])
    found = aggregate(events, Rows(array([7]), array([10])), [Ask("total", HOUR, one) for one in (floats, whole, true)])
    assert [(one.dtype, one[0]) for one in found] == [(np.float64, 1.0), (np.int64, 2**62), (np.int64, 2)]


def test_column_over_the_whole_range_of_floats_is_summed_exactly_for_every_window():
    values = np.array([1e300, 1e-300, 1.0, -1e300, 5e-324])
    events = Events(array([7] * 5), array([1, 2, 3, 4, 70]), array([1, 2, 3, 4, 70]))
    asks = [Ask("total", window, values) for window in (HOUR, Window(EVER, 0))]
    rows = Rows(array([7, 7]), array([5, 75]))
    assert [one.tolist() for one in aggregate(events, rows, asks)] == oracle.aggregate(events, rows, asks)


def test_variance_is_exact_for_mixed_magnitudes_and_never_negative():
    events = Events(array([7] * 3), array([1, 2, 3]), array([1, 2, 3]))
    spread = {
        (1e16, 1.0, 1.0): 2 / 9 * (1e16 - 1) ** 2,
        (1e16, 1e16 + 2, 1e16 + 4): 8 / 3,
        (0.1, 0.1, 0.1): 0.0,
        (1e16, -1e16, 1e16): 8 / 9 * 1e32,
        (2.0**52, 2.0**52 + 1, 2.0**52): 2 / 9,
    }
    for values, expected in spread.items():
        [found] = aggregate(events, Rows(array([7]), array([10])), [Ask("variance", HOUR, np.array(values))])
        np.testing.assert_allclose(found, [expected], rtol=1e-12)


def test_two_windows_that_share_a_hop_and_asks_in_any_order_do_not_disturb_each_other():
    events, rows, values = large_log(400, keys=3)
    asks = [ask_for(op, window, values) for op in EVERY_OP for window in (Window(1000, 50), Window(5000, 50))]
    alone = [aggregate(events, rows, [ask])[0].tobytes() for ask in asks]
    assert [one.tobytes() for one in aggregate(events, rows, asks)] == alone
    assert [one.tobytes() for one in aggregate(events, rows, asks[::-1])] == alone[::-1]


def test_empty_log_and_no_rows_are_answered():
    nothing = array([])
    assert aggregate(Events(nothing, nothing, nothing), Rows(array([1]), array([5])), [Ask("count", HOUR)])[0].tolist() == [0]
    assert aggregate(Events(array([1]), array([1]), array([1])), Rows(nothing, nothing), [Ask("last", HOUR)])[0].tolist() == []
    assert aggregate(Events(array([1]), array([1]), array([1])), Rows(array([1]), array([5])), []) == []


ONE = Events(array([7]), array([1]), array([1]))
ROW = Rows(array([7]), array([5]))


@pytest.mark.parametrize(
    ("events", "rows", "ask", "message"),
    [
        (ONE, ROW, Ask("total", HOUR, np.array([np.inf])), "values hold an infinity"),
        (ONE, ROW, Ask("min", HOUR, np.array([-np.inf])), "values hold an infinity"),
        (ONE, ROW, Ask("mean", HOUR, array(["a"], object)), "mean of object values: only numbers and booleans"),
        (ONE, ROW, Ask("max", HOUR), "max of nothing: give the values"),
        (ONE, ROW, Ask("count", HOUR, np.array([1.0, 2.0])), r"values of shape \(2,\) for 1 events: give one each"),
        (ONE, ROW, Ask("last", HOUR, np.ones((1, 3))), "take vectors by the position of `last`"),
        (ONE, ROW, Ask("median", HOUR, np.array([1.0])), "'median' is not an aggregate: ask for one of count, total, mean"),
        (Events(array([7]), array([1]), array([])), ROW, Ask("count", HOUR), "one key, at and known each; there are 1, 1 and 0"),
        (ONE, Rows(array([7, 7]), array([5])), Ask("count", HOUR), "one key and watermark each; there are 2 and 1"),
        (ONE, ROW, Ask("variance", HOUR, np.array([1e200])), "have no variance: use a larger unit"),
        (
            Events(array([7, 7]), array([1, 2]), array([1, 2])),
            ROW,
            Ask("total", HOUR, array([2**62, 2**62])),
            "a total of whole numbers does not fit 64 bits",
        ),
        (
            Events(array([1, 7]), array([0, 2**61]), array([0, 2**61])),
            Rows(array([1]), array([5])),
            Ask("count", Window(1, 1)),
            "hops from the first to the last event are too many",
        ),
    ],
)
def test_bad_input_is_refused_with_the_remedy(events, rows, ask, message):
    with pytest.raises(BadInput, match=message):
        aggregate(events, rows, [ask])
