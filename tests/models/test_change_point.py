import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.models.change_point import bernoulli_kl, since_last_change


def test_the_last_of_several_changes_is_found():
    g = np.random.default_rng(0)
    values = (g.random(900) < np.repeat([0.2, 0.8, 0.5], 300)).astype(float)
    assert abs(since_last_change(values, 0.001) - 600) < 40


def test_quantities_change_too():
    g = np.random.default_rng(1)
    values = np.concatenate([g.normal(10, 1, 400), g.normal(14, 1, 200)])
    assert abs(since_last_change(values, 0.001) - 400) < 40


def test_where_nothing_changes_an_alarm_is_as_rare_as_was_said():
    g = np.random.default_rng(2)
    alarms = sum(since_last_change((g.random(500) < chance).astype(float), 0.01) > 0 for chance in g.random(400))
    assert alarms <= 12  # three standard errors above one in a hundred are 10


@given(st.lists(st.sampled_from([0.0, 0.3, 1.0]), max_size=40))
def test_every_split_is_weighed_as_by_hand(values):
    """The likelihood ratio of each split, one after another, in plain Python."""
    start = 0
    while True:
        rest = values[start:]
        gains = [(_gain(rest, cut), -cut) for cut in range(8, len(rest) - 7)]
        if not gains or max(gains)[0] <= np.log(3 * len(rest) ** 1.5 / 0.05):
            break
        start -= max(gains)[1]
    assert since_last_change(np.array(values), 0.05) == start


def _gain(values, cut):
    mean = sum(values) / len(values)
    parts = (values[:cut], values[cut:])
    return round(sum(len(one) * float(bernoulli_kl(sum(one) / len(one), mean)) for one in parts), 9)


@pytest.mark.parametrize("values", [[], [1.0], [0.5] * 100, [7.0] * 30])
def test_what_is_short_or_constant_has_not_changed(values):
    assert since_last_change(np.array(values), 0.001) == 0


def test_what_is_excluded_and_happens_is_infinitely_far():
    assert bernoulli_kl(0.5, 1.0) == np.inf
    assert bernoulli_kl(1.0, 1.0) == 0
