import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.experiments.reasons import Reason, Refused
from millrace.experiments.staggered import group_time
from tests.experiments.panels import staggered


@pytest.mark.parametrize("against", ["never", "not yet"])
def test_effects_that_grow_are_found_where_two_way_effects_mislead(against):
    outcome, since = staggered(np.random.default_rng(0), units=600, periods=12, effect=lambda after: 1.0 + after, groups=(2, 6, np.inf))
    found = group_time(outcome, since, against)
    after = np.arange(12) - since[:, None]
    truth = (1 + after)[after >= 0].mean()
    assert found.overall().low < truth < found.overall().high
    assert found.overall().error < 0.2
    for periods in (0, 3, 7):
        assert found.since(periods).low - 0.1 < 1 + periods < found.since(periods).high + 0.1
    assert abs(found.since(-2).value) < 4 * found.since(-2).error


def test_each_effect_is_a_difference_of_differences():
    outcome, since = staggered(np.random.default_rng(1), units=30)
    found = group_time(outcome, since)
    for group, period, value in zip(found.group, found.period, found.value, strict=True):
        base = int(group) - 1 if period >= group else period - 1
        change = outcome[:, period] - outcome[:, base]
        assert value == pytest.approx(change[since == group].mean() - change[np.isinf(since)].mean(), rel=1e-12)


def test_those_not_yet_treated_serve_until_they_are():
    outcome, since = staggered(np.random.default_rng(2), units=40, groups=(3, 6))
    found = group_time(outcome, since, "not yet")
    assert max(found.period[found.group == 3]) == 5  # afterwards nobody is left to compare with
    [early] = found.value[(found.group == 3) & (found.period == 4)]
    change = outcome[:, 4] - outcome[:, 2]
    assert early == pytest.approx(change[since == 3].mean() - change[since == 6].mean(), rel=1e-12)


def test_the_error_is_that_of_drawing_the_units_again():
    """A bootstrap over units, group sizes drawn with them."""
    g = np.random.default_rng(3)
    outcome, since = staggered(g, units=150, effect=lambda after: 1.0 + 2 * after)
    overall = group_time(outcome, since).overall()
    again = [group_time(outcome[rows], since[rows]).overall().value for rows in g.integers(0, 150, (400, 150))]
    assert overall.error == pytest.approx(np.std(again), rel=0.15)


@pytest.mark.parametrize(
    ("groups", "against", "message"),
    [
        ((3, 5), "never", "compare with those not treated yet"),
        ((3,), "not yet", "nobody is left to compare with"),
        ((np.inf,), "never", "no unit is treated"),
        ((0, np.inf), "never", "leave them out"),
    ],
)
def test_nobody_to_compare_with_is_refused(groups, against, message):
    outcome, since = staggered(np.random.default_rng(4), groups=groups)
    with pytest.raises(Refused, match=message):
        group_time(outcome, since, against)


def test_small_groups_are_said_and_unseen_times_refused():
    outcome, since = staggered(np.random.default_rng(5), units=40)
    since[:40] = np.where(np.arange(40) < 3, 6.0, since[:40])
    found = group_time(outcome, since)
    assert found.cautions[0].reason is Reason.FEW_UNITS
    assert "the group treated from period 6 on has 3 units" in found.cautions[0].said
    with pytest.raises(BadInput, match="no group was seen 9 periods"):
        found.since(9)


def test_few_controls_are_said_and_one_treated_unit_is_refused():
    outcome, _ = staggered(np.random.default_rng(6), units=40)
    found = group_time(outcome, np.where(np.arange(40) < 3, np.inf, 4.0))
    assert found.cautions[0].said.startswith("3 units are controls in some effect")
    with pytest.raises(Refused, match="use a synthetic control"):
        group_time(outcome, np.where(np.arange(40) < 1, 4.0, np.inf))
