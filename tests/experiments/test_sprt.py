"""Wald's test against its walk enumerated state by state."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.errors import BadInput
from millrace.experiments.sprt import Bernoulli, Normal, Sprt


def walked(test: Sprt, truth: float, most: int = 3000) -> tuple[float, float]:
    """Return (chance of accepting, mean number of observations) by following every state of the walk."""
    one, none = test.law.log_ratio(np.array([1.0, 0.0]))
    low, high = test.limits
    states, accepted, mean = {0: 1.0}, 0.0, 0.0
    for n in range(1, most):
        after: dict[int, float] = {}
        for events, chance in states.items():
            for more, part in ((1, truth), (0, 1 - truth)):
                after[events + more] = after.get(events + more, 0.0) + chance * part
        states = {}
        for events, chance in after.items():
            path = events * one + (n - events) * none
            if low < path < high:
                states[events] = chance
            else:
                accepted += chance * (path <= low)
                mean += chance * n
        if sum(states.values()) < 1e-12:
            break
    return accepted, mean


@pytest.mark.parametrize("truth", [0.1, 0.186, 0.25, 0.3])
def test_operating_characteristics_are_near_those_of_the_walk_itself(truth):
    test = Sprt(Bernoulli(0.1, 0.3), 0.02, 0.03)
    accepted, mean = walked(test, truth)
    assert test.accepts(truth) == pytest.approx(accepted, abs=0.03)
    assert test.observations(truth) == pytest.approx(mean, rel=0.15)


@pytest.mark.parametrize(("null", "other"), [(0.1, 0.3), (0.5, 0.45), (0.05, 0.15)])
def test_errors_are_within_wald_s_bounds(null, other):
    test = Sprt(Bernoulli(null, other), 0.05, 0.1)
    alpha, beta = 1 - walked(test, null, 4000)[0], walked(test, other, 4000)[0]
    assert alpha <= 0.05 / 0.9
    assert beta <= 0.1 / 0.95
    assert alpha + beta <= 0.15


def test_both_bounds_that_it_controls_are_said_and_hold():
    test = Sprt(Bernoulli(0.1, 0.3), 0.05, 0.1)
    alpha, beta, both = (float(one) for one in re.findall(r"(?:at most|, ) ?(\d[\d.]*)", test.controls))
    rejected, accepted = 1 - walked(test, 0.1)[0], walked(test, 0.3)[0]
    assert rejected <= alpha < 0.06
    assert accepted <= beta < 0.12
    assert rejected + accepted <= both == pytest.approx(0.15)


def test_operating_characteristics_are_monotone_and_smooth_where_the_walk_does_not_drift():
    test = Sprt(Bernoulli(0.1, 0.3), 0.05, 0.05)
    accepts = [test.accepts(p) for p in np.linspace(0.05, 0.5, 200)]
    assert (np.diff(accepts) < 0).all()
    assert np.abs(np.diff(accepts)).max() < 0.05
    normal = Sprt(Normal(0.0, 1.0), 0.05, 0.05)
    assert normal.accepts(0.5) == pytest.approx(0.5)
    assert normal.accepts(0.5 + 1e-12) == pytest.approx(0.5)


@given(st.lists(st.booleans(), min_size=1, max_size=80))
def test_the_verdict_falls_where_the_path_first_leaves(events):
    test = Sprt(Bernoulli(0.2, 0.5), 0.1, 0.1)
    verdict, n = test.read(np.array(events, dtype=float))
    low, high = test.limits
    path = np.cumsum(test.law.log_ratio(np.array(events, dtype=float)))
    assert ((path[: n - 1] > low) & (path[: n - 1] < high)).all()
    assert verdict == ("rejected" if path[n - 1] >= high else "accepted" if path[n - 1] <= low else "go on")


def test_what_cannot_be_told_apart_is_refused():
    for wrong in (
        lambda: Bernoulli(0.1, 0.1),
        lambda: Bernoulli(0.0, 0.5),
        lambda: Normal(1.0, 2.0, 0.0),
        lambda: Sprt(Normal(0, 1), 0.5, 0.6),
    ):
        with pytest.raises(BadInput):
            wrong()
