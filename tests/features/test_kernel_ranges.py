import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from millrace.features.kernel_ranges import count_below


@given(st.lists(st.integers(0, 20), max_size=20), st.data())
def test_numbers_below_a_bound_are_counted_in_every_stretch(sequence, data):
    most = max(sequence, default=0) + 1
    asked = data.draw(st.lists(st.tuples(st.integers(0, len(sequence)), st.integers(0, len(sequence)), st.integers(0, most)), max_size=9))
    questions = [(min(a, b), max(a, b), c) for a, b, c in asked]
    start, stop, bound = (np.array([one[i] for one in questions], dtype=np.int64) for i in range(3))
    found = count_below(np.array(sequence, dtype=np.int64), start, stop, bound)
    assert found.tolist() == [sum(number < c for number in sequence[a:b]) for a, b, c in questions]
