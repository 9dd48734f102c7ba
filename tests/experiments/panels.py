"""Panels with a known truth, for the tests of quasi-experiments."""

import numpy as np

from millrace.experiments.synthetic_control import Panel

MIXED = ((1, 0.5), (4, 0.3), (7, 0.2))
"""Which units the treated one is a mixture of, and by how much."""


def panel(seed=0, effect=-5.0, units=30, periods=30, since=20, k=6, noise=1.0):
    """Return a panel whose unit 0 is a mixture of three others, with predictors that go with what moves the units."""
    g = np.random.default_rng(seed)
    load = g.gamma(1.0, 1.0, (units, 4))
    outcome = load @ (np.cumsum(g.normal(0, 3, (4, periods)), axis=1) + 50) + g.normal(0, noise, (units, periods))
    outcome[0] = sum(weight * outcome[unit] for unit, weight in MIXED) + g.normal(0, noise, periods)
    outcome[0, since:] += effect
    predictors = load @ g.normal(0, 1, (4, k - 2)) + g.normal(0, 1, (units, k - 2))
    return Panel(outcome, 0, since, np.column_stack([predictors, outcome[:, since - 1], outcome[:, since // 2]]))


def alike(g, units=20, periods=30, since=20, factors=2):
    """Return a panel of units that are all drawn alike: any of them could be the treated one."""
    outcome = 20 + g.normal(0, 1, (units, factors)) @ np.cumsum(g.normal(0, 1, (factors, periods)), axis=1)
    return Panel(outcome + g.normal(0, 1, (units, periods)), 0, since)


def staggered(g, units=200, periods=8, effect=lambda since: 0.0, groups=(3, 5, np.inf), noise=1.0):
    """Return (outcome, since): units with levels of their own, periods too, treated at different times or never."""
    since = np.resize(np.array(groups, dtype=float), units)
    after = np.arange(periods) - since[:, None]
    outcome = g.normal(0, 2, (units, 1)) + g.normal(0, 1, periods) + g.normal(0, noise, (units, periods))
    return outcome + np.where(after >= 0, effect(after), 0.0), since


def long(outcome, since):
    """Return a panel as rows: outcome, unit, period, since, treated."""
    units, periods = outcome.shape
    unit, period = np.repeat(np.arange(units), periods), np.tile(np.arange(periods), units)
    began = np.repeat(np.where(np.isinf(since), np.nan, since), periods)
    return {"outcome": outcome.ravel(), "unit": unit, "period": period, "since": began, "treated": period >= np.repeat(since, periods)}


def series(g, n=60, since=30, level=0.0, slope=0.0, persistence=0.0):
    """Return a series with a trend that changes, whose residuals go on by a factor."""
    noise = g.normal(0, 1, n)
    noise[0] /= np.sqrt(1 - persistence**2)
    for k in range(1, n):
        noise[k] += persistence * noise[k - 1]
    time = np.arange(n)
    return 10 + 0.1 * time + level * (time >= since) + slope * np.maximum(time - since, 0) + noise
