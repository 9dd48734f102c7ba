import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace.features.interning import NOBODY, Combinations, Interner, longer
from millrace.types import Coded, objects


def test_ids_get_codes_from_one_in_the_order_they_come():
    interner = Interner()
    assert interner.intern(objects(["b", "a", None, "b"])).tolist() == [1, 2, NOBODY, 1]
    assert interner.intern(np.array([np.nan, 3.0])).tolist() == [NOBODY, 3]
    assert interner.ids.tolist() == [None, "b", "a", 3.0]
    assert len(interner) == 3


def test_looking_up_adds_nothing():
    interner = Interner()
    interner.intern(objects(["a"]))
    before = interner.nbytes
    assert interner.lookup(objects(["a", "b", None])).tolist() == [1, NOBODY, NOBODY]
    assert (len(interner), interner.nbytes) == (1, before)


def test_whole_numbers_are_one_key_as_integers_and_as_floats():
    interner = Interner()
    assert interner.intern(np.array([7, 8])).tolist() == [1, 2]
    assert interner.lookup(np.array([8.0, 7.0, 7.5])).tolist() == [2, 1, NOBODY]


@given(st.lists(st.lists(st.sampled_from([*"abcdefghijklmnopqrstuvwxyz", None]), max_size=40), max_size=4))
def test_codes_are_stable_and_capacity_covers_them(batches):
    interner, seen = Interner(), {}
    for batch in batches:
        for id_, code in zip(batch, interner.intern(objects(batch)).tolist(), strict=True):
            assert seen.setdefault(id_, code) == code
    assert sorted(code for id_, code in seen.items() if id_) == list(range(1, len(interner) + 1))
    assert interner.capacity > len(interner)


_HASHED_ALIKE = [0, -1, -2, 2**61 - 1, 2**61 - 2, 0.0, 1, 1.0, True, "", np.nan, None]  # 0 and 2**61 - 1; -1 and -2
_IDS = [*map(str, range(60)), *range(3, 60), *_HASHED_ALIKE]


@given(st.lists(st.lists(st.sampled_from(_IDS), max_size=60), max_size=6), st.sampled_from([0, 64]))
def test_slots_change_no_code(batches, slots_from):
    plain, interner = Interner(), Interner(slots_from)
    filled = [objects(_IDS[:40]), *map(objects, batches), objects(_IDS[::-1])]
    for batch in filled:
        assert interner.intern(batch).tolist() == plain.intern(batch).tolist()
    assert interner.ids.tolist() == plain.ids.tolist()
    for batch in filled:
        assert interner.intern(batch).tolist() == plain.lookup(batch).tolist()
    assert interner.nbytes > plain.nbytes, "it has slots"


def test_numbers_are_found_by_slots_as_by_the_dict():
    plain, interner = Interner(), Interner(0)
    for column in (np.arange(100), np.arange(150.0), np.array([np.nan, 7.5, 149]), np.arange(300) % 7 == 0):
        assert interner.intern(column).tolist() == plain.intern(column).tolist()


@given(st.lists(st.lists(st.sampled_from([*"abcd", None]), max_size=9), min_size=1, max_size=3))
def test_text_as_codes_has_the_codes_of_the_text(batches):
    plain, interner = Interner(), Interner()
    for batch in batches:
        column = Coded.joined([objects(batch[:2]), objects(batch[2:])])
        plain.intern(objects(batch))
        assert interner.lookup(column).tolist() == interner.lookup(objects(batch)).tolist()
        assert interner.intern(column).tolist() == plain.lookup(objects(batch)).tolist()


@given(st.lists(st.tuples(*[st.integers(1, 3)] * 3), max_size=30), st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=30))
def test_combinations_are_one_code_exactly_when_all_their_keys_are(told, asked):
    combinations = Combinations(Interner(), 3)
    codes = dict(zip(told, combinations.intern([np.array(c, dtype=np.int64) for c in _columns(told)]).tolist(), strict=True))
    assert len(set(codes.values())) == len(codes)
    found = combinations.lookup([np.array(c, dtype=np.int64) for c in _columns(asked)]).tolist()
    assert found == [codes.get(one, NOBODY) for one in asked]
    again = Combinations(Interner(), 3)
    again.restore(combinations.levels)
    assert again.lookup([np.array(c, dtype=np.int64) for c in _columns(asked)]).tolist() == found
    assert combinations.capacity > max(codes.values(), default=0)


def _columns(rows):
    return [[row[i] for row in rows] for i in range(3)]


def test_one_key_is_its_own_combination():
    interner = Interner()
    alone = Combinations(interner, 1)
    assert alone.intern([np.array([5, 2])]).tolist() == [5, 2]
    assert alone.capacity == interner.capacity


def test_longer_keeps_what_there_is():
    assert longer(np.array([1, 2]), 4, 9).tolist() == [1, 2, 9, 9]
