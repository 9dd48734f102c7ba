import numpy as np
import pytest

from millrace.errors import BadInput
from millrace.evaluation.reasons import Refused
from millrace.evaluation.reward_models import linear_rewards, mrdr_weights


def line(n=60):
    x = np.random.default_rng(0).normal(size=(n, 2))
    return x @ [1.0, -2.0] + 3, x


def test_no_row_is_predicted_by_what_it_taught():
    """One row is moved far away: its own prediction stays what it was."""
    reward, x = line()
    moved = reward.copy()
    moved[7] += 1_000
    before, after = (linear_rewards(one, x, x, seed=4) for one in (reward, moved))
    assert after.logged[7] == pytest.approx(before.logged[7])
    assert np.abs(after.logged - before.logged).max() > 1


def test_choices_of_a_unit_are_predicted_by_other_units():
    reward, x = line()
    unit = np.arange(60) // 6
    moved = np.where(unit == 3, reward + 1_000, reward)
    before, after = (linear_rewards(one, x, x, unit=unit) for one in (reward, moved))
    assert after.logged[unit == 3] == pytest.approx(before.logged[unit == 3])


def test_rows_of_weight_0_teach_nothing():
    reward, x = line()
    odd = np.arange(60) % 7 == 0
    spoilt = np.where(odd, 1e6, reward)
    weight = np.where(odd, 0.0, 1.0)
    assert linear_rewards(spoilt, x, x, weight=weight).target == pytest.approx(linear_rewards(reward, x, x, weight=weight).target)


def test_weight_grows_where_the_correction_will_be_heavy():
    found = mrdr_weights([0.9, 0.5, 0.1], [1.0, 1.0, 1.0])
    assert (np.diff(found) > 0).all()
    assert mrdr_weights([0.1], [0.5])[0] == pytest.approx(0.25 * 0.9 / 0.01)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"logged": np.zeros((59, 2))}, "logged must be 60 rows of finite features"),
        ({"target": np.zeros((60, 3))}, "logged has 2 features and target 3"),
        ({"target": np.full((60, 2), np.nan)}, "target must be 60 rows of finite features"),
        ({"reg": 0.0}, "reg=0.0: the penalty must be above 0"),
        ({"folds": 61}, "folds=61: from 2 to the number of units, 60"),
        ({"weight": np.zeros(60)}, "weight is 0 in every row"),
    ],
)
def test_what_does_not_fit_is_said(change, said):
    reward, x = line()
    with pytest.raises(BadInput) as refused:
        linear_rewards(**{"reward": reward, "logged": x, "target": x, **change})
    assert str(refused.value).startswith(said)


def test_weights_ask_for_propensities():
    with pytest.raises(Refused, match="propensity is missing or not above 0 in 1 of 2 rows"):
        mrdr_weights([0.5, 0.0], [0.5, 0.5])
