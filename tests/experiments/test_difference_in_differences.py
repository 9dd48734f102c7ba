import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.experiments.difference_in_differences import two_by_two, two_way
from millrace.experiments.reasons import Reason, Refused
from tests.experiments.panels import long, staggered


def rows(seed=0, effect=1.0, units=60, groups=(4, np.inf)):
    return long(*staggered(np.random.default_rng(seed), units=units, effect=lambda since: effect, groups=groups))


def by_two(rows, **change):
    arguments = {"treated": ~np.isnan(rows["since"]), "after": rows["period"] >= 4, "cluster": rows["unit"], **change}
    return two_by_two(rows["outcome"], **arguments)


def test_by_hand():
    """Before 10 and 20, after 13 and 25: 5 more against 3 more."""
    outcome = np.tile([10.0, 13.0], 6) + np.repeat([-1.0, 0.0, 1.0] * 2, 2)
    outcome[6:] += np.tile([10.0, 12.0], 3)
    outcome += np.tile([0.0, 0.1, 0.0, -0.1], 3)
    side = np.repeat([False, True], 6)
    found = two_by_two(outcome, side, np.tile([False, True], 6), np.repeat(np.arange(6), 2))
    means = [outcome[side == a][after::2].mean() for a in (True, False) for after in (1, 0)]
    assert found.value == pytest.approx(means[0] - means[1] - means[2] + means[3])
    assert 2 < found.df <= 5


def test_the_effect_is_found_and_both_ways_agree_where_all_are_treated_at_once():
    found = rows()
    one, other = by_two(found), two_way(found["outcome"], found["unit"], found["period"], found["treated"])
    assert one.value == pytest.approx(other.value, rel=1e-9)
    assert other.low < 1 < other.high
    assert other.cautions == ()


def test_rows_of_a_unit_do_not_count_as_independent():
    """A unit whose residuals go together over a long time: plain errors would be half as large."""
    g = np.random.default_rng(1)
    outcome, since = staggered(g, units=50, periods=20, groups=(10, np.inf))
    found = long(outcome + 2 * np.cumsum(g.normal(0, 1, outcome.shape), axis=1), since)
    by_unit = two_way(found["outcome"], found["unit"], found["period"], found["treated"])
    plain = two_way(found["outcome"], found["unit"], found["period"], found["treated"], cluster=np.arange(len(found["unit"])))
    assert by_unit.error > 1.8 * plain.error


def test_where_effects_grow_and_units_start_apart_two_way_effects_mislead():
    found = long(*staggered(np.random.default_rng(2), units=300, periods=12, effect=lambda since: 1.0 + since, groups=(2, 6), noise=0.1))
    truth = (1 + found["period"] - found["since"])[found["treated"]].mean()
    assert two_way(found["outcome"], found["unit"], found["period"], found["treated"]).value < 0.2 * truth


def test_missing_rows_are_borne():
    found = rows(units=100)
    keep = np.random.default_rng(0).random(len(found["unit"])) < 0.8
    estimate = two_way(found["outcome"][keep], found["unit"][keep], found["period"][keep], found["treated"][keep])
    assert estimate.low < 1 < estimate.high


@pytest.mark.parametrize(
    ("change", "reason", "message"),
    [
        ({"treated": np.zeros(480, bool)}, Reason.EMPTY_ARM, "no treated rows after"),
        ({"after": np.ones(480, bool)}, Reason.EMPTY_ARM, "no treated rows before"),
        ({"cluster": np.arange(480) % 4}, Reason.FEW_CLUSTERS, "4 clusters are too few"),
        ({"cluster": np.zeros(480)}, Reason.FEW_CLUSTERS, "1 clusters are too few"),
    ],
)
def test_bad_input_is_refused(change, reason, message):
    with pytest.raises(Refused, match=message) as refused:
        by_two(rows(), **change)
    assert refused.value.reason is reason


def treated_alone(found, few):
    return two_way(found["outcome"], found["unit"], found["period"], found["period"] >= np.where(found["unit"] < few, 4, 99))


def test_a_few_treated_clusters_are_said_to_decide_and_one_is_refused():
    """One treated cluster is fitted perfectly: its error would be that of the others alone, and hold the truth in a third of cases."""
    found = rows(units=20, groups=(np.inf,))
    assert treated_alone(found, 2).cautions[0].said.startswith("20 clusters are worth 1.2 degrees of freedom")
    assert treated_alone(found, 8).cautions == ()
    for few in (1, 19):
        with pytest.raises(Refused, match="one cluster alone was treated, or alone was not") as refused:
            treated_alone(found, few)
        assert refused.value.reason is Reason.FEW_CLUSTERS
    with pytest.raises(Refused, match="one cluster alone"):
        by_two(found, treated=found["unit"] < 1)


def test_nothing_to_tell_the_effect_by_is_refused():
    found = rows()
    with pytest.raises(Refused, match="a regressor is made of the others"):
        two_way(found["outcome"], found["unit"], found["period"], found["period"] >= 4)
    with pytest.raises(Refused, match="the outcome is no number in place 3"):
        two_way(np.where(np.arange(480) == 3, np.nan, found["outcome"]), found["unit"], found["period"], found["treated"])


def test_two_rows_of_a_unit_in_a_period_are_refused():
    found = {name: np.append(column, column[-1]) for name, column in rows().items()}
    with pytest.raises(BadInput, match="two rows in a period"):
        two_way(found["outcome"], found["unit"], found["period"], found["treated"])
