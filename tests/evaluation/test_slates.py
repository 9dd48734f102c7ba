import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.evaluation.judging import Judging
from millrace.evaluation.reasons import Reason, Refused
from millrace.evaluation.slates import gamma_of, independent_weights, pseudo_inverse, slate_ips, slate_weights, uniform_gamma

TINY = Judging(least_effective=0, most_untried=1)


@given(st.integers(0, 1_000))
def test_judging_the_policy_that_logged_weighs_every_slate_once(seed):
    rng = np.random.default_rng(seed)
    slates = np.array([[0, 1], [1, 0], [2, 1], [0, 2]])
    chance = rng.dirichlet(np.ones(4))
    marginal = np.zeros((2, 3))
    for slate, p in zip(slates, chance, strict=True):
        marginal[[0, 1], slate] += p
    assert slate_weights(slates, marginal, gamma_of(slates, chance, 3)) == pytest.approx(np.ones(4), abs=1e-6)


def test_item_in_a_place_where_it_was_never_shown_is_refused():
    slates, never = np.array([[0, 1], [1, 0]]), np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    with pytest.raises(Refused, match="puts items in places where the logging policy never does") as refused:
        slate_weights(slates, never, gamma_of(slates, [0.5, 0.5], 3))
    assert refused.value.reason is Reason.NO_SUPPORT


def test_a_target_of_its_own_for_each_slate():
    gamma = uniform_gamma(2, 3)
    shown = np.array([[0, 1], [2, 0]])
    targets = np.stack([np.eye(3)[[0, 1]], np.eye(3)[[1, 2]]])
    each = [slate_weights(shown[one : one + 1], targets[one], gamma)[0] for one in (0, 1)]
    assert slate_weights(shown, targets, gamma) == pytest.approx(each)


def test_weights_of_no_help_are_refused_and_rough_ones_told():
    rng = np.random.default_rng(0)
    with pytest.raises(Refused, match="the log is worth") as refused:
        pseudo_inverse(rng.random(200), np.r_[np.full(2, 100.0), np.zeros(198)])
    assert refused.value.reason is Reason.FEW_EFFECTIVE
    found = pseudo_inverse(rng.random(200), rng.normal(1, 1.5, 200))
    assert Reason.FEW_EFFECTIVE in {one.reason for one in found.cautions}


def test_places_of_a_slate_are_of_one_unit():
    rows = np.tile([[1.0, 0.0], [0.0, 1.0]], (30, 1)), np.full((60, 2), 0.5), np.full((60, 2), 0.5)
    found = slate_ips(*rows, by="place")
    assert (found.value, found.units, found.standard_error) == (1.0, 60, pytest.approx(0.0, abs=1e-12))


def test_slates_that_do_not_fit_are_refused():
    with pytest.raises(BadInput, match=r"must be \(slates, places\) alike"):
        slate_ips([1.0], [0.5], [0.5], by="place")
    with pytest.raises(BadInput, match="by='row': assume place, cascade or whole"):
        slate_ips([[1.0]], [[0.5]], [[0.5]], by="row")
    with pytest.raises(BadInput, match="do not fit: see their shapes"):
        slate_weights([[0, 1]], np.eye(3), uniform_gamma(2, 3))
    with pytest.raises(BadInput, match="there must be as many items as places"):
        uniform_gamma(3, 2)
    with pytest.raises(Refused, match="propensity is missing or not above 0 in 1 of 2 rows"):
        independent_weights([[0.5, np.nan]], [[0.5, 0.5]])
