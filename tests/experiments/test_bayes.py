"""Beliefs: the prior stated, shrinkage, and past experiments that tell how effects vary."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.experiments.bayes import BY_THE_PRIOR, RatePrior, believed_counts, believed_proportions
from millrace.experiments.bayes_effect import believed_effect, learned_prior
from millrace.experiments.beta_binomial import Counted
from millrace.experiments.effect_prior import EffectPrior
from millrace.experiments.reasons import Reason, Refused


@given(st.integers(0, 50), st.integers(0, 500), st.integers(0, 50), st.integers(0, 500))
def test_beliefs_mirror_when_arms_change_places(events, others, more, rest):
    one, other = Counted(events, events + others), Counted(more, more + rest)
    found, back = believed_proportions(one, other), believed_proportions(other, one)
    assert found.better == pytest.approx(1 - back.better, abs=1e-9)
    assert (found.low, found.high) == pytest.approx((-back.high, -back.low), abs=1e-8)
    assert found.loss_of_treatment == pytest.approx(back.loss_of_control, abs=1e-12)


def test_the_prior_is_stated_and_no_error_rate_is_claimed():
    found = believed_proportions(Counted(3, 30), Counted(5, 30), RatePrior(2, 20))
    assert found.prior == "each arm: beta(2, 18), worth 20 units"
    assert found.controls == BY_THE_PRIOR
    assert believed_counts(Counted(3, 30), Counted(5, 30)).prior == "each arm: gamma, 0.5 events in 0.3 units"


def test_a_prior_worth_many_units_outweighs_few():
    weak = believed_proportions(Counted(1, 100), Counted(9, 100))
    strong = believed_proportions(Counted(1, 100), Counted(9, 100), RatePrior(500, 10_000))
    assert abs(strong.difference) < abs(weak.difference) / 10
    assert weak.better > 0.99 > strong.better


def test_rare_events_of_the_same_rate_leave_the_question_open():
    found = believed_counts(Counted(2, 10_000), Counted(2, 10_000))
    assert found.better == pytest.approx(0.5, abs=1e-9)
    assert found.loss_of_treatment == pytest.approx(found.loss_of_control, rel=1e-9)


def test_past_experiments_tell_how_effects_vary():
    g = np.random.default_rng(3)
    errors = g.uniform(0.005, 0.02, 400)
    differences = g.normal(0.01, 0.03, 400) + g.normal(0, errors)
    prior = learned_prior(differences, errors, mean=None)
    assert (prior.mean, prior.spread, prior.past) == (pytest.approx(0.01, abs=0.005), pytest.approx(0.03, rel=0.15), 400)
    assert "learned from 400 experiments" in believed_effect(0.02, 0.01, prior).prior
    assert learned_prior(differences, errors).mean == 0.0


def test_a_learned_prior_calibrates_what_is_believed():
    """Of effects drawn from the prior, those believed better with a chance of about p are better in about a part p of the cases."""
    g = np.random.default_rng(4)
    truth = g.normal(0, 0.02, 4000)
    estimates = truth + g.normal(0, 0.02, 4000)
    prior = learned_prior(estimates, np.full(4000, 0.02))
    believed = np.array([believed_effect(one, 0.02, prior).better for one in estimates])
    for low, high in ((0.1, 0.3), (0.4, 0.6), (0.7, 0.9)):
        within = (believed > low) & (believed < high)
        assert np.mean(truth[within] > 0) == pytest.approx(believed[within].mean(), abs=0.06)


def test_experiments_that_vary_no_more_than_chance_leave_a_narrow_prior():
    errors = np.full(50, 0.01)
    assert learned_prior(np.tile([0.001, -0.001], 25), errors).spread < 0.0015


def test_too_few_experiments_and_effects_without_errors_are_refused():
    with pytest.raises(Refused, match="five at least"):
        learned_prior(np.zeros(4), np.ones(4))
    for difference, error, reason in ((0.1, 0.0, Reason.NO_VARIANCE), (np.nan, 0.1, Reason.NOT_A_NUMBER)):
        with pytest.raises(Refused) as refused:
            believed_effect(difference, error, EffectPrior(0.0, 1.0))
        assert refused.value.reason == reason


def test_priors_that_are_none_are_refused():
    for wrong in (RatePrior(0.1, 1.0), RatePrior(1.0, 1.2)):
        with pytest.raises(BadInput, match="half"):
            believed_proportions(Counted(1, 10), Counted(2, 10), wrong)
    with pytest.raises(BadInput, match="spread above 0"):
        EffectPrior(0.0, 0.0)
    with pytest.raises(BadInput, match="more events than units"):
        believed_proportions(Counted(11, 10), Counted(2, 10))
