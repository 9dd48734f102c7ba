import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace.features.enumeration import Belonging, Newest, greatest
from millrace.types import objects

NAMES = st.lists(st.text("abc", min_size=1, max_size=3), unique=True, max_size=12)


@given(NAMES, st.data())
def test_the_greatest_are_the_first_of_all_sorted_by_value_and_id(names, data):
    values = data.draw(st.lists(st.sampled_from([-1.0, 0.0, 1.0, 2.0, np.nan]), min_size=len(names), max_size=len(names)))
    take = data.draw(st.integers(1, 13))
    ids, found = greatest(np.array(values), objects(names), take)
    expected = sorted((-value, name) for name, value in zip(names, values, strict=True) if value > 0)[:take]
    assert list(zip(ids.tolist(), found.tolist(), strict=True)) == [(name, -value) for value, name in expected]


@given(NAMES, st.data())
def test_the_newest_are_the_latest_not_after_the_watermark(names, data):
    born = data.draw(st.lists(st.sampled_from([-2.0, 1.0, 2.0, 3.0, np.nan]), min_size=len(names), max_size=len(names)))
    take, watermark = data.draw(st.integers(1, 13)), data.draw(st.integers(-3, 4))
    found = Newest(np.array(born), objects(names)).ids(take, watermark)
    expected = sorted((-at, name) for name, at in zip(names, born, strict=True) if at <= watermark)[:take]
    assert found.tolist() == [name for _, name in expected]


def test_what_belongs_to_a_value_comes_ordered_by_id_and_a_missing_value_has_nothing():
    index = Belonging(objects(["x", "y", "x", None]), objects(["b", "c", "a", "d"]))
    where, ids = index.ids(["y", None, "x", "z"])
    assert (where.tolist(), ids.tolist()) == ([0, 2, 2], ["c", "a", "b"])
    where, ids = index.ids([])
    assert (len(where), len(ids)) == (0, 0)
    assert Belonging(np.array([1.0, np.nan]), objects(["a", "b"])).ids([1, 2])[1].tolist() == ["a"]
