import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace.features.pairs import Pairs

ONE_CELL = 0x9E3779B97F4A7C15
"""What the table multiplies by: its inverse leads to pairs that all want the first cell."""

batches = st.lists(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 2**31)), max_size=200), max_size=6)


def packed(pairs) -> np.ndarray:
    return np.array([first << 32 | second for first, second in pairs], dtype=np.int64)


@given(batches, st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=50))
def test_pairs_get_codes_from_one_in_the_order_they_come(told, asked):
    pairs, codes = Pairs(), {}
    for batch in told:
        expected = [codes.setdefault(pair, len(codes) + 1) for pair in batch]
        assert pairs.intern(packed(batch)).tolist() == expected
    asked = [*asked, *codes]
    assert pairs.lookup(packed(asked)).tolist() == [codes.get(pair, 0) for pair in asked]
    assert pairs.packed.tolist() == packed(codes).tolist()
    assert len(pairs) == len(codes)


def test_many_pairs_are_told_apart_however_the_table_grew():
    g = np.random.default_rng(0)
    told = g.integers(1, 3_000, 60_000) << 32 | g.integers(1, 100, 60_000)
    codes = {pair: code for code, pair in enumerate(dict.fromkeys(told.tolist()), start=1)}
    at_once, in_parts = Pairs(), Pairs()
    at_once.intern(told)
    for part in np.split(told, 100):
        in_parts.intern(part)
    asked = np.concatenate([told, g.integers(0, 6_000, 60_000) << 32 | g.integers(0, 200, 60_000)])
    expected = [codes.get(pair, 0) for pair in asked.tolist()]
    assert at_once.lookup(asked).tolist() == in_parts.lookup(asked).tolist() == expected


def test_pairs_that_all_want_one_cell_are_told_apart():
    mixed = [wanted * pow(ONE_CELL, -1, 2**64) % 2**64 for wanted in range(4_000)]
    crowd = [(one >> 32, one >> 32 ^ one % 2**32) for one in mixed]
    crowd = [pair for pair in crowd if min(pair) > 0 and max(pair) < 2**31][:500]
    assert len(crowd) == 500
    pairs = Pairs()
    assert pairs.intern(packed(crowd[:300])).tolist() == list(range(1, 301))
    assert pairs.lookup(packed(crowd)).tolist() == [*range(1, 301), *[0] * 200]
    assert pairs.intern(packed(crowd[::-1])).tolist() == [*range(301, 501), *range(300, 0, -1)]
    assert [pairs.lookup(packed([pair])).item() for pair in crowd] == pairs.lookup(packed(crowd)).tolist()


def test_pairs_told_a_few_at_a_time_get_the_codes_of_all_told_at_once():
    g = np.random.default_rng(1)
    told = g.integers(1, 40, 3_000) << 32 | g.integers(1, 40, 3_000)
    at_once, few = Pairs(), Pairs()
    expected = at_once.intern(told)
    assert np.concatenate([few.intern(part) for part in np.split(told, 1_000)]).tolist() == expected.tolist()
    assert few.packed.tolist() == at_once.packed.tolist()


def test_looking_pairs_up_adds_nothing():
    pairs = Pairs()
    before = pairs.nbytes
    assert pairs.lookup(packed([(1, 1), (0, 3), (0, 0)])).tolist() == [0, 0, 0]
    assert (len(pairs), pairs.nbytes) == (0, before)
