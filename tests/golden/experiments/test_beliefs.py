"""What is believed: a prior learned from past experiments, and bandits' weights, against closed forms, SciPy and statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import optimize, stats

from millrace import LinearBelief, LogisticBelief
from millrace.experiments.bayes_effect import learned_prior
from tests.models.learner_laws import plain

G = np.random.default_rng(5)
X = np.column_stack([G.normal(size=300), G.random(300)])


def test_prior_of_equal_errors_has_a_closed_form():
    """The most likely variance of true effects is what their squares exceed the errors' by: of ±2 and ±1 with errors of 1, 2.5 - 1."""
    prior = learned_prior(np.array([2.0, -2.0, 1.0, -1.0] * 3), np.ones(12))
    assert (prior.mean, prior.spread) == (0.0, pytest.approx(np.sqrt(1.5), rel=1e-6))


def test_prior_of_unequal_errors_is_where_the_likelihood_is_greatest():
    """Its maximum by SciPy's general optimiser from many starts; the mean given it is the weighed one of a random-effects analysis."""
    difference, error = np.array([0.3, -0.4, 1.9, 2.6, 0.1, 0.8]), np.array([0.3, 0.5, 0.4, 0.9, 0.2, 0.6])

    def unlikely(at):
        return -stats.norm.logpdf(difference, at[0], np.sqrt(error**2 + np.exp(2 * at[1]))).sum()

    best = min(
        (optimize.minimize(unlikely, [0.5, start], method="Nelder-Mead", options={"xatol": 1e-12, "fatol": 1e-15}) for start in (-1, 0, 1)),
        key=lambda end: end.fun,
    )
    found = learned_prior(difference, error, mean=None)
    assert found.mean == pytest.approx(best.x[0], rel=1e-6)
    assert found.spread == pytest.approx(np.exp(best.x[1]), rel=1e-6)


def test_linear_beliefs_without_a_penalty_are_least_squares():
    y = 1.0 + X @ np.array([2.0, -1.0]) + G.normal(0, 0.5, 300)
    version = LinearBelief(reg=1e-9).fit(plain({"x": X[:, 0], "z": X[:, 1]}, won=y), 0)
    theirs = sm.OLS(y, sm.add_constant(X)).fit()
    new = np.array([[0.3, 0.9], [-1.0, 0.1]])
    scores = version.score({"x": new[:, 0], "z": new[:, 1]})
    expected = theirs.get_prediction(sm.add_constant(new, has_constant="add"))
    assert scores["won"] == pytest.approx(expected.predicted_mean, rel=1e-6)
    # The noise is measured on other rows than least squares does, so spreads are compared with each other.
    spreads = scores["spread"] / expected.se_mean
    assert spreads[0] == pytest.approx(spreads[1], rel=1e-6)


def test_logistic_beliefs_without_a_penalty_are_statsmodels_fit():
    won = (G.random(300) < 1 / (1 + np.exp(-(X @ np.array([1.0, -2.0]))))).astype(float)
    version = LogisticBelief(reg=1e-9).fit(plain({"x": X[:, 0], "z": X[:, 1]}, won=won), 0)
    fit = sm.Logit(won, sm.add_constant(X)).fit(disp=0, tol=1e-14)
    for new in ([0.3, 0.9], [-1.0, 0.1]):
        row = np.array([1.0, *new])
        mean, variance = row @ fit.params, row @ fit.cov_params() @ row
        z = np.linspace(-12, 12, 20_001)
        averaged = np.trapezoid(stats.norm.pdf(z) / (1 + np.exp(-(mean + np.sqrt(variance) * z))), z)
        assert version.score({"x": np.array([new[0]]), "z": np.array([new[1]])})["won"][0] == pytest.approx(averaged, rel=1e-7)
