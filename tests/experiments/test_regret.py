import numpy as np
import pytest

from millrace.experiments.reasons import Refused
from millrace.experiments.regret import lai_robbins, regret


def test_regret_adds_up_what_was_missed():
    assert regret(np.array([1.0, 2, 3]), np.array([1.0, 0, 3])).tolist() == [0, 2, 2]


def test_the_bound_adds_up_over_the_worse_arms():
    kl = lambda p, q: p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))  # noqa: E731
    assert lai_robbins(np.array([0.3, 0.5, 0.5, 0.1])) == pytest.approx(0.2 / kl(0.3, 0.5) + 0.4 / kl(0.1, 0.5))


def test_where_the_best_always_wins_nothing_need_be_lost():
    assert lai_robbins(np.array([1.0, 0.5])) == 0


@pytest.mark.parametrize("means", [[], [0.5, 1.5], [0.5, np.nan], [0.4, 0.4]])
def test_what_has_no_bound_is_refused(means):
    with pytest.raises(Refused):
        lai_robbins(np.array(means))
