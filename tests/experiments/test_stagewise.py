"""Figures after stopping: exact at one look, ordered, and unbiased in the median."""

import numpy as np
import pytest
from scipy import stats

from millrace.errors import BadInput
from millrace.experiments.group_sequential import Boundaries, boundaries
from millrace.experiments.spending import Pocock
from millrace.experiments.stagewise import stagewise


def until(plan: Boundaries, look: int) -> Boundaries:
    """Return the plan as it was taken when it stopped at a look, counted from 1."""
    return Boundaries(*(part[:look] for part in (plan.times, plan.high, plan.low, plan.futile, plan.spent)), plan.said)


PLAN = boundaries(np.array([0.25, 0.5, 0.75, 1.0]), spending=Pocock())


def test_at_the_first_look_there_is_nothing_to_adjust_for():
    found = stagewise(until(PLAN, 1), 2.9, 0.1)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(2.9), rel=1e-9)
    assert (found.low, found.estimate, found.high) == pytest.approx((0.29 - 0.1959964, 0.29, 0.29 + 0.1959964), abs=1e-7)
    assert stagewise(until(PLAN, 1), 60.0, 0.1).log_p == pytest.approx(np.log(2) + stats.norm.logsf(60.0), rel=1e-12)


def test_crossing_later_says_less_and_the_level_is_met_at_the_last_boundary():
    p = [stagewise(until(PLAN, look), PLAN.high[look - 1], 1.0).p_value for look in (1, 2, 3, 4)]
    assert p == sorted(p)
    assert p == pytest.approx(PLAN.spent, rel=1e-6)


def test_estimate_after_stopping_early_is_nearer_to_nothing_than_the_plain_one():
    found = stagewise(until(PLAN, 3), 2.6, 0.1)
    assert 0 < found.estimate < 0.26
    assert found.low < found.estimate < found.high


def test_sides_mirror_each_other():
    plan = boundaries(np.array([0.3, 0.7]), sides=1)
    up, down = stagewise(plan, 2.4, 0.5, 0.95, "greater"), stagewise(plan, -2.4, 0.5, 0.95, "less")
    assert (down.p_value, -down.high, -down.estimate, -down.low) == pytest.approx((up.p_value, up.low, up.estimate, up.high))
    two = boundaries(np.array([0.3, 0.7]))
    plus, minus = stagewise(two, 2.4, 0.5), stagewise(two, -2.4, 0.5)
    assert (minus.p_value, -minus.high, -minus.low) == pytest.approx((plus.p_value, plus.low, plus.high))


def test_an_error_of_nothing_is_refused():
    with pytest.raises(BadInput, match="above 0"):
        stagewise(PLAN, 2.0, 0.0)
